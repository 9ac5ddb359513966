/**
 * What keeping the vectors of a refresh on disk costs: passages encoded with and without it, in turn.
 *   node bench/vectors.mjs [--passages 8192] [--layers 1] [--width 192] [--tokens 32] [--replicas 2] [--repeats 5] [--json]
 */
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { selectBackend } from '../dist/backend/index.js';
import { silentReporter } from '../dist/core/reporter.js';
import { bertShape } from '../dist/encoders/architectures.js';
import { createDualEncoder } from '../dist/encoders/dualEncoder.js';
import { initialParameters } from '../dist/encoders/parameters.js';
import { encodeCorpus } from '../dist/train/refresh/corpusVectors.js';
import { Replicas } from '../dist/train/step/replicas.js';
import { createSharedMemory, NO_STEP } from '../dist/train/step/sharedMemory.js';
import { median } from './timing.mjs';

const { values: options } = parseArgs({
  options: {
    passages: { type: 'string', default: '8192' },
    layers: { type: 'string', default: '1' },
    width: { type: 'string', default: '192' },
    tokens: { type: 'string', default: '32' },
    replicas: { type: 'string', default: '2' },
    repeats: { type: 'string', default: '5' },
    json: { type: 'boolean', default: false },
  },
});
const [N, layers, width, T, R, repeats] = [
  options.passages,
  options.layers,
  options.width,
  options.tokens,
  options.replicas,
  options.repeats,
].map(Number);

const encoder = /** @type {import('../dist/encoders/dualEncoder.js').EncoderShape} */ ({
  transformer: bertShape({ layers, width, heads: width / 32, feedForward: 4 * width, vocabulary: 2000, positions: T }),
  towers: 'shared',
  pooling: 'cls',
  similarity: { cosine: { temperature: 0.05 } },
  dropout: { hidden: 0, attention: 0 },
  frozen: { embeddings: false, layers: 0 },
});
const table = (/** @type {number} */ rows) => ({
  ids: Int32Array.from({ length: rows * T }, (_, i) => i % 1999),
  offsets: Uint32Array.from({ length: rows + 1 }, (_, row) => row * T),
});
const { name: backend } = await selectBackend('auto');
const shared = createSharedMemory(
  { replicas: R, seed: 1, padId: 0, encoder, loss: /** @type {const} */ ({ kind: 'softmax' }), ...NO_STEP },
  { query: table(1), passage: table(N) },
);
const replicas = await Replicas.create(shared, backend);
replicas.assign(initialParameters(createDualEncoder(encoder).specs, 1));
const context = /** @type {import('../dist/train/refresh/refresh.js').RefreshContext} */ (
  /** @type {unknown} */ ({ replicas, reporter: silentReporter, dataset: { corpus: { size: N } } })
);
const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'simans-vectors-'));

/** @param {string} [fingerprint] */
async function secondsOf(fingerprint) {
  const begin = performance.now();
  await encodeCorpus(context, 'encode', fingerprint === undefined ? undefined : { folder: path.join(folder, fingerprint), fingerprint });
  return (performance.now() - begin) / 1000;
}

await secondsOf();
const [plain, kept] = [/** @type {number[]} */ ([]), /** @type {number[]} */ ([])];
for (let i = 0; i < repeats; i++) {
  plain.push(await secondsOf());
  kept.push(await secondsOf(String(i)));
}
fs.rmSync(folder, { recursive: true });
const found = { backend, plain: median(plain), kept: median(kept), ratio: median(kept) / median(plain) };
console.log(
  options.json
    ? JSON.stringify(found)
    : `${N} passages of ${T} tokens, ${layers} × ${width}, ${R} threads, ${backend}: ${found.plain.toFixed(3)} s, kept on disk ${found.kept.toFixed(3)} s, ${found.ratio.toFixed(3)} times (medians of ${repeats})`,
);
process.exit();
