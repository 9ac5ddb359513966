/** Models written as folders: what other libraries read in them, and that they come back as they were. */
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import zlib from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { selectBackend, tf } from '../../src/backend/index.js';
import { silentReporter } from '../../src/core/reporter.js';
import { createCrossEncoder } from '../../src/encoders/crossEncoder.js';
import { writeCrossEncoderFolder } from '../../src/encoders/crossEncoderFolder.js';
import { createDualEncoder, type EncoderShape } from '../../src/encoders/dualEncoder.js';
import { openModel, openModelFolder, writeModelFolder } from '../../src/encoders/modelFolder.js';
import { createWeights, disposeWeights, initialParameters } from '../../src/encoders/parameters.js';
import { loadTokenizer } from '../../src/encoders/tokenizer/tokenizer.js';
import { writeTokenizer } from '../../src/encoders/tokenizerFolder.js';
import type { TransformerShape } from '../../src/encoders/transformer.js';
import { namedTensors } from '../../src/encoders/weights.js';
import { root } from '../cli/command.js';
import { tinyShape } from '../train/fixtures.js';

const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'simans-model-'));
const tokenizerFolder = path.join(folder, 'tokenizer');
afterAll(() => fs.rmSync(folder, { recursive: true }));
beforeAll(async () => {
  await selectBackend('onnx');
  fs.mkdirSync(tokenizerFolder);
  const packed = fs.readFileSync(path.join(root, 'tests/golden/tokenizers/bert-uncased.json.gz'));
  fs.writeFileSync(path.join(tokenizerFolder, 'tokenizer.json'), zlib.gunzipSync(packed));
});

const transformer: TransformerShape = { ...tinyShape().transformer, vocabulary: 8000, positions: 40 };
const settings = { maxTokens: { query: 16, passage: 32 }, prefixes: { query: 'query: ', passage: '' } };

async function write(name: string, part: Partial<EncoderShape>, onnx: ('fp32' | 'int8')[] = [], seed = 9) {
  const shape: EncoderShape = { ...tinyShape(), transformer, ...part };
  const encoder = createDualEncoder(shape);
  const parameters = initialParameters(encoder.specs, seed);
  const place = path.join(folder, name);
  fs.mkdirSync(place);
  const tokenizer = await loadTokenizer(tokenizerFolder);
  writeModelFolder(place, { encoder, parameters, ...settings, tokenizer, tokenizerFolder, card: '# card\n' }, onnx);
  return { place, shape, parameters };
}

const json = (...place: string[]) => JSON.parse(fs.readFileSync(path.join(...place), 'utf8'));

describe('a folder comes back as it was written', () => {
  const shapes: [string, Partial<EncoderShape>][] = [
    ['shared', {}],
    ['separate', { towers: 'separate' }],
    ['projection', { towers: 'separate', pooling: 'mean', projection: { width: 5, layerNorm: true }, similarity: 'dot' }],
    ['distilbert', { transformer: { ...transformer, architecture: 'distilbert', tokenTypes: 0 }, pooling: 'last' }],
    ['electra', { transformer: { ...transformer, architecture: 'electra', embeddingWidth: 4 } }],
    ['ernie', { transformer: { ...transformer, architecture: 'ernie', taskTypes: 3, tokenTypes: 4, activation: 'relu' } }],
  ];
  it.each(shapes)('%s', async (name, part) => {
    const { place, shape, parameters } = await write(name, part);
    const model = await openModelFolder(place);
    expect(model.parameters).toEqual(parameters);
    expect(model.shape).toEqual(shape);
    expect(model).toMatchObject(settings);
    // Without our own file, what Hugging Face and sentence-transformers say of a tower is the same encoder.
    const tower = shape.towers === 'shared' ? place : path.join(place, 'passage');
    fs.rmSync(path.join(place, 'simans.json'));
    const described = await openModelFolder(tower);
    expect(described.shape.transformer).toEqual(shape.transformer);
    expect(described.shape.pooling).toBe(shape.pooling);
    expect(described.shape.projection).toEqual(shape.projection);
    expect(described.shape.similarity === 'dot').toBe(shape.similarity === 'dot');
    expect(described.prefixes).toEqual(settings.prefixes);
  });
});

