/** `simans plan` as people read it. */
import { table } from './table.js';

interface Shown {
  readonly name: string;
  readonly backend: string;
  readonly replicas: number;
  readonly passages: number;
  readonly parameters: number;
  readonly phases: readonly { readonly name: string; readonly booked: string; readonly times: number; readonly secondsEach: number }[];
  readonly seconds: number;
  readonly leftOut: readonly string[];
  readonly memory: Readonly<Record<string, number>>;
  readonly disk: Readonly<Record<string, number>>;
  readonly available: { readonly memory: number; readonly disk: number };
}

function planText({ name, backend, replicas, passages, parameters, phases, seconds, leftOut, memory, disk, available }: Shown): string {
  const happening = phases.filter(({ times, secondsEach }) => times > 0 && secondsEach > 0);
  const sizes = (of: Readonly<Record<string, number>>) => Object.entries(of).map(([what, bytes]) => [what, size(bytes)]);
  return [
    `${name}: ${passages.toLocaleString('en')} passages, ${parameters.toLocaleString('en')} parameters; ${backend}, ${replicas} replica${replicas > 1 ? 's' : ''}`,
    '',
    table(
      ['phase', 'times', 'each', 'together'],
      [
        ...happening.map(({ name: phase, times, secondsEach }) => [
          phase,
          times.toLocaleString('en'),
          duration(secondsEach),
          duration(times * secondsEach),
        ]),
        ['all', '', '', duration(seconds)],
      ],
    ),
    ...(leftOut.length > 0 ? [`left out: ${leftOut.join('; ')}`] : []),
    '',
    table(['memory', 'at most'], [...sizes(memory), ['all', size(total(memory))]]),
    '',
    table(['disk', ''], [...sizes(disk), ['all', size(total(disk))]]),
    '',
    fits('memory', memory, available.memory),
    fits('disk', disk, available.disk),
  ].join('\n');
}

/** What a finished job says of itself, as far as a plan speaks of it. */
interface Done {
  readonly seconds: Readonly<Record<string, number>>;
  readonly peakMemoryBytes: number;
  /** Keys with both values. */
  readonly differences: readonly string[];
}

/** The plan beside a finished job; where that was of another configuration, its keys that differ. */
export function comparisonText({ phases, memory }: Shown, { seconds, peakMemoryBytes, differences }: Done): string {
  const planned = (booked: string) => phases.reduce((sum, one) => sum + (one.booked === booked ? one.times * one.secondsEach : 0), 0);
  const row = (name: string, predicted: number, measured: number, shown: (value: number) => string) => [
    name,
    shown(predicted),
    shown(measured),
    (measured / predicted).toFixed(2),
  ];
  const timed = { train: seconds.train ?? 0, refresh: (seconds.refresh ?? 0) + (seconds.wait ?? 0), evaluate: seconds.evaluate ?? 0 };
  const booked = Object.entries(timed).map(([name, measured]) => [name, planned(name), measured] as const);
  const sum = (column: 1 | 2) => booked.reduce((all, one) => all + one[column], 0);
  const measured = table(
    ['', 'predicted', 'measured', 'ratio'],
    [
      ...booked.filter(([, predicted]) => predicted > 0).map((one) => row(...one, duration)),
      row('all three', sum(1), sum(2), duration),
      row('memory', total(memory), peakMemoryBytes, size),
    ],
  );
  if (differences.length === 0) return measured;
  return `warning: measured was a job of another configuration, the ratios do not judge the plan: ${differences.join('; ')}\n\n${measured}`;
}

/** Passages whose encoding is projected. */
const CORPUS = 10e6;

