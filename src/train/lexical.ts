/** BM25 beside every job: k1 and b chosen on dev. */
import type { RunConfig } from '../config/schema.js';
import type { Reporter } from '../core/reporter.js';
import type { Dataset, Split } from '../data/types.js';
import { Bm25Index, searchBm25, tuneBm25 } from '../eval/bm25.js';
import { depthOf, type Judge } from '../eval/judge.js';
import type { Run } from '../eval/run.js';
import type { Measures } from './folder/summary.js';

export interface LexicalBaseline {
  readonly k1: number;
  readonly b: number;
  readonly dev: Measures;
  /** The run of a split's queries, as deep as the deepest measure. */
  search(split: Split): Promise<Run>;
}

export async function lexicalBaseline(config: RunConfig, dataset: Dataset, judge: Judge, reporter: Reporter): Promise<LexicalBaseline> {
  const { measures, selection } = config.eval;
  const { dev } = dataset.splits;
  const untuned = Bm25Index.build(dataset.corpus);
  const { best } = await tuneBm25(untuned, dataset, dev, selection, judge);
  const index = untuned.withParameters(best);
  const search = (split: Split) => searchBm25(index, dataset, split.rows, depthOf(measures, judge.rules));
  const means = judge.evaluate(await search(dev), dev, measures).means;
  reporter.line(`BM25: k1 ${best.k1}, b ${best.b} chosen on dev; dev ${selection} ${means[selection]!.toFixed(4)}`);
  return { ...best, dev: means, search };
}
