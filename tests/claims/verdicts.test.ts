import { expect, test } from 'vitest';
import { figuresOf } from '../../claims/jobs.mjs';
import { differingFiles } from '../../claims/resume.mjs';
import { countLine, exitCodeOf, judge, TARGETS, type Target } from '../../claims/verdicts.mjs';
import type { Summary } from '../../src/train/folder/summary.js';

const base: Target = { id: 'base', issue: 1, quote: 'q', target: '≥ .5', comparison: '≥', number: 0.5 };
const ratio: Target = { id: 'ratio', issue: 1, quote: 'q', target: '≥ 1.2 ×', comparison: '≥', number: 1.2, times: 'base', stretch: 1.5 };
const bound: Target = { id: 'bound', issue: 1, quote: 'q', target: '> 0', comparison: '>', number: 0, while: 'base' };
const verdicts = (values: Record<string, number>) =>
  judge([base, ratio, bound], Object.fromEntries(Object.entries(values).map(([id, value]) => [id, { value }]))).map(
    ({ verdict }) => verdict,
  );

test('the ids of the issue have targets, each once', () => {
  const ids = TARGETS.map(({ id }) => id);
  expect(new Set(ids).size).toBe(ids.length);
  expect(ids).toEqual(
    expect.arrayContaining([
      'start.seconds',
      'start.refreshes',
      'start.peakMemory',
      'apidocs.bm25.recall10',
      'apidocs.trained.recall10',
      'apidocs.difference.ci95',
      'wordnet.bm25.recall10',
      'wordnet.trained.recall10',
      'wordnet.seconds',
      'step.overGemm',
      'resume.bitExact',
    ]),
  );
});

test('a value at the border meets ≤ and ≥, not >', () => {
  expect(verdicts({ base: 0.5, ratio: 0.6, bound: 0 })).toEqual(['met', 'met', 'short']);
  expect(verdicts({ base: 0.5, ratio: 0.59, bound: 1e-9 })).toEqual(['met', 'short', 'met']);
});

test('what is relative to a short value is short however large', () => {
  const rows = judge([base, ratio, bound], { base: { value: 0.4 }, ratio: { value: 0.9 }, bound: { value: 0.1 } });
  expect(rows.map(({ verdict }) => verdict)).toEqual(['short', 'short', 'short']);
  expect(rows[1].note).toContain('does not count while base is short');
});

test('the note says the ratio and whether the stretch was reached', () => {
  const [, near] = judge([base, ratio], { base: { value: 0.5 }, ratio: { value: 0.7 } });
  expect(near.note).toBe('1.400 × base; stretch not reached');
  const [, far] = judge([base, ratio], { base: { value: 0.5 }, ratio: { value: 0.75 } });
  expect(far.note).toBe('1.500 × base; stretch reached');
});

test('what was not measured is said, with its reason, and shows in the exit code', () => {
  const rows = judge([base, ratio], { ratio: { value: 0.9 }, base: { note: 'the job ended with 1' } });
  expect(rows.map(({ verdict, note }) => [verdict, note])).toEqual([
    ['not measured', 'the job ended with 1'],
    ['not measured', 'needs base'],
  ]);
  expect(exitCodeOf(rows)).toBe(2);
  expect(countLine(rows)).toBe('0 met, 0 short, 2 not measured');
});

test('short weighs more than not measured', () => {
  const rows = judge([base, ratio, bound], { base: { value: 0.6 }, ratio: { value: 0.6 } });
  expect(countLine(rows)).toBe('1 met, 1 short, 1 not measured');
  expect(exitCodeOf(rows)).toBe(1);
  expect(exitCodeOf(judge([base], { base: { value: 1 } }))).toBe(0);
});

test('refreshes before the first step and after the last do not count', () => {
  const refreshes = [0, 5, 10, 15, 20].map((step, number) => ({ number, step, seconds: step, dev: {} }));
  const summary = { steps: 20, refreshes, test: { trained: { 'recall@10': 0.5 } }, peakMemoryBytes: 2e9 } as unknown as Summary;
  const figures = figuresOf(summary, 12, { run: 'start', data: 'apidocs' });
  expect(figures['start.refreshes'].value).toBe(3);
  expect(figures['start.peakMemory'].value).toBe(2);
  expect(figures['apidocs.trained.recall10'].value).toBe(0.5);
  expect(figures['apidocs.bm25.recall10'].value).toBeUndefined();
});

test('a file that one job lacks differs', () => {
  const whole = new Map([
    ['log.jsonl', 'a'],
    ['model/x', 'b'],
  ]);
  expect(differingFiles(whole, new Map(whole))).toEqual([]);
  expect(
    differingFiles(
      whole,
      new Map([
        ['log.jsonl', 'c'],
        ['eval/y', 'd'],
      ]),
    ),
  ).toEqual(['log.jsonl', 'model/x', 'eval/y']);
});
