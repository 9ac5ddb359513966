/**
 * Exact search of vectors on disk, a shard in memory at a time: the peak memory of `simans search` as a process of its own, for each number of passages.
 *   node bench/streaming.mjs [--passages 100000,1000000] [--width 384] [--queries 256] [--k 100] [--json]
 */
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { writeJson } from '../dist/core/files.js';
import { idsFile } from '../dist/index/storedVectors.js';
import { bindShards, writeVectorShard } from '../dist/index/vectorShards.js';
import { unitVectors } from './generated.mjs';

const { values: options } = parseArgs({
  options: {
    passages: { type: 'string', default: '100000,1000000' },
    width: { type: 'string', default: '384' },
    queries: { type: 'string', default: '256' },
    k: { type: 'string', default: '100' },
    json: { type: 'boolean', default: false },
  },
});
const sizes = options.passages.split(',').map(Number);
const [D, Q] = [Number(options.width), Number(options.queries)];
const SHARD_ROWS = 4096;
/** Runs a command line, and says on its last line what memory the process took, in kB. */
const MEASURED = `import { run } from ${JSON.stringify(new URL('../dist/cli/main.js', import.meta.url).href)};
process.on('exit', () => console.log(process.resourceUsage().maxRSS));
await run(process.argv.slice(1));`;

/** As simans encode writes them. @param {string} folder @param {'passage' | 'query'} side @param {number} rows */
function writeVectors(folder, side, rows) {
  bindShards(folder, {
    ...{ model: 'generated', texts: 'generated', side, dtype: 'fp32', width: D },
    ...{ rows, shardRows: SHARD_ROWS, maxTokens: 1, prefix: '' },
  });
  for (let shard = 0; shard * SHARD_ROWS < rows; shard++) {
    const first = shard * SHARD_ROWS;
    const own = Math.min(SHARD_ROWS, rows - first);
    writeVectorShard(folder, shard, unitVectors(own, side === 'query' ? 3 : 5, { centres: 2000, width: D, first }), D);
    writeJson(
      idsFile(folder, shard),
      Array.from({ length: own }, (_, i) => `${side}${first + i}`),
    );
  }
}

/** @param {string} folder @param {number} rows */
function measure(folder, rows) {
  const passages = path.join(folder, `passages${rows}`);
  writeVectors(passages, 'passage', rows);
  const flags = ['search', passages, '--queries', path.join(folder, 'queries'), '--run', path.join(folder, 'run.trec'), '--top', options.k];
  const begin = performance.now();
  const said = execFileSync(process.execPath, ['--input-type=module', '-e', MEASURED, '--', ...flags], { encoding: 'utf8' });
  const seconds = (performance.now() - begin) / 1000;
  fs.rmSync(passages, { recursive: true });
  return { passages: rows, bytes: Number(said.trimEnd().split('\n').at(-1)) * 1024, seconds };
}

const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'simans-bench-'));
try {
  writeVectors(path.join(folder, 'queries'), 'query', Q);
  const found = sizes.map((rows) => measure(folder, rows));
  if (options.json) console.log(JSON.stringify({ width: D, queries: Q, k: Number(options.k), sizes: found }));
  else
    for (const { passages, bytes, seconds } of found)
      console.log(`${passages.toLocaleString('en')} × ${D}: peak ${(bytes / 1e6).toFixed(0)} MB, ${seconds.toFixed(1)} s for ${Q} queries`);
} finally {
  fs.rmSync(folder, { recursive: true });
}
