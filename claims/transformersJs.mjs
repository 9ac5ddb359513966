/** The test measures of an exported model by transformers.js: node claims/transformersJs.mjs MODEL_FOLDER BEIR_FOLDER prints them as JSON. */
import path from 'node:path';
import { selectBackend } from '../dist/backend/index.js';
import { evaluateVectors } from './minilm.mjs';
import { ROOT } from './processes.mjs';

const BATCH = 16;
const home = path.join(ROOT, 'node_modules', '@xenova', 'transformers', 'src');
const { executionProviders } = await import(path.join(home, 'backends', 'onnx.js'));
executionProviders.splice(0, executionProviders.length, 'cpu'); // onnxruntime-node 1.16 refuses the second of its list, wasm
const { pipeline, env } = await import(path.join(home, 'transformers.js'));
const [model, beir] = process.argv.slice(2).map((place) => path.resolve(place));
Object.assign(env, { allowRemoteModels: false, localModelPath: `${path.dirname(model)}${path.sep}` });
await selectBackend('onnx');
const extract = await pipeline('feature-extraction', path.basename(model), { quantized: false });
extract.tokenizer.model_max_length = 256; // encoder.passageTokens of configs/scifact-minilm.yaml

const encode = async (/** @type {string[]} */ texts) => {
  const order = texts.map((_, i) => i).sort((a, b) => texts[a].length - texts[b].length);
  const vectors = new Float32Array(texts.length * 384);
  for (let begin = 0; begin < order.length; begin += BATCH) {
    const rows = order.slice(begin, begin + BATCH);
    const { data } = await extract(
      rows.map((row) => texts[row]),
      { pooling: 'mean', normalize: true },
    );
    rows.forEach((row, i) => vectors.set(data.subarray(i * 384, (i + 1) * 384), row * 384));
  }
  return vectors;
};

console.log(JSON.stringify(await evaluateVectors(beir, encode, 384)));
