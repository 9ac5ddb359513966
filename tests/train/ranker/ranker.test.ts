/** The ranker: its step against finite differences, and its training, on texts where a query's words stand in its passage. */
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { selectBackend, tf } from '../../../src/backend/index.js';
import { UserError } from '../../../src/core/errors.js';
import { deriveKey, integer } from '../../../src/core/random.js';
import { type Reporter, silentReporter } from '../../../src/core/reporter.js';
import { createCrossEncoder, openCrossEncoder } from '../../../src/encoders/crossEncoder.js';
import { readSafetensors, writeSafetensors } from '../../../src/encoders/formats/safetensors.js';
import type { PairTable } from '../../../src/encoders/pairs.js';
import { initialParameters } from '../../../src/encoders/parameters.js';
import { loadTokenizer, type Tokenizer } from '../../../src/encoders/tokenizer/tokenizer.js';
import { learnWordPiece } from '../../../src/encoders/tokenizer/wordpiece.js';
import { checkpointSteps, loadModel } from '../../../src/train/folder/checkpoint.js';
import { Ranker, type RankerPairs } from '../../../src/train/ranker/ranker.js';
import type { RankerLoss } from '../../../src/train/ranker/rankerStep.js';
import { learningRateAt } from '../../../src/train/step/schedule.js';
import { tinyShape, toyConfig, toyTexts, toyTokens } from '../fixtures.js';
import { largestOfEach, openRankerGroup } from '../steps.js';

const home = fs.mkdtempSync(path.join(os.tmpdir(), 'simans-ranker-'));
const { passages, queries } = toyTexts(6, 4);
const GROUP = 3;
let tokenizer: Tokenizer;

beforeAll(async () => {
  await selectBackend('onnx');
  const learned = learnWordPiece([...passages, ...queries], { vocabSize: 200, minFrequency: 1, splitIdentifiers: false });
  fs.writeFileSync(path.join(home, 'tokenizer.json'), JSON.stringify(learned));
  tokenizer = await loadTokenizer(home);
});
afterAll(() => fs.rmSync(home, { recursive: true }));

/** Four queries a step, each with its passage and two others. */
function pairsOf(step: number): RankerPairs {
  const key = deriveKey(6, 'pairs', step);
  const texts = Array.from({ length: 4 }, (_, i) => (4 * step + i) % queries.length).flatMap((query, i) => {
    const others = [1, 2].map((j) => (query + 1 + integer(key, i, j, queries.length - 1)) % queries.length);
    return [query, ...others].map((passage): [string, string] => [queries[query]!, passages[passage]!]);
  });
  return { texts, group: GROUP };
}

const STEPS = 180;
/** The mean loss of a call of trainTo as it goes on. */
const means: number[] = [];
const reporter: Reporter = { ...silentReporter, phase: () => ({ update: (_, figures) => means.push(Number(figures!.loss)), end() {} }) };

/** A ranker of one layer in its own folder, after as many steps as its checkpoint has. */
function open(name: string, loss: RankerLoss = 'listwise') {
  return Ranker.open({
    settings: {
      init: { layers: 1, width: 32, heads: 4, ffn: 64, dropout: 0.05, attentionDropout: 0.05 },
      maxTokens: 32,
      microBatch: 6,
      weightDecay: 0,
    },
    loss,
    rateAt: (step) => learningRateAt(step, { learningRate: 5e-3, warmupShare: 0.1, decay: 'linear', steps: STEPS }),
    config: toyConfig({ train: { checkpointEverySteps: 20 } }),
    folder: path.join(home, name),
    tokenizer,
    tokenizerFolder: home,
    replicas: 1,
    backend: 'onnx',
    reporter,
  });
}

const never = new AbortController().signal;
const allPairs = queries.flatMap((query) => passages.map((passage): [string, string] => [query, passage]));

/** The share of queries whose own passage is scored above all others. */
async function firstShare(ranker: Ranker): Promise<number> {
  const scores = await ranker.score(allPairs);
  const P = passages.length;
  return (
    queries.filter((_, q) => scores.subarray(q * P, (q + 1) * P).every((score, p) => p === q || score < scores[q * P + q]!)).length /
    queries.length
  );
}

