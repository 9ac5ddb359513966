import type { CommandModule } from 'yargs';
import { LEAST_PAIR_TOKENS } from '../config/limits.js';
import { wholeNumbers } from './flags.js';

interface RerankArguments {
  model: string;
  run: string;
  data: string;
  format: string;
  split: string;
  to: string;
  depth: number;
  maxTokens: number;
}

export const rerankVerb: CommandModule<object, RerankArguments> = {
  command: 'rerank <model> <run>',
  describe: 'Rank a run anew with a cross-encoder',
  builder: (yargs) =>
    yargs
      .positional('model', { type: 'string', demandOption: true, describe: 'The cross-encoder: job, folder or hub id' })
      .positional('run', { type: 'string', demandOption: true, describe: 'A run file, or bm25' })
      .option('data', { type: 'string', requiresArg: true, demandOption: true, describe: 'Folder of the data set' })
      .option('format', { type: 'string', requiresArg: true, default: 'auto', describe: 'Its format' })
      .option('split', { type: 'string', requiresArg: true, default: 'test', describe: 'For bm25: train, dev or test' })
      .option('to', { type: 'string', requiresArg: true, demandOption: true, describe: 'The new run file' })
      .option('depth', { type: 'number', requiresArg: true, default: 100, describe: 'Passages of each query' })
      .option('maxTokens', { type: 'number', requiresArg: true, default: 512, describe: 'Longest pair' })
      .check(({ depth, maxTokens, split }) => {
        const whole = wholeNumbers({ depth, maxTokens });
        if (whole !== true) return whole;
        if (maxTokens < LEAST_PAIR_TOKENS) return `--maxTokens is ${maxTokens}; expected at least ${LEAST_PAIR_TOKENS}`;
        return ['train', 'dev', 'test'].includes(split) || `--split is ${split}; expected train, dev or test`;
      })
      .example('simans rerank org/name run.trec --data data/mine --to new.trec', '')
      .example('simans rerank my-ranker bm25 --data data/mine --to new.trec', ''),
  handler: async ({ model, run: what, data, format, split, to, depth, maxTokens }) => {
    const { rerankFile } = await import('../analysis/rerank.js');
    const { createTerminalReporter } = await import('../report/terminal.js');
    await rerankFile({ model, what, data, format, split: split as 'test', to, depth, maxTokens, reporter: createTerminalReporter() });
    console.log(`${to}: written. Compare with: simans eval ${what} ${to} --data ${data}`);
  },
};
