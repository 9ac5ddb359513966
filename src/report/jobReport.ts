/** What `simans train` prints at its end: the test table, what was chosen, what it cost, what was written, what to try next. */
import path from 'node:path';
import { writeFileAtomic } from '../core/files.js';
import type { Measures, Summary } from '../train/folder/summary.js';
import { curveSvg } from './curve.js';
import { figure, gigabytes, measureLabel, secondsText, signedFigure } from './figures.js';
import { table } from './table.js';

const SYSTEM_NAMES: Readonly<Record<string, string>> = { bm25: 'BM25', untrained: 'untrained', trained: 'trained' };

/** A question that the corpora made from npm packages can answer. */
const EXAMPLE_QUERIES: Readonly<Record<string, string>> = {
  'api-docs': 'find the first element that matches a selector',
  wordnet: 'a person who studies the weather',
  'wordnet-examples': 'a person who studies the weather',
};

/** Writes the job's figure and returns the report. */
export function writeJobReport(summary: Summary): string {
  const curve = path.join(summary.folder, 'figures', 'curve.svg');
  writeFileAtomic(curve, curveSvg(summary));
  return jobReport(summary, { ...summary.files, curve, 'all of it': summary.folder });
}

/** `files` are written files and folders by what they hold, in the order in which they are listed. */
export function jobReport(summary: Summary, files: Readonly<Record<string, string>>): string {
  const { test, testUnseen, data } = summary;
  const blocks = [
    Object.keys(test).length === 0
      ? systemTable(`dev, ${data.queries.dev.toLocaleString('en')} queries${cut(summary, 'dev')} (test was not read)`, devOf(summary))
      : systemTable(`test, ${data.queries.test.toLocaleString('en')} queries${cut(summary, 'test')}`, test),
    ...(testUnseen
      ? [systemTable(`of these ${testUnseen.queries.toLocaleString('en')} whose answers no training or dev query has`, testUnseen.systems)]
      : []),
    [
      differenceLine(summary),
      bestLine(summary),
      timeLine(summary),
      refreshLine(summary),
      `peak memory: ${gigabytes(summary.peakMemoryBytes)}`,
    ]
      .filter((line) => line !== '')
      .join('\n'),
    fileList(files),
    `try: npx simans search ${summary.folder} "${EXAMPLE_QUERIES[data.name] ?? 'a question of yours'}"`,
  ];
  return `\n${blocks.join('\n\n')}`;
}

/** Figures of a cut corpus stand beside no others. */
const cut = ({ data }: Summary, split: string): string => ((data.queriesOutsideCorpus?.[split] ?? 0) > 0 ? ', a cut corpus' : '');

function systemTable(title: string, systems: Readonly<Record<string, Measures>>): string {
  const measures = Object.keys(Object.values(systems)[0]);
  const rows = Object.entries(systems).map(([system, means]) => [
    SYSTEM_NAMES[system] ?? system,
    ...measures.map((name) => figure(means[name])),
  ]);
  return table([title, ...measures.map(measureLabel)], rows);
}

function devOf({ bm25, refreshes, best }: Summary): Record<string, Measures> {
  const devAt = (step: number) => refreshes.find((refresh) => refresh.step === step)!.dev;
  return { ...(bm25 && { bm25: bm25.dev }), untrained: devAt(0), trained: devAt(best.step) };
}

function differenceLine({ difference, best, test }: Summary): string {
  if (difference === undefined) return '';
  const ratio = test.trained[best.measure] / test.bm25[best.measure];
  const interval = `95 % interval ${signedFigure(difference.low)} to ${signedFigure(difference.high)} (paired bootstrap over queries)`;
  return `${measureLabel(best.measure)}, trained minus BM25: ${signedFigure(difference.difference)}, ${interval}; ratio ${ratio.toFixed(2)}`;
}

function bestLine({ best, steps, test }: Summary): string {
  return `${Object.keys(test).length === 0 ? 'kept' : 'tested'} checkpoint: step ${best.step} of ${steps}, chosen on dev (${measureLabel(best.measure)} ${figure(best.dev)})`;
}

function timeLine({ seconds: { total, ...phases } }: Summary): string {
  const parts = Object.entries(phases)
    .sort(([, a], [, b]) => b - a)
    .map(([phase, spent]) => `${phase} ${secondsText(spent)}`);
  return `time: ${secondsText(total)} this session; by phase, over all sessions: ${parts.join(', ')}`;
}

function refreshLine({ refreshShare, refreshes }: Summary): string {
  return refreshShare === undefined
    ? ''
    : `refreshes: ${refreshes.length}, ${(100 * refreshShare).toFixed(1)} % of the wall-clock time of training and refreshing`;
}

function fileList(files: Readonly<Record<string, string>>): string {
  const width = Math.max(...Object.keys(files).map((name) => name.length));
  return ['written:', ...Object.entries(files).map(([name, file]) => `  ${name.padEnd(width)}  ${path.normalize(file)}`)].join('\n');
}
