/** Real passages of the data sets in SIMANS_DATA, and what their queries ask for. */
import os from 'node:os';
import path from 'node:path';
import { loadDataConfig } from '../dist/config/load.js';
import { loadDataset } from '../dist/data/index.js';

/** @typedef {import('../dist/data/types.js').Dataset} Dataset */

/** Of the data set `name`, as its folder holds it. @param {string} name @returns {Promise<Dataset>} */
export function dataset(name) {
  const data = process.env.SIMANS_DATA;
  if (!data) throw new Error('no passages: SIMANS_DATA does not name the folder of data sets');
  return loadDataset(loadDataConfig({ format: 'beir', path: path.join(data, name) }), { seed: 1, cacheFolder: os.tmpdir() });
}

/** All texts of a set. @param {import('../dist/data/types.js').Texts} texts */
export const textsOf = (texts) => Array.from({ length: texts.size }, (_, row) => texts.text(row));
