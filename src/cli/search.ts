import readline from 'node:readline';
import type { CommandModule } from 'yargs';

interface SearchArguments {
  job: string;
  query: string[];
  top: number;
  json: boolean;
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
      .check(({ top }) => (Number.isInteger(top) && top >= 1) || `--top is ${top}; expected a whole number of at least 1`)
      .example('simans search jobs/quickstart read a file line by line', '')
      .example('simans search jobs/quickstart', '')
      .example('simans search jobs/quickstart --top 3 --json < queries.txt', ''),
  handler: async ({ job, query, top, json, '--': afterDashes = [] }) => {
    const text = [...query, ...afterDashes].join(' ');
    const { openJob } = await import('../index/searcher.js');
    const { hitLines } = await import('../report/hits.js');
    const searcher = await openJob(job);
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
