/**
 * False negatives under control (`simans lab`): of each training query the first positive is learned from, and each further right passage is hidden
 * with a given probability, as if nobody had judged it, or else known and never a negative. Right passages that the data lacks can be planted:
 * paraphrases of the first positives. What is planted, and what is learned from, does not depend on the share that is hidden.
 */
import { UserError } from '../core/errors.js';
import { deriveKey, type Key, uniform } from '../core/random.js';
import { fingerprintDataset } from './texts.js';
import type { Dataset, Split, Texts } from './types.js';

export interface Hiding {
  /** Probability that a further right passage is hidden. */
  readonly hidden: number;
  /** Whether the corpus gets a paraphrase of each training query's first positive. */
  readonly paraphrases: boolean;
}

/** Throws a UserError for documents in windows where paraphrases are asked for. */
export function hidePositives(dataset: Dataset, { hidden, paraphrases }: Hiding, seed: number): Dataset {
  const { train } = dataset.splits;
  if (paraphrases && dataset.documents)
    throw new UserError('lab.paraphrases: found documents in windows; expected whole passages; leave data.windows out.');
  const { corpus, paraphraseOf } = paraphrases
    ? planted(dataset, seed)
    : { corpus: dataset.corpus, paraphraseOf: new Map<number, number>() };
  const key = deriveKey(seed, 'hidden positives');
  const positives = train.positives.map((rows) => rows.slice(0, 1));
  const further = train.positives.map((rows) => [
    ...rows.subarray(1),
    ...(paraphraseOf.has(rows[0]!) ? [paraphraseOf.get(rows[0]!)!] : []),
  ]);
  const isHidden = (place: number, passage: number) => uniform(key, train.rows[place]!, passage) < hidden;
  const hide: Split = {
    ...train,
    positives,
    known: further.map((rows, place) =>
      Int32Array.from([...(train.known?.[place] ?? []), ...rows.filter((passage) => !isHidden(place, passage))]).sort(),
    ),
    hidden: further.map((rows, place) => Int32Array.from(rows.filter((passage) => isHidden(place, passage)))),
  };
  const splits = { ...dataset.splits, train: hide };
  const count = (lists: readonly { length: number }[]) => lists.reduce((sum, { length }) => sum + length, 0).toLocaleString('en');
  return {
    ...dataset,
    corpus,
    splits,
    fingerprint: fingerprintDataset({ ...dataset, corpus, splits }),
    notes: [
      `lab: ${count(hide.hidden!)} of ${count(further)} further right passages of training queries are hidden` +
        `${paraphrases ? `; ${(corpus.size - dataset.corpus.size).toLocaleString('en')} paraphrases are planted` : ''}.`,
    ],
  };
}

/** The corpus with a paraphrase of each training query's first positive behind it, and their rows by that passage's. */
function planted({ corpus, splits: { train } }: Dataset, seed: number): { corpus: Texts; paraphraseOf: Map<number, number> } {
  const key = deriveKey(seed, 'paraphrases');
  const texts: string[] = [];
  const of: number[] = [];
  const paraphraseOf = new Map<number, number>();
  for (const passage of new Set(train.positives.map((rows) => rows[0]!))) {
    const text = paraphrase(corpus.text(passage), key, passage);
    if (text === undefined) continue;
    paraphraseOf.set(passage, corpus.size + texts.length);
    texts.push(text);
    of.push(passage);
  }
  const { fingerprint, ...own } = corpus;
  const size = corpus.size;
  return {
    paraphraseOf,
    corpus: {
      ...own,
      size: size + texts.length,
      id: (row) => (row < size ? corpus.id(row) : `${corpus.id(of[row - size]!)}${SUFFIX}`),
      text: (row) => (row < size ? corpus.text(row) : texts[row - size]!),
      fields: (row) => (row < size ? corpus.fields(row) : [texts[row - size]!]),
      rowOf: (id) => (id.endsWith(SUFFIX) ? paraphraseOf.get(corpus.rowOf(id.slice(0, -SUFFIX.length)) ?? -1) : corpus.rowOf(id)),
    },
  };
}

/** Of a planted passage's id. */
const SUFFIX = '#paraphrase';
/** Share of the words that a paraphrase leaves out. */
const LEFT_OUT = 0.2;

/** The text without a fifth of its words, at least one, in the same order; undefined where it has fewer than three. */
export function paraphrase(text: string, key: Key, row: number): string | undefined {
  const words = text.split(/\s+/).filter(Boolean);
  if (words.length < 3) return undefined;
  const draws = words.map((_, i) => uniform(key, row, i));
  const least = Math.min(...draws);
  return words.filter((_, i) => draws[i]! >= LEFT_OUT && draws[i] !== least).join(' ') || words.slice(1).join(' ');
}
