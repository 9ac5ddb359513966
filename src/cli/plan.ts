import type { CommandModule } from 'yargs';
import type { RunConfig } from '../config/schema.js';
import { UserError } from '../core/errors.js';

interface PlanArguments {
  config: string;
  set: string[];
  json: boolean;
  providers: boolean;
  job?: string;
}

export const planVerb: CommandModule<object, PlanArguments> = {
  command: 'plan <config>',
  describe: 'Say what time, memory and disk a job will take',
  builder: (yargs) =>
    yargs
      .positional('config', { type: 'string', demandOption: true, describe: 'The job file (YAML)' })
      .option('set', { type: 'string', array: true, requiresArg: true, default: [], describe: 'Set a key (key=value); may be repeated' })
      .option('job', { type: 'string', requiresArg: true, describe: 'A finished job to compare with' })
      .option('providers', { type: 'boolean', default: false, describe: 'Also encoding 10 M, by provider' })
      .option('json', { type: 'boolean', default: false, describe: 'The plan as JSON' })
      .example('simans plan configs/quickstart.yaml', '')
      .example('simans plan my.yaml --set encoder.init.layers=6', '')
      .example('simans plan jobs/x/config.yaml --job jobs/x', '')
      .example('simans plan my.yaml --providers', '')
      .epilogue('Calibrated on a sample of the job’s data; exits with 1 where it will not fit.'),
  handler: async ({ config: file, set, json, providers, job }) => {
    const { loadConfig } = await import('../config/load.js');
    const config = loadConfig(file, set);
    const done = job === undefined ? undefined : await finished(job, config);
    const { planRecipe } = await import('../analysis/planRecipe.js');
    const { silentReporter } = await import('../core/reporter.js');
    const { createTerminalReporter } = await import('../report/terminal.js');
    const reporter = json ? silentReporter : createTerminalReporter();
    const stages = await planRecipe(config, reporter);
    const own = stages.at(-1)!.plan!;
    const encoding = providers ? await (await import('../analysis/encodingRates.js')).encodingRates(own.encoder, reporter) : undefined;
    const { comparisonText, encodingText, stagesFit, stagesText } = await import('../report/plan.js');
    console.log(
      json
        ? JSON.stringify(
            { ...own, ...(stages.length > 1 && { stages }), ...(encoding && { encoding }), ...(done && { job: done }) },
            null,
            2,
          )
        : `\n${stagesText(stages)}`,
    );
    if (encoding && !json) console.log(`\n${encodingText(encoding)}`);
    if (done && !json) console.log(`\n${comparisonText(own, done)}`);
    if (!stagesFit(stages)) process.exitCode = 1;
  },
};

/** What a finished job says of its seconds and its memory, and where its configuration is another than the planned one. */
async function finished(job: string, config: RunConfig) {
  const { readSummary } = await import('../train/folder/summary.js');
  const { configChanges } = await import('../train/folder/jobFolder.js');
  const summary = readSummary(job);
  if (!summary) throw new UserError(`${job}: found no summary.json; expected the folder of a finished job, such as jobs/quickstart.`);
  const { seconds, peakMemoryBytes } = summary;
  return { seconds, peakMemoryBytes, differences: configChanges(job, config) };
}
