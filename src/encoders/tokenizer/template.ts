/** The special tokens of a tokenizer, where its post-processor puts them, and the truncation that leaves room for them. */
import { UserError } from '../../core/errors.js';
import { tokenText } from './files.js';
import type { TokenizerJson } from './wordpiece.js';

/** Ids before, between and after the texts. */
export interface Template {
  readonly single: readonly [before: number[], after: number[]];
  readonly pair: readonly [before: number[], between: number[], after: number[]];
}

export interface SpecialIds {
  readonly padId: number;
  readonly clsId: number;
  readonly sepId: number;
  readonly unkId: number;
}

type TemplateItem = { SpecialToken: { id: string } } | { Sequence: { id: string } };

/** A tokenizer.json's post_processor, of the kinds that add tokens. */
interface Processor {
  type: string;
  /** Of a TemplateProcessing. */
  single?: TemplateItem[];
  pair?: TemplateItem[];
  special_tokens?: Record<string, { ids: number[] }>;
  /** Of a BertProcessing or RobertaProcessing. */
  cls?: [token: string, id: number];
  sep?: [token: string, id: number];
  /** Of a Sequence. */
  processors?: Processor[];
}

/**
 * The ids of the special tokens: by the post-processor and the model, else by tokenizer_config.json, else by BERT's and RoBERTa's names.
 * One that is not to be found is a UserError naming the file.
 */
export function specialIds(
  ids: ReadonlyMap<string, number>,
  json: TokenizerJson,
  config: Readonly<Record<string, unknown>>,
  file: string,
): SpecialIds {
  const [cls, sep] = namesOf(processorOf(json));
  const { unk_token, unk_id, vocab } = json.model;
  const unknown = Array.isArray(vocab) ? vocab[Number(unk_id)]?.[0] : unk_token;
  const find = (...candidates: unknown[]): number => {
    const names = [...new Set(candidates.map(tokenText).filter((name) => name !== undefined))];
    const name = names.find((candidate) => ids.has(candidate));
    if (name !== undefined) return ids.get(name)!;
    throw new UserError(
      `${file}: found none of the tokens ${names.join(', ')}; expected one of them; take the tokenizer of a BERT-like encoder.`,
    );
  };
  return {
    padId: find(config.pad_token, '[PAD]', '<pad>'),
    clsId: find(cls, config.cls_token, '[CLS]', '<s>'),
    sepId: find(sep, config.sep_token, '[SEP]', '</s>'),
    unkId: find(unknown, config.unk_token, '[UNK]', '<unk>'),
  };
}

/** Where no post-processor adds tokens, the template is BERT's: the encoder reads a text's vector at its first token. */
export function templateOf(json: TokenizerJson, { clsId, sepId }: SpecialIds): Template {
  const processor = processorOf(json);
  if (processor?.type === 'TemplateProcessing') {
    const { single = [], pair = [] } = processor;
    return {
      single: idsAround(single, processor) as [number[], number[]],
      pair: idsAround(pair, processor) as [number[], number[], number[]],
    };
  }
  const between = processor?.type === 'RobertaProcessing' ? [sepId, sepId] : [sepId];
  return { single: [[clsId], [sepId]], pair: [[clsId], between, [sepId]] };
}

/**
 * How many tokens of each text stay where both may have `most`: the longer loses its end first, then both ('longest_first' of
 * `tokenizers`).
 */
export function longestFirst(first: number, second: number, most: number): [first: number, second: number] {
  if (first + second <= most) return [first, second];
  const shorter = Math.min(first, second);
  const half = Math.floor(most / 2);
  const [short, long] = 2 * shorter <= most ? [shorter, most - shorter] : [half, most - half];
  return first > second ? [long, short] : [short, long];
}

function processorOf({ post_processor }: TokenizerJson): Processor | undefined {
  const processor = post_processor as Processor | null;
  const parts = processor?.type === 'Sequence' ? (processor.processors ?? []) : [processor];
  return parts.find((part) => part !== null && part.type !== 'ByteLevel') ?? undefined;
}

/** The tokens that begin and end a text. */
function namesOf(processor: Processor | undefined): (string | undefined)[] {
  if (!processor) return [];
  if (processor.type !== 'TemplateProcessing') return [processor.cls?.[0], processor.sep?.[0]];
  const names = (processor.single ?? []).map((item) => ('SpecialToken' in item ? item.SpecialToken.id : undefined));
  return [names[0], names.at(-1)];
}

/** The special tokens' ids before the first text, between the texts, and after the last. */
function idsAround(items: readonly TemplateItem[], { special_tokens }: Processor): number[][] {
  const parts: number[][] = [[]];
  for (const item of items) {
    if ('Sequence' in item) parts.push([]);
    else parts.at(-1)!.push(...(special_tokens?.[item.SpecialToken.id]?.ids ?? []));
  }
  return parts;
}
