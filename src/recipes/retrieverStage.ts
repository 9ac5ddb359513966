/** A stage that trains a retriever: a job like any other, in a folder of its job's. */
import fs from 'node:fs';
import path from 'node:path';
import type { RunConfig } from '../config/schema.js';
import { type StageSettings, stageConfig, stageFolder } from '../config/stages.js';
import { bindInherited } from '../train/folder/inherited.js';
import { requireSameJob } from '../train/folder/jobFolder.js';
import { readSummary } from '../train/folder/summary.js';
import { isTrained } from '../train/folder/untrained.js';
import { type JobParts, trainJob } from '../train/job.js';
import type { Stage } from './recipe.js';

/** `settings` are its own, over the job's; absent, the job's alone. */
export function retrieverStage(
  config: RunConfig,
  name: string,
  does: string,
  settings: StageSettings | undefined,
  parts: JobParts & Pick<Required<JobParts>, 'stage'> = { stage: {} },
): Stage & { readonly model: string } {
  const checked = stageConfig(config, name, settings);
  if ('problems' in checked) throw new Error(`internal: stage ${name}: ${checked.problems.map(({ text }) => text).join('; ')}`); // refused when the file was loaded
  const folder = stageFolder(config, name);
  // What has no key of its own has the job's settings.
  const needed = ['model', ...(parts.stage.searched ? ['index'] : [])];
  const stage = { ...parts.stage, ...(name in config.recipe && { keys: `recipe.${name}` }) };
  return {
    name,
    does,
    steps: checked.config.train.steps,
    config: checked.config,
    model: path.join(folder, 'model'),
    done: () => readSummary(folder) !== undefined && needed.every((part) => fs.existsSync(path.join(folder, part))),
    requireSame: (reporter) => {
      requireSameJob(checked.config, { resume: true, reporter, later: config });
      if (isTrained(folder)) bindInherited(folder, parts);
    },
    run: async (options) => (await trainJob(checked.config, { ...options, resume: true }, { ...parts, stage })) !== undefined,
  };
}
