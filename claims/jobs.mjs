/** The figures of `npm start` and of the WordNet job, from fresh jobs in a temporary folder. */
import path from 'node:path';
import { BIN, inTemporaryFolder, onTwoCores, readSummary, timed } from './processes.mjs';

/** @typedef {import('./processes.mjs').Summary} Summary */
/** @typedef {Record<string, import('./verdicts.mjs').Measured>} Figures */

/** @returns {Promise<Figures>} */
export async function measureStart() {
  return inTemporaryFolder(async (folder) => {
    const seconds = await timed(onTwoCores(['npm', 'start', '--', '--set', `jobsFolder=${folder}`]));
    return figuresOf(readSummary(path.join(folder, 'quickstart')), seconds, { run: 'start', data: 'apidocs' });
  });
}

/** @returns {Promise<Figures>} */
export async function measureWordnet() {
  return inTemporaryFolder(async (folder) => {
    const seconds = await timed(onTwoCores([process.execPath, BIN, 'train', 'configs/wordnet.yaml', '--set', `jobsFolder=${folder}`]));
    return figuresOf(readSummary(path.join(folder, 'wordnet')), seconds, { run: 'wordnet', data: 'wordnet' });
  });
}

/**
 * Refreshes are counted between the first step and the last: neither the untrained index nor the final evaluation.
 * @param {Summary} summary
 * @param {number} seconds
 * @param {{ run: string, data: string }} prefixes of the ids
 * @returns {Figures}
 */
export function figuresOf(summary, seconds, { run, data }) {
  const { test, difference, refreshes, steps, peakMemoryBytes } = summary;
  const interval = difference && `${difference.low.toFixed(4)} to ${difference.high.toFixed(4)}, mean ${difference.difference.toFixed(4)}`;
  return {
    [`${run}.seconds`]: { value: seconds },
    [`${run}.refreshes`]: {
      value: refreshes.filter(({ step }) => step > 0 && step < steps).length,
      note: 'after the first step and before the last',
    },
    [`${run}.peakMemory`]: { value: peakMemoryBytes / 1e9 },
    [`${data}.bm25.recall10`]: { value: test.bm25?.['recall@10'] },
    [`${data}.trained.recall10`]: { value: test.trained?.['recall@10'] },
    [`${data}.difference.ci95`]: { value: difference?.low, ...(interval && { note: interval }) },
  };
}
