/** PyTorch on the same batch and the same weights as a trainer. */
import fs from 'node:fs';
import path from 'node:path';
import { bytesOf } from '../dist/core/files.js';
import { startPeer } from './peer.mjs';
import { longestOf } from './shapes.mjs';
import { TEMPERATURE } from './trainer.mjs';

/**
 * undefined where there is no such Python, or no such device.
 * @param {import('./trainer.mjs').Trainer} trainer @param {import('./shapes.mjs').StepShape} shape @param {string} folder for what it is told
 * @param {{ threads: number, device: 'cpu' | 'cuda' }} options
 */
export async function openStepPeer({ specs, batch, parameters }, shape, folder, { threads, device }) {
  const rows = (/** @type {import('../dist/data/types.js').TokenTable} */ { ids, offsets }) =>
    Array.from({ length: offsets.length - 1 }, (_, row) => [...ids.subarray(offsets[row], offsets[row + 1])]);
  const settings = {
    ...shape,
    ...{ threads, device, temperature: TEMPERATURE, specs, positions: longestOf(shape) },
    ...{ queries: rows(batch.queries), passages: rows(batch.passages) },
  };
  const [told, given] = ['settings.json', 'parameters'].map((name) => path.join(folder, name));
  fs.writeFileSync(told, JSON.stringify(settings));
  fs.writeFileSync(given, bytesOf(parameters));
  return startPeer('training_step.py', [told, given], { threads });
}
