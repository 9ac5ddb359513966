/** What `simans eval` prints. */
import { compare, type Difference, extremes, type System, type TestName } from '../eval/compare.js';
import type { Result } from '../eval/result.js';
import { figure, measureLabel, signedFigure } from './figures.js';
import { table } from './table.js';
import { wrap } from './wrap.js';

/** As the evaluation that is shown knows them. */
export interface ShownEvaluation {
  readonly result: Result;
  /** Systems by name, each with as many entries as seeds; of several, system#1, system#2 … are in the result. */
  readonly groups: Readonly<Record<string, readonly string[]>>;
  readonly texts?: QueryTexts;
}

interface QueryTexts {
  query(id: string): string;
  best(system: string, query: string): string;
}

export interface ShowOptions {
  readonly test: TestName;
  /** Queries shown that gained and lost most. */
  readonly show: number;
  readonly columns: number;
}

/** Of what is drawn in tests of significance. */
const SEED = 42;

export function evaluationText(evaluations: readonly ShownEvaluation[], options: ShowOptions): string {
  const blocks = evaluations.flatMap((evaluation) => evaluationBlocks(evaluation, options));
  const results = evaluations.map(({ result }) => result);
  const whole = results.filter(({ policy }) => policy.queriesOutsideCorpus === 0);
  if (whole.length > 1) blocks.push(datasetsTable(whole, measuresOf(whole[0]!)[0]!));
  if (results.length > 1 && whole.length < results.length)
    blocks.push(
      `left out of the table of data sets, for their corpus is cut: ${results
        .filter((one) => !whole.includes(one))
        .map(({ data }) => data)
        .join(', ')}`,
    );
  return blocks.filter((block) => block !== '').join('\n\n');
}

function evaluationBlocks({ result, groups, texts }: ShownEvaluation, { test, show, columns }: ShowOptions): string[] {
  const blocks = [resultTable(result), policyLine(result)];
  const fused = Object.keys(result.systems).filter((name) => result.systems[name]!.search === 'fusion');
  const named = { ...groups, ...Object.fromEntries(fused.map((name) => [name, [name]])) };
  const [measure] = measuresOf(result) as [string];
  const namesOf = (name: string) => named[name]!.map((_, i) => (named[name]!.length === 1 ? name : `${name}#${i + 1}`));
  const systems = Object.keys(named).map(
    (name): System => ({ name, seeds: namesOf(name).map((one) => Float64Array.from(result.systems[one]!.perQuery[measure]!)) }),
  );
  if (systems.length > 1) blocks.push(differencesTable(measure, compare(systems, test, SEED)));
  const [baseline, ...others] = systems.map(({ name }) => namesOf(name)[0]!);
  if (show > 0) for (const name of others) blocks.push(extremesText(result, measure, [name, baseline!], show, texts, columns));
  return blocks;
}

/** Measures that every system has. */
function measuresOf({ systems }: Result): string[] {
  const [first, ...others] = Object.values(systems);
  return Object.keys(first!.means).filter((measure) => others.every(({ means }) => measure in means));
}

/** The means of each system on one data set. */
function resultTable(result: Result): string {
  const { data, policy, queries, systems } = result;
  const measures = measuresOf(result);
  const rows = Object.entries(systems).map(([name, { means }]) => [name, ...measures.map((measure) => figure(means[measure]!))]);
  const cut = policy.queriesOutsideCorpus > 0 ? ', a cut corpus' : '';
  const title = `${data} ${policy.split}, ${queries.length.toLocaleString('en')} queries${cut}`;
  return table([title, ...measures.map(measureLabel)], rows);
}

/** What the figures rest on. */
function policyLine({ policy, systems }: Result): string {
  const parts = [
    `relevant from grade ${policy.relevanceLevel}`,
    policy.precision === 'float32' ? 'scores in 32 bits' : 'scores in 64 bits',
    `depth ${policy.depth}`,
    `text: ${policy.text}`,
    ...(policy.removeSelf ? ['a query’s own passage taken out'] : []),
    ...(policy.answerRule ? [`answers by ${policy.answerRule}`] : []),
    ...(policy.queriesOutsideCorpus > 0 ? [`${policy.queriesOutsideCorpus} queries with right passages outside the corpus`] : []),
    ...Object.entries(systems).flatMap(([name, { unranked }]) =>
      unranked > 0 ? [`${name}: ${unranked} queries without a ranking count 0`] : [],
    ),
  ];
  return `${parts.join('; ')}; qrels ${policy.qrels.slice(0, 12)}, corpus ${policy.corpus?.slice(0, 12) ?? 'not read'}`;
}

/** Means of one measure over several data sets: a row a system, with the mean over the data sets. */
function datasetsTable(results: readonly Result[], measure: string): string {
  const names = Object.keys(results[0]!.systems);
  const rows = names.map((name) => {
    const values = results.map(({ systems }) => systems[name]!.means[measure]!);
    return [name, ...values.map(figure), figure(values.reduce((sum, value) => sum + value, 0) / values.length)];
  });
  return table([measureLabel(measure), ...results.map(({ data }) => data), 'mean'], rows);
}

/** '0.0312', '< .0001' */
export const pText = (p: number): string => (p < 0.0001 ? '< .0001' : p.toFixed(4));

export function differencesTable(measure: string, differences: readonly Difference[]): string {
  const rows = differences.map(({ system, baseline, difference, low, high, p }) => [
    `${system} − ${baseline}`,
    signedFigure(difference),
    `${signedFigure(low)} to ${signedFigure(high)}`,
    pText(p),
  ]);
  return table([`${measureLabel(measure)} (${differences[0]!.method})`, 'difference', '95 % interval', 'p'], rows);
}

/** The queries that gained and lost most, with the passages that the two rank first. */
function extremesText(
  result: Result,
  measure: string,
  [a, b]: readonly [string, string],
  count: number,
  texts: QueryTexts | undefined,
  columns: number,
): string {
  const [ours, theirs] = [a, b].map((name) => result.systems[name]!.perQuery[measure]!) as [number[], number[]];
  const { gained, lost } = extremes(ours, theirs, count);
  const entry = (i: number): string => {
    const id = result.queries[i]!;
    const head = `  ${id}  ${figure(theirs[i]!)} → ${figure(ours[i]!)}${texts ? `  ${texts.query(id)}` : ''}`;
    const best = texts
      ? [a, b].flatMap((system) =>
          wrap(`${system}: ${texts.best(system, id)}`, columns - 6)
            .slice(0, 2)
            .map((line, j) => `${j === 0 ? '    ' : '      '}${line}`),
        )
      : [];
    return [head, ...best].join('\n');
  };
  const part = (title: string, which: readonly number[]) =>
    which.length > 0 ? [`${title} most with ${a} against ${b}, by ${measureLabel(measure)}:`, ...which.map(entry)] : [];
  return [...part('gained', gained), ...part('lost', lost)].join('\n');
}