it('the files are those that sentence-transformers loads', async () => {
  const { place } = await write('files', { pooling: 'mean', projection: { width: 5, layerNorm: true } });
  const kinds = (json(place, 'modules.json') as { type: string; path: string }[]).map(({ type, path: inside }) => [
    type.split('.').at(-1),
    inside,
  ]);
  expect(kinds).toEqual([
    ['Transformer', ''],
    ['Pooling', '1_Pooling'],
    ['Dense', '2_Dense'],
    ['LayerNorm', '3_LayerNorm'],
    ['Normalize', '4_Normalize'],
  ]);
  expect(json(place, '1_Pooling', 'config.json')).toMatchObject({
    word_embedding_dimension: 8,
    pooling_mode_mean_tokens: true,
    pooling_mode_cls_token: false,
  });
  expect(json(place, 'config_sentence_transformers.json').prompts).toEqual({ query: 'query: ', document: '' });
  expect(json(place, 'sentence_bert_config.json').max_seq_length).toBe(32);
  expect(json(place, 'config.json')).toMatchObject({ architectures: ['BertModel'], model_type: 'bert', pad_token_id: 0 });
  expect(fs.readFileSync(path.join(place, 'README.md'), 'utf8')).toBe('# card\n');
});

describe('tokenizer_config.json, where the tokenizer has none, says', () => {
  const bert = { do_lower_case: true, strip_accents: true, tokenize_chinese_chars: true };
  const cased = { type: 'BertNormalizer', lowercase: false, strip_accents: null, handle_chinese_chars: false };
  const cases: [string, object | null, Partial<TransformerShape>, object][] = [
    ['what an uncased normalizer does', { type: 'BertNormalizer', lowercase: true, strip_accents: true }, {}, bert],
    ['what a cased one does', cased, {}, { do_lower_case: false, strip_accents: null, tokenize_chinese_chars: false }],
    [
      'what one within a sequence does',
      { type: 'Sequence', normalizers: [{ type: 'NFC' }, { type: 'Lowercase' }] },
      {},
      { do_lower_case: true },
    ],
    ['that nothing is done without one', null, {}, { do_lower_case: false }],
    ['nothing of it for RoBERTa', null, { architecture: 'roberta', firstPosition: 2 }, {}],
  ];
  it.each(cases)('%s', (name, normalizer, part, expected) => {
    const place = path.join(folder, name);
    fs.mkdirSync(place);
    writeTokenizer(place, { tokenizer: { json: JSON.stringify({ normalizer }) }, tokenizerFolder: place }, { ...transformer, ...part });
    const { tokenizer_class, model_max_length, ...said } = json(place, 'tokenizer_config.json');
    expect(said).toEqual(expected);
    expect(model_max_length).toBe('firstPosition' in part ? 38 : 40);
  });
});

it('heads are named and left out, and a cross-encoder is told how it is used', async () => {
  const place = path.join(folder, 'reranker');
  const parameters = initialParameters(createCrossEncoder(transformer).specs, 9);
  const dropout = { hidden: 0, attention: 0 };
  const tokenizer = await loadTokenizer(tokenizerFolder);
  writeCrossEncoderFolder(place, { shape: transformer, dropout, parameters, tokenizer, tokenizerFolder });
  const lines: string[] = [];
  await openModel(place, { ...silentReporter, line: (text) => lines.push(text) });
  const heads = ['classifier.bias', 'classifier.weight', 'bert.pooler.dense.bias', 'bert.pooler.dense.weight'];
  for (const head of heads) expect(lines[0]).toContain(head);
  expect(lines[0]).toContain(`${place}: not used, for they are not of the encoder: `);
  expect(lines[1]).toBe(`note: ${place} is read as an encoder; if it is a cross-encoder, it scores pairs with simans rerank`);
});

