import path from 'node:path';
import type { CommandModule } from 'yargs';
import { wholeNumbers } from './flags.js';

interface FigureArguments {
  job: string;
  a?: number;
  b?: number;
  kernel?: string;
  queries: number;
  ranks: number;
  refresh?: number;
  seed: number;
  to?: string;
}

export const figureVerb: CommandModule<object, FigureArguments> = {
  command: 'figure <job>',
  describe: 'Draw how a job samples its negatives',
  builder: (yargs) =>
    yargs
      .positional('job', { type: 'string', demandOption: true, describe: 'The job’s folder, such as jobs/quickstart' })
      .option('a', { type: 'number', requiresArg: true, describe: 'Another a than the job’s' })
      .option('b', { type: 'number', requiresArg: true, describe: 'Another b than the job’s' })
      .option('kernel', { type: 'string', requiresArg: true, describe: 'Another kernel, such as absolute' })
      .option('queries', { type: 'number', requiresArg: true, default: 4, describe: 'Random training queries' })
      .option('ranks', { type: 'number', requiresArg: true, default: 100, describe: 'Ranks shown' })
      .option('refresh', { type: 'number', requiresArg: true, describe: 'Its number; the last where not given' })
      .option('seed', { type: 'number', requiresArg: true, default: 42, describe: 'Of the choice of queries' })
      .option('to', { type: 'string', requiresArg: true, describe: 'Folder; JOB/figures where not given' })
      .check(({ queries, ranks }) => wholeNumbers({ queries, ranks }))
      .example('simans figure jobs/quickstart', '')
      .example('simans figure jobs/quickstart --a 2 --b -1 --to sharper', ''),
  handler: async ({ job, a, b, kernel, queries, ranks, refresh, seed, to }) => {
    const { openJobView } = await import('../analysis/jobView.js');
    const { gapsByRefresh, rankDistribution } = await import('../analysis/distribution.js');
    const { writeDistribution, writeGaps } = await import('../report/samplingFigures.js');
    const { createTerminalReporter } = await import('../report/terminal.js');
    const reporter = createTerminalReporter();
    const view = await openJobView(job, reporter);
    const given = Object.fromEntries(Object.entries({ a, b, kernel }).filter(([, value]) => value !== undefined));
    const density = Object.keys(given).length > 0 ? given : undefined;
    const rows = rankDistribution(view, { count: queries, ranks, density, refresh, seed });
    const { sampler } = view.config;
    const shown = { ...('a' in sampler && { a: sampler.a, b: sampler.b, kernel: sampler.kernel }), ...given };
    const subtitle = `${view.config.name}: ${Object.entries(shown)
      .map(([name, value]) => `${name} ${value}`)
      .join(', ')}; dashed: the positive’s rank`;
    const folder = to ?? path.join(job, 'figures');
    const files = [
      ...(await writeDistribution(path.join(folder, 'sampling'), rows, subtitle, reporter)),
      ...(await writeGaps(path.join(folder, 'pools'), gapsByRefresh(view, 200), view.config.name, reporter)),
    ];
    console.log(files.join('\n'));
  },
};
