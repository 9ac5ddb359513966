/** A tokenizer's files as one tokenizer.json: that file, or made of the older vocab.txt (BERT) or vocab.json and merges.txt (RoBERTa). */
import fs from 'node:fs';
import path from 'node:path';
import { messageOf, UserError } from '../../core/errors.js';
import { writeFileAtomic } from '../../core/files.js';
import type { TokenizerJson } from './wordpiece.js';

export interface TokenizerFiles {
  /** What messages name. */
  readonly file: string;
  /** The text of tokenizer.json. */
  readonly content: string;
  readonly json: TokenizerJson;
  /** tokenizer_config.json; empty where there is none. */
  readonly config: Record<string, unknown>;
}

/** By their keys in tokenizer_config.json, which may give them other names. */
const BERT_TOKENS = { pad_token: '[PAD]', unk_token: '[UNK]', cls_token: '[CLS]', sep_token: '[SEP]', mask_token: '[MASK]' };
const ROBERTA_TOKENS = { cls_token: '<s>', pad_token: '<pad>', sep_token: '</s>', unk_token: '<unk>', mask_token: '<mask>' };

/** The text of a special token, which configurations write as such or as an object with its `content`. */
export function tokenText(token: unknown): string | undefined {
  if (typeof token === 'string') return token;
  return (token as { content?: string } | null | undefined)?.content;
}

/** The special tokens by key. All but the mask must be in the vocabulary. */
function namedTokens<T extends Record<string, string>>(usual: T, config: Record<string, unknown>, vocab: object, file: string): T {
  const names = Object.fromEntries(Object.entries(usual).map(([key, name]) => [key, tokenText(config[key]) ?? name])) as T;
  for (const [key, name] of Object.entries(names)) {
    if (key !== 'mask_token' && !Object.hasOwn(vocab, name))
      throw new UserError(`${file}: found no ${name}; expected the ${key} of a BERT-like encoder; get the file again.`);
  }
  return names;
}

/** Of the special tokens those that the vocabulary has, by id. */
function specialTokens(names: Record<string, string>, vocab: Record<string, number>, flags: (name: string) => object = () => ({})) {
  const known = [...new Set(Object.values(names))].filter((name) => Object.hasOwn(vocab, name));
  return known.map((name) => special(name, vocab[name]!, flags(name))).sort((a, b) => a.id - b.id);
}

/** Throws a UserError naming the folder and what was looked for. */
export function readTokenizerFiles(folder: string): TokenizerFiles {
  const place = (name: string) => path.join(folder, name);
  const has = (name: string) => fs.existsSync(place(name));
  const configFile = place('tokenizer_config.json');
  const config = has('tokenizer_config.json') ? (parseJson(configFile, readText(configFile)) as Record<string, unknown>) : {};
  const made = (file: string, json: TokenizerJson): TokenizerFiles => ({ file, json, config, content: JSON.stringify(json) });
  if (has('tokenizer.json')) {
    const file = place('tokenizer.json');
    const content = readText(file);
    return { file, content, json: parseJson(file, content) as TokenizerJson, config };
  }
  if (has('vocab.txt')) return made(place('vocab.txt'), fromVocabulary(place('vocab.txt'), config));
  if (has('vocab.json') && has('merges.txt'))
    return made(place('vocab.json'), fromMerges(place('vocab.json'), place('merges.txt'), config));
  const sentencepiece = fs.existsSync(folder) ? fs.readdirSync(folder).find((name) => name.endsWith('.model')) : undefined;
  throw new UserError(
    sentencepiece
      ? `${place(sentencepiece)}: a sentencepiece model alone; expected tokenizer.json. In Python: AutoTokenizer.from_pretrained(FOLDER).save_pretrained(FOLDER).`
      : `${folder}: no tokenizer; expected tokenizer.json, vocab.txt, or vocab.json and merges.txt. Put the model’s tokenizer there.`,
  );
}

/** Writes tokenizer.json with the given text, and copies what Hugging Face keeps beside it from the folder `from`. */
export function writeTokenizerFiles(to: string, json: string, from: string): void {
  for (const name of ['tokenizer_config.json', 'special_tokens_map.json']) {
    const file = path.join(from, name);
    if (fs.existsSync(file)) writeFileAtomic(path.join(to, name), fs.readFileSync(file));
  }
  writeFileAtomic(path.join(to, 'tokenizer.json'), json);
}

