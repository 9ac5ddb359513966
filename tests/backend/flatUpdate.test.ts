import { describe, expect, it } from 'vitest';
import { createFlatMemory, type FlatRow, FlatVectors } from '../../src/backend/index.js';
import { gaussian } from './harness.js';

const SETTINGS = { learningRate: 0.01, weightDecay: 0.1, beta1: 0.9, beta2: 0.999, epsilon: 1e-8 };
const STEPS = 4;

/** The rows after some updates by sums of gradients, all threads one after the other. */
function updated(P: number, threads: number, gradients: readonly Float32Array[][], scale = 0.5) {
  const memory = createFlatMemory(P, threads, { averaged: true, decaying: decayingOf(P) });
  const members = Array.from({ length: threads }, (_, thread) => new FlatVectors(memory, thread));
  const start = gaussian([P]).values;
  for (const row of ['parameters', 'average'] as const) members[0]!.write(row, 0, start);
  const squares: number[] = [];
  gradients.forEach((shares, i) => {
    shares.forEach((share, thread) => members[thread]!.write(`gradient ${thread}`, 0, share));
    squares.push(members.reduce((sum, member) => sum + member.sumGradients(), 0));
    for (const member of members) {
      member.update({ ...SETTINGS, step: i + 1, gradientScale: scale });
      member.blendAverage(0.75);
    }
  });
  const read = (row: FlatRow) => {
    const values = new Float32Array(P);
    members[0]!.read(row, values);
    return values;
  };
  return { start, squares, read };
}

/** Within blocks, to their ends, and over several. */
const decayingOf = (P: number) =>
  [
    [0, 3],
    [4, 5],
    [1000, 16_384],
    [16_390, 70_000],
    [90_001, P],
  ].map(([begin, end]) => ({ begin: Math.min(begin!, P), end: Math.min(end!, P) }));
const decaysOf = (P: number) => {
  const decays = new Float32Array(P);
  for (const { begin, end } of decayingOf(P)) decays.fill(1, begin, end);
  return decays;
};
const gradientsOf = (P: number, threads: number) =>
  Array.from({ length: STEPS }, (_, step) => Array.from({ length: threads }, (_, thread) => gaussian([P], 1 + step + 10 * thread).values));

describe.each([1, 2, 3])('%i threads', (threads) => {
  // A row of one stripe, whole blocks and a part of one, and sizes that are no multiple of four lanes.
  it.each([1, 7, 5000, 100_003])('update %i numbers as the algorithm does in double precision', (P) => {
    const gradients = gradientsOf(P, threads);
    const { start, squares, read } = updated(P, threads, gradients);
    const [decays, parameters, average] = [decaysOf(P), read('parameters'), read('average')];
    let worst = 0;
    const norms = new Float64Array(STEPS);
    for (let i = 0; i < P; i++) {
      let [p, m, v, a] = [start[i]!, 0, 0, start[i]!];
      gradients.forEach((shares, step) => {
        const sum = shares.reduce((total, share) => Math.fround(total + share[i]!), 0);
        norms[step]! += sum * sum;
        const g = 0.5 * sum;
        m = SETTINGS.beta1 * m + (1 - SETTINGS.beta1) * g;
        v = SETTINGS.beta2 * v + (1 - SETTINGS.beta2) * g ** 2;
        const deviation = Math.sqrt(v / (1 - SETTINGS.beta2 ** (step + 1))) + SETTINGS.epsilon;
        p -= SETTINGS.learningRate * (SETTINGS.weightDecay * decays[i]! * p + m / (1 - SETTINGS.beta1 ** (step + 1)) / deviation);
        a = 0.75 * a + 0.25 * p;
      });
      worst = Math.max(worst, Math.abs(p - parameters[i]!), Math.abs(a - average[i]!));
    }
    expect(worst).toBeLessThan(1e-6);
    squares.forEach((square, step) => expect(Math.abs(square / norms[step]! - 1)).toBeLessThan(1e-12));
  });
});

it('a parameter without gradient and decay stays where it is, and small moments end as zeros', () => {
  const memory = createFlatMemory(4, 1);
  const vectors = new FlatVectors(memory, 0);
  vectors.write('parameters', 0, Float32Array.of(1, -2, 3, 4));
  vectors.write('firstMoment', 0, Float32Array.of(0, 0, 1e-31, -1e-31));
  vectors.write('secondMoment', 0, Float32Array.of(0, 0, 1e-37, 1e-37));
  vectors.sumGradients();
  vectors.update({ ...SETTINGS, step: 1, gradientScale: 1 });
  const read = (row: FlatRow) => {
    const values = new Float32Array(4);
    vectors.read(row, values);
    return [...values];
  };
  expect(read('parameters')).toEqual([1, -2, 3, 4]);
  expect(read('firstMoment').map(Math.abs)).toEqual([0, 0, 0, 0]);
  expect(read('secondMoment')).toEqual([0, 0, 0, 0]);
});

