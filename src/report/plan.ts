/** `simans plan` as people read it. */
import { table } from './table.js';

interface Shown {
  readonly name: string;
  readonly backend: string;
  readonly replicas: number;
  readonly passages: number;
  readonly parameters: number;
  readonly phases: readonly { readonly name: string; readonly times: number; readonly secondsEach: number }[];
  readonly seconds: number;
  readonly memory: Readonly<Record<string, number>>;
  readonly disk: Readonly<Record<string, number>>;
  readonly available: { readonly memory: number; readonly disk: number };
}

export function planText({ name, backend, replicas, passages, parameters, phases, seconds, memory, disk, available }: Shown): string {
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
    '',
    table(['memory', 'at most'], [...sizes(memory), ['all', size(total(memory))]]),
    '',
    table(['disk', ''], [...sizes(disk), ['all', size(total(disk))]]),
    '',
    ...fits('memory', total(memory), available.memory),
    ...fits('disk', total(disk), available.disk),
  ].join('\n');
}

const total = (of: Readonly<Record<string, number>>): number => Object.values(of).reduce((sum, bytes) => sum + bytes, 0);

/** Whether memory and disk are there for every stage. */
export const stagesFit = (stages: readonly ShownStage[]): boolean =>
  stages.every(
    ({ plan, ranker }) =>
      !plan || (total(plan.memory) + (ranker?.bytes ?? 0) <= plan.available.memory && total(plan.disk) <= plan.available.disk),
  );

function fits(what: string, wanted: number, there: number): string[] {
  return [
    wanted <= there
      ? `${what}: ${size(wanted)} fit into the ${size(there)} that are free`
      : `${what}: ${size(wanted)} do not fit into the ${size(there)} that are free`,
  ];
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