function readText(file: string): string {
  try {
    return fs.readFileSync(file, 'utf8');
  } catch (error) {
    throw new UserError(`${file}: cannot be read (${messageOf(error)}); expected a tokenizer file; make it readable.`);
  }
}

function parseJson(file: string, content: string): unknown {
  try {
    return JSON.parse(content);
  } catch (error) {
    throw new UserError(`${file}: found broken JSON (${messageOf(error)}); expected a tokenizer file; get it again.`);
  }
}

const special = (content: string, id: number, flags: object = {}) => ({
  id,
  content,
  single_word: false,
  lstrip: false,
  rstrip: false,
  normalized: false,
  special: true,
  ...flags,
});

/** As transformers' BertTokenizerFast reads a vocab.txt: a token a line, its id the line's number. */
function fromVocabulary(file: string, config: Record<string, unknown>): TokenizerJson {
  const tokens = readText(file)
    .replace(/\r?\n$/, '')
    .split(/\r?\n/);
  const vocab = Object.fromEntries(tokens.map((token, id) => [token, id]));
  const names = namedTokens(BERT_TOKENS, config, vocab, file);
  const { cls_token: cls, sep_token: sep, unk_token } = names;
  const piece = (id: string, type: number) => ({ SpecialToken: { id, type_id: type } });
  const part = (id: string, type: number) => ({ Sequence: { id, type_id: type } });
  const single = [piece(cls, 0), part('A', 0), piece(sep, 0)];
  return {
    version: '1.0',
    truncation: null,
    padding: null,
    added_tokens: specialTokens(names, vocab),
    normalizer: {
      type: 'BertNormalizer',
      clean_text: true,
      handle_chinese_chars: config.tokenize_chinese_chars !== false,
      strip_accents: config.strip_accents ?? null,
      lowercase: config.do_lower_case !== false,
    },
    pre_tokenizer: { type: 'BertPreTokenizer' },
    post_processor: {
      type: 'TemplateProcessing',
      single,
      pair: [...single, part('B', 1), piece(sep, 1)],
      special_tokens: Object.fromEntries([cls, sep].map((id) => [id, { id, ids: [vocab[id]], tokens: [id] }])),
    },
    decoder: { type: 'WordPiece', prefix: '##', cleanup: true },
    model: { type: 'WordPiece', unk_token, continuing_subword_prefix: '##', max_input_chars_per_word: 100, vocab },
  };
}

/** As transformers' RobertaTokenizerFast reads vocab.json and merges.txt: byte-level BPE. */
function fromMerges(vocabFile: string, mergesFile: string, config: Record<string, unknown>): TokenizerJson {
  const vocab = parseJson(vocabFile, readText(vocabFile)) as Record<string, number>;
  const names = namedTokens(ROBERTA_TOKENS, config, vocab, vocabFile);
  const { cls_token: cls, sep_token: sep, mask_token } = names;
  const prefix = config.add_prefix_space === true;
  const merges = readText(mergesFile)
    .split(/\r?\n/)
    .filter((line) => line !== '' && !line.startsWith('#version'));
  const ends = { sep: [sep, vocab[sep]], cls: [cls, vocab[cls]], trim_offsets: true, add_prefix_space: prefix };
  return {
    version: '1.0',
    truncation: null,
    padding: null,
    added_tokens: specialTokens(names, vocab, (name) => ({ lstrip: name === mask_token })),
    normalizer: null,
    pre_tokenizer: { type: 'ByteLevel', add_prefix_space: prefix, trim_offsets: true },
    post_processor: { type: 'RobertaProcessing', ...ends },
    decoder: { type: 'ByteLevel', add_prefix_space: true, trim_offsets: true },
    model: {
      type: 'BPE',
      dropout: null,
      unk_token: null,
      continuing_subword_prefix: '',
      end_of_word_suffix: '',
      fuse_unk: false,
      vocab,
      merges,
    },
  };
}
