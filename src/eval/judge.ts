/** What judges the runs of a data set: its names, the rules, and whether a passage holds an answer. */
import type { Dataset, Split } from '../data/types.js';
import { windowRanges } from '../data/windows.js';
import { type AnswerRule, createPatternMatcher, holdsAnswer } from './answers.js';
import { type Evaluation, evaluateRun, type Names, type Rules, type Run } from './run.js';

export interface Judge {
  readonly names: Names;
  readonly rules: Rules;
  evaluate(run: Run, split: Split, measures: readonly string[]): Evaluation;
  /** Answers that are no regular expression, where they are read as such: they match nothing. */
  readonly brokenPatterns: ReadonlySet<string>;
}

export interface JudgeOptions {
  readonly relevanceLevel: number;
  readonly answerRule: AnswerRule;
  readonly precision?: Rules['precision'];
}

export function createJudge(dataset: Dataset, { relevanceLevel, answerRule, precision = 'float32' }: JudgeOptions): Judge {
  const { queries, corpus, documents, answers, removeSelf } = dataset;
  const patterns = createPatternMatcher();
  const ranges = documents && windowRanges(documents);
  // Of the passage text alone, without its title; a document holds what one of its windows does.
  const bodiesOf = (row: number) =>
    (ranges ? Array.from({ length: ranges[row + 1]! - ranges[row]! }, (_, i) => ranges[row]! + i) : [row]).map(
      (one) => corpus.fields(one).at(-1)!,
    );
  const holds = (query: number, passage: number): boolean => {
    const wanted = answers?.get(query) ?? [];
    return bodiesOf(passage).some((body) => (answerRule === 'regex' ? patterns.holds(body, wanted) : holdsAnswer(body, wanted)));
  };
  const names: Names = {
    queryId: (row) => queries.id(row),
    passageId: (row) => (documents ?? corpus).id(row),
    ...(answers && { answers: holds }),
  };
  const rules: Rules = { level: relevanceLevel, precision, removeSelf: removeSelf === true };
  return {
    names,
    rules,
    brokenPatterns: patterns.broken,
    evaluate: (run, split, measures) => evaluateRun(run, split, measures, names, rules),
  };
}

/** How deep a search must go for measures to the deepest of these: one deeper where a query's own passage is taken out. */
export function depthOf(measures: readonly string[], { removeSelf }: Rules): number {
  return Math.max(...measures.map((measure) => Number(measure.split('@')[1]))) + (removeSelf ? 1 : 0);
}
