/**
 * Bulk encoding of real passages, from texts to vectors: simans encode in fp32 and int8 and sentence-transformers, block by block in turns.
 *   SIMANS_MINILM=FOLDER node bench/encode.mjs [--passages 20000] [--from 0] [--block 2000] [--threads 2] [--pooling cls] [--recall] [--json]
 * SIMANS_MINILM names the folder of a model of sentence-transformers (all-MiniLM-L6-v2), SIMANS_DATA the data sets (medquad, scifact), SIMANS_PYTHON a Python
 * with sentence-transformers. `--pooling`: cls or mean, of both sides. `--recall`: also R@100 of both precisions on the held-out queries, over all passages of the sets.
 */
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { silentReporter } from '../dist/core/reporter.js';
import { createTexts } from '../dist/data/texts.js';
import { vectorWidth } from '../dist/encoders/dualEncoder.js';
import { openModelFolder } from '../dist/encoders/modelFolder.js';
import { mean, recall } from '../dist/eval/metrics.js';
import { bulkEncode } from '../dist/index/bulkEncode.js';
import { ExactIndex } from '../dist/index/exact.js';
import { readVectors } from '../dist/index/storedVectors.js';
import { minilm } from './minilm.mjs';
import { dataset, textsOf } from './passages.mjs';
import { startPeer } from './peer.mjs';
import { clock, median } from './timing.mjs';

/** @typedef {import('../dist/encoders/onnx/inferenceModel.js').InferencePrecision} Precision */
/** @typedef {import('../dist/data/types.js').Dataset} Dataset */
/** @type {readonly Precision[]} */
const PRECISIONS = ['fp32', 'int8'];
const SETS = [
  { name: 'medquad', split: 'dev' },
  { name: 'scifact', split: 'test' },
];
const CUTOFF = 100;

const { values: options } = parseArgs({
  options: {
    passages: { type: 'string', default: '20000' },
    from: { type: 'string', default: '0' },
    block: { type: 'string', default: '2000' },
    threads: { type: 'string', default: String(os.availableParallelism()) },
    pooling: { type: 'string', default: 'cls' },
    recall: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
  },
});
const [N, F, B, T] = [options.passages, options.from, options.block, options.threads].map(Number);
const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'simans-encode-'));
const modelFolder = minilm(path.join(folder, 'model'), { pooling: options.pooling, maxTokens: 256 });
const model = await openModelFolder(modelFolder);
try {
  const found = await measure();
  const peakMemoryBytes = process.resourceUsage().maxRSS * 1024;
  if (options.json) console.log(JSON.stringify({ ...found, peakMemoryBytes }));
  else print(found, peakMemoryBytes);
} finally {
  fs.rmSync(folder, { recursive: true });
}

async function measure() {
  const sets = await Promise.all(SETS.map(async ({ name, split }) => ({ name, split, data: await dataset(name) })));
  const passages = sets.flatMap(({ data }) => textsOf(data.corpus)).slice(F, F + N);
  const peer = N === 0 ? undefined : await startPeer('encode.py', [modelFolder, String(T)], { threads: T });
  await warm(peer);
  /** @type {Record<Precision | 'peer', number[]>} */
  const seconds = { fp32: [], int8: [], peer: [] };
  let difference = 0;
  for (let begin = 0; begin < passages.length; begin += B) {
    const texts = passages.slice(begin, begin + B);
    const found = await encodedBoth(texts, seconds);
    if (!peer) continue;
    const { values, taken } = await peerEncodes(peer, texts);
    seconds.peer.push(taken);
    difference = found.fp32.reduce((most, value, i) => Math.max(most, Math.abs(value - values[i])), difference);
  }
  peer?.end();
  const ratios = (/** @type {Precision} */ one) => seconds.peer.map((value, i) => value / seconds[one][i]);
  return {
    passages: passages.length,
    threads: T,
    pooling: options.pooling,
    seconds,
    ...(peer && {
      version: peer.version,
      difference,
      overPeer: { fp32: median(ratios('fp32')), int8: median(ratios('int8')) },
    }),
    ...(options.recall && { recall: await recalls(sets) }),
  };
}

/** Both precisions on the same texts, their seconds noted. @param {string[]} texts @param {Record<Precision, number[]>} seconds */
async function encodedBoth(texts, seconds) {
  /** @type {Record<string, Float32Array>} */
  const found = {};
  for (const precision of PRECISIONS) {
    seconds[precision].push(
      await clock(async () => {
        found[precision] = await encoded(texts, 'passage', precision);
      }),
    );
  }
  return found;
}

