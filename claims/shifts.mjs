/**
 * SQuADShifts' Amazon reviews and Reddit comments as one BEIR folder, split by passage: no passage that is trained on is asked for in dev or test. And
 * SQuAD's dev set, articles of Wikipedia, as one of test alone.
 */
import fs from 'node:fs';
import path from 'node:path';
import zlib from 'node:zlib';
import { parse } from 'csv-parse/sync';
import { sha256, writeFileAtomic } from '../dist/core/files.js';

const SHIFTS = ['squadshifts/amazon', 'squadshifts/reddit'];
const SQUAD = ['squad-v1.1-dev'];

/** Of a tenth of the passages each; by the passage's hash, so that it is the same everywhere. @param {string} passage */
function splitOf(passage) {
  const tenth = Number.parseInt(sha256(`split ${passage}`).slice(0, 8), 16) % 10;
  return tenth === 0 ? 'test' : tenth === 1 ? 'dev' : 'train';
}

/** From SIMANS_DATA/squadshifts, unless it is there. @param {string} folder */
export const writeShifts = (folder) => writeFolder(folder, SHIFTS, splitOf);

/** From SIMANS_DATA/squad-v1.1-dev, unless it is there. @param {string} folder */
export const writeSquad = (folder) => writeFolder(folder, SQUAD, () => 'test');

/** @param {string} folder @param {string[]} parts @param {(passage: string) => string} splitOfPassage */
function writeFolder(folder, parts, splitOfPassage) {
  if (fs.existsSync(path.join(folder, 'qrels', 'test.tsv'))) return;
  const read = (/** @type {string} */ part, /** @type {string} */ file) =>
    zlib.gunzipSync(fs.readFileSync(path.join(String(process.env.SIMANS_DATA), part, file))).toString();
  /** @type {{ id: string, title: string, text: string }[]} */
  const passages = parts.flatMap((part) => parse(read(part, 'passages.tsv.gz'), { delimiter: '\t', columns: true }));
  /** @type {{ id: string, question: string, answers: string[], positive_ids: number[] }[]} */
  const questions = parts.flatMap((part) =>
    read(part, 'questions.jsonl.gz')
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line)),
  );
  const lines = (/** @type {unknown[]} */ records) => records.map((record) => `${JSON.stringify(record)}\n`).join('');
  writeFileAtomic(path.join(folder, 'corpus.jsonl'), lines(passages.map(({ id, title, text }) => ({ _id: id, title, text }))));
  const queries = questions.map(({ id, question, answers }) => ({ _id: id, text: question, answers }));
  writeFileAtomic(path.join(folder, 'queries.jsonl'), lines(queries));
  for (const split of ['train', 'dev', 'test']) {
    const rows = questions.flatMap(({ id, positive_ids: [gold] }) =>
      splitOfPassage(String(gold)) === split ? [`${id}\t${gold}\t1\n`] : [],
    );
    writeFileAtomic(path.join(folder, 'qrels', `${split}.tsv`), `query-id\tcorpus-id\tscore\n${rows.join('')}`);
  }
}
