/** Checkpoints as the start of training: layouts that are known, what is said of them, and what is refused. */
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { type PretrainedInit, runConfigSchema } from '../../src/config/schema.js';
import { silentReporter } from '../../src/core/reporter.js';
import { createDualEncoder, type EncoderShape } from '../../src/encoders/dualEncoder.js';
import { type NamedArray, readSafetensors, writeSafetensors } from '../../src/encoders/formats/safetensors.js';
import { openPretrained } from '../../src/encoders/pretrained.js';
import { namedTensors } from '../../src/encoders/weights.js';
import { tinyShape } from '../train/fixtures.js';

const GOLDEN = fileURLToPath(new URL('../golden/encoders/', import.meta.url));
const bert = path.join(GOLDEN, 'bert');
const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'simans-pretrained-'));
afterAll(() => fs.rmSync(folder, { recursive: true }));

const tensors = [...readSafetensors(path.join(bert, 'model.safetensors')).tensors.values()];
const encoderTensors = tensors.filter(({ name }) => !name.startsWith('pooler'));

async function load(init: PretrainedInit, part: Partial<EncoderShape> = {}) {
  const lines: string[] = [];
  const reporter = { ...silentReporter, line: (text: string) => lines.push(text) };
  const pretrained = await openPretrained(init, reporter);
  const shape: EncoderShape = { ...tinyShape(), transformer: pretrained.transformer, similarity: 'dot', ...part };
  const { flat } = await pretrained.parameters(shape, 1, reporter);
  const named = new Map(namedTensors(createDualEncoder(shape).specs, flat).map((tensor) => [tensor.name, tensor.values]));
  return { named, lines };
}

/** A file of the tensors, renamed; `config` is bert's folder. */
function file(name: string, of: readonly NamedArray[]): string {
  const place = path.join(folder, `${name}.safetensors`);
  writeSafetensors(place, of);
  return place;
}

const renamed = (prefix: string, of = encoderTensors, factor = 1): NamedArray[] =>
  of.map((tensor) => ({ ...tensor, name: prefix + tensor.name, values: (tensor.values as Float32Array).map((value) => factor * value) }));
const WORDS = 'embeddings.word_embeddings.weight';
const words = encoderTensors.find(({ name }) => name === WORDS)!.values as Float32Array;
const twice = words.map((value) => 2 * value);

describe('layouts', () => {
  it('heads of other tasks are named and left out', async () => {
    const { lines, named } = await load({ weights: bert });
    expect(lines).toEqual([`${bert}: not used, for they are not of the encoder: pooler.dense.bias, pooler.dense.weight`]);
    expect(named.get(WORDS)).toEqual(words);
  });

  it.each([
    ['dpr', 'model_dict.question_model.', 'model_dict.ctx_model.'],
    ['ar2', 'question_model.', 'ctx_model.'],
    ['simans', 'module.question_model.', 'module.ctx_model.'],
  ] as const)('both towers of one file: %s', async (preset, query, passage) => {
    const weights = file(preset, [...renamed(query), ...renamed(passage, encoderTensors, 2)]);
    const { named } = await load({ weights, config: bert, preset }, { towers: 'separate' });
    expect(named.get(`query.${WORDS}`)).toEqual(words);
    expect(named.get(`passage.${WORDS}`)).toEqual(twice);
  });

  it('prefixes of one’s own', async () => {
    const weights = file('own', [...renamed('a.'), ...renamed('b.', encoderTensors, 2)]);
    const { named } = await load({ weights, config: bert, prefixes: { query: 'a.', passage: 'b.' } }, { towers: 'separate' });
    expect(named.get(`passage.${WORDS}`)).toEqual(twice);
  });

  it('two checkpoints', async () => {
    const query = file('q', encoderTensors);
    const passage = file('p', renamed('', encoderTensors, 2));
    const { named } = await load({ query, passage, config: bert }, { towers: 'separate' });
    expect(named.get(`query.${WORDS}`)).toEqual(words);
    expect(named.get(`passage.${WORDS}`)).toEqual(twice);
  });

  it('a folder with a folder for each tower, as simans writes them', async () => {
    const weights = path.join(folder, 'towers');
    for (const [side, factor] of [
      ['query', 1],
      ['passage', 2],
    ] as const) {
      fs.mkdirSync(path.join(weights, side), { recursive: true });
      fs.copyFileSync(path.join(bert, 'config.json'), path.join(weights, side, 'config.json'));
      writeSafetensors(path.join(weights, side, 'model.safetensors'), renamed('', encoderTensors, factor));
    }
    const { named } = await load({ weights }, { towers: 'separate' });
    expect(named.get(`query.${WORDS}`)).toEqual(words);
    expect(named.get(`passage.${WORDS}`)).toEqual(twice);
    await expect(load({ weights })).rejects.toThrow(`${weights}: two towers; encoder.towers is shared, expected separate.`);
  });

  it('a job’s folder is its model', async () => {
    const job = path.join(folder, 'job');
    fs.cpSync(bert, path.join(job, 'model'), { recursive: true });
    fs.writeFileSync(path.join(job, 'model', 'simans.json'), '{}');
    expect((await load({ weights: job })).named.get(WORDS)).toEqual(words);
  });

  it('ANCE’s head is the projection with LayerNorm', async () => {
    const roberta = path.join(GOLDEN, 'roberta');
    const own = [...readSafetensors(path.join(roberta, 'model.safetensors')).tensors.values()];
    const head = (name: string, shape: number[]): NamedArray => ({
      name,
      shape,
      values: new Float32Array(shape.reduce((n, m) => n * m, 1)).fill(0.5),
    });
    const parts = [
      head('embeddingHead.weight', [6, 16]),
      head('embeddingHead.bias', [6]),
      head('norm.weight', [6]),
      head('norm.bias', [6]),
    ];
    const weights = file('ance', [...renamed('roberta.', own), ...parts]);
    const { named } = await load({ weights, config: roberta, preset: 'ance' }, { projection: { width: 6, layerNorm: true } });
    expect(named.get('projection.dense.weight')).toEqual(parts[0]!.values);
    expect(named.get('projection.LayerNorm.bias')).toEqual(parts[3]!.values);
    await expect(load({ weights, config: roberta, preset: 'ance' })).rejects.toThrow('Set encoder.projection={width: 6, layerNorm: true}');
  });

  it('a projection that the file lacks starts from random weights, and that is said', async () => {
    const { lines, named } = await load(
      { weights: file('bare', encoderTensors), config: bert },
      { projection: { width: 4, layerNorm: false } },
    );
    expect(lines.join()).toContain('no projection in it: the one of width 4 starts from random weights');
    expect(new Set(named.get('projection.dense.weight')).size).toBeGreaterThan(50);
  });
});

