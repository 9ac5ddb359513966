/** The figures of `simans pilot`: the paper's two curves, and the ones that tell more. */
import type { Reporter } from '../core/reporter.js';
import { type Row, writeFigure } from './plot.js';

interface Shown {
  readonly name: string;
  readonly data: string;
  readonly step: number;
  readonly queries: number;
  readonly parameters: number;
  readonly positiveRank: number;
  readonly rows: readonly Row[];
  readonly withoutHidden: readonly Row[];
  readonly draws: readonly Row[];
}

/** The figure by rank, again without hidden positives where there are any, and the one by sampler. */
export async function writePilot(base: string, shown: Shown, reporter: Reporter): Promise<string[]> {
  const some = shown.rows.some(({ hidden }) => Number(hidden) > 0);
  return [
    ...(await one(base, shown, shown.rows, '', reporter)),
    ...(some ? await one(`${base}-without-hidden`, shown, shown.withoutHidden, ', without hidden positives', reporter) : []),
    ...(await draws(`${base}-draws`, shown, reporter)),
  ];
}

function one(
  base: string,
  { name, data, step, queries, parameters, positiveRank }: Shown,
  rows: readonly Row[],
  addition: string,
  reporter: Reporter,
): Promise<string[]> {
  const curves = [
    ['mean', 'mean of ‖g‖'],
    ['variance', 'variance of g'],
  ].flatMap(([figure, curve]) => {
    const largest = Math.max(...rows.map((row) => Number(row[figure!])));
    return rows.map((row) => ({
      ...row,
      panel: 'curve',
      curve: curve!,
      value: Number(row[figure!]) / largest,
      low: positive(row[`${figure}Low`]) / largest,
      high: Number(row[`${figure}High`]) / largest,
    }));
  });
  const ratios = [
    ['relativeVariance', 'Var ‖g‖ / mean²'],
    ['signalToNoise', '‖ḡ‖² / tr Cov'],
    ['cosineToGold', 'cosine to the gold gradient'],
  ].flatMap(([figure, curve]) =>
    rows.map((row) => ({ ...row, panel: 'ratio', curve: curve!, value: Number(row[figure!]), low: 0, high: 0 })),
  );
  const x = {
    field: 'rank',
    type: 'quantitative',
    title: 'rank of the negative',
    scale: { type: 'log', domain: [1, rows.length], nice: false, clamp: true },
  };
  const colour = { field: 'curve', type: 'nominal', title: null, legend: { orient: 'top', labelLimit: 400 } };
  const spec = {
    title: {
      text: `Gradients by rank: ${name} at step ${step}${addition}`,
      subtitle: `${queries} dev queries of ${data}; last layer, ${parameters.toLocaleString('en')} parameters; ${positiveRank <= rows.length ? 'dashed: ' : ''}mean rank of the positive ${positiveRank.toFixed(1)}${rows.some(({ hidden }) => Number(hidden) > 0) ? '; green ticks: ranks of hidden positives' : ''}`,
    },
    vconcat: [
      {
        width: 620,
        height: 240,
        transform: [{ filter: "datum.panel === 'curve'" }],
        layer: [
          {
            mark: { type: 'area', opacity: 0.2 },
            encoding: {
              x,
              y: { field: 'low', type: 'quantitative', title: 'share of the maximum', scale: { type: 'log' }, axis: { format: '~g' } },
              y2: { field: 'high' },
              color: colour,
            },
          },
          { mark: { type: 'line', strokeWidth: 2 }, encoding: { x, y: { field: 'value', type: 'quantitative' }, color: colour } },
          {
            transform: [{ filter: "datum.hidden > 0 && datum.curve === 'mean of ‖g‖'" }],
            mark: { type: 'tick', color: '#1a7f37', thickness: 2, size: 14, y: 232 },
            encoding: { x },
          },
          ...(positiveRank <= rows.length
            ? [
                {
                  mark: { type: 'rule', color: '#59636e', strokeDash: [5, 3], strokeWidth: 1.5 },
                  encoding: { x: { datum: positiveRank, type: 'quantitative' } },
                },
              ]
            : []),
        ],
      },
      {
        width: 620,
        height: 180,
        transform: [{ filter: "datum.panel === 'ratio'" }],
        mark: { type: 'line', strokeWidth: 2 },
        encoding: { x, y: { field: 'value', type: 'quantitative', title: 'ratio' }, color: colour },
      },
    ],
    resolve: { scale: { color: 'independent' } },
  };
  return writeFigure(base, spec, [...curves, ...ratios], reporter);
}

/** Mean and variance of the gradient of one drawn negative, by sampler. */
function draws(base: string, { name, data, step, queries, draws: rows }: Shown, reporter: Reporter): Promise<string[]> {
  const y = { field: 'sampler', type: 'nominal', title: null, sort: null, axis: { labelLimit: 260 } };
  const panel = (figure: string, title: string) => ({
    width: 260,
    height: 150,
    encoding: { y },
    layer: [
      {
        mark: { type: 'rule', strokeWidth: 2 },
        encoding: {
          x: { field: `${figure}Low`, type: 'quantitative', title, scale: { type: 'log' }, axis: { format: '~g', tickCount: 5 } },
          x2: { field: `${figure}High` },
        },
      },
      { mark: { type: 'point', filled: true, size: 70 }, encoding: { x: { field: figure, type: 'quantitative' } } },
    ],
  });
  const spec = {
    title: {
      text: `Gradients by sampler: ${name} at step ${step}`,
      subtitle: `one negative drawn for each of ${queries} dev queries of ${data}; bands: 95 % bootstrap over queries`,
    },
    hconcat: [panel('mean', 'mean of ‖g‖'), panel('variance', 'variance of g (tr Cov)')],
  };
  const shown = rows.map((row) => ({ ...row, meanLow: positive(row.meanLow), varianceLow: positive(row.varianceLow) }));
  return writeFigure(base, spec, shown, reporter);
}

/** Of a bootstrap's lower end: a sketched variance of few queries may fall below 0, which a logarithmic axis has no place for. */
const positive = (low: string | number | undefined): number => Math.max(1e-12, Number(low));
