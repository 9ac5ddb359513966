/** BM25 beside every job: k1 and b chosen on dev. */
import type { RunConfig } from '../config/schema.js';
import type { Reporter } from '../core/reporter.js';
import type { Dataset, Split } from '../data/types.js';
import { Bm25Index, searchBm25Run, tuneBm25 } from '../eval/bm25.js';
import { evaluateRun, type Run } from '../eval/run.js';
import { depthOf } from './refresh.js';
import type { Measures } from './summary.js';

export interface LexicalBaseline {
  readonly k1: number;
  readonly b: number;
  readonly dev: Measures;
  /** The run of a split's queries, as deep as the deepest measure. */
  search(split: Split): Run;
}

export function lexicalBaseline(config: RunConfig, dataset: Dataset, reporter: Reporter): LexicalBaseline {
  const { measures, selection } = config.eval;
  const { corpus, queries, splits } = dataset;
  const untuned = Bm25Index.build(corpus);
  const { best } = tuneBm25(untuned, queries, splits.dev, selection);
  const index = untuned.withParameters(best);
  const search = (split: Split) => searchBm25Run(index, queries, split.rows, depthOf(measures));
  const dev = evaluateRun(search(splits.dev), splits.dev, measures).means;
  reporter.line(`BM25: k1 ${best.k1}, b ${best.b} chosen on dev; dev ${selection} ${dev[selection]!.toFixed(4)}`);
  return { ...best, dev, search };
}
