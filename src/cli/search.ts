import readline from 'node:readline';
import type { CommandModule } from 'yargs';
import { wholeNumbers } from './flags.js';

interface SearchArguments {
  job: string;
  query: string[];
  top: number;
  json: boolean;
  queries?: string;
  run?: string;
  /** What follows `--`: a query may begin with a dash. */
  '--'?: string[];
}

export const searchVerb: CommandModule<object, SearchArguments> = {
  command: 'search <job> [query..]',
  describe: 'Search the corpus of a trained job',
  builder: (yargs) =>
    yargs
      .positional('job', { type: 'string', demandOption: true, describe: 'The job’s folder, such as jobs/quickstart' })
      .positional('query', { type: 'string', array: true, default: [], describe: 'The query; if none, lines are read' })
      .option('top', { type: 'number', requiresArg: true, default: 10, describe: 'Passages shown for a query' })
      .option('json', { type: 'boolean', default: false, describe: 'A line of JSON for each query' })
      .option('queries', { type: 'string', requiresArg: true, describe: 'File of queries with ids, for --run' })
      .option('run', { type: 'string', requiresArg: true, describe: 'TREC run file to write' })
      .check(({ queries, run }) => (queries === undefined) === (run === undefined) || '--queries and --run go together; expected both')
      .check(({ top }) => wholeNumbers({ top }))
      .example('simans search jobs/quickstart read a file line by line', '')
      .example('simans search jobs/quickstart', '')
      .example('simans search jobs/quickstart --top 3 --json < queries.txt', '')
      .example('simans search jobs/x --queries q.jsonl --run x.trec --top 100', ''),
  handler: async ({ job, query, top, json, queries, run, '--': afterDashes = [] }) => {
    const text = [...query, ...afterDashes].join(' ');
    const { openJob } = await import('../index/searcher.js');
    const { hitLines } = await import('../report/hits.js');
    const searcher = await openJob(job);
    if (queries !== undefined && run !== undefined) {
      const { writeSearchRun } = await import('../analysis/searchRun.js');
      const { createTerminalReporter } = await import('../report/terminal.js');
      await writeSearchRun(searcher, queries, run, top, createTerminalReporter());
      searcher.dispose();
      return;
    }
    const answer = async (text: string) => {
      const hits = await searcher.search(text, top);
      console.log(json ? JSON.stringify({ query: text, hits }) : hitLines(hits, process.stdout.columns ?? 80));
    };
    if (text !== '') await answer(text);
    else for await (const line of queryLines()) await answer(line);
    searcher.dispose();
  },
};

/** The lines of stdin that are not empty; at a terminal each is asked for, once the one before is answered. */
async function* queryLines(): AsyncGenerator<string> {
  const typed = process.stdin.isTTY === true;
  const lines = readline.createInterface({ input: process.stdin, ...(typed && { output: process.stderr, prompt: 'query> ' }) });
  if (typed) lines.prompt();
  for await (const line of lines) {
    if (line.trim() !== '') yield line.trim();
    if (typed) lines.prompt();
  }
}
