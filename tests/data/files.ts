/** Loading data sets of files as a job file would. */
import { loadDataConfig } from '../../src/config/load.js';
import { loadDataset } from '../../src/data/index.js';
import type { Dataset } from '../../src/data/types.js';

export function loadFiles(path: string, format: string, keys: Readonly<Record<string, unknown>> = {}, seed = 1): Promise<Dataset> {
  return loadDataset(loadDataConfig({ format, path, ...keys }), { seed, cacheFolder: `${path}.cache` });
}
