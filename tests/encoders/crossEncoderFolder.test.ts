/** Rankers written as folders: the tensors and settings that Hugging Face transformers itself writes, and back as they were. */
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { selectBackend } from '../../src/backend/index.js';
import { silentReporter } from '../../src/core/reporter.js';
import { createCrossEncoder, openCrossEncoder } from '../../src/encoders/crossEncoder.js';
import { writeCrossEncoderFolder } from '../../src/encoders/crossEncoderFolder.js';
import { readSafetensors } from '../../src/encoders/formats/safetensors.js';
import { initialParameters } from '../../src/encoders/parameters.js';
import type { TransformerShape } from '../../src/encoders/transformer.js';
import { tinyShape } from '../train/fixtures.js';

const GOLDEN = fileURLToPath(new URL('../golden/encoders/', import.meta.url));
const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'simans-ranker-'));
afterAll(() => fs.rmSync(folder, { recursive: true }));
beforeAll(async () => {
  await selectBackend('onnx');
});

const files = { tokenizer: { json: '{}', padId: 0 }, tokenizerFolder: folder };
const configOf = (place: string): Record<string, unknown> => JSON.parse(fs.readFileSync(path.join(place, 'config.json'), 'utf8'));
const tensorsOf = (place: string) => [...readSafetensors(path.join(place, 'model.safetensors')).tensors.values()];

/** Opens a folder in which nothing may be missing. */
async function open(place: string) {
  const lines: string[] = [];
  const opened = await openCrossEncoder(place, { namedBy: 'model', reporter: { ...silentReporter, line: (text) => lines.push(text) } });
  expect(lines).toEqual([]);
  return opened;
}

describe.each(['bert', 'roberta', 'distilbert', 'electra'])('a %s that transformers wrote', (name) => {
  it('is written again with the same names, shapes, values and settings', async () => {
    const theirs = path.join(GOLDEN, `${name}-reranker`);
    const { encoder, parameters, dropout } = await open(theirs);
    const padId = configOf(theirs).pad_token_id as number;
    const ours = path.join(folder, `${name}-again`);
    writeCrossEncoderFolder(ours, { shape: encoder.shape, dropout, parameters, ...files, tokenizer: { json: '{}', padId } });
    const byName = (place: string) => Object.fromEntries(tensorsOf(place).map(({ name, shape, values }) => [name, { shape, values }]));
    expect(byName(ours)).toEqual(byName(theirs));
    // DistilBERT's LayerNorm has no setting of its own.
    expect({ layer_norm_eps: encoder.shape.epsilon, ...configOf(theirs) }).toMatchObject(configOf(ours));
  });
});

describe('a ranker comes back as it was written, bit for bit', () => {
  const { transformer } = tinyShape();
  const dropout = { hidden: 0.1, attention: 0.2 };
  const shapes: [string, TransformerShape][] = [
    ['bert', transformer],
    ['ernie', { ...transformer, architecture: 'ernie', tokenTypes: 4, taskTypes: 3, activation: 'relu' }],
    ['roberta', { ...transformer, architecture: 'roberta', tokenTypes: 1, firstPosition: 2, epsilon: 1e-5 }],
    ['xlm-roberta', { ...transformer, architecture: 'xlm-roberta', tokenTypes: 1, firstPosition: 2, epsilon: 1e-5 }],
    ['distilbert', { ...transformer, architecture: 'distilbert', tokenTypes: 0 }],
    ['electra', { ...transformer, architecture: 'electra', embeddingWidth: 4 }],
  ];
  it.each(shapes)('%s', async (name, shape) => {
    const place = path.join(folder, name);
    const parameters = initialParameters(createCrossEncoder(shape).specs, 9);
    const tokenizer = { json: '{}', padId: shape.firstPosition > 0 ? 1 : 0 };
    writeCrossEncoderFolder(place, { shape, dropout, parameters, ...files, tokenizer });
    const opened = await open(place);
    expect(opened.encoder.shape).toEqual(shape);
    expect(opened.dropout).toEqual(dropout);
    expect(opened.parameters).toEqual(parameters);
  });
});
