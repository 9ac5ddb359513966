/** Figures by vega-lite: SVG, PNG where its renderer is installed, and the numbers beside them as CSV. */
import { createRequire } from 'node:module';
import { messageOf } from '../core/errors.js';
import { writeFileAtomic } from '../core/files.js';
import type { Reporter } from '../core/reporter.js';

/** A row of a figure's numbers. */
export type Row = Readonly<Record<string, string | number>>;

/** Sizes and colours that all figures share; readable in print and on a screen. */
const CONFIG = {
  background: '#ffffff',
  font: 'Helvetica, Arial, sans-serif',
  axis: { labelFontSize: 12, titleFontSize: 13, grid: true, gridColor: '#e4e8ec' },
  legend: { labelFontSize: 12, titleFontSize: 12 },
  title: { fontSize: 14, anchor: 'start' as const, subtitleFontSize: 12, subtitleColor: '#59636e' },
  range: { category: ['#0969da', '#bc4c00', '#1a7f37', '#8250df', '#9a6700', '#cf222e'] },
};

/** Writes `base`.svg, .png and .csv of a vega-lite specification without data. */
export async function writeFigure(base: string, spec: object, rows: readonly Row[], reporter: Reporter): Promise<string[]> {
  const [vega, { compile }] = await Promise.all([import('vega'), import('vega-lite')]);
  const compiled = compile({
    $schema: 'https://vega.github.io/schema/vega-lite/v6.json',
    config: CONFIG,
    ...spec,
    data: { values: [...rows] },
  } as never).spec;
  const view = new vega.View(vega.parse(compiled), { renderer: 'none' });
  const svg = await view.toSVG();
  view.finalize();
  writeFileAtomic(`${base}.svg`, svg);
  writeFileAtomic(`${base}.csv`, csv(rows));
  const png = rendered(svg, reporter);
  if (png) writeFileAtomic(`${base}.png`, png);
  return [`${base}.svg`, ...(png ? [`${base}.png`] : []), `${base}.csv`];
}

function rendered(svg: string, reporter: Reporter): Uint8Array | undefined {
  try {
    const { Resvg } = createRequire(import.meta.url)('@resvg/resvg-js') as typeof import('@resvg/resvg-js');
    return new Resvg(svg, { fitTo: { mode: 'zoom', value: 2 } }).render().asPng();
  } catch (error) {
    reporter.line(`no PNG is made: @resvg/resvg-js cannot be loaded (${messageOf(error)}); install it with: npm i @resvg/resvg-js`);
    return undefined;
  }
}

function csv(rows: readonly Row[]): string {
  const columns = Object.keys(rows[0] ?? {});
  const cell = (value: string | number | undefined): string => {
    const text = String(value ?? '');
    return /[",\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  };
  return `${[columns.join(','), ...rows.map((row) => columns.map((column) => cell(row[column])).join(','))].join('\n')}\n`;
}
