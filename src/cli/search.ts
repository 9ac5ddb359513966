import readline from 'node:readline';
import type { CommandModule } from 'yargs';
import type { IndexKind } from '../analysis/vectorSearch.js';
import { UserError } from '../core/errors.js';
import { indexKind, wholeNumbers } from './flags.js';

interface SearchArguments {
  where: string;
  query: string[];
  top: number;
  json: boolean;
  queries?: string;
  run?: string;
  index: string;
  name: string;
  expansion: number;
  /** What follows `--`: a query may begin with a dash. */
  '--'?: string[];
}

export const searchVerb: CommandModule<object, SearchArguments> = {
  command: 'search <where> [query..]',
  describe: 'Search the corpus of a job, or vectors on disk',
  builder: (yargs) =>
    yargs
      .positional('where', { type: 'string', demandOption: true, describe: 'A job, or passages by simans encode' })
      .positional('query', { type: 'string', array: true, default: [], describe: 'The query; if none, lines are read' })
      .option('top', { type: 'number', requiresArg: true, default: 10, describe: 'Passages shown for a query' })
      .option('json', { type: 'boolean', default: false, describe: 'A JSON line for each query' })
      .option('queries', { type: 'string', requiresArg: true, describe: 'For --run: file with ids, or vectors' })
      .option('run', { type: 'string', requiresArg: true, describe: 'TREC run file to write' })
      .option('index', { type: 'string', requiresArg: true, default: 'exact', describe: 'exact, hnsw or engine' })
      .option('name', { type: 'string', requiresArg: true, default: 'simans', describe: 'Of the engine’s tables' })
      .option('expansion', { type: 'number', requiresArg: true, default: 200, describe: 'Candidates of hnsw and engine' })
      .check(({ queries, run }) => (queries === undefined) === (run === undefined) || '--queries and --run go together; expected both')
      .check(({ top, expansion, index, name }) => {
        const known = indexKind('index', index, name);
        return known === true ? wholeNumbers({ top, expansion }) : known;
      })
      .example('simans search jobs/quickstart read a file line by line', '')
      .example('simans search jobs/quickstart', '')
      .example('simans search jobs/quickstart --top 3 --json < queries.txt', '')
      .example('simans search jobs/x --queries q.jsonl --run x.trec --top 100', '')
      .example('simans search vectors/passages --queries vectors/queries --run r', '')
      .epilogue('Vectors are read a shard at a time. hnsw and engine need simans index first.'),
  handler: async (given) => {
    const { where: job, query, top, json, queries, run, '--': afterDashes = [] } = given;
    if (await isVectors(given)) return;
    const text = [...query, ...afterDashes].join(' ');
    const { openJob } = await import('../index/searcher.js');
    const { hitLines } = await import('../report/hits.js');
    if (queries !== undefined && run !== undefined) {
      const { writeSearchRun } = await import('../analysis/searchRun.js');
      const { createTerminalReporter } = await import('../report/terminal.js');
      await writeSearchRun(job, queries, run, top, createTerminalReporter());
      return;
    }
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

/** Searches a folder of vectors; false where it is none. */
async function isVectors({ where, queries, run: to, top: k, index, name, expansion }: SearchArguments): Promise<boolean> {
  const { isVectorFolder } = await import('../index/storedVectors.js');
  if (!isVectorFolder(where)) {
    if (index === 'exact') return false;
    throw new UserError(`${where}: --index ${index} is given for what is no folder of vectors; expected one by simans encode.`);
  }
  if (queries === undefined || to === undefined)
    throw new UserError(
      `${where}: vectors are searched with vectors; expected --queries FOLDER (simans encode --side query) and --run FILE.`,
    );
  const { searchVectors } = await import('../analysis/vectorSearch.js');
  const { createTerminalReporter } = await import('../report/terminal.js');
  const engine = { name, searchExpansion: expansion, connectivity: 16, addExpansion: 128, connections: 4 };
  await searchVectors(where, { ...engine, kind: index as IndexKind, queries, to, k, reporter: createTerminalReporter() });
  return true;
}

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
