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

/** Whether memory and disk are there. */
export const fitsHere = ({ memory, disk, available }: Pick<Shown, 'memory' | 'disk' | 'available'>): boolean =>
  total(memory) <= available.memory && total(disk) <= available.disk;

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
