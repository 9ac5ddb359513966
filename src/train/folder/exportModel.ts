/** model/: the trained towers in the layout of Hugging Face and sentence-transformers; index/: the corpus vectors and texts that `simans search` reads. */
import path from 'node:path';
import { writeFileAtomic, writeFolderAtomic, writeJson } from '../../core/files.js';
import type { Texts } from '../../data/types.js';
import { writeSafetensors } from '../../encoders/formats/safetensors.js';
import { writeModelFolder } from '../../encoders/modelFolder.js';
import type { LoopContext } from '../loop.js';

export interface Export {
  readonly context: LoopContext;
  /** [P] */
  readonly parameters: Float32Array;
  /** The model's README.md. */
  readonly card: string;
}

/** Writes both folders and names them. Separate towers are model/query and model/passage. */
export function writeModel({ context, parameters, card }: Export): Record<string, string> {
  const { folder, config, dataset, replicas } = context;
  const { encoder } = replicas.first;
  const { shared } = replicas;
  const model = path.join(folder, 'model');
  const { queryTokens, passageTokens, queryPrefix, passagePrefix } = config.encoder;
  writeFolderAtomic(model, (temporary) =>
    writeModelFolder(temporary, {
      encoder,
      parameters,
      tokenizer: context.tokenizer,
      tokenizerFolder: path.join(folder, 'tokenizer'),
      maxTokens: { query: queryTokens, passage: passageTokens },
      prefixes: { query: queryPrefix, passage: passagePrefix },
      ...(config.data.format !== 'builtin' && { reads: dataset.policy }), // the built-in sets have one field, which says nothing of others
      card,
    }),
  );
  const index = path.join(folder, 'index');
  writeFolderAtomic(index, (temporary) => {
    writeSafetensors(path.join(temporary, 'passages.safetensors'), [
      { name: 'vectors', shape: [dataset.corpus.size, encoder.width], values: shared.vectors.passage },
    ]);
    writeFileAtomic(path.join(temporary, 'passages.jsonl'), linesOf(dataset.corpus));
    writeJson(path.join(temporary, 'index.json'), { passages: dataset.corpus.size });
  });
  return { model, index };
}

function* linesOf(corpus: Texts): Generator<string> {
  for (let row = 0; row < corpus.size; row++) yield `${JSON.stringify({ id: corpus.id(row), text: corpus.text(row) })}\n`;
}
