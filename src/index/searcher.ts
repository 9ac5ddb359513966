/** Asking a finished job questions: its query tower, its tokenizer and the vectors of its corpus. */
import fs from 'node:fs';
import path from 'node:path';
import { selectBackend } from '../backend/index.js';
import { UserError } from '../core/errors.js';
import { linesOf } from '../data/formats/lines.js';
import { createDualEncoder } from '../encoders/dualEncoder.js';
import { readSafetensors } from '../encoders/formats/safetensors.js';
import { openModelFolder } from '../encoders/modelFolder.js';
import { createWeights, disposeWeights } from '../encoders/parameters.js';
import { prefixed } from '../encoders/prefixed.js';
import { ExactIndex, type Hits } from './exact.js';

export interface Hit {
  readonly id: string;
  readonly text: string;
  readonly score: number;
}

export interface Searcher {
  /** By row. */
  readonly passages: readonly Omit<Hit, 'score'>[];
  /** The rows of the k best passages for a text, best first, or of all where there are fewer. */
  rank(text: string, k: number): Promise<Hits>;
  /** The k best passages for a text, best first; scores are logits. */
  search(text: string, k: number): Promise<Hit[]>;
  dispose(): void;
}

/** What is asked. */
const PARTS = ['index/index.json', 'index/passages.jsonl', 'index/passages.safetensors', 'model/simans.json'];

/** Opens the folder of a finished job. A folder that is none is a UserError. */
export async function openJob(folder: string): Promise<Searcher> {
  const missing = PARTS.find((part) => !fs.existsSync(path.join(folder, part)));
  if (missing !== undefined) {
    const begun = fs.existsSync(path.join(folder, 'config.yaml'));
    const way = begun
      ? `Finish it, or make the folder again: simans train ${folder}/config.yaml --resume`
      : 'Train one with: simans train CONFIG';
    throw new UserError(`${folder}: no ${missing}; expected the folder of a finished job, such as jobs/quickstart. ${way}`);
  }
  await selectBackend('auto');
  const model = await openModelFolder(path.join(folder, 'model'));
  const encoder = createDualEncoder(model.shape);
  const weights = createWeights(encoder.specs, model.parameters);
  const tokenizer = prefixed(model.tokenizer, model.prefixes.query);
  const passages = await readPassages(folder);
  const stored = readSafetensors(path.join(folder, 'index', 'passages.safetensors')).tensors.get('vectors')!;
  const index = new ExactIndex({ values: stored.values as Float32Array, width: encoder.width });
  const rank = async (text: string, k: number): Promise<Hits> => {
    const ids = Int32Array.from(tokenizer.encode(text, model.maxTokens.query));
    const vector = encoder.encode(weights, 'query', {
      ids,
      lengths: Int32Array.of(ids.length),
      tokens: ids.length,
      rows: Int32Array.of(0),
    });
    const query = (await vector.data()) as Float32Array;
    vector.dispose();
    const { width, logitScale } = encoder;
    return index.search({ values: query, width }, Int32Array.of(0), Math.min(k, passages.length), logitScale);
  };
  return {
    passages,
    rank,
    search: async (text, k) => {
      const hits = await rank(text, k);
      return Array.from(hits.passages, (row, i) => ({ ...passages[row]!, score: hits.scores[i]! }));
    },
    dispose: () => {
      disposeWeights(weights);
    },
  };
}

/** Line by line: the texts of a large corpus are more than one string holds. */
async function readPassages(folder: string): Promise<Searcher['passages']> {
  const passages: Omit<Hit, 'score'>[] = [];
  for await (const { text } of linesOf(path.join(folder, 'index', 'passages.jsonl'))) passages.push(JSON.parse(text));
  return passages;
}
