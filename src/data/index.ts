/** From the `data` part of a configuration to a data set. */
import type { DataConfig } from '../config/schema.js';
import { loadBeir } from './beir.js';
import type { Dataset } from './types.js';
import { loadWordnet } from './wordnet.js';

/** The splits of the built-in sets belong to the sets and not to a job: results of different seeds are about the same queries. */
const BUILTIN_SPLIT_SEED = 42;

/** Loads the data set; splits that a BEIR folder does not give are made by `seed`. Throws a UserError for data that cannot be used. */
export async function loadDataset(data: DataConfig, seed: number): Promise<Dataset> {
  if (data.format === 'beir') return loadBeir(data.path, { devShare: data.devShare, seed });
  switch (data.name) {
    case 'wordnet':
      return loadWordnet(BUILTIN_SPLIT_SEED, { subset: 'all' });
    case 'wordnet-examples':
      return loadWordnet(BUILTIN_SPLIT_SEED, { subset: 'withExamples' });
    case 'api-docs': {
      // Imported only here: it loads the TypeScript compiler.
      const { loadApiDocs } = await import('./apiDocs.js');
      return loadApiDocs(BUILTIN_SPLIT_SEED);
    }
  }
}
