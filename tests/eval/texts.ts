import { fingerprintDataset, splitOfPositives } from '../../src/data/texts.js';
import type { Dataset, Split, Texts } from '../../src/data/types.js';
import type { Names } from '../../src/eval/run.js';

/** Texts of the given strings; ids are the given ones or x0, x1, … */
export function textsOf(texts: readonly string[], ids: readonly string[] = texts.map((_, i) => `x${i}`)): Texts {
  return {
    size: texts.length,
    id: (row) => ids[row],
    text: (row) => texts[row],
    fields: (row) => [texts[row]],
    rowOf: (id) => (ids.includes(id) ? ids.indexOf(id) : undefined),
  };
}

export const namesOf = (queries: Texts, corpus: Texts): Names => ({
  queryId: (row) => queries.id(row),
  passageId: (row) => corpus.id(row),
});

/** A data set with one split, as its dev; without training. */
export function datasetOf(corpus: Texts, queries: Texts, dev: Split): Dataset {
  const none = splitOfPositives(new Int32Array(0), []);
  const splits = { train: none, dev, test: none };
  return {
    name: 'small',
    corpus,
    queries,
    splits,
    policy: 'text',
    fingerprint: fingerprintDataset({ corpus, queries, splits }),
    notes: [],
  };
}
