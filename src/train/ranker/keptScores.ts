/**
 * The scores that a cross-encoder gives to pairs of a data set, each made once: they are kept in a file, and a job that goes on reads them there.
 */
import fs from 'node:fs';
import path from 'node:path';
import { UserError } from '../../core/errors.js';
import { bytesOf, sha256, writeFileAtomic } from '../../core/files.js';
import type { Dataset } from '../../data/types.js';
import type { Asked } from '../../encoders/hub.js';
import { openPairScorer } from '../../encoders/pairScorer.js';

export interface KeptScorer {
  /** The logits of passages for a query, by rows. */
  score(query: number, passages: Int32Array): Promise<Float32Array>;
  dispose(): void;
}

export interface KeptScorerOptions extends Asked {
  /** The cross-encoder, as findCrossEncoder takes it. */
  readonly model: string;
  readonly maxTokens: number;
  /** Where the scores are kept. */
  readonly folder: string;
  readonly dataset: Dataset;
}

export async function openKeptScorer({ model, maxTokens, folder, dataset, ...asked }: KeptScorerOptions): Promise<KeptScorer> {
  const { queries, corpus, fingerprint } = dataset;
  const scorer = await openPairScorer(model, maxTokens, asked);
  const known = new PairScores(folder, sha256(bytesOf(scorer.parameters), String(maxTokens), JSON.stringify(fingerprint)));
  return {
    score: async (query, passages) => {
      const missing = passages.filter((passage) => known.get(query, passage) === undefined);
      if (missing.length > 0) {
        const scores = await scorer.score(
          queries.text(query),
          Array.from(missing, (passage) => corpus.text(passage)),
        );
        known.add(query, missing, scores);
      }
      return Float32Array.from(passages, (passage) => known.get(query, passage)!);
    },
    dispose: () => {
      known.close();
      scorer.dispose();
    },
  };
}

/** A record of the file: query row, passage row, score. */
const RECORD = 12;

/** Scores by pair, in memory and in an append-only file that is bound to what they are of. */
class PairScores {
  private readonly scores = new Map<string, number>();
  private readonly descriptor: number;

  constructor(folder: string, bound: string) {
    const [file, of] = [path.join(folder, 'pairs.bin'), path.join(folder, 'of.txt')];
    fs.mkdirSync(folder, { recursive: true });
    if (!fs.existsSync(of)) writeFileAtomic(of, bound);
    if (fs.readFileSync(of, 'utf8') !== bound)
      throw new UserError(`${of}: the scores are of another ranker or other data; expected this job's. Remove ${folder}.`);
    this.descriptor = fs.openSync(file, 'a');
    const bytes = fs.readFileSync(file);
    // A record that a killed process cut short is overwritten by none: the file is cut to whole ones.
    const whole = bytes.length - (bytes.length % RECORD);
    if (whole < bytes.length) fs.truncateSync(file, whole);
    const view = new DataView(bytes.buffer, bytes.byteOffset, whole);
    for (let at = 0; at < whole; at += RECORD)
      this.scores.set(`${view.getInt32(at, true)} ${view.getInt32(at + 4, true)}`, view.getFloat32(at + 8, true));
  }

  get(query: number, passage: number): number | undefined {
    return this.scores.get(`${query} ${passage}`);
  }

  add(query: number, passages: Int32Array, scores: Float32Array): void {
    const bytes = Buffer.alloc(passages.length * RECORD);
    passages.forEach((passage, i) => {
      this.scores.set(`${query} ${passage}`, scores[i]!);
      bytes.writeInt32LE(query, i * RECORD);
      bytes.writeInt32LE(passage, i * RECORD + 4);
      bytes.writeFloatLE(scores[i]!, i * RECORD + 8);
    });
    fs.writeSync(this.descriptor, bytes);
  }

  close(): void {
    fs.closeSync(this.descriptor);
  }
}
