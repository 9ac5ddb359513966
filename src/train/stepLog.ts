/** log.jsonl: one line a step, the same for a resumed job as for an uninterrupted one. */
import fs from 'node:fs';
import path from 'node:path';
import { writeFileAtomic } from '../core/files.js';

export interface StepFigures {
  readonly step: number;
  readonly loss: number;
  readonly gradientNorm: number;
  readonly learningRate: number;
}

export class StepLog {
  private readonly descriptor: number;

  /** Keeps the lines of steps before `start` and appends behind them. */
  constructor(job: string, start: number) {
    const file = path.join(job, 'log.jsonl');
    const kept = readStepLog(job).filter(({ step }) => step < start);
    writeFileAtomic(file, kept.map((figures) => `${JSON.stringify(figures)}\n`).join(''));
    this.descriptor = fs.openSync(file, 'a');
  }

  append(figures: StepFigures): void {
    fs.writeSync(this.descriptor, `${JSON.stringify(figures)}\n`);
  }

  close(): void {
    fs.closeSync(this.descriptor);
  }
}

/** The whole lines of a job's log; a last line that a killed process cut short is left out. */
export function readStepLog(job: string): StepFigures[] {
  const file = path.join(job, 'log.jsonl');
  if (!fs.existsSync(file)) return [];
  const text = fs.readFileSync(file, 'utf8');
  return text
    .slice(0, text.lastIndexOf('\n') + 1)
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line));
}
