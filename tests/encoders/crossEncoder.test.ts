/** Rerankers of every head against PyTorch transformers (scripts/make_encoder_golden.py): scores of pairs, and gradients. */
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { selectBackend, tf } from '../../src/backend/index.js';
import { silentReporter } from '../../src/core/reporter.js';
import { openCrossEncoder } from '../../src/encoders/crossEncoder.js';
import { type NamedArray, readSafetensors } from '../../src/encoders/formats/safetensors.js';
import { openPairScorer } from '../../src/encoders/pairScorer.js';
import { createWeights, disposeWeights } from '../../src/encoders/parameters.js';
import type { TokenBatch } from '../../src/encoders/transformer.js';
import { namedTensors } from '../../src/encoders/weights.js';

const FOLDER = fileURLToPath(new URL('../golden/encoders/', import.meta.url));

function batchOf(golden: Map<string, NamedArray>): TokenBatch {
  const ints = (name: string) => golden.get(name)!.values as Int32Array;
  return { ids: ints('ids'), lengths: ints('lengths'), seconds: ints('seconds'), tokens: 12, rows: Int32Array.of(0, 1, 2) };
}

/** Asks for train.teacher.model and keeps the lines that are said. */
const saying = (lines: string[]) => ({
  namedBy: 'train.teacher.model',
  reporter: { ...silentReporter, line: (text: string) => lines.push(text) },
});

beforeAll(async () => {
  await selectBackend('onnx');
});

describe.each(['bert', 'roberta', 'distilbert', 'electra'])('%s', (name) => {
  it('scores pairs as PyTorch does, with the same gradients', async () => {
    const folder = path.join(FOLDER, `${name}-reranker`);
    const golden = readSafetensors(path.join(folder, 'golden.safetensors')).tensors;
    const lines: string[] = [];
    const { encoder, parameters } = await openCrossEncoder(folder, saying(lines));
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

describe('what is no cross-encoder', () => {
  const home = fs.mkdtempSync(path.join(os.tmpdir(), 'simans-cross-'));
  afterAll(() => fs.rmSync(home, { recursive: true }));
  /** A folder with a copy of a golden encoder at each place, and empty files. */
  function folderOf(name: string, encoders: Record<string, string>, files: string[]): string {
    for (const [place, encoder] of Object.entries(encoders))
      fs.cpSync(path.join(FOLDER, encoder), path.join(home, name, place), { recursive: true });
    for (const file of files) fs.writeFileSync(path.join(home, name, file), '{}');
    return path.join(home, name);
  }
  const open = (name: string, headSeed?: number, lines: string[] = []) => openCrossEncoder(name, saying(lines), headSeed);

  it('an encoder starts with a head of random weights where there is a seed for one, and that is said', async () => {
    const lines: string[] = [];
    await open(path.join(FOLDER, 'roberta'), 1, lines);
    expect(lines).toEqual([expect.stringMatching(/classifier\.out_proj\.weight.*: it starts from random weights$/)]);
  });

  it.each(['bert', 'roberta'])('elsewhere it is refused: %s', async (name) => {
    await expect(open(path.join(FOLDER, name))).rejects.toThrow(
      /no head of a cross-encoder in it \(.*\); expected one that has learned to score\. For train\.teacher\.model name a …ForSequenceClass/,
    );
  });

  it('the two towers of a retriever are named as such, and one as a start', async () => {
    const towers = folderOf('towers', { query: 'bert', passage: 'bert' }, ['simans.json']);
    const refused = `${towers}: found the two towers of a retriever; expected a cross-encoder. For train.teacher.model name a`;
    await expect(open(towers)).rejects.toThrow(refused);
    await expect(open(towers)).rejects.not.toThrow('to start from');
    await expect(open(towers, 1)).rejects.toThrow(`, or ${towers}/passage, to start from that encoder.`);
  });

  it('a job is its ranker, wherever its recipe writes it, and one without is named as such', async () => {
    const ar2 = folderOf('ar2', { model: 'bert', 'ranker/model': 'bert-reranker' }, ['config.yaml', 'model/simans.json']);
    const rocketqa = folderOf('rocketqa', { model: 'bert', 'stages/ranker/model': 'bert-reranker' }, ['model/simans.json']);
    expect((await open(ar2)).folder).toBe(path.join(ar2, 'ranker/model'));
    expect((await open(path.join(ar2, 'ranker'))).folder).toBe(path.join(ar2, 'ranker/model'));
    expect((await open(rocketqa)).folder).toBe(path.join(rocketqa, 'stages/ranker/model'));
    const plain = folderOf('plain', { model: 'bert' }, ['config.yaml', 'model/simans.json']);
    await expect(open(plain)).rejects.toThrow(`${plain}: found the folder of a job without a finished ranker; expected a cross-encoder.`);
    await expect(open(plain, 1)).rejects.toThrow(`or ${plain}/model, to start from that encoder`);
  });

  it('nor is any other folder', async () => {
    await expect(open(home)).rejects.toThrow(`${home}: found no config.json; expected a cross-encoder.`);
  });
});

it.each([20, 21])('pairs of %i tokens with 20 positions', async (maxTokens) => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'simans-pairs-'));
  fs.cpSync(path.join(FOLDER, 'bert-reranker'), folder, { recursive: true });
  fs.writeFileSync(path.join(folder, 'vocab.txt'), ['[PAD]', '[UNK]', '[CLS]', '[SEP]', '[MASK]', 'a', 'b'].join('\n'));
  const opened = openPairScorer(folder, maxTokens, saying([]));
  if (maxTokens > 20)
    await expect(opened).rejects.toThrow(`${folder}: pairs of 21 tokens were asked for; expected at most 20, its positions.`);
  else {
    const scorer = await opened;
    const scores = await scorer.score('a '.repeat(40), ['b '.repeat(40), 'a']); // cut to the last position
    scorer.dispose();
    expect(scores.every(Number.isFinite)).toBe(true);
  }
  fs.rmSync(folder, { recursive: true });
});