it('a sequence is as long as sentence-transformers takes it, which since release 6 says so in tokenizer_config.json', async () => {
  const { place } = await write('longest', {});
  fs.rmSync(path.join(place, 'simans.json'));
  const longest = async (maxSeqLength: number | undefined, modelMaxLength: number | undefined) => {
    fs.writeFileSync(path.join(place, 'sentence_bert_config.json'), JSON.stringify({ max_seq_length: maxSeqLength }));
    fs.writeFileSync(path.join(place, 'tokenizer_config.json'), JSON.stringify({ model_max_length: modelMaxLength }));
    return (await openModelFolder(place)).maxTokens;
  };
  expect(await longest(undefined, 12)).toEqual({ query: 12, passage: 12 });
  expect(await longest(20, 12)).toEqual({ query: 20, passage: 20 });
  expect(await longest(undefined, 1e30)).toEqual({ query: 40, passage: 40 });
  expect(await longest(undefined, undefined)).toEqual({ query: 40, passage: 40 });
});

it('a second dense layer is refused, as what is not known', async () => {
  const { place } = await write('dense', { projection: { width: 5, layerNorm: true } });
  const modules = json(place, 'modules.json') as { path: string }[];
  for (const kind of ['2_Dense', '3_LayerNorm']) {
    const twice = [...modules, modules.find((module) => module.path === kind)];
    fs.writeFileSync(path.join(place, 'modules.json'), JSON.stringify(twice));
    await expect(openModelFolder(place)).rejects.toThrow(new RegExp(`modules.json: module ${kind} .* one Dense at most`));
  }
});

describe('what sentence-transformers would compute otherwise is refused:', () => {
  const [dense, layerNorm, normalize] = ['2_Dense', '3_LayerNorm', '4_Normalize'] as const;
  const cases: [string, (place: string) => void, RegExp][] = [
    ['a dense layer behind a Normalize', (place) => reorder(place, ['', '1_Pooling', normalize, dense]), /module 2_Dense .* in this order/],
    [
      'a LayerNorm behind one',
      (place) => reorder(place, ['', '1_Pooling', dense, normalize, layerNorm]),
      /module 3_LayerNorm .* in this order/,
    ],
    ['a dense layer of tokens', (place) => reorder(place, ['', dense, '1_Pooling']), /module 2_Dense .* in this order/],
    ['a residual dense layer', (place) => change(place, `${dense}/config.json`, { use_residual: true }), /2_Dense: use_residual is true/],
    ['pooling without the prompt', (place) => change(place, '1_Pooling/config.json', { include_prompt: false }), /include_prompt is false/],
    [
      'lower case beside a cased tokenizer',
      (place) => {
        change(place, 'sentence_bert_config.json', { do_lower_case: true });
        change(place, 'tokenizer.json', { normalizer: { type: 'NFC' } });
      },
      /sentence_bert_config.json: do_lower_case is true with a tokenizer that keeps case/,
    ],
  ];
  const change = (place: string, file: string, keys: object) =>
    fs.writeFileSync(path.join(place, file), JSON.stringify({ ...json(place, file), ...keys }));
  const reorder = (place: string, order: readonly string[]) => {
    const modules = json(place, 'modules.json') as { path: string }[];
    fs.writeFileSync(path.join(place, 'modules.json'), JSON.stringify(order.map((one) => modules.find((module) => module.path === one))));
  };
  it.each(cases)('%s', async (name, spoil, message) => {
    const { place } = await write(name, { projection: { width: 5, layerNorm: true } });
    spoil(place);
    await expect(openModelFolder(place)).rejects.toThrow(message);
  });

  it('not what comes to the same', async () => {
    const { place } = await write('the same', {});
    change(place, 'sentence_bert_config.json', { do_lower_case: true }); // the tokenizer lowercases
    change(place, '1_Pooling/config.json', { include_prompt: false });
    change(place, 'config_sentence_transformers.json', { prompts: { query: '' } });
    await openModelFolder(place);
  });
});

