/** Each loss against its definition in double precision, and its slope against finite differences of that. */
import { beforeAll, describe, expect, it } from 'vitest';
import { selectBackend, tf } from '../../../src/backend/index.js';
import { deriveKey, integer, normal, uniform } from '../../../src/core/random.js';
import { BLOCKED, type LossConfig, lossOfLogits } from '../../../src/train/step/losses.js';

const [Q, P] = [5, 6];
type Matrix = number[][];
/** One query's loss from the logits of its passages, the positive first, and the ranker's. */
type Definition = (s: number[], ranker: number[]) => number;

const sum = (values: number[]) => values.reduce((total, value) => total + value, 0);
const softmax = (s: number[]): number[] => {
  const largest = Math.max(...s);
  const weights = s.map((value) => Math.exp(value - largest));
  return weights.map((weight) => weight / sum(weights));
};
const sigmoid = (x: number) => 1 / (1 + Math.exp(-x));
const divergence = (temperature: number): Definition => {
  const scaled = (values: number[]) => softmax(values.map((value) => value / temperature));
  return (s, ranker) => {
    const [p, q] = [scaled(ranker), scaled(s)];
    return temperature ** 2 * sum(p.map((value, i) => value * Math.log(value / q[i]!)));
  };
};
const adversary: Definition = (s, ranker) => sum(softmax(s).map((p, i) => p * Math.log(sigmoid(ranker[0]! - ranker[i]!))));
const meanOfNegatives = (s: number[], f: (j: number) => number) => sum(s.slice(1).map((_, j) => f(j + 1))) / Math.max(1, s.length - 1);

const CASES: readonly [string, LossConfig, Definition][] = [
  ['softmax', { kind: 'softmax' }, (s) => -Math.log(softmax(s)[0]!)],
  ['bce', { kind: 'bce' }, (s) => -sum(softmax(s).map((p, i) => Math.log(i === 0 ? p : 1 - p)))],
  ['pairwise', { kind: 'pairwise' }, (s) => meanOfNegatives(s, (j) => Math.log(1 + Math.exp(s[j]! - s[0]!)))],
  ['marginMse', { kind: 'marginMse' }, (s, D) => meanOfNegatives(s, (j) => (s[0]! - s[j]! - (D[0]! - D[j]!)) ** 2)],
  ['distillation', { kind: 'distillation', temperature: 1, adversarial: 0 }, divergence(1)],
  ['distillation at a temperature', { kind: 'distillation', temperature: 2.5, adversarial: 0 }, divergence(2.5)],
  [
    'distillation with AR2’s adversary',
    { kind: 'distillation', temperature: 1, adversarial: 0.5 },
    (s, D) => 0.5 * divergence(1)(s, D) + 0.5 * adversary(s, D),
  ],
];

/** Logits, ranker's logits, and the columns that compete for each query, its positive first. The last query has no negatives. */
function world(seed: number) {
  const values = (purpose: string): Matrix =>
    Array.from({ length: Q }, (_, i) => Array.from({ length: P }, (_, j) => Math.fround(2 * normal(deriveKey(seed, purpose), i, j))));
  const key = deriveKey(seed, 'world');
  const columns = Array.from({ length: Q }, (_, i) => {
    const positive = integer(key, i, 0, P);
    const negatives = Array.from({ length: P }, (_, j) => j).filter((j) => j !== positive && uniform(key, i, 1 + j) < 0.6);
    return [positive, ...(i === Q - 1 ? [] : negatives)];
  });
  return { logits: values('logits'), ranker: values('ranker'), columns };
}

function reference(definition: Definition, logits: Matrix, ranker: Matrix, columns: number[][]): number {
  const of = (matrix: Matrix, i: number) => columns[i]!.map((column) => matrix[i]![column]!);
  return sum(logits.map((_, i) => definition(of(logits, i), of(ranker, i)))) / Q;
}

