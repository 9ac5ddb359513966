/** What `simans data inspect` prints. */
import type { Inspection, Lengths, Named, SplitReport, TextsReport } from '../data/inspect.js';
import { table } from './table.js';
import { wrap } from './wrap.js';

const whole = (value: number): string => value.toLocaleString('en');

/** `unit`: what lengths are counted in. */
export function inspectionText(place: string, format: string, unit: string, found: Inspection, columns: number): string {
  const { passages, queries, splits, overlaps } = found;
  const blocks = [
    `${place}: ${format}`,
    table(
      ['', 'count', `mean ${unit}`, 'p50', 'p90', 'p95', 'p99', 'longest', 'same text', 'empty'],
      [textsRow('passages', passages), textsRow('queries', queries)],
    ),
    ...(Object.keys(splits).length > 0 ? [splitTable(splits)] : ['no judgments']),
    ...problems(found),
    ...overlaps.map(
      ({ splits: [a, b], queries: same, passages: right }) =>
        `${a} and ${b}: ${whole(same)} queries of the same text, ${whole(right)} right passages in common`,
    ),
    sampleText(found, columns),
  ];
  return blocks.join('\n\n');
}

function textsRow(name: string, { count, lengths, duplicates, empty }: TextsReport): string[] {
  return [name, whole(count), ...lengthCells(lengths), whole(duplicates), whole(empty)];
}

const lengthCells = ({ mean, ...others }: Lengths): string[] => [mean.toFixed(1), ...Object.values(others).map(whole)];

function splitTable(splits: Inspection['splits']): string {
  const rows = Object.entries(splits).map(([name, split]) => [
    name,
    whole(split.queries),
    whole(split.judgments),
    counts(split.positives),
    counts(split.grades),
    whole(split.negatives),
    whole(split.known),
    whole(split.withAnswers),
  ]);
  return table(['split', 'queries', 'judgments', 'positives: queries', 'grade: judgments', 'negatives', 'known', 'with answers'], rows);
}

/** The most frequent ones: '1: 900, 2: 80, more: 20'. */
function counts(of: SplitReport['positives']): string {
  const entries = Object.entries(of).sort(([a], [b]) => Number(a) - Number(b));
  const [shown, rest] = [entries.slice(0, 3), entries.slice(3)];
  const more = rest.reduce((sum, [, count]) => sum + count, 0);
  return [...shown.map(([key, count]) => `${key}: ${whole(count)}`), ...(more > 0 ? [`more: ${whole(more)}`] : [])].join(', ');
}

function problems({ passages, queries, splits }: Inspection): string[] {
  const named = (what: string, { count, some }: Named) => (count > 0 ? [`${what}: ${whole(count)}, such as ${some.join(', ')}`] : []);
  const lines = [
    ...named('passage ids given twice', { count: passages.duplicateIds.length, some: passages.duplicateIds }),
    ...named('query ids given twice', { count: queries.duplicateIds.length, some: queries.duplicateIds }),
    ...Object.entries(splits).flatMap(([name, { danglingPassages, danglingQueries }]) => [
      ...named(`${name} names passages outside the corpus`, danglingPassages),
      ...named(`${name} names queries that there are none of`, danglingQueries),
    ]),
  ];
  return lines.length > 0 ? [lines.join('\n')] : [];
}

function sampleText({ samples }: Inspection, columns: number): string {
  return samples
    .map(({ query, positive }) => {
      const passage = positive
        ? [
            `  ${positive.id}`,
            ...wrap([positive.title, positive.text].filter((field) => field !== '').join(': '), columns - 4)
              .slice(0, 2)
              .map((line) => `    ${line}`),
          ]
        : [];
      const answers = query.answers ? [`    answers: ${query.answers.slice(0, 5).join(' | ')}`] : [];
      return [`${query.id}  ${query.text}`, ...answers, ...passage].join('\n');
    })
    .join('\n');
}
