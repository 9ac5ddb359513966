/** What a job or a stage is bound to, compared with what is asked for now. */
import { UserError } from '../../core/errors.js';

/** Keys that may change between sessions of a job: they do not alter its course. */
const FREE_KEYS = new Set(['jobsFolder', 'train.checkpointEverySteps', 'train.keepCheckpoints']);

/** Keys whose 'auto' is resolved when a job is begun. */
const RESOLVED_KEYS = ['backend', 'train.replicas'];
/** Of a stage, which may have been made on another machine than the job. */
export const FREE_OF_STAGES = new Set([...FREE_KEYS, ...RESOLVED_KEYS]);

/** Settings as they stand in a job file, or some of its sections. */
export type Bound = object & { readonly jobsFolder?: string };

/** The keys that differ, each with both values; 'auto' now stands for what was resolved then, where that is done, and a path in the jobs' folder for the same in a moved one. */
export function changesOf(saved: Bound, wanted: Bound, free: ReadonlySet<string> = FREE_KEYS): string[] {
  const [before, now] = [flatten(saved), flatten(wanted)];
  const isSame = (key: string) => before.get(key) === now.get(key) || unmoved(before.get(key), saved) === unmoved(now.get(key), wanted);
  return [...new Set([...before.keys(), ...now.keys()])]
    .filter((key) => !free.has(key) && !(RESOLVED_KEYS.includes(key) && now.get(key) === '"auto"') && !isSame(key))
    .map((key) => `${key} was ${before.get(key) ?? 'absent'}, now ${now.get(key) ?? 'absent'}`);
}

/** Refuses to go on with what `file` says was begun otherwise. */
export function refuseChanges(changes: readonly string[], file: string): void {
  if (changes.length > 0)
    throw new UserError(
      `cannot resume ${file}: ${changes.join('; ')}. Resume with the same configuration, or start another job with --set name=….`,
    );
}

const unmoved = (value: string | undefined, { jobsFolder }: Bound): string | undefined =>
  jobsFolder === undefined ? value : value?.replaceAll(`"${jobsFolder}/`, '"');

function flatten(value: unknown, prefix = ''): Map<string, string> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return new Map([[prefix, JSON.stringify(value)]]);
  return new Map(Object.entries(value).flatMap(([key, inner]) => [...flatten(inner, prefix ? `${prefix}.${key}` : key)]));
}