function computed(config: LossConfig, logits: Matrix, ranker: Matrix, columns: number[][]) {
  return tf.tidy(() => {
    const indicator = (f: (i: number, j: number) => boolean) => tf.tensor2d(logits.map((row, i) => row.map((_, j) => (f(i, j) ? 1 : 0))));
    const { loss, slopes } = lossOfLogits(config, {
      logits: tf.tensor2d(logits.map((row, i) => row.map((value, j) => (columns[i]!.includes(j) ? value : value + BLOCKED)))),
      positive: indicator((i, j) => columns[i]![0] === j),
      negatives: indicator((i, j) => columns[i]!.includes(j) && columns[i]![0] !== j),
      ranker: tf.tensor2d(ranker),
    });
    return { loss: loss.arraySync(), slopes: slopes.arraySync() };
  });
}

beforeAll(async () => {
  await selectBackend('onnx');
});

describe.each(CASES)('%s', (_, config, definition) => {
  it.each([1, 2, 3])('is its definition, and its slopes those of finite differences (case %i)', (seed) => {
    const { logits, ranker, columns } = world(seed);
    const { loss, slopes } = computed(config, logits, ranker, columns);
    expect(Math.abs(loss - reference(definition, logits, ranker, columns))).toBeLessThan(2e-5);
    const h = 1e-5;
    for (let i = 0; i < Q; i++) {
      for (let j = 0; j < P; j++) {
        const at = (by: number) =>
          reference(
            definition,
            logits.map((row, r) => row.map((value, c) => (r === i && c === j ? value + by : value))),
            ranker,
            columns,
          );
        expect(Math.abs(slopes[i]![j]! - (Q * (at(h) - at(-h))) / (2 * h))).toBeLessThan(1e-4);
      }
    }
  });

  it('adding a constant to a query’s logits changes nothing', () => {
    const { logits, ranker, columns } = world(4);
    const shifted = logits.map((row) => row.map((value) => value + 3));
    const [before, after] = [computed(config, logits, ranker, columns), computed(config, shifted, ranker, columns)];
    expect(Math.abs(before.loss - after.loss)).toBeLessThan(1e-5);
  });

  it('stays finite with logits thousands apart, and a passage that does not compete has no slope', () => {
    const { logits, ranker, columns } = world(5);
    const wide = logits.map((row) => row.map((value) => 5000 * value));
    const { loss, slopes } = computed(config, wide, ranker, columns);
    expect(Number.isFinite(loss)).toBe(true);
    slopes.forEach((row, i) =>
      row.forEach((slope, j) => {
        expect(Number.isFinite(slope)).toBe(true);
        if (!columns[i]!.includes(j)) expect(slope).toBe(0);
      }),
    );
  });
});

it('bce is its definition where a negative is far ahead of all others', () => {
  const columns = [[0, 1, 2, 3]];
  for (const ahead of [9, 15, 20, 60, 200]) {
    const { loss, slopes } = computed({ kind: 'bce' }, [[0, ahead, -3, -5]], [[0, 0, 0, 0]], columns);
    // Of the negative ahead 1 − p is e^−ahead·rest, and the positive has the share 1/rest of what it leaves.
    const rest = 1 + Math.exp(-3) + Math.exp(-5);
    expect(Math.abs(loss / (2 * ahead - Math.log(rest)) - 1), `loss, ${ahead} ahead`).toBeLessThan(1e-3);
    const expected = [-1 - 1 / rest, 2, -Math.exp(-3) / rest, -Math.exp(-5) / rest];
    slopes[0]!.forEach((slope, j) => expect(Math.abs(slope - expected[j]!), `slope ${j}, ${ahead} ahead`).toBeLessThan(1e-3));
  }
});

it('a loss that learns from a ranker says so where there is none', () => {
  const ones = tf.ones([1, 2]) as tf.Tensor2D;
  expect(() => lossOfLogits({ kind: 'marginMse' }, { logits: ones, positive: ones, negatives: ones })).toThrow('ranker');
  ones.dispose();
});