describe('what is wrong is one line that names file and tensor', () => {
  const without = (name: string) => encoderTensors.filter((tensor) => tensor.name !== name);
  const LAYER = 'encoder.layer.1.output.dense.weight';
  const cases: [string, () => string, RegExp][] = [
    ['missing tensor', () => file('missing', without(LAYER)), /missing\.safetensors: no tensor encoder\.layer\.1\.output\.dense\.weight/],
    [
      'unknown tensor',
      () => file('unknown', [...encoderTensors, { name: 'adapter.weight', shape: [1], values: Float32Array.of(1) }]),
      /unknown tensor adapter\.weight/,
    ],
    [
      'wrong shape',
      () => file('shape', [...without(LAYER), { name: LAYER, shape: [2], values: Float32Array.of(1, 2) }]),
      /output\.dense\.weight has shape \[2\]; expected \[16,32\]/,
    ],
    [
      'wrong dtype',
      () => file('dtype', [...without(LAYER), { name: LAYER, shape: [16, 32], values: new Int32Array(512) }]),
      /output\.dense\.weight holds whole numbers/,
    ],
    [
      'NaN',
      () => file('nan', [...without(LAYER), { name: LAYER, shape: [16, 32], values: new Float32Array(512).fill(Number.NaN) }]),
      /output\.dense\.weight holds NaN at position 0/,
    ],
    ['no encoder in it', () => file('other', [{ name: 'x.y.z', shape: [1], values: Float32Array.of(1) }]), /its tensors begin with x\.y\./],
    ['cut short', () => cut('cut', 0.5), /cut\.safetensors: /],
    ['header beyond the file', () => header('header'), /header of \d+ bytes in a file of 64/],
  ];
  function cut(name: string, share: number): string {
    const place = file(name, encoderTensors);
    fs.truncateSync(place, Math.floor(fs.statSync(place).size * share));
    return place;
  }
  function header(name: string): string {
    const place = path.join(folder, `${name}.safetensors`);
    const bytes = Buffer.alloc(64);
    bytes.writeBigUInt64LE(2n ** 50n);
    fs.writeFileSync(place, bytes);
    return place;
  }
  it.each(cases)('%s', async (_, make, message) => {
    const weights = make();
    const error = await load({ weights, config: bert }).then(
      () => undefined,
      (reason: Error) => reason,
    );
    expect(error?.name).toBe('UserError');
    expect(error!.message).toMatch(message);
    expect(error!.message).not.toContain('\n');
  });

  it('two towers where one is asked for', async () => {
    const weights = file('two', [...renamed('question_model.'), ...renamed('ctx_model.')]);
    await expect(load({ weights, config: bert, preset: 'dpr' })).rejects.toThrow('Set encoder.towers=separate');
  });

  it('weights without config.json', async () => {
    await expect(load({ weights: file('lonely', encoderTensors) })).rejects.toThrow('encoder.init.config');
  });

  it('another architecture, another mathematics', async () => {
    const write = (name: string, config: object) => {
      const place = path.join(folder, name);
      fs.mkdirSync(place);
      fs.writeFileSync(path.join(place, 'config.json'), JSON.stringify(config));
      return place;
    };
    const base = JSON.parse(fs.readFileSync(path.join(bert, 'config.json'), 'utf8'));
    await expect(load({ weights: write('t5', { model_type: 't5' }) })).rejects.toThrow('model_type "t5"; expected one of bert');
    await expect(load({ weights: write('relative', { ...base, position_embedding_type: 'relative_key' }) })).rejects.toThrow(
      'position_embedding_type',
    );
    await expect(load({ weights: write('swish', { ...base, hidden_act: 'swish' }) })).rejects.toThrow('activation swish');
    await expect(load({ weights: write('empty', base) })).rejects.toThrow('no weights; expected one of model.safetensors');
  });
});

describe('relations of encoder.init', () => {
  it('a string, a map of weights and a shape are told apart', () => {
    const init = (value: unknown) => runConfigSchema.parse({ name: 'x', encoder: { init: value } }).encoder.init;
    expect(init('org/name')).toEqual({ weights: 'org/name' });
    expect(init({ query: 'a', passage: 'b' })).toEqual({ query: 'a', passage: 'b' });
    expect(init({ layers: 1 })).toMatchObject({ layers: 1, width: 128 });
  });
});
