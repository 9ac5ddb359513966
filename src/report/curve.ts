/** The curve of a dev measure against training time, beside BM25, as a small SVG by hand; it follows the reader's light or dark mode. */
import type { Summary } from '../train/folder/summary.js';
import { figure, measureLabel } from './figures.js';

const WIDTH = 640;
const HEIGHT = 320;
/** The plot's borders. */
const LEFT = 56;
const RIGHT = WIDTH - 24;
const TOP = 44;
const BOTTOM = HEIGHT - 48;

const STYLE = `
  .paper { fill: #ffffff } .ink { fill: #1f2328 } .faint { fill: #59636e } .grid { stroke: #d1d9e0 }
  .curve { stroke: #0969da; fill: none; stroke-width: 2.5 } .point { fill: #0969da } .chosen { stroke: #0969da; fill: #ffffff; stroke-width: 2.5 }
  .baseline { stroke: #bc4c00; stroke-width: 2; stroke-dasharray: 6 4 } .baselineText { fill: #bc4c00 }
  @media (prefers-color-scheme: dark) {
    .paper { fill: #0d1117 } .ink { fill: #f0f6fc } .faint { fill: #9198a1 } .grid { stroke: #30363d }
    .curve { stroke: #58a6ff } .point { fill: #58a6ff } .chosen { stroke: #58a6ff; fill: #0d1117 }
    .baseline { stroke: #f0883e } .baselineText { fill: #f0883e }
  }
  text { font: 13px system-ui, sans-serif } .title { font-weight: 600; font-size: 14px }`;

/** The figure of a finished job: eval.selection on dev at every refresh; the ring marks the checkpoint that was tested. */
export function curveSvg(summary: Summary): string {
  const { best, refreshes, bm25, data, name } = summary;
  const measured = refreshes.filter(({ dev }) => best.measure in dev);
  const points = measured.map(({ seconds, step, dev }) => ({ seconds, step, value: dev[best.measure] }));
  const baseline = bm25?.dev[best.measure];
  const xTicks = ticks(Math.max(...points.map(({ seconds }) => seconds)), 6);
  const yTicks = ticks(Math.max(...points.map(({ value }) => value), baseline ?? 0), 5);
  const x = (seconds: number) => round(LEFT + ((RIGHT - LEFT) * seconds) / xTicks.at(-1)!);
  const y = (value: number) => round(BOTTOM - ((BOTTOM - TOP) * value) / yTicks.at(-1)!);
  const label = measureLabel(best.measure);
  const title = `${name}: ${label} on the dev queries of ${data.name}`;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" width="${WIDTH}" height="${HEIGHT}" role="img" aria-label="${escaped(title)}">`,
    `<style>${STYLE}\n</style>`,
    `<rect class="paper" width="${WIDTH}" height="${HEIGHT}"/>`,
    text('title ink', LEFT, 24, 'start', title),
    ...yTicks.map((value) => `<line class="grid" x1="${LEFT}" x2="${RIGHT}" y1="${y(value)}" y2="${y(value)}"/>`),
    ...yTicks.map((value) => text('faint', LEFT - 8, y(value) + 4, 'end', tickText(value))),
    ...xTicks.map((seconds) => text('faint', x(seconds), BOTTOM + 18, 'middle', tickText(seconds))),
    text('faint', RIGHT, BOTTOM + 36, 'end', 'seconds of training and refreshes'),
    ...(baseline === undefined ? [] : baselineMarks(y(baseline), `BM25 ${figure(baseline)}`, points.at(-1)!.value >= baseline)),
    `<polyline class="curve" points="${points.map(({ seconds, value }) => `${x(seconds)},${y(value)}`).join(' ')}"/>`,
    ...points.map(({ seconds, step, value }) => {
      const mark = step === best.step ? 'class="chosen" r="5"' : 'class="point" r="3"';
      return `<circle ${mark} cx="${x(seconds)}" cy="${y(value)}"><title>step ${step}: ${label} ${figure(value)}</title></circle>`;
    }),
    '</svg>\n',
  ].join('\n');
}

/** The label stands at the right, on the side of the line where the curve does not end. */
function baselineMarks(y: number, label: string, curveEndsAbove: boolean): string[] {
  const line = `<line class="baseline" x1="${LEFT}" x2="${RIGHT}" y1="${y}" y2="${y}"/>`;
  return [line, text('baselineText', RIGHT, curveEndsAbove ? y + 16 : y - 6, 'end', label)];
}

function text(style: string, x: number, y: number, anchor: 'start' | 'middle' | 'end', content: string): string {
  return `<text class="${style}" x="${x}" y="${y}" text-anchor="${anchor}">${escaped(content)}</text>`;
}

/** 0 and the multiples of 1, 2 or 5 · 10ⁿ up to the first that is not below `most`; about `wanted` of them. */
export function ticks(most: number, wanted: number): number[] {
  if (most <= 0) return [0, 1];
  const rough = most / wanted;
  const power = 10 ** Math.floor(Math.log10(rough));
  const width = power * [1, 2, 5, 10].find((factor) => factor * power >= rough)!;
  const count = Math.ceil(most / width - 1e-9);
  return Array.from({ length: count + 1 }, (_, i) => Number((i * width).toPrecision(12)));
}

/** Multiples of small widths, as of a measure that hardly left 0, have more than three digits behind the point. */
const tickText = (value: number): string => value.toLocaleString('en', { maximumSignificantDigits: 6 });
const round = (coordinate: number): number => Math.round(coordinate * 10) / 10;
const escaped = (raw: string): string =>
  raw.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');
