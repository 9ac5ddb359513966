import type { CommandModule } from 'yargs';

interface MineArguments {
  job: string;
  to: string;
  format: string;
  set: string[];
  vectors?: string;
}

/** Those that have a place for negatives. */
const FORMATS = ['dpr', 'tevatron', 'pairs', 'msmarco-passage'];

export const mineVerb: CommandModule<object, MineArguments> = {
  command: 'mine <job>',
  describe: 'Write hard negatives for other trainers',
  builder: (yargs) =>
    yargs
      .positional('job', { type: 'string', demandOption: true, describe: 'The folder of a finished job' })
      .option('to', { type: 'string', requiresArg: true, demandOption: true, describe: 'The new folder' })
      .option('format', { type: 'string', requiresArg: true, default: 'tevatron', describe: 'or dpr, pairs, msmarco-passage' })
      .option('set', { type: 'string', array: true, requiresArg: true, default: [], describe: 'Set a key of the job (key=value)' })
      .option('vectors', { type: 'string', requiresArg: true, describe: 'Of the corpus, by simans encode' })
      .check(({ format }) => FORMATS.includes(format) || `--format is ${format}; expected one of ${FORMATS.join(', ')}`)
      .example('simans mine jobs/quickstart --to mined', '')
      .example('simans mine jobs/x --to mined --format dpr --set sampler.negatives=30', '')
      .example("simans mine jobs/x --to mined --set 'sampler={kind: topk, pool: 50}'", '')
      .example('simans mine jobs/x --to mined --vectors vectors/passages', '')
      .epilogue('By the job’s sampler and filters; pairs are for sentence-transformers.'),
  handler: async ({ job, to, format, set, vectors }) => {
    const { mineJob } = await import('../analysis/mine.js');
    const { createTerminalReporter } = await import('../report/terminal.js');
    await mineJob(job, { sets: set, to, format, vectors, reporter: createTerminalReporter() });
  },
};