it('the hash of a model is another where its vectors are, and only there', async () => {
  const projection = { width: 5, layerNorm: false };
  const { place, shape } = await write('hashed', { pooling: 'mean', projection });
  const hashOf = async () => (await openModelFolder(place)).sha256;
  const first = await hashOf();
  const changed = async (file: string, content: string | Buffer) => {
    const original = fs.readFileSync(path.join(place, file));
    fs.writeFileSync(path.join(place, file), content);
    const hash = await hashOf();
    fs.writeFileSync(path.join(place, file), original);
    return hash;
  };
  const settings = (part: Partial<EncoderShape>) =>
    JSON.stringify({ ...json(place, 'simans.json'), shape: { ...shape, projection, ...part } });
  const { place: other } = await write('hashed otherwise', { pooling: 'mean', projection }, [], 8);
  const tokenizer = json(place, 'tokenizer.json');
  for (const hash of [
    await changed('2_Dense/model.safetensors', fs.readFileSync(path.join(other, '2_Dense/model.safetensors'))),
    await changed('model.safetensors', fs.readFileSync(path.join(other, 'model.safetensors'))),
    await changed('simans.json', settings({ pooling: 'cls' })),
    await changed('tokenizer.json', JSON.stringify({ ...tokenizer, normalizer: { ...tokenizer.normalizer, lowercase: false } })),
  ])
    expect(hash).not.toBe(first);
  const trainedOtherwise = { similarity: { cosine: { temperature: 0.5 } }, dropout: { hidden: 0.3, attention: 0.3 } };
  expect(await changed('simans.json', settings(trainedOtherwise))).toBe(first);
});

it('a dense layer is read from pytorch_model.bin, as sentence-transformers before 2.3 wrote it', async () => {
  const { place } = await write('dense layer of PyTorch', { projection: { width: 5, layerNorm: false } });
  fs.rmSync(path.join(place, '2_Dense/model.safetensors'));
  fs.copyFileSync(path.join(root, 'tests/golden/torch/dense.bin'), path.join(place, '2_Dense/pytorch_model.bin'));
  const { shape, parameters } = await openModelFolder(place);
  const [weight, bias] = ['weight', 'bias'].map((part) =>
    namedTensors(createDualEncoder(shape).specs, parameters).find(({ name }) => name === `projection.dense.${part}`),
  );
  expect(weight).toMatchObject({ shape: [5, 8], values: Float32Array.from({ length: 40 }, (_, i) => i / 8) });
  expect(bias!.values).toEqual(Float32Array.of(0, 1, 2, 3, 4));
});

it('transformers.js gives the encoder’s vectors', async () => {
  const { place, shape, parameters } = await write('js', { pooling: 'mean' }, ['fp32', 'int8']);
  const home = path.join(root, 'node_modules/@xenova/transformers/src');
  const { executionProviders } = await import(path.join(home, 'backends/onnx.js'));
  executionProviders.splice(0, executionProviders.length, 'cpu'); // onnxruntime-node 1.16 refuses the second of its list, wasm
  const { pipeline, env } = await import(path.join(home, 'transformers.js'));
  Object.assign(env, { allowRemoteModels: false, localModelPath: `${folder}${path.sep}` });
  const extract = await pipeline('feature-extraction', path.basename(place), { quantized: false });
  const text = 'heron waits';
  const theirs = (await extract(text, { pooling: 'mean', normalize: true })).data as Float32Array;
  const ids = Int32Array.from((await loadTokenizer(tokenizerFolder)).encode(text, 32));
  const encoder = createDualEncoder(shape);
  const weights = createWeights(encoder.specs, parameters);
  const batch = { ids, lengths: Int32Array.of(ids.length), tokens: ids.length, rows: Int32Array.of(0) };
  const ours = tf.tidy(() => encoder.encode(weights, 'query', batch).dataSync());
  disposeWeights(weights);
  ours.forEach((value, i) => expect(Math.abs(value - theirs[i]!)).toBeLessThan(1e-5));
});
