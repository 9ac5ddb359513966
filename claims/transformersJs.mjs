/** The test measures of an exported model by transformers.js: node claims/transformersJs.mjs MODEL_FOLDER BEIR_FOLDER prints them as JSON. */
import path from 'node:path';
import { selectBackend } from '../dist/backend/index.js';
import { evaluateVectors } from './minilm.mjs';
import { ROOT } from './processes.mjs';

const BATCH = 16;
const home = path.join(ROOT, 'node_modules', '@xenova', 'transformers', 'src');
const { executionProviders } = await import(path.join(home, 'backends', 'onnx.js'));
executionProviders.splice(0, executionProviders.length, 'cpu'); // onnxruntime-node 1.16 refuses the second of its list, wasm
const { mean_pooling, Tensor } = await import(path.join(home, 'utils', 'tensor.js'));
const { pipeline, env } = await import(path.join(home, 'transformers.js'));
const [model, beir] = process.argv.slice(2).map((place) => path.resolve(place));
Object.assign(env, { allowRemoteModels: false, localModelPath: `${path.dirname(model)}${path.sep}` });
await selectBackend('onnx');
const extract = await pipeline('feature-extraction', path.basename(model), { quantized: false });
const SEP = 102;
const MOST_TOKENS = 256; // encoder.passageTokens of configs/scifact-minilm.yaml

/** transformers.js cuts [SEP] off a text that is too long; everyone else keeps it. @param {string} text @returns {number[]} */
function idsOf(text) {
  const ids = extract.tokenizer.encode(text);
  return ids.length <= MOST_TOKENS ? ids : [...ids.slice(0, MOST_TOKENS - 1), SEP];
}

const encode = async (/** @type {string[]} */ texts) => {
  const sequences = texts.map(idsOf);
  const order = texts.map((_, i) => i).sort((i, j) => sequences[i].length - sequences[j].length);
  const vectors = new Float32Array(texts.length * 384);
  for (let begin = 0; begin < order.length; begin += BATCH) {
    const rows = order.slice(begin, begin + BATCH);
    const T = sequences[rows[rows.length - 1]].length;
    const filled = (/** @type {(row: number, at: number) => number} */ f) =>
      new Tensor(
        'int64',
        BigInt64Array.from({ length: rows.length * T }, (_, i) => BigInt(f(rows[Math.floor(i / T)], i % T))),
        [rows.length, T],
      );
    const attention_mask = filled((row, at) => (at < sequences[row].length ? 1 : 0));
    const inputs = { input_ids: filled((row, at) => sequences[row][at] ?? 0), attention_mask, token_type_ids: filled(() => 0) };
    const { last_hidden_state } = await extract.model(inputs);
    const { data } = mean_pooling(last_hidden_state, attention_mask).normalize(2, -1);
    rows.forEach((row, i) => vectors.set(data.subarray(i * 384, (i + 1) * 384), row * 384));
  }
  return vectors;
};

console.log(JSON.stringify(await evaluateVectors(beir, encode, 384)));
