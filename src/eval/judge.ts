/** What judges the runs of a data set: its names, the rules, and whether a passage holds an answer. */
import type { Dataset, Split } from '../data/types.js';
import { windowsByDocument } from '../data/windows.js';
import { type AnswerRule, createPatternMatcher, holdsAnswer as holdsAnswerIn } from './answers.js';
import { type Evaluation, evaluateRun, type Names, type Rules, type Run } from './run.js';

export interface Judge {
  readonly names: Names;
  readonly rules: Rules;
  evaluate(run: Run, split: Split, measures: readonly string[]): Evaluation;
  /** Whether a passage row's body holds an answer to the query; of documents in windows the window's. */
  holdsAnswer(query: number, passage: number): boolean;
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
  // Of the passage text alone, without its title.
  const holdsAnswer = (query: number, passage: number): boolean => {
    const wanted = answers?.get(query) ?? [];
    const body = corpus.fields(passage).at(-1)!;
    return answerRule === 'regex' ? patterns.holds(body, wanted) : holdsAnswerIn(body, wanted);
  };
  // A document holds what one of its windows does.
  const windowsOf = windowsByDocument(documents);
  const holds = (query: number, ranked: number): boolean => windowsOf(ranked).some((passage) => holdsAnswer(query, passage));
  const names: Names = {
    queryId: (row) => queries.id(row),
    passageId: (row) => (documents ?? corpus).id(row),
    ...(answers && { answers: holds }),
  };
  const rules: Rules = { level: relevanceLevel, precision, removeSelf: removeSelf === true };
  return {
    names,
    rules,
    holdsAnswer,
    brokenPatterns: patterns.broken,
    evaluate: (run, split, measures) => evaluateRun(run, split, measures, names, rules),
  };
}

/** How deep a search must go for measures to the deepest of these: one deeper where a query's own passage is taken out. */
export function depthOf(measures: readonly string[], { removeSelf }: Rules): number {
  return Math.max(...measures.map((measure) => Number(measure.split('@')[1]))) + (removeSelf ? 1 : 0);
}
