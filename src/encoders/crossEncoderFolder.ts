/** A cross-encoder as a folder that others load: Hugging Face's …ForSequenceClassification with one label. */
import path from 'node:path';
import { writeFolderAtomic, writeJson } from '../core/files.js';
import { classifierConfigOf, publishedName } from './architectures.js';
import { createCrossEncoder, publishedHeadName } from './crossEncoder.js';
import { writeSafetensors } from './formats/safetensors.js';
import type { Tokenizer } from './tokenizer/tokenizer.js';
import { writeTokenizer } from './tokenizerFolder.js';
import type { DropoutRates, TransformerShape } from './transformer.js';
import { namedTensors } from './weights.js';

export interface CrossEncoderToWrite {
  readonly shape: TransformerShape;
  readonly dropout: DropoutRates;
  /** [P] of createCrossEncoder(shape). */
  readonly parameters: Float32Array;
  readonly tokenizer: Pick<Tokenizer, 'json' | 'padId'>;
  /** Where the tokenizer's other files lie. */
  readonly tokenizerFolder: string;
}

/** Writes a folder that openCrossEncoder, transformers and sentence-transformers' CrossEncoder read; whole or absent. */
export function writeCrossEncoderFolder(folder: string, model: CrossEncoderToWrite): void {
  const { shape, dropout, parameters, tokenizer } = model;
  const { architecture } = shape;
  const { config, prefix } = classifierConfigOf(shape, dropout, tokenizer.padId);
  const named = namedTensors(createCrossEncoder(shape).specs, parameters).map((tensor) => {
    const name = publishedHeadName(architecture, publishedName(architecture, tensor.name));
    // Of the head only a pooler is inside the transformer.
    return { ...tensor, name: tensor.name.startsWith('head.') && !name.startsWith('pooler.') ? name : prefix + name };
  });
  writeFolderAtomic(folder, (temporary) => {
    writeSafetensors(path.join(temporary, 'model.safetensors'), named, { format: 'pt' });
    writeJson(path.join(temporary, 'config.json'), config);
    writeTokenizer(temporary, model, shape);
  });
}