describe.each(['listwise', 'pointwise'] as const)('%s', (loss) => {
  it('the gradient of a step is that of finite differences, in every parameter', async () => {
    const shape = { ...tinyShape().transformer, positions: 20 };
    const { specs } = createCrossEncoder(shape);
    const parameters = initialParameters(specs, 3);
    const lengths = [7, 12, 9, 5, 8, 10];
    const pairs: PairTable = { ...toyTokens(lengths, 'pairs'), seconds: Int32Array.from(lengths, (length) => Math.ceil(length / 2)) };
    const step = async (values: Float32Array) => {
      const group = await openRankerGroup({ replicas: 1, shape, loss, microBatch: 3 }, values);
      const found = await group.step({ step: 0, group: GROUP, pairs });
      await group.dispose();
      return found;
    };
    const { gradient } = await step(parameters);
    const h = 4e-3;
    for (const [name, at] of largestOfEach(specs, gradient)) {
      const shifted = async (by: number) => (await step(parameters.map((value, i) => (i === at ? value + by : value)))).loss;
      const difference = ((await shifted(h)) - (await shifted(-h))) / (2 * h);
      expect(Math.abs(difference - gradient[at]!), `${name}: ${difference} and ${gradient[at]}`).toBeLessThan(
        1e-3 + 0.02 * Math.abs(difference),
      );
    }
  });

  it('the loss falls, and the positives come first', async () => {
    const ranker = await open(`trained-${loss}`, loss);
    const before = await firstShare(ranker);
    const meanOfNext = async (steps: number) => {
      await ranker.trainTo(ranker.steps + steps, pairsOf, never);
      return means.at(-1)!;
    };
    const first = await meanOfNext(10);
    await meanOfNext(STEPS - 20);
    expect(await meanOfNext(10)).toBeLessThan(0.5 * first);
    expect(ranker.steps).toBe(STEPS);
    expect(before).toBeLessThan(0.5);
    expect(await firstShare(ranker)).toBeGreaterThan(0.9);
    await ranker.dispose();
  });
});

it('resumed after an interruption, and from the checkpoint before that, it ends bit for bit as if never interrupted', async () => {
  const END = 40;
  const whole = await open('whole');
  await whole.trainTo(END, pairsOf, never);
  await whole.dispose();
  const controller = new AbortController();
  const stopping = (step: number) => {
    if (step === 30) controller.abort();
    return pairsOf(step);
  };
  const stopped = await open('stopped');
  await stopped.trainTo(END, stopping, controller.signal);
  expect(stopped.steps).toBe(31);
  await stopped.dispose();
  fs.cpSync(path.join(home, 'stopped'), path.join(home, 'earlier'), { recursive: true });
  fs.rmSync(path.join(home, 'earlier', 'checkpoints', 'step-000031'), { recursive: true });
  for (const name of ['stopped', 'earlier']) {
    const resumed = await open(name);
    expect(resumed.steps).toBe(name === 'stopped' ? 31 : 20);
    await resumed.trainTo(END, pairsOf, never);
    await resumed.dispose();
    for (const file of ['model.safetensors', 'optimizer.safetensors']) {
      const bytes = (job: string) => fs.readFileSync(path.join(home, job, 'checkpoints', 'step-000040', file));
      expect(bytes(name).equals(bytes('whole')), `${name}: ${file}`).toBe(true);
    }
  }
});

it('what it writes is what it has become', async () => {
  const ranker = await open('written');
  await ranker.trainTo(5, pairsOf, never);
  const folder = path.join(home, 'written', 'model');
  await ranker.write(folder);
  await ranker.dispose();
  const { encoder, parameters } = await openCrossEncoder(folder, { namedBy: 'model', reporter: silentReporter });
  expect(parameters).toEqual(loadModel(path.join(home, 'written'), encoder.specs, 5));
});

it('leaves no tensor behind, a step or a score', async () => {
  const before = tf.memory().numTensors;
  const ranker = await open('leaks');
  await ranker.trainTo(2, pairsOf, never);
  const held = tf.memory().numTensors;
  await ranker.trainTo(6, pairsOf, never);
  await ranker.score(allPairs);
  expect(tf.memory().numTensors).toBe(held);
  await ranker.dispose();
  expect(tf.memory().numTensors).toBe(before);
});

it('weights that diverged are the user’s error, and nothing is saved', async () => {
  const ranker = await open('diverged');
  await ranker.trainTo(3, pairsOf, never);
  await ranker.dispose();
  const file = path.join(home, 'diverged', 'checkpoints', 'step-000003', 'model.safetensors');
  const tensors = [...readSafetensors(file).tensors.values()];
  writeSafetensors(
    file,
    tensors.map((tensor) => ({ ...tensor, values: new Float32Array(tensor.values.length).fill(1e38) })),
  );
  const broken = await open('diverged');
  const training = broken.trainTo(5, pairsOf, never);
  await expect(training).rejects.toThrow(UserError);
  await expect(training).rejects.toThrow(/^ranker, step 3: loss NaN, .*expected finite numbers.*recipe\.ranker\.learningRate.*diverged/);
  expect(checkpointSteps(path.join(home, 'diverged'))).toEqual([3]);
  await broken.dispose();
});
