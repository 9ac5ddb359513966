/** What two job folders must have in common, and what a resumed one must not touch. */
import fs from 'node:fs';
import path from 'node:path';
import { expect } from 'vitest';

/** Everything that a job's course decides, byte for byte: the log, the checkpoints kept, pools, runs and the exported model. */
export function expectSameJob(job: string, reference: string): void {
  const files = fs
    .readdirSync(reference, { recursive: true, encoding: 'utf8' })
    .filter((name) => /log\.jsonl$|\.safetensors$|\.trec$|\.tsv$|refresh\.json$|tokenizer\.json$/.test(name))
    .sort();
  expect(files.some((name) => /^model\/((query|passage)\/)?model\.safetensors$/.test(name))).toBe(true);
  expect(files.filter((name) => name.startsWith('checkpoints')).length).toBeGreaterThanOrEqual(2);
  const checkpoints = (place: string) => fs.readdirSync(path.join(place, 'checkpoints')).sort();
  expect(checkpoints(job)).toEqual(checkpoints(reference));
  const differing = files.filter((name) => {
    const copy = path.join(job, name);
    return !fs.existsSync(copy) || content(copy) !== content(path.join(reference, name));
  });
  expect(differing).toEqual([]);
}

/** A file's bytes as text, less the seconds that a refresh remembers. */
function content(file: string): string {
  const bytes = fs.readFileSync(file).toString('latin1');
  return path.basename(file) === 'refresh.json' ? bytes.replace(/"seconds": [\d.e-]+/, '') : bytes;
}

/** When the files of each complete refresh were written. */
export function finishedRefreshes(job: string): Record<string, number[]> {
  const complete = fs.readdirSync(job).filter((name) => /^refresh-\d+$/.test(name) && fs.existsSync(path.join(job, name, 'refresh.json')));
  const times = (name: string) =>
    fs
      .readdirSync(path.join(job, name))
      .sort()
      .map((inner) => fs.statSync(path.join(job, name, inner)).mtimeMs);
  return Object.fromEntries(complete.map((name) => [name, times(name)]));
}
