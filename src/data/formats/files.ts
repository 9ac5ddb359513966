/** Which files of a folder hold a part of a data set: by the stem of the name, in any form that can be read, whole or in shards. */
import fs from 'node:fs';
import path from 'node:path';
import { badData } from '../source.js';

/** In order of preference; each but Parquet may be gzipped. */
const EXTENSIONS = ['jsonl', 'json', 'tsv', 'csv', 'txt', 'parquet'] as const;
const FORM = new RegExp(`\\.(${EXTENSIONS.join('|')})(\\.gz)?$`);

/** What a file holds, by its name. */
export type Form = 'json' | 'tsv' | 'csv' | 'parquet';

export function formOf(file: string): Form {
  if (/\.qa\.csv(\.gz)?$/.test(file)) return 'tsv'; // DPR's, separated by tabs for all their name
  const extension = FORM.exec(file)?.[1] ?? (/\.(trec|qrels?)(\.gz)?$/.test(file) ? 'txt' : 'jsonl');
  if (extension === 'jsonl' || extension === 'json') return 'json';
  return extension === 'csv' || extension === 'parquet' ? extension : 'tsv';
}

/**
 * The files of the first stem that the folder has: `stem.EXT`, `stem.EXT.gz`, shards `stem-00000-of-00002.EXT`, or a folder `stem/` of such files. A
 * stem may begin with `*`, for names such as nq-train.json. Empty where there is none. Throws a UserError for a missing shard.
 */
export function findFiles(folder: string, stems: readonly string[]): string[] {
  for (const stem of stems) {
    const home = path.join(folder, path.dirname(stem));
    if (!fs.existsSync(home)) continue;
    const names = fs.readdirSync(home).sort();
    const name = path.basename(stem);
    const form = `\\.(${EXTENSIONS.join('|')})(\\.gz)?$`;
    const pattern = new RegExp(`^${name.replace(/[.+?^${}()|[\]\\]/g, '\\$&').replace('*', '.*')}${form}`);
    const shard = new RegExp(`^${name.replace(/[.+?^${}()|[\]\\]/g, '\\$&').replace('*', '.*')}-\\d+(-of-\\d+)?${form}`);
    const whole = names.filter((one) => pattern.test(one)).sort(byPreference);
    if (whole.length > 0) return [path.join(home, whole[0]!)];
    const shards = names.filter((one) => shard.test(one));
    if (shards.length > 0) return allShards(shards, home);
    const inner = path.join(home, name);
    if (names.includes(name) && fs.statSync(inner).isDirectory()) {
      const within = fs.readdirSync(inner).filter((one) => FORM.test(one));
      if (within.length > 0) return allShards(within.sort(), inner);
    }
  }
  return [];
}

/** The paths of these files. Throws a UserError where a name says of how many it is one, and another of them is not there. */
function allShards(names: readonly string[], folder: string): string[] {
  const shards = names.flatMap((name) => {
    const [, stem, number, total, form] = /^(.*-)(\d+)-of-(\d+)(\..*)$/.exec(name) ?? [];
    return total === undefined ? [] : [{ stem, number: number!, total, form }];
  });
  for (const { stem, number, total, form } of shards) {
    const found = new Set(shards.filter((one) => one.stem === stem && one.total === total).map((one) => Number(one.number)));
    const first = found.has(Number(total)) ? 1 : 0; // most count from 0
    const missing = Array.from({ length: Number(total) }, (_, i) => first + i).find((i) => !found.has(i));
    if (missing === undefined) continue;
    const name = `${stem}${String(missing).padStart(number.length, '0')}-of-${total}${form}`;
    throw badData(
      path.join(folder, name),
      'no such file',
      `all ${Number(total)} shards`,
      'copy it there too, or rename those that are whole',
    );
  }
  return names.map((name) => path.join(folder, name));
}

/** Plain before gzipped, then the order of EXTENSIONS. */
function byPreference(a: string, b: string): number {
  const rank = (name: string) => EXTENSIONS.indexOf(FORM.exec(name)![1] as never) + (name.endsWith('.gz') ? 0.5 : 0);
  return rank(a) - rank(b) || (a < b ? -1 : 1);
}