it('not a number stays one: the norm tells', () => {
  const vectors = new FlatVectors(createFlatMemory(9, 1), 0);
  vectors.write('gradient 0', 8, Float32Array.of(Number.NaN));
  expect(vectors.sumGradients()).toBeNaN();
});

it('parts are written, added to, cleared and read across the borders of stripes', () => {
  const P = 300; // stripes of 128 numbers
  const vectors = new FlatVectors(createFlatMemory(P, 3), 0);
  vectors.write('gradient 1', 105, new Float32Array(40).fill(1));
  vectors.add('gradient 1', 118, new Float32Array(20).fill(2));
  vectors.clear('gradient 1', 123, 133);
  const found = new Float32Array(P);
  vectors.read('gradient 1', found);
  const expected = new Float32Array(P).fill(1, 105, 145).fill(3, 118, 138).fill(0, 123, 133);
  expect(found).toEqual(expected);
  const part = new Float32Array(17);
  vectors.read('gradient 1', part, 120);
  expect(part).toEqual(expected.slice(120, 137));
});

it('adds rows to a table, wherever stripes end', () => {
  const [P, begin, width] = [500, 30, 40]; // stripes of 128 numbers
  const memory = createFlatMemory(P, 3);
  const vectors = new FlatVectors(memory, 0);
  const ids = Int32Array.of(4, 0, 11, 4, 8, 7);
  const values = gaussian([ids.length * width]).values;
  vectors.addRows('gradient 1', begin, width, ids, values);
  const expected = new Float32Array(P);
  ids.forEach((id, n) => {
    for (let j = 0; j < width; j++) expected[begin + id * width + j]! += values[n * width + j]!;
  });
  const found = new Float32Array(P);
  vectors.read('gradient 1', found);
  expect(found).toEqual(expected);
});

it.each([1, 2, 3])('sums gradients that %i threads hold in part as if they were written', (threads) => {
  const P = 60_001;
  const shares = Array.from({ length: threads }, (_, thread) => gaussian([P], thread).values);
  const borders = [0, 7, 20_000, 20_003, 41_000, P]; // every other stretch is held, and one whole block at least
  const sums = [true, false].map((holds) => {
    const memory = createFlatMemory(P, threads);
    const members = Array.from({ length: threads }, (_, thread) => new FlatVectors(memory, thread));
    const held = shares.map((share, thread) =>
      borders.slice(1).flatMap((end, i) => {
        const values = share.subarray(borders[i]!, end);
        const isHeld = holds && i % 2 === 0;
        members[thread]!.write(`gradient ${thread}`, borders[i]!, values, isHeld ? 'others' : undefined);
        return isHeld ? [{ begin: borders[i]!, values }] : [];
      }),
    );
    const squares = members.map((member, thread) => member.sumGradients(`gradient ${thread}`, held[thread]));
    const sum = new Float32Array(P);
    members[0]!.read('gradient 0', sum);
    return { sum, squares };
  });
  expect(sums[0]).toEqual(sums[1]);
  expect(sums[0]!.sum.every((value, i) => Math.abs(value - shares.reduce((total, share) => total + share[i]!, 0)) < 1e-5)).toBe(true);
});

it.each([1, 2, 3])('sums the rows that %i threads add to a table, other ones in every step', (threads) => {
  const [P, begin, width, rows] = [20_000, 300, 48, 400];
  const memory = createFlatMemory(P, threads, { decaying: [{ begin: 0, end: P }] });
  const members = Array.from({ length: threads }, (_, thread) => new FlatVectors(memory, thread));
  members[0]!.write('parameters', 0, new Float32Array(P).fill(1));
  for (let step = 0; step < 4; step++) {
    const expected = new Float32Array(P);
    members.forEach((member, thread) => {
      const ids = Int32Array.from({ length: 5 }, (_, n) => (37 * step + 101 * thread + n * n) % rows);
      const values = gaussian([ids.length * width], 1 + step + 10 * thread).values;
      member.clear(`gradient ${thread}`, 0, P);
      member.addRows(`gradient ${thread}`, begin, width, ids, values);
      ids.forEach((id, n) => {
        for (let j = 0; j < width; j++) expected[begin + id * width + j]! += values[n * width + j]!;
      });
    });
    const squares = members.reduce((sum, member, thread) => sum + member.sumGradients(`gradient ${thread}`), 0);
    const sum = new Float32Array(P);
    members[0]!.read('gradient 0', sum);
    expect(sum.every((value, i) => Math.abs(value - expected[i]!) < 1e-6)).toBe(true);
    expect(squares / sum.reduce((total, value) => total + value * value, 0)).toBeCloseTo(1, 10);
    // LAMB leaves its direction where the sum was: nothing of it may be left in the next step's.
    if (step === 1) for (const member of members) member.direct({ ...SETTINGS, step: 1, gradientScale: 1 });
  }
});
