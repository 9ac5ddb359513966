import path from 'node:path';
import type { CommandModule } from 'yargs';
import { wholeNumbers } from './flags.js';

interface PilotArguments {
  job: string;
  step?: number;
  queries: number;
  ranks: number;
  seed: number;
  to?: string;
}

export const pilotVerb: CommandModule<object, PilotArguments> = {
  command: 'pilot <job>',
  describe: 'Measure the gradients of negatives by rank',
  builder: (yargs) =>
    yargs
      .positional('job', { type: 'string', demandOption: true, describe: 'The folder of a finished job' })
      .option('step', { type: 'number', requiresArg: true, describe: 'Of the checkpoint; the last where not given' })
      .option('queries', { type: 'number', requiresArg: true, default: 100, describe: 'Dev queries' })
      .option('ranks', { type: 'number', requiresArg: true, default: 200, describe: 'Ranks looked at' })
      .option('seed', { type: 'number', requiresArg: true, default: 42, describe: 'Of the choice of queries' })
      .option('to', { type: 'string', requiresArg: true, describe: 'Folder; JOB/figures where not given' })
      .check(({ queries, ranks }) => wholeNumbers({ queries, ranks }))
      .example('simans pilot jobs/quickstart', '')
      .example('simans pilot jobs/quickstart --step 90 --queries 50 --to early', '')
      .epilogue('The experiment of the paper’s §3; what is computed: docs/samplers.md.'),
  handler: async ({ job, step, queries, ranks, seed, to }) => {
    const { pilotJob } = await import('../analysis/pilotJob.js');
    const { pilotText } = await import('../report/pilot.js');
    const { writePilot } = await import('../report/pilotFigure.js');
    const { createTerminalReporter } = await import('../report/terminal.js');
    const reporter = createTerminalReporter();
    const found = await pilotJob(job, { step, queries, ranks, seed, reporter });
    const folder = to ?? path.join(job, 'figures');
    const { writeJson } = await import('../core/files.js');
    writeJson(path.join(folder, 'pilot.json'), found);
    const files = await writePilot(path.join(folder, 'pilot'), found, reporter);
    reporter.line(pilotText(found, ranks));
    console.log([...files, path.join(folder, 'pilot.json')].join('\n'));
  },
};
