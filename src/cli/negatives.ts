import type { CommandModule } from 'yargs';
import { wholeNumbers } from './flags.js';

interface NegativesArguments {
  job: string;
  query: string;
  refresh?: number;
  top: number;
  json: boolean;
}

export const negativesVerb: CommandModule<object, NegativesArguments> = {
  command: 'negatives <job>',
  describe: 'Show a query’s pool and what was drawn from it',
  builder: (yargs) =>
    yargs
      .positional('job', { type: 'string', demandOption: true, describe: 'The job’s folder, such as jobs/quickstart' })
      .option('query', { type: 'string', requiresArg: true, demandOption: true, describe: 'Id of a training query' })
      .option('refresh', { type: 'number', requiresArg: true, describe: 'Its number; the last where not given' })
      .option('top', { type: 'number', requiresArg: true, default: 20, describe: 'Candidates shown' })
      .option('json', { type: 'boolean', default: false, describe: 'All of it as JSON' })
      .check(({ top }) => wholeNumbers({ top }))
      .example('simans negatives jobs/mine --query q17', '')
      .example('simans negatives jobs/mine --query q17 --refresh 2 --json', ''),
  handler: async ({ job, query, refresh, top, json }) => {
    const { openJobView } = await import('../analysis/jobView.js');
    const { negativesOf } = await import('../analysis/negatives.js');
    const { negativesText } = await import('../report/negatives.js');
    const { silentReporter } = await import('../core/reporter.js');
    const view = negativesOf(await openJobView(job, silentReporter), query, refresh);
    console.log(json ? JSON.stringify(view, null, 2) : negativesText(view, top, Math.min(160, process.stdout.columns ?? 100)));
  },
};
