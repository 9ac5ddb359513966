/** How much jobs differ over queries and seeds, of what is stored: what `simans compare` assumes beforehand (docs/evaluation.md). node claims/deviations.mjs */
import { fileURLToPath } from 'node:url';
import { deviationsOf } from '../dist/eval/detectable.js';
import { storedCells } from './comparison.mjs';
import { storedLab } from './lab.mjs';

/** @typedef {{ sampler: string, seed: number, values: Float64Array }} Job */

/** MRR@10 of each job, query by query. @type {Record<string, () => Job[]>} */
const SOURCES = {
  'api-docs': () => ofTable('apidocs'),
  WordNet: () => ofTable('wordnet'),
  'MedQuAD (lab, nothing hidden)': () =>
    storedLab('medquad')
      .filter(({ hidden }) => hidden === 0)
      .map(({ sampler, seed, perQuery = {} }) => ({
        sampler,
        seed,
        values: Float64Array.from(Object.keys(perQuery).sort(), (query) => perQuery[query]),
      })),
};

/** @param {import('./comparison.mjs').TableName} table @returns {Job[]} */
const ofTable = (table) =>
  storedCells(table).map(({ sampler, seed, perQuery }) => ({ sampler, seed, values: Float64Array.from(perQuery['mrr@10']) }));

/** By source. */
export function storedDeviations() {
  return Object.entries(SOURCES).map(([source, jobs]) => {
    const all = jobs().sort((a, b) => a.seed - b.seed);
    const samplers = [...new Set(all.map(({ sampler }) => sampler))];
    return { source, ...deviationsOf(samplers.map((name) => all.filter(({ sampler }) => sampler === name).map(({ values }) => values))) };
  });
}

if (process.argv[1] === fileURLToPath(import.meta.url))
  for (const { source, query, seed } of storedDeviations())
    console.log(`${source}: ${query?.toFixed(3)} over queries, ${seed?.toFixed(4)} over seeds`);
