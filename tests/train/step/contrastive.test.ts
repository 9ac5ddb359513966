import { beforeAll, describe, expect, it } from 'vitest';
import { selectBackend, tf } from '../../../src/backend/index.js';
import { deriveKey, integer, normal, uniform } from '../../../src/core/random.js';
import { type Contrast, contrastiveLoss } from '../../../src/train/step/contrastive.js';
import { SOFTMAX } from '../fixtures.js';

const [Q, P, D] = [4, 7, 5];
const SCALE = 3;
type Matrix = number[][];

const matrix = (purpose: string, rows: number): Matrix =>
  Array.from({ length: rows }, (_, row) => Array.from({ length: D }, (_, d) => Math.fround(normal(deriveKey(1, purpose), row, d))));

function randomContrast(seed: number): Contrast {
  const key = deriveKey(seed, 'contrast');
  const target = Int32Array.from({ length: Q }, (_, i) => integer(key, 0, i, P));
  const mask = Float32Array.from({ length: Q * P }, (_, i) => (uniform(key, 1, i) < 0.4 ? -1e9 : 0));
  target.forEach((column, i) => {
    mask[i * P + column] = 0;
  });
  return { target, mask };
}

/** The mean over queries of −log( e^{s⁺} / Σ e^{s} ) over the passages that compete, in double precision. */
function reference(queries: Matrix, passages: Matrix, { target, mask }: Contrast): number {
  const logit = (i: number, j: number) => SCALE * queries[i]!.reduce((sum, value, d) => sum + value * passages[j]![d]!, 0);
  const losses = queries.map((_, i) => {
    const competing = passages.flatMap((_, j) => (mask[i * P + j] === 0 ? [logit(i, j)] : []));
    const largest = Math.max(...competing);
    return largest + Math.log(competing.reduce((sum, value) => sum + Math.exp(value - largest), 0)) - logit(i, target[i]!);
  });
  return losses.reduce((sum, loss) => sum + loss, 0) / Q;
}

function computed(queries: Matrix, passages: Matrix, contrast: Contrast, scale = SCALE) {
  return tf.tidy(() => {
    const { loss, queryGradient, passageGradient } = contrastiveLoss(tf.tensor2d(queries), tf.tensor2d(passages), contrast, {
      loss: SOFTMAX,
      logitScale: scale,
    });
    return {
      loss: loss.arraySync() as number,
      queryGradient: queryGradient.arraySync() as Matrix,
      passageGradient: passageGradient.arraySync() as Matrix,
    };
  });
}

beforeAll(async () => {
  await selectBackend('onnx');
});

describe('contrastiveLoss', () => {
  const queries = matrix('queries', Q);
  const passages = matrix('passages', P);

  it.each([1, 2, 3])('equals the definition in double precision (mask %i)', (seed) => {
    const contrast = randomContrast(seed);
    expect(computed(queries, passages, contrast).loss).toBeCloseTo(reference(queries, passages, contrast), 4);
  });

  it.each([1, 2, 3])('its gradients are those of finite differences (mask %i)', (seed) => {
    const contrast = randomContrast(seed);
    const { queryGradient, passageGradient } = computed(queries, passages, contrast);
    const h = 1e-5;
    const difference = (of: Matrix, row: number, d: number): number => {
      const at = (by: number) => {
        const shifted = of.map((values, i) => values.map((value, j) => (i === row && j === d ? value + by : value)));
        return of === queries ? reference(shifted, passages, contrast) : reference(queries, shifted, contrast);
      };
      return (at(h) - at(-h)) / (2 * h);
    };
    for (const [of, gradient] of [
      [queries, queryGradient],
      [passages, passageGradient],
    ] as const) {
      gradient.forEach((row, i) => row.forEach((value, d) => expect(Math.abs(value - difference(of, i, d))).toBeLessThan(1e-4)));
    }
  });

  it('a passage that competes for no query gets no gradient', () => {
    const contrast = randomContrast(1);
    const idle = P - 1;
    const target = contrast.target.map((column) => column % idle);
    const mask = contrast.mask.map((value, at) => (at % P === idle ? -1e9 : at % P === target[Math.floor(at / P)] ? 0 : value));
    const { passageGradient } = computed(queries, passages, { target, mask });
    expect(passageGradient[idle]!.every((value) => value === 0)).toBe(true);
  });

  it('is 0 where only the positive competes, and log P where all passages are alike', () => {
    const target = new Int32Array(Q);
    const alone = Float32Array.from({ length: Q * P }, (_, at) => (at % P === 0 ? 0 : -1e9));
    expect(computed(queries, passages, { target, mask: alone }).loss).toBeCloseTo(0, 12);
    const alike = passages.map(() => passages[0]!);
    expect(computed(queries, alike, { target, mask: new Float32Array(Q * P) }).loss).toBeCloseTo(Math.log(P), 5);
  });

  it('stays finite with logits of thousands', () => {
    const { loss, queryGradient } = computed(queries, passages, randomContrast(2), 5000);
    expect(Number.isFinite(loss)).toBe(true);
    expect(queryGradient.flat().every(Number.isFinite)).toBe(true);
  });

  it('leaves no tensor behind but its three results', () => {
    const vectors = [tf.tensor2d(queries), tf.tensor2d(passages)] as const;
    const before = tf.memory().numTensors;
    const result = contrastiveLoss(...vectors, randomContrast(1), { loss: SOFTMAX, logitScale: SCALE });
    expect(tf.memory().numTensors).toBe(before + 3);
    tf.dispose([...Object.values(result), ...vectors]);
  });
});
