/** The encoder of a job before its first step: what weights cannot be asked for. */
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, expect, it } from 'vitest';
import { silentReporter } from '../../src/core/reporter.js';
import { prepareEncoder } from '../../src/train/prepareEncoder.js';
import { toyConfig, toyDataset } from './fixtures.js';

const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'simans-prepare-'));
afterAll(() => fs.rmSync(folder, { recursive: true }));

it('no more layers are frozen than the weights have, and something is left to train', async () => {
  const weights = path.join(folder, 'weights');
  fs.cpSync(fileURLToPath(new URL('../golden/encoders/bert', import.meta.url)), weights, { recursive: true });
  fs.writeFileSync(path.join(weights, 'vocab.txt'), ['[PAD]', '[UNK]', '[CLS]', '[SEP]', '[MASK]', 'a'].join('\n'));
  const prepare = (layers: number, projection: unknown = 'none') => {
    const encoder = { init: weights, queryTokens: 8, passageTokens: 8, freeze: { embeddings: true, layers }, projection };
    return prepareEncoder(path.join(folder, 'job'), toyConfig({ encoder }), toyDataset(), silentReporter);
  };
  await expect(prepare(3)).rejects.toThrow('encoder.freeze.layers is 3; expected at most 2, the layers of the weights. Lower it.');
  await expect(prepare(2)).rejects.toThrow(
    /^encoder\.freeze\.layers is 2, all layers .* nothing is left to train\. Lower it, or set encoder\.projection\.$/,
  );
  expect((await prepare(1)).shape.frozen.layers).toBe(1);
  expect((await prepare(2, { width: 8 })).shape.frozen.layers).toBe(2);
});
