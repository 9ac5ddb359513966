/** Folders of jobs and stages in which nothing was trained yet: what they are bound to may be replaced, for no step is of it. */
import fs from 'node:fs';
import path from 'node:path';
import type { Reporter } from '../../core/reporter.js';
import { checkpointSteps } from './checkpoint.js';
import { summaryFile } from './summary.js';

/** Whether there is anything in it that took training or labelling: a checkpoint, or what is made behind the last one. */
export const isTrained = (folder: string): boolean =>
  checkpointSteps(folder).length > 0 ||
  [summaryFile(folder), path.join(folder, 'model'), path.join(folder, 'blocks')].some((place) => fs.existsSync(place));

/** Whether a first refresh is under way, or was: a corpus may take hours, and another command may be at it. */
export const isUnderWay = (folder: string): boolean => fs.readdirSync(folder).some((name) => /^refresh-\d+$/.test(name));

/** What a command leaves in a folder before its first checkpoint, of this configuration and these data. */
const OF_THE_START = /^(config\.yaml|(data|recipe|weights|inputs|settings)\.json|(log|metrics)\.jsonl|tokenizer|checkpoints|refresh-\d+)$/;

/** Removes what an earlier command left there, but for what is named; says so. */
export function beginAnew(folder: string, changed: string, reporter: Reporter, kept: readonly string[] = []): void {
  for (const name of fs.readdirSync(folder))
    if (OF_THE_START.test(name) && !kept.includes(name)) fs.rmSync(path.join(folder, name), { recursive: true });
  reporter.line(`${folder}: begun anew, for its ${changed} changed and nothing was trained in it yet`);
}
