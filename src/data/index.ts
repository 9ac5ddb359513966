/** From the `data` part of a configuration to a data set. */
import type { DataConfig } from '../config/schema.js';
import { loadBeir } from './beir.js';
import type { Dataset } from './types.js';
import { loadWordnet } from './wordnet.js';

/** Loads the data set; splits that the data does not give are made by `seed`. Throws a UserError for data that cannot be used. */
export async function loadDataset(data: DataConfig, seed: number): Promise<Dataset> {
  if (data.format === 'beir') return loadBeir(data.path, { devShare: data.devShare, seed });
  switch (data.name) {
    case 'wordnet':
      return loadWordnet(seed, { subset: 'all' });
    case 'wordnet-examples':
      return loadWordnet(seed, { subset: 'withExamples' });
    case 'api-docs': {
      // Imported only here: it loads the TypeScript compiler.
      const { loadApiDocs } = await import('./apiDocs.js');
      return loadApiDocs(seed);
    }
  }
}
