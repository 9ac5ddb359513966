/** The card of an exported model: what the hub reads of it. */
import os from 'node:os';
import { expect, it } from 'vitest';
import { parse } from 'yaml';
import { bertShape } from '../../../src/encoders/architectures.js';
import { modelCard } from '../../../src/train/folder/modelCard.js';
import { toyConfig, toyDataset } from '../fixtures.js';

const transformer = bertShape({ layers: 1, width: 8, heads: 2, feedForward: 16, vocabulary: 10, positions: 8 });

/** The head of the card of an encoder that starts from `init`. */
function headOf(init: unknown): Record<string, unknown> {
  const config = toyConfig({ encoder: { init, towers: typeof init === 'string' ? 'shared' : 'separate' } });
  const dropout = { hidden: 0, attention: 0 };
  const frozen = { embeddings: false, layers: 0 };
  const card = modelCard({
    config,
    shape: { transformer, towers: 'shared', pooling: 'cls', similarity: 'dot', dropout, frozen },
    dataset: toyDataset(),
    parameters: 1,
    best: { step: 1, measure: 'mrr@10', dev: 0.5 },
    test: {},
  });
  return parse(card.split('---\n')[1]!);
}

it.each([
  ['org/name@v1', 'org/name'],
  ['bert-base-uncased', 'bert-base-uncased'],
  [{ query: 'org/q', passage: 'org/p' }, ['org/q', 'org/p']],
  [os.tmpdir(), undefined], // a folder is nothing that the hub knows
])('started from %j its base model is %j', (init, base) => {
  expect(headOf(init).base_model).toEqual(base);
});
