/** The job's tokenizer: learned from the corpus and the training queries, saved as tokenizer/tokenizer.json, read back from there. */
import fs from 'node:fs';
import path from 'node:path';
import type { RunConfig } from '../config/schema.js';
import { writeJson } from '../core/files.js';
import type { Reporter } from '../core/reporter.js';
import type { Dataset } from '../data/types.js';
import { loadTokenizer, type Tokenizer } from '../encoders/tokenizer.js';
import { learnWordPiece } from '../encoders/wordpiece.js';

export async function prepareTokenizer(job: string, config: RunConfig, dataset: Dataset, reporter: Reporter): Promise<Tokenizer> {
  const folder = path.join(job, 'tokenizer');
  if (!fs.existsSync(path.join(folder, 'tokenizer.json'))) {
    const { size, minFrequency, splitIdentifiers } = config.encoder.vocabulary;
    const learned = learnWordPiece(trainingTexts(dataset), { vocabSize: size, minFrequency, splitIdentifiers });
    writeJson(path.join(folder, 'tokenizer.json'), learned);
  }
  const tokenizer = await loadTokenizer(folder);
  reporter.line(`vocabulary: ${tokenizer.vocabSize.toLocaleString('en')} pieces, ${path.join(folder, 'tokenizer.json')}`);
  return tokenizer;
}

/** All passages and the training queries: dev and test queries stay unseen. */
function* trainingTexts({ corpus, queries, splits }: Dataset): Generator<string> {
  for (let row = 0; row < corpus.size; row++) yield corpus.text(row);
  for (const row of splits.train.rows) yield queries.text(row);
}
