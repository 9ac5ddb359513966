/** The figures of `simans figure`. */
import type { Reporter } from '../core/reporter.js';
import { type Row, writeFigure } from './plot.js';

/** p against rank for some queries, with the positive's rank marked: the paper's Figure 5. */
export function writeDistribution(base: string, rows: readonly Row[], subtitle: string, reporter: Reporter): Promise<string[]> {
  const spec = {
    title: { text: 'How likely each candidate is to be drawn', subtitle },
    facet: { field: 'query', type: 'nominal', columns: 2, header: { title: null, labelFontSize: 12, labelLimit: 330 } },
    columns: 2,
    spacing: 18,
    spec: {
      width: 330,
      height: 170,
      layer: [
        {
          mark: { type: 'area', opacity: 0.25, line: { strokeWidth: 2 } },
          encoding: { x: axis('rank', 'rank in the pool'), y: axis('p', 'p of first draw') },
        },
        {
          mark: { type: 'rule', color: '#bc4c00', strokeWidth: 2, strokeDash: [5, 3] },
          encoding: { x: { aggregate: 'min', field: 'positiveRank', type: 'quantitative' } },
        },
        {
          mark: { type: 'text', color: '#bc4c00', align: 'left', dx: 5, y: 10, fontSize: 11 },
          encoding: { x: { aggregate: 'min', field: 'positiveRank', type: 'quantitative' }, text: { value: 'positive' } },
        },
      ],
    },
    resolve: { scale: { y: 'independent' }, axis: { x: 'independent' } },
  };
  return writeFigure(base, spec, rows, reporter);
}

const axis = (field: string, title: string) => ({ field, type: 'quantitative', title });

/** Histograms of s − s⁺ at each refresh. */
export function writeGaps(base: string, rows: readonly Row[], name: string, reporter: Reporter): Promise<string[]> {
  const kinds = [...new Set(rows.map(({ kind }) => kind))].filter((kind) => kind !== 'candidate');
  const spec = {
    title: {
      text: `${name}: how far candidates score from their positive`,
      subtitle: `right of 0: above the positive, suspected false negatives${kinds.length > 0 ? `; ticks: known ones` : ''}`,
    },
    facet: {
      row: { field: 'refresh', type: 'nominal', sort: null, header: { title: null, labelAngle: 0, labelAlign: 'left', labelFontSize: 12 } },
    },
    spacing: 14,
    spec: {
      width: 560,
      height: 70,
      layer: [
        {
          transform: [{ filter: "datum.kind === 'candidate' || datum.kind === 'hidden positive'" }],
          mark: { type: 'bar', color: '#0969da' },
          encoding: {
            x: { field: 'gap', type: 'quantitative', bin: { maxbins: 60 }, title: 's − s⁺ (logits)' },
            y: { aggregate: 'count', title: 'candidates' },
          },
        },
        {
          transform: [{ filter: "datum.kind !== 'candidate'" }],
          mark: { type: 'tick', thickness: 1.5, size: 10, y: 6, opacity: 1 },
          encoding: {
            x: { field: 'gap', type: 'quantitative' },
            color: {
              field: 'kind',
              type: 'nominal',
              title: null,
              scale: { domain: kinds, range: ['#cf222e', '#8250df', '#1a7f37'] },
              legend: kinds.length > 0 ? { orient: 'top' } : null,
            },
          },
        },
        { mark: { type: 'rule', color: '#bc4c00', strokeWidth: 2 }, encoding: { x: { datum: 0, type: 'quantitative' } } },
      ],
    },
    resolve: { scale: { y: 'independent' } },
  };
  return writeFigure(base, spec, rows, reporter);
}
