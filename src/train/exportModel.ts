/** model/: the trained towers in Hugging Face layout; index/: the corpus vectors and texts that `simans search` reads. */
import fs from 'node:fs';
import path from 'node:path';
import type { RunConfig } from '../config/schema.js';
import { writeFileAtomic, writeFolderAtomic, writeJson } from '../core/files.js';
import type { Dataset } from '../data/types.js';
import type { DualEncoder, EncoderShape } from '../encoders/dualEncoder.js';
import { type NamedArray, writeSafetensors } from '../encoders/formats/safetensors.js';
import { namedTensors } from '../encoders/weights.js';
import type { SharedMemory } from './sharedMemory.js';

export interface Export {
  readonly folder: string;
  readonly config: RunConfig;
  readonly encoder: DualEncoder;
  readonly parameters: Float32Array;
  readonly shared: SharedMemory;
  readonly dataset: Dataset;
}

/** Writes both folders and names them. Separate towers are model/query and model/passage. */
export function writeModel({ folder, config, encoder, parameters, shared, dataset }: Export): Record<string, string> {
  const model = path.join(folder, 'model');
  const tokenizer = fs.readFileSync(path.join(folder, 'tokenizer', 'tokenizer.json'));
  const tensors = namedTensors(encoder.specs, parameters);
  writeFolderAtomic(model, (temporary) => {
    if (encoder.shape.towers === 'shared') writeTower(temporary, encoder.shape, tensors, tokenizer);
    else {
      for (const side of ['query', 'passage']) {
        const own = tensors
          .filter(({ name }) => name.startsWith(`${side}.`))
          .map((tensor) => ({ ...tensor, name: tensor.name.slice(side.length + 1) }));
        writeTower(path.join(temporary, side), encoder.shape, own, tokenizer);
      }
    }
  });
  const index = path.join(folder, 'index');
  writeFolderAtomic(index, (temporary) => {
    const width = encoder.width;
    writeSafetensors(path.join(temporary, 'passages.safetensors'), [
      { name: 'vectors', shape: [dataset.corpus.size, width], values: shared.vectors.passage },
    ]);
    const lines = Array.from(
      { length: dataset.corpus.size },
      (_, row) => `${JSON.stringify({ id: dataset.corpus.id(row), text: dataset.corpus.text(row) })}\n`,
    );
    writeFileAtomic(path.join(temporary, 'passages.jsonl'), ...lines);
    writeJson(path.join(temporary, 'index.json'), {
      shape: encoder.shape,
      queryTokens: config.encoder.queryTokens,
      passages: dataset.corpus.size,
    });
  });
  return { model, index };
}

function writeTower(folder: string, shape: EncoderShape, tensors: NamedArray[], tokenizer: Buffer): void {
  const { transformer, dropout } = shape;
  writeSafetensors(path.join(folder, 'model.safetensors'), tensors, { format: 'pt' });
  writeJson(path.join(folder, 'config.json'), {
    architectures: ['BertModel'],
    model_type: 'bert',
    hidden_act: 'gelu',
    layer_norm_eps: 1e-12,
    pad_token_id: 0,
    type_vocab_size: 2,
    hidden_size: transformer.width,
    num_hidden_layers: transformer.layers,
    num_attention_heads: transformer.heads,
    intermediate_size: transformer.feedForward,
    vocab_size: transformer.vocabulary,
    max_position_embeddings: transformer.positions,
    hidden_dropout_prob: dropout.hidden,
    attention_probs_dropout_prob: dropout.attention,
  });
  writeFileAtomic(path.join(folder, 'tokenizer.json'), tokenizer);
  writeJson(path.join(folder, 'tokenizer_config.json'), {
    tokenizer_class: 'BertTokenizer',
    do_lower_case: true,
    model_max_length: transformer.positions,
  });
}
