/** The figure of `simans lab`: what hidden positives do to each sampler. */
import type { Reporter } from '../core/reporter.js';
import { meanOf } from '../sampling/statistics.js';
import { type Row, writeFigure } from './plot.js';
import { table } from './table.js';

interface Shown {
  readonly data: string;
  readonly sampler: string;
  readonly hidden: number;
  readonly seed: number;
  readonly measure: string;
  readonly test: number;
  readonly drawn: number;
  readonly gradient?: number;
  readonly otherGradient?: number;
}

interface Cell {
  readonly data: string;
  readonly sampler: string;
  readonly hidden: number;
  readonly seeds: readonly Shown[];
}

/** The seeds of each setting together. */
function settings(results: readonly Shown[]): Cell[] {
  const byName = new Map<string, Shown[]>();
  for (const one of results) {
    const name = JSON.stringify([one.data, one.sampler, one.hidden]);
    byName.set(name, [...(byName.get(name) ?? []), one]);
  }
  return [...byName.values()].map((seeds) => ({ data: seeds[0]!.data, sampler: seeds[0]!.sampler, hidden: seeds[0]!.hidden, seeds }));
}

/** A line of each set by sampler and share of hidden positives: means over seeds. */
export function labTable(results: readonly Shown[]): string {
  const measure = [...new Set(results.map((one) => one.measure))].join(' or ');
  const percent = (values: readonly number[]) => `${(100 * meanOf(values)).toFixed(1)} %`;
  const gradient = (values: readonly (number | undefined)[]) => {
    const there = values.filter((value) => value !== undefined);
    return there.length > 0 ? meanOf(there).toPrecision(2) : '';
  };
  return table(
    ['data, sampler', 'hidden', measure, 'drawn hidden', '∂ℓ/∂s of hidden', 'of others'],
    settings(results).map(({ data, sampler, hidden, seeds }) => [
      `${data}, ${sampler}`,
      percent([hidden]),
      meanOf(seeds.map(({ test }) => test)).toFixed(4),
      percent(seeds.map(({ drawn }) => drawn)),
      gradient(seeds.map((one) => one.gradient)),
      gradient(seeds.map((one) => one.otherGradient)),
    ]),
  );
}

/** Of points of one share, and at the ends of the axis; in percent. */
const APART = 0.5;
const MARGIN = 2;

/** Three panels a set, against the share of hidden positives: the measure on test, the share of draws that are hidden, and the gradient of those. */
export function writeLab(base: string, results: readonly Shown[], reporter: Reporter): Promise<string[]> {
  const seeds = new Set(results.map(({ seed }) => seed)).size;
  const sets = new Map(results.map(({ data, measure }) => [data, measure]));
  const largest = 100 * Math.max(...results.map(({ hidden }) => hidden));
  const rows = settings(results).flatMap(({ data, sampler, hidden, seeds: runs }) => [
    row(
      { data, sampler, hidden, panel: 'test' },
      runs.map(({ test }) => test),
    ),
    row(
      { data, sampler, hidden, panel: 'drawn' },
      runs.map(({ drawn }) => 100 * drawn),
    ),
    ...(runs.every(({ gradient }) => gradient !== undefined)
      ? [
          row(
            { data, sampler, hidden, panel: 'gradient' },
            runs.map(({ gradient }) => gradient!),
          ),
        ]
      : []),
  ]);
  // Side by side, so that bars do not cover each other.
  const names = [...new Set(rows.map(({ sampler }) => sampler))];
  const placed = rows.map((one) => ({ ...one, at: Number(one.at) + (names.indexOf(one.sampler!) - (names.length - 1) / 2) * APART }));
  const panel = (data: string, name: string, title: string, zero: boolean) => {
    const shown = rows.filter((one) => one.panel === name && one.data === data);
    const domain = [zero ? 0 : Math.min(...shown.map(({ low }) => Number(low))), Math.max(...shown.map(({ high }) => Number(high)))];
    return {
      width: 250,
      height: 210,
      transform: [{ filter: `datum.panel === '${name}' && datum.data === ${JSON.stringify(data)}` }],
      encoding: {
        x: {
          field: 'at',
          type: 'quantitative',
          title: 'hidden positives (%)',
          scale: { domain: [-MARGIN, largest + MARGIN], nice: false },
        },
        color: { field: 'sampler', type: 'nominal', title: null, sort: null, legend: { orient: 'top', columns: 3, labelLimit: 300 } },
      },
      layer: [
        {
          mark: { type: 'line', strokeWidth: 2, point: true },
          encoding: { y: { field: 'value', type: 'quantitative', title, scale: { domain, nice: !zero } } },
        },
        { mark: { type: 'rule', strokeWidth: 1 }, encoding: { y: { field: 'low', type: 'quantitative' }, y2: { field: 'high' } } },
      ],
    };
  };
  const spec = {
    title: {
      text: 'What unjudged right passages do to each sampler',
      subtitle: `means of ${seeds} seeds; bars: the lowest to the highest`,
    },
    vconcat: [...sets].map(([data, measure]) => ({
      title: { text: data, fontSize: 13 },
      hconcat: [
        panel(data, 'test', `${measure} on test`, false),
        panel(data, 'drawn', 'hidden among the drawn (%)', true),
        panel(data, 'gradient', '∂ℓ/∂s of a hidden one', true),
      ],
    })),
  };
  return writeFigure(base, spec, placed, reporter);
}

function row(of: { data: string; sampler: string; hidden: number; panel: string }, values: readonly number[]): Row {
  return {
    ...of,
    hidden: 100 * of.hidden,
    at: 100 * of.hidden,
    value: meanOf(values),
    low: Math.min(...values),
    high: Math.max(...values),
  };
}
