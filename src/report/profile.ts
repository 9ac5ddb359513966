/** `simans profile` as people read it: tables, and a flame chart. */
import type { Reporter } from '../core/reporter.js';
import type { Span } from '../core/spans.js';
import { gigabytes, secondsText } from './figures.js';
import { type Row, writeFigure } from './plot.js';
import { table } from './table.js';

interface Shown {
  readonly plan: {
    readonly name: string;
    readonly backend: string;
    readonly replicas: number;
    readonly parameters: number;
  };
  readonly limitGflops: number;
  readonly phases: readonly ShownPhase[];
  readonly memory: Readonly<Record<string, number>>;
  readonly onDevice: boolean;
}

interface ShownPhase {
  readonly name: string;
  readonly booked: string;
  readonly times: number;
  readonly seconds: number;
  readonly gflops?: number;
  readonly ofLimit?: number;
  readonly spans: readonly Span[];
  readonly like?: string;
}

/** Kernels of a phase that are listed: those with this share of it. */
const LISTED_SHARE = 0.01;
/** What a span does itself, beside the spans within it. */
const ITSELF = 'JavaScript between them';

export function profileText({ plan, limitGflops, phases, memory, onDevice }: Shown): string {
  const happening = phases.filter(({ seconds }) => seconds > 0);
  const all = happening.reduce((sum, { seconds }) => sum + seconds, 0);
  const rows = happening.map(({ name, times, seconds, gflops, ofLimit }) => [
    name,
    times.toLocaleString('en'),
    secondsText(seconds),
    percent(seconds / all),
    gflops === undefined ? '' : gflops.toFixed(0),
    ofLimit === undefined ? '' : percent(ofLimit),
  ]);
  const replicas = `${plan.replicas} replica${plan.replicas > 1 ? 's' : ''}`;
  return [
    `${plan.name}: ${plan.parameters.toLocaleString('en')} parameters; ${plan.backend}, ${replicas}; limit: ${limitGflops.toFixed(0)} GFLOP/s a thread, this encoder's products alone`,
    '',
    table(['phase', 'times', 'together', 'share', 'GFLOP/s', 'of the limit'], rows),
    ...happening.filter(({ spans, like }) => spans.length > 0 && like === undefined).map(kernelTable),
    '',
    `memory: ${Object.entries(memory)
      .map(([after, bytes], i) => `${gigabytes(bytes)} ${i === 0 ? '' : 'after '}${after}`)
      .join(', ')}`,
    ...(onDevice
      ? ['Kernels run on a device: their times are those of handing them over, and waiting is booked where the host waits.']
      : []),
  ].join('\n');
}

function kernelTable({ name, seconds, spans }: ShownPhase): string {
  const found = new Map<string, number>();
  for (const span of spans) addLeaves(span, found);
  const listed = [...found].filter(([, own]) => own >= LISTED_SHARE * seconds).sort((a, b) => b[1] - a[1]);
  const rows = listed.map(([kernel, own]) => [kernel, secondsText(own), percent(own / seconds)]);
  const rest = seconds - listed.reduce((sum, [, own]) => sum + own, 0);
  return `\n${table([name, 'together', 'share'], [...rows, ['everything else', secondsText(Math.max(0, rest)), percent(Math.max(0, rest) / seconds)]])}`;
}

/** Seconds by the name of what did the work itself. */
function addLeaves({ name, seconds, children }: Span, found: Map<string, number>): void {
  let own = seconds;
  for (const child of children.values()) {
    own -= child.seconds;
    addLeaves(child, found);
  }
  const key = children.size > 0 ? ITSELF : name;
  found.set(key, (found.get(key) ?? 0) + Math.max(0, own));
}

const percent = (share: number): string => `${(100 * share).toFixed(1)} %`;

const WIDTH = 1100;
const ROW = 22;
const PIXELS_A_LETTER = 6.2;

/** The whole job from left to right, what happens within what from top to bottom; widths are seconds. */
export function writeFlameChart(base: string, { plan, phases }: Shown, reporter: Reporter): Promise<string[]> {
  const rows = flameRows(phases);
  const depth = Math.max(...rows.map((row) => row.depth as number)) + 1;
  const place = {
    x: { field: 'begin', type: 'quantitative', title: 'seconds of the job', axis: { grid: false }, scale: { nice: false } },
    y: { field: 'depth', type: 'ordinal', axis: null },
  };
  const spec = {
    title: {
      text: `${plan.name}: where the time goes`,
      subtitle: `${plan.backend}, ${plan.replicas} replicas; the first one's spans, scaled to the whole job`,
    },
    width: WIDTH,
    height: ROW * depth,
    layer: [
      {
        mark: { type: 'bar', stroke: '#ffffff', strokeWidth: 0.5, opacity: 0.55 },
        encoding: {
          ...place,
          x2: { field: 'end' },
          color: { field: 'phase', type: 'nominal', sort: null, legend: { orient: 'bottom', title: null } },
        },
      },
      {
        mark: { type: 'text', align: 'left', dx: 3, fontSize: 11 },
        encoding: { ...place, text: { field: 'label' } },
      },
    ],
  };
  return writeFigure(base, spec, rows, reporter);
}

/** A row a span: where it begins and ends, how deep it lies. */
function flameRows(phases: readonly ShownPhase[]): Row[] {
  const all = phases.reduce((sum, { seconds }) => sum + seconds, 0);
  const label = (name: string, seconds: number) => {
    const letters = Math.floor(((seconds / all) * WIDTH - 6) / PIXELS_A_LETTER);
    return letters >= name.length ? name : letters > 3 ? `${name.slice(0, letters - 1)}…` : '';
  };
  const rows: Row[] = [];
  const lay = (name: string, seconds: number, begin: number, depth: number, phase: string, children: Iterable<Span>) => {
    rows.push({ phase, depth, begin, end: begin + seconds, name, label: label(name, seconds) });
    let at = begin;
    for (const child of children) {
      lay(child.name, child.seconds, at, depth + 1, phase, child.children.values());
      at += child.seconds;
    }
  };
  let at = 0;
  for (const { name, booked, seconds, spans } of [...phases].sort((a, b) => order(a) - order(b))) {
    if (seconds === 0) continue;
    lay(name, seconds, at, 0, booked, spans);
    at += seconds;
  }
  return rows;
}

const ORDER = ['prepare', 'refresh', 'train', 'evaluate'];
const order = ({ booked }: ShownPhase): number => ORDER.indexOf(booked);
