/** log.jsonl: one line a step, the same for a resumed job as for an uninterrupted one. */
import fs from 'node:fs';
import path from 'node:path';
import { UserError } from '../core/errors.js';
import { appendText, writeFileAtomic } from '../core/files.js';

export interface StepFigures {
  readonly step: number;
  readonly loss: number;
  readonly gradientNorm: number;
  readonly learningRate: number;
}

export class StepLog {
  private readonly file: string;
  private readonly descriptor: number;

  /** Keeps the lines of steps before `start` and appends behind them. */
  constructor(job: string, start: number) {
    this.file = fileOf(job);
    const kept = readStepLog(job).filter(({ step }) => step < start);
    writeFileAtomic(this.file, kept.map((figures) => `${JSON.stringify(figures)}\n`).join(''));
    this.descriptor = fs.openSync(this.file, 'a');
  }

  append(figures: StepFigures): void {
    appendText(this.descriptor, this.file, `${JSON.stringify(figures)}\n`);
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
