import type { CommandModule } from 'yargs';
import type { IndexKind } from '../analysis/vectorSearch.js';
import { indexKind, wholeNumbers } from './flags.js';

interface IndexArguments {
  vectors: string;
  kind: string;
  name: string;
  connectivity: number;
  addExpansion: number;
  connections: number;
}

export const indexVerb: CommandModule<object, IndexArguments> = {
  command: 'index <vectors>',
  describe: 'Index vectors on disk for simans search',
  builder: (yargs) =>
    yargs
      .positional('vectors', { type: 'string', demandOption: true, describe: 'Folder of passages by simans encode' })
      .option('kind', { type: 'string', requiresArg: true, default: 'exact', describe: 'exact, hnsw or engine' })
      .option('name', { type: 'string', requiresArg: true, default: 'simans', describe: 'Of the engine’s tables' })
      .option('connectivity', { type: 'number', requiresArg: true, default: 16, describe: 'Neighbours of a node' })
      .option('addExpansion', { type: 'number', requiresArg: true, default: 128, describe: 'Candidates when one is added' })
      .option('connections', { type: 'number', requiresArg: true, default: 4, describe: 'To each server of the engine' })
      .check(({ kind, name, connectivity, addExpansion, connections }) => {
        const known = indexKind('kind', kind, name);
        return known === true ? wholeNumbers({ connectivity, addExpansion, connections }) : known;
      })
      .example('simans index vectors/passages', 'Checks every shard')
      .example('simans index vectors/passages --kind hnsw', '')
      .example('simans index vectors/passages --kind engine --name wiki', '')
      .epilogue(
        'exact needs no index, hnsw saves a graph beside the vectors, engine loads\nthem into the PostgreSQL servers that SIMANS_PGVECTOR names, or into Milvus at\nthe address in SIMANS_MILVUS.',
      ),
  handler: async ({ vectors, kind, name, connectivity, addExpansion, connections }) => {
    const { indexVectors } = await import('../analysis/vectorSearch.js');
    const { createTerminalReporter } = await import('../report/terminal.js');
    const options = { name, connectivity, addExpansion, searchExpansion: addExpansion, connections };
    await indexVectors(vectors, { ...options, kind: kind as IndexKind, reporter: createTerminalReporter() });
  },
};
