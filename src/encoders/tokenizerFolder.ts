/** The files of a tokenizer beside the weights that were trained with it. */
import fs from 'node:fs';
import path from 'node:path';
import { writeJson } from '../core/files.js';
import { writeTokenizerFiles } from './tokenizer/files.js';
import type { Tokenizer } from './tokenizer/tokenizer.js';
import type { NormalizerJson, TokenizerJson } from './tokenizer/wordpiece.js';
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
  const tokenizerClass = TOKENIZER_CLASSES[architecture];
  writeJson(file, {
    tokenizer_class: tokenizerClass,
    ...(!tokenizerClass.includes('Roberta') && normalization(tokenizer.json)),
    model_max_length: positions - firstPosition,
  });
}

/** What the normalizer does, by the keys with which transformers would otherwise replace it by another. */
function normalization(json: string): Record<string, unknown> {
  const { normalizer } = JSON.parse(json) as TokenizerJson;
  const bert = stepsOf(normalizer).find(({ type }) => type === 'BertNormalizer');
  return {
    do_lower_case: lowercases(normalizer),
    ...(bert && { strip_accents: bert.strip_accents ?? null, tokenize_chinese_chars: bert.handle_chinese_chars !== false }),
  };
}

export const lowercases = (normalizer: NormalizerJson | null): boolean =>
  stepsOf(normalizer).some(({ type, lowercase }) => type === 'Lowercase' || (type === 'BertNormalizer' && lowercase === true));

const stepsOf = (normalizer: NormalizerJson | null): NormalizerJson[] =>
  normalizer?.type === 'Sequence' ? normalizer.normalizers!.flatMap(stepsOf) : normalizer ? [normalizer] : [];
