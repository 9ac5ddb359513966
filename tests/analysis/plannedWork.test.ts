/** What a plan counts, with rates that are given. */
import { expect, it } from 'vitest';
import { partialShare, planWork } from '../../src/analysis/plannedWork.js';
import { loadConfig } from '../../src/config/load.js';
import type { Dataset } from '../../src/data/types.js';

const N = 10_000;
const rowsOf = (size: number) => ({
  rows: Int32Array.from({ length: size }, (_, row) => row),
  positives: Array(size).fill(Int32Array.of(0)),
});
const dataset = {
  corpus: { size: N },
  queries: { size: 300 },
  splits: { train: rowsOf(200), dev: rowsOf(50), test: rowsOf(50) },
} as unknown as Dataset;
const measured = {
  rates: { preparing: 1, tokenising: 1e-5, encoding: 1e-3, searching: 1e-7, step: 0.1 },
  ...{ width: 64, replicas: 1, parameters: 1e6, tokensEach: 30, stepBytes: 1e8 },
};

function phases(...sets: string[]) {
  const config = loadConfig('configs/quickstart.yaml', ['train.steps=120', 'refresh.everySteps=20', 'sampler.pool=20', ...sets]);
  const planned = planWork(config, dataset, measured);
  return (name: string) => planned.phases.find((phase) => phase.name === name);
}

it('counts every refresh and the dev of the last step', () => {
  const of = phases();
  expect(of('encode the corpus')!.times).toBe(7);
  expect(of('encode a part of it')).toBeUndefined();
  expect(of('evaluate dev')!.times).toBe(7);
});

it('counts whole refreshes apart from partial ones, which encode their share and what the pools need', () => {
  const [whole, of] = [phases(), phases('refresh.partial={share: 0.1, wholeEvery: 3}')];
  // The refreshes of steps 0 and 60, and the dev of step 120.
  expect(of('encode the corpus')!.times).toBe(3);
  expect(of('evaluate dev')!.times).toBe(3);
  const part = of('encode a part of it')!;
  expect(part.times).toBe(4);
  expect(part.secondsEach).toBeGreaterThan(0.1 * of('encode the corpus')!.secondsEach);
  expect(part.secondsEach).toBeLessThan(of('encode the corpus')!.secondsEach);
  const pools = 'search pools (exact)';
  expect(of(pools)!.times).toBe(6);
  expect(of(pools)!.secondsEach).toBeLessThan(whole(pools)!.secondsEach);
});

it('takes for a partial refresh the random share alone where nothing is needed, and all where all is', () => {
  const config = loadConfig('configs/quickstart.yaml', ['refresh.partial={share: 0.1, wholeEvery: 3}']);
  expect(partialShare(config, N, 0)).toBeCloseTo(0.1, 12);
  expect(partialShare(config, N, 100 * N)).toBeCloseTo(1, 12);
  expect(partialShare(loadConfig('configs/quickstart.yaml'), N, 0)).toBe(1);
});
