/**
 * A large generated corpus from its file to token ids, in a process of its own, twice: the second start finds what the first cached.
 *   node bench/corpus.mjs --passages 1000000 [--json]
 * Prints seconds, passages a second, and the process' peak memory.
 */
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { loadDataConfig } from '../dist/config/load.js';
import { deriveKey, integer } from '../dist/core/random.js';
import { silentReporter } from '../dist/core/reporter.js';
import { loadDataset } from '../dist/data/index.js';
import { tokenTable } from '../dist/data/tokenCache.js';
import { loadTokenizer } from '../dist/encoders/tokenizer/tokenizer.js';
import { learnWordPiece } from '../dist/encoders/tokenizer/wordpiece.js';

const { values: options } = parseArgs({
  options: { passages: { type: 'string', default: '1000000' }, json: { type: 'boolean', default: false }, start: { type: 'string' } },
});

if (options.start) await start(options.start);
else measure(Number(options.passages));

/** @param {number} passages */
function measure(passages) {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'simans-corpus-'));
  try {
    const bytes = generate(folder, passages);
    const child = () => {
      const { status, stdout, stderr } = spawnSync(process.execPath, [new URL(import.meta.url).pathname, '--start', folder], {
        encoding: 'utf8',
      });
      if (status !== 0) throw new Error(stderr);
      return JSON.parse(stdout);
    };
    const [first, second] = [child(), child()];
    if (options.json) return console.log(JSON.stringify({ passages, bytes, first, second }));
    for (const [name, { seconds, peakBytes, tokenised }] of Object.entries({ first, second }))
      console.log(
        `${name} start: ${seconds.toFixed(1)} s, ${Math.round(passages / seconds).toLocaleString('en')} passages/s, ${tokenised.toLocaleString('en')} tokenised, peak memory ${(peakBytes / 1e9).toFixed(2)} GB`,
      );
  } finally {
    fs.rmSync(folder, { recursive: true });
  }
}

/** A BEIR folder of passages of about 60 words from 20,000 invented ones, frequent words more often. Returns the corpus' bytes. @param {string} folder @param {number} passages */
function generate(folder, passages) {
  const syllables = ['ba', 'ke', 'li', 'mo', 'nu', 'pa', 're', 'si', 'to', 'vu', 'ga', 'fe'];
  const words = Array.from({ length: 20_000 }, (_, n) =>
    [n, n / 12, n / 144, n / 1728].map((part) => syllables[Math.floor(part) % 12]).join(''),
  );
  const key = deriveKey(1, 'corpus');
  const file = path.join(folder, 'corpus.jsonl');
  const descriptor = fs.openSync(file, 'w');
  let block = '';
  for (let row = 0; row < passages; row++) {
    const length = 30 + integer(key, row, 0, 60);
    const text = Array.from({ length }, (_, i) => words[integer(key, row, i + 1, 1 + integer(key, row, 1000 + i, words.length))]).join(' ');
    block += `${JSON.stringify({ _id: `doc${row}`, title: `Title ${row}`, text })}\n`;
    if (block.length > 1 << 22 || row === passages - 1) {
      fs.writeSync(descriptor, block);
      block = '';
    }
  }
  fs.closeSync(descriptor);
  fs.writeFileSync(path.join(folder, 'queries.jsonl'), '{"_id":"q1","text":"a"}\n{"_id":"q2","text":"b"}\n');
  fs.mkdirSync(path.join(folder, 'qrels'));
  fs.writeFileSync(path.join(folder, 'qrels', 'train.tsv'), 'q1\tdoc1\t1\n');
  fs.writeFileSync(path.join(folder, 'qrels', 'dev.tsv'), 'q2\tdoc2\t1\n');
  const learned = learnWordPiece(words, { vocabSize: 8000, minFrequency: 1, splitIdentifiers: false });
  fs.mkdirSync(path.join(folder, 'tokenizer'));
  fs.writeFileSync(path.join(folder, 'tokenizer', 'tokenizer.json'), JSON.stringify(learned));
  return fs.statSync(file).size;
}

/** @param {string} folder */
async function start(folder) {
  const begin = performance.now();
  const cacheFolder = path.join(folder, 'cache');
  const { corpus } = await loadDataset(loadDataConfig({ format: 'beir', path: folder }), { seed: 1, cacheFolder });
  const tokenizer = await loadTokenizer(path.join(folder, 'tokenizer'));
  let tokenised = 0;
  const counting = {
    ...tokenizer,
    encode: (/** @type {string} */ text, /** @type {number} */ maxTokens) => {
      tokenised++;
      return tokenizer.encode(text, maxTokens);
    },
  };
  const table = tokenTable(corpus, counting, 128, { cacheFolder, reporter: silentReporter, what: 'passages' });
  if (table.offsets.length !== corpus.size + 1) throw new Error('a table of another size');
  console.log(JSON.stringify({ seconds: (performance.now() - begin) / 1000, peakBytes: process.resourceUsage().maxRSS * 1024, tokenised }));
}
