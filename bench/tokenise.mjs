/**
 * Tokenising real passages on one thread, beside Hugging Face's tokenizers in turns: BERT's WordPiece on MedQuAD.
 *   SIMANS_DATA=FOLDER node bench/tokenise.mjs [--tokens 256] [--repeats 5] [--json]
 * SIMANS_DATA names the data sets (medquad, bert-base-uncased), SIMANS_PYTHON a Python with tokenizers. Each of our repeats begins with a new tokenizer,
 * which remembers no word.
 */
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { loadTokenizer } from '../dist/encoders/tokenizer/tokenizer.js';
import { dataset, textsOf } from './passages.mjs';
import { startPeer } from './peer.mjs';
import { clock, median } from './timing.mjs';

const { values: options } = parseArgs({
  options: {
    tokens: { type: 'string', default: '256' },
    repeats: { type: 'string', default: '5' },
    json: { type: 'boolean', default: false },
  },
});
const [T, R] = [options.tokens, options.repeats].map(Number);
const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'simans-tokenise-'));
try {
  const found = await measure();
  if (options.json) console.log(JSON.stringify(found));
  else print(found);
} finally {
  fs.rmSync(folder, { recursive: true });
}

async function measure() {
  const texts = textsOf((await dataset('medquad')).corpus);
  const place = path.join(process.env.SIMANS_DATA ?? '', 'bert-base-uncased');
  const [file, into] = [path.join(folder, 'texts.json'), path.join(folder, 'ids.bin')];
  fs.writeFileSync(file, JSON.stringify(texts));
  const peer = await startPeer('tokenise.py', [path.join(place, 'tokenizer.json'), file, String(T)]);
  /** @type {{ own: number[], peer: number[] }} */
  const seconds = { own: [], peer: [] };
  /** @type {number[][]} */
  let found = [];
  for (let i = 0; i < R; i++) {
    const tokenizer = await loadTokenizer(place);
    seconds.own.push(
      await clock(() => {
        found = texts.map((text) => tokenizer.encode(text, T));
      }),
    );
    if (peer) seconds.peer.push((await peer.ask(into)).seconds);
  }
  const ids = found.flat();
  const base = { texts: texts.length, tokens: ids.length, own: ids.length / median(seconds.own) };
  if (!peer) return base;
  peer.end();
  const { buffer } = fs.readFileSync(into);
  const theirs = new Int32Array(buffer);
  const ratio = median(seconds.peer.map((value, i) => value / seconds.own[i]));
  return {
    ...base,
    peer: ids.length / median(seconds.peer),
    version: peer.version,
    overPeer: ratio,
    alike: theirs.length === ids.length && ids.every((id, i) => id === theirs[i]),
  };
}

/** @param {Awaited<ReturnType<typeof measure>>} found */
function print({ texts, tokens, own, ...others }) {
  const rate = (/** @type {number} */ value) => `${(value / 1e6).toFixed(2)} M tokens/s`;
  console.log(`${texts.toLocaleString('en')} passages, ${tokens.toLocaleString('en')} tokens, 1 thread: ${rate(own)}`);
  if ('peer' in others)
    console.log(
      `${others.version}: ${rate(others.peer)}; ratio ${others.overPeer.toFixed(2)}; ids ${others.alike ? 'are the same' : 'DIFFER'}`,
    );
  else console.log('no Python with tokenizers (SIMANS_PYTHON): nothing to compare with');
}
