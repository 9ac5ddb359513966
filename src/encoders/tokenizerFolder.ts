/** The files of a tokenizer beside the weights that were trained with it. */
import fs from 'node:fs';
import path from 'node:path';
import { writeJson } from '../core/files.js';
import { writeTokenizerFiles } from './tokenizer/files.js';
import type { Tokenizer } from './tokenizer/tokenizer.js';
import type { TransformerShape } from './transformer.js';

const TOKENIZER_CLASSES = {
  bert: 'BertTokenizer',
  ernie: 'BertTokenizer',
  roberta: 'RobertaTokenizer',
  'xlm-roberta': 'XLMRobertaTokenizer',
  distilbert: 'DistilBertTokenizer',
  electra: 'ElectraTokenizer',
} as const;

/** tokenizer.json and what Hugging Face keeps beside it in `tokenizerFolder`; where that has no tokenizer_config.json, one that says the class. */
export function writeTokenizer(
  folder: string,
  { tokenizer, tokenizerFolder }: { readonly tokenizer: Pick<Tokenizer, 'json'>; readonly tokenizerFolder: string },
  { architecture, positions, firstPosition }: TransformerShape,
): void {
  writeTokenizerFiles(folder, tokenizer.json, tokenizerFolder);
  const file = path.join(folder, 'tokenizer_config.json');
  if (fs.existsSync(file)) return;
  writeJson(file, { tokenizer_class: TOKENIZER_CLASSES[architecture], do_lower_case: true, model_max_length: positions - firstPosition });
}
