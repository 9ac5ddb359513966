/** log.jsonl: one line a step, the same for a resumed job as for an uninterrupted one. */
import fs from 'node:fs';
import path from 'node:path';
import { UserError } from '../../core/errors.js';
import { appendText, writeFileAtomic } from '../../core/files.js';
import type { StepTotals } from '../group/member.js';

export interface StepFigures {
  readonly step: number;
  readonly loss: number;
  readonly gradientNorm: number;
  readonly learningRate: number;
}

export class StepLog {
  /** Of the last line. */
  loss = Number.NaN;
  private readonly file: string;
  private readonly descriptor: number;
  /** Steps whose figures are still to come. */
  private readonly waiting: Pick<StepFigures, 'step' | 'learningRate'>[] = [];

  /** Keeps the lines of steps before `start` and appends behind them. */
  constructor(job: string, start: number) {
    this.file = fileOf(job);
    const kept = readStepLog(job).filter(({ step }) => step < start);
    writeFileAtomic(this.file, kept.map((figures) => `${JSON.stringify(figures)}\n`).join(''));
    this.descriptor = fs.openSync(this.file, 'a');
  }

  begin(step: number, learningRate: number): void {
    this.waiting.push({ step, learningRate });
  }

  /** Steps that were begun and have no line yet. */
  get begun(): number {
    return this.waiting.length;
  }

  /** Writes the lines of all steps that were begun. Throws a UserError for a figure that is no finite number. */
  append(totals: readonly StepTotals[]): void {
    for (const [i, { step, learningRate }] of this.waiting.splice(0).entries()) {
      const { loss, gradientNorm } = totals[i]!;
      if (!Number.isFinite(loss) || !Number.isFinite(gradientNorm))
        throw new UserError(
          `step ${step}: loss ${loss}, gradient norm ${gradientNorm}; expected finite numbers. The last checkpoint is intact: ` +
            'lower train.learningRate or train.clipNorm and start again, or --resume from it.',
        );
      appendText(this.descriptor, this.file, `${JSON.stringify({ step, loss, gradientNorm, learningRate } satisfies StepFigures)}\n`);
      this.loss = loss;
    }
  }

  /** Returns when all lines are on the disk: a checkpoint that outlives a power cut must find its steps in the log. */
  sync(): void {
    fs.fsyncSync(this.descriptor);
  }

  close(): void {
    fs.closeSync(this.descriptor);
  }
}

const fileOf = (job: string): string => path.join(job, 'log.jsonl');

/** The whole lines of a job's log; a last line that a killed process cut short is left out. Another broken line is a UserError. */
export function readStepLog(job: string): StepFigures[] {
  const file = fileOf(job);
  if (!fs.existsSync(file)) return [];
  const lines = fs.readFileSync(file, 'utf8').split('\n').slice(0, -1);
  return lines.map((line, i) => {
    try {
      return JSON.parse(line);
    } catch {
      throw new UserError(`${file}:${i + 1}: found ${line.slice(0, 60)}; expected one JSON object; restore the line or remove the log.`);
    }
  });
}