/** How long a corpus beyond the job's own takes, by what encodes it. */
export function encodingText({ tokens, rates }: { readonly tokens: number; readonly rates: readonly ShownRate[] }): string {
  const rows = rates.map(({ provider, threads, rate, whyNot }) =>
    rate === undefined
      ? [provider, '', '', '', whyNot ?? '']
      : [provider, String(threads), rate < 10 ? rate.toPrecision(2) : Math.round(rate).toLocaleString('en'), duration(CORPUS / rate), ''],
  );
  return `encoding ${CORPUS.toLocaleString('en')} passages of ${tokens} tokens on this machine, projected from seconds:\n\n${table(
    ['provider', 'threads', 'passages/s', 'together', ''],
    rows,
  )}`;
}

interface ShownRate {
  readonly provider: string;
  readonly threads: number;
  readonly rate?: number;
  readonly whyNot?: string;
}

const total = (of: Readonly<Record<string, number>>): number => Object.values(of).reduce((sum, bytes) => sum + bytes, 0);

/** Whether memory and disk are there for every stage. */
export const stagesFit = (stages: readonly ShownStage[]): boolean =>
  stages.every(
    ({ plan, ranker }) =>
      !plan || (total(plan.memory) + (ranker?.bytes ?? 0) <= plan.available.memory && total(plan.disk) <= plan.available.disk),
  );

function fits(what: string, parts: Readonly<Record<string, number>>, there: number): string {
  const wanted = total(parts);
  if (wanted <= there) return `${what}: ${size(wanted)} fit into the ${size(there)} that are free`;
  const [largest, bytes] = Object.entries(parts).reduce((most, part) => (part[1] > most[1] ? part : most));
  return `${what}: ${size(wanted)} do not fit into the ${size(there)} that are free; most of it: ${largest}, ${size(bytes)}`;
}

const size = (bytes: number): string =>
  bytes < 1e6 ? `${Math.ceil(bytes / 1e3)} kB` : bytes < 1e9 ? `${(bytes / 1e6).toFixed(0)} MB` : `${(bytes / 1e9).toFixed(2)} GB`;

function duration(seconds: number): string {
  if (seconds < 1) return `${Math.max(1, Math.round(1000 * seconds))} ms`;
  if (seconds < 120) return `${seconds.toFixed(1)} s`;
  return seconds < 7200 ? `${(seconds / 60).toFixed(1)} min` : `${(seconds / 3600).toFixed(1)} h`;
}

interface ShownStage {
  readonly does: string;
  readonly folder: string;
  readonly done: boolean;
  readonly plan?: Shown;
  readonly ranker?: {
    readonly steps: number;
    readonly secondsEach: number;
    readonly scoring: { readonly times: number; readonly secondsEach: number };
    readonly bytes: number;
  };
}

/** A job's stages, each with its plan. */
export function stagesText(stages: readonly ShownStage[]): string {
  const seconds = stages.map(({ plan, ranker }) => (plan?.seconds ?? 0) + (ranker ? rankerSeconds(ranker) : 0));
  const parts = stages.map(({ does, folder, done, plan, ranker }, i) =>
    [
      ...(stages.length > 1 ? [`stage ${i + 1} of ${stages.length}: ${does}, in ${folder}${done ? ' (done)' : ''}`] : []),
      ...(plan ? [planText(plan)] : []),
      ...(ranker ? [rankerText(ranker)] : []),
    ].join('\n'),
  );
  if (stages.length > 1) parts.push(`all stages: ${duration(seconds.reduce((sum, each) => sum + each, 0))}`);
  return parts.join('\n\n');
}

const rankerSeconds = ({ steps, secondsEach, scoring }: NonNullable<ShownStage['ranker']>): number =>
  steps * secondsEach + scoring.times * scoring.secondsEach;

function rankerText(ranker: NonNullable<ShownStage['ranker']>): string {
  const { steps, secondsEach, scoring, bytes } = ranker;
  const scored =
    scoring.times > 0
      ? `, and scores the passages of ${scoring.times.toLocaleString('en')} steps, ${duration(scoring.secondsEach)} each`
      : '';
  return `ranker: ${steps.toLocaleString('en')} steps, ${duration(secondsEach)} each${scored}; together ${duration(rankerSeconds(ranker))}; memory ${size(bytes)} more`;
}
