import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { UserError } from '../../../src/core/errors.js';
import { readStepLog, StepLog } from '../../../src/train/folder/stepLog.js';

let job: string;
beforeEach(() => {
  job = fs.mkdtempSync(path.join(os.tmpdir(), 'simans-log-'));
});
afterEach(() => fs.rmSync(job, { recursive: true }));

const figures = (step: number) => ({ step, loss: 1 / (step + 3), gradientNorm: 0.1 * step, learningRate: 1e-3 });
const file = () => path.join(job, 'log.jsonl');

function append(log: StepLog, ...steps: number[]): void {
  for (const step of steps) log.begin(step, figures(step).learningRate);
  log.append(steps.map(figures));
}

function write(start: number, ...steps: number[]): void {
  const log = new StepLog(job, start);
  append(log, ...steps);
  log.close();
}

it('is read back to the last digit', () => {
  write(0, 0, 1, 2);
  expect(readStepLog(job)).toEqual([0, 1, 2].map(figures));
});

it('a line is on disk as soon as it is appended', () => {
  const log = new StepLog(job, 0);
  append(log, 0);
  expect(readStepLog(job)).toEqual([figures(0)]);
  log.close();
});

it('refuses what is no finite number, with the steps before it logged', () => {
  const log = new StepLog(job, 0);
  for (const step of [0, 1, 2]) log.begin(step, 1e-3);
  expect(log.begun).toBe(3);
  expect(() => log.append([figures(0), { loss: Number.NaN, gradientNorm: 1 }, figures(2)])).toThrow(/^step 1: loss NaN, gradient norm 1/);
  expect(readStepLog(job)).toEqual([figures(0)]);
  expect([log.loss, log.begun]).toEqual([figures(0).loss, 0]);
  log.close();
});

it('resumed, it drops the steps that are done again: the file is that of an uninterrupted job', () => {
  write(0, 0, 1, 2, 3, 4);
  const whole = fs.readFileSync(file());
  write(2, 2, 3, 4);
  expect(fs.readFileSync(file()).equals(whole)).toBe(true);
});

it('cut anywhere, it gives the lines before the cut, and can be gone on with', () => {
  write(0, 0, 1, 2);
  const whole = fs.readFileSync(file());
  for (let length = 0; length <= whole.length; length++) {
    fs.writeFileSync(file(), whole.subarray(0, length));
    const lines = whole.subarray(0, length).toString().split('\n').length - 1;
    expect(readStepLog(job)).toEqual([0, 1, 2].slice(0, lines).map(figures));
  }
  fs.writeFileSync(file(), whole.subarray(0, whole.length - 5));
  write(2, 2);
  expect(fs.readFileSync(file()).equals(whole)).toBe(true);
});

it('a broken line within is an error naming file and line', () => {
  write(0, 0, 1);
  fs.appendFileSync(file(), '{"step": 2, "lo\n');
  expect(() => readStepLog(job)).toThrow(UserError);
  expect(() => readStepLog(job)).toThrow(`${file()}:3: found {"step": 2, "lo;`);
});

it('a job without a log has no lines', () => {
  expect(readStepLog(job)).toEqual([]);
});