/** As `simans encode` does it, the shards written. @param {string[]} texts @param {'query' | 'passage'} side @param {Precision} precision */
async function encoded(texts, side, precision) {
  const to = fs.mkdtempSync(path.join(folder, 'vectors-'));
  await bulkEncode({
    model,
    texts: createTexts(
      texts.map((_, i) => `t${i}`),
      texts,
      side,
    ),
    side,
    folder: to,
    dtype: 'fp32',
    precision,
    engine: 'onnxruntime',
    threads: T,
    shardRows: 4096,
    part: { index: 0, count: 1 },
    reporter: silentReporter,
  });
  const { vectors } = readVectors(to);
  fs.rmSync(to, { recursive: true });
  return vectors;
}

/** @param {import('./peer.mjs').Peer} peer @param {string[]} texts */
async function peerEncodes(peer, texts) {
  const [file, into] = ['texts.json', 'vectors.bin'].map((name) => path.join(folder, name));
  fs.writeFileSync(file, JSON.stringify(texts));
  const { seconds: taken } = await peer.ask(`${file} ${into}`);
  const bytes = fs.readFileSync(into);
  return { taken, values: new Float32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4) };
}

/** Threads, code and memory of both. @param {import('./peer.mjs').Peer | undefined} peer */
async function warm(peer) {
  const texts = Array.from({ length: 64 }, (_, i) => `a text of some words, the ${i}th`);
  for (const precision of PRECISIONS) await encoded(texts, 'passage', precision);
  if (peer) await peerEncodes(peer, texts);
}

/** R@100 of each query by set and precision, queries and passages encoded alike. @param {{ name: string, split: string, data: Dataset }[]} sets */
async function recalls(sets) {
  const width = vectorWidth(model.shape);
  /** @type {Record<string, { queries: string[] } & Record<Precision, number[]>>} */
  const all = {};
  for (const { name, split, data } of sets) {
    const { rows, judged, grades } = data.splits[/** @type {'dev' | 'test'} */ (split)] ?? {};
    const asked = Array.from(rows, (row) => data.queries.text(row));
    /** @param {Precision} precision */
    const recallOf = async (precision) => {
      const passages = { values: await encoded(textsOf(data.corpus), 'passage', precision), width };
      const queries = { values: await encoded(asked, 'query', precision), width };
      const hits = await new ExactIndex(passages).search(queries, Int32Array.from(asked.keys()), CUTOFF, 1);
      return Array.from(asked.keys(), (i) => {
        const grade = new Map(Array.from(judged[i], (passage, j) => [passage, grades[i][j]]));
        const ranked = Array.from(hits.passages.subarray(i * CUTOFF, (i + 1) * CUTOFF), (passage) => grade.get(passage) ?? 0);
        return recall(ranked, grades[i], CUTOFF);
      });
    };
    all[`${name} ${split}`] = {
      queries: Array.from(rows, (row) => data.queries.id(row)),
      fp32: await recallOf('fp32'),
      int8: await recallOf('int8'),
    };
  }
  return all;
}

/** @param {Awaited<ReturnType<typeof measure>>} found @param {number} peakMemoryBytes */
function print({ passages, pooling, threads, seconds, version, difference, overPeer, recall: found }, peakMemoryBytes) {
  const share = (/** @type {number[]} */ values) => (100 * mean(Float64Array.from(values))).toFixed(2);
  const rate = (/** @type {number[]} */ taken) => (passages / taken.reduce((a, b) => a + b)).toFixed(1);
  console.log(
    `${passages.toLocaleString('en')} passages, ${pooling} pooling, ${threads} threads, blocks in turns; peak ${(peakMemoryBytes / 1e9).toFixed(2)} GB`,
  );
  if (overPeer) console.log(`${version}: ${rate(seconds.peer)} passages/s; largest difference ${difference?.toExponential(1)}`);
  else console.log('no Python with sentence-transformers (SIMANS_PYTHON): nothing to compare with');
  for (const one of PRECISIONS)
    console.log(`${one}: ${rate(seconds[one])} passages/s${overPeer ? `, ${overPeer[one].toFixed(2)} × the peer, median of blocks` : ''}`);
  for (const [name, { fp32, int8 }] of Object.entries(found ?? {}))
    console.log(`${name}: R@${CUTOFF} ${share(fp32)} in fp32, ${share(int8)} in int8`);
}
