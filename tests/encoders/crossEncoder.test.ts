/** Rerankers of every head against PyTorch transformers (scripts/make_encoder_golden.py): scores of pairs, and gradients. */
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, it } from 'vitest';
import { selectBackend, tf } from '../../src/backend/index.js';
import { silentReporter } from '../../src/core/reporter.js';
import { openCrossEncoder } from '../../src/encoders/crossEncoder.js';
import { type NamedArray, readSafetensors } from '../../src/encoders/formats/safetensors.js';
import { createWeights, disposeWeights } from '../../src/encoders/parameters.js';
import type { TokenBatch } from '../../src/encoders/transformer.js';
import { namedTensors } from '../../src/encoders/weights.js';

const FOLDER = fileURLToPath(new URL('../golden/encoders/', import.meta.url));

function batchOf(golden: Map<string, NamedArray>): TokenBatch {
  const ints = (name: string) => golden.get(name)!.values as Int32Array;
  return { ids: ints('ids'), lengths: ints('lengths'), seconds: ints('seconds'), tokens: 12, rows: Int32Array.of(0, 1, 2) };
}

beforeAll(async () => {
  await selectBackend('onnx');
});

describe.each(['bert', 'roberta', 'distilbert', 'electra'])('%s', (name) => {
  it('scores pairs as PyTorch does, with the same gradients', async () => {
    const folder = path.join(FOLDER, `${name}-reranker`);
    const golden = readSafetensors(path.join(folder, 'golden.safetensors')).tensors;
    const lines: string[] = [];
    const { encoder, parameters } = await openCrossEncoder(folder, 1, { ...silentReporter, line: (text) => lines.push(text) });
    expect(lines).toEqual([]); // the head was found
    const before = tf.memory().numTensors;
    const weights = createWeights(encoder.specs, parameters);
    const scores = encoder.score(weights, batchOf(golden));
    const expected = golden.get('scores')!.values;
    (await scores.data()).forEach((score, i) => expect(Math.abs(score - expected[i]!)).toBeLessThan(1e-4));
    const variables = encoder.specs.map((spec) => weights[spec.name]!);
    const { value, grads } = tf.variableGrads(() => tf.sum(tf.square(encoder.score(weights, batchOf(golden)))), variables);
    const theirs = [...golden.values()].filter((one) => one.name.startsWith('gradient.')).map(({ values }) => Math.hypot(...values));
    const flat = Float32Array.from(variables.flatMap((variable) => [...grads[variable.name]!.dataSync()]));
    const ours = namedTensors(encoder.specs, flat).map(({ values }) => Math.hypot(...values));
    tf.dispose([scores, value, ...Object.values(grads)]);
    disposeWeights(weights);
    expect(tf.memory().numTensors).toBe(before);
    // Names differ by family: the sorted lengths of all gradients agree only if each does.
    const sorted = (lengths: number[]) => lengths.filter((length) => length > 1e-4).sort((a, b) => a - b);
    expect(sorted(ours).length).toBe(sorted(theirs).length);
    sorted(ours).forEach((length, i) => expect(Math.abs(length - sorted(theirs)[i]!) / length).toBeLessThan(1e-3));
  });
});

it('a checkpoint without head says that it starts from random weights', async () => {
  const lines: string[] = [];
  await openCrossEncoder(path.join(FOLDER, 'roberta'), 1, { ...silentReporter, line: (text) => lines.push(text) });
  expect(lines).toHaveLength(1);
  expect(lines[0]).toContain('classifier.out_proj.weight');
});
