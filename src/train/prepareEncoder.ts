/**
 * The encoder of a job before its first step: tokenizer, shape and initial parameters, learned and drawn at random, or read from a checkpoint. The
 * tokenizer's files are kept in the job's folder; a resumed job must meet the weights it began with.
 */
import fs from 'node:fs';
import path from 'node:path';
import type { EncoderConfig, PretrainedInit, RandomInit, RunConfig } from '../config/schema.js';
import { UserError } from '../core/errors.js';
import { readJson, writeJson } from '../core/files.js';
import type { Reporter } from '../core/reporter.js';
import type { Dataset } from '../data/types.js';
import { bertShape } from '../encoders/architectures.js';
import { createDualEncoder, type EncoderShape } from '../encoders/dualEncoder.js';
import { initialParameters } from '../encoders/parameters.js';
import { openPretrained, type Pretrained } from '../encoders/pretrained.js';
import { writeTokenizerFiles } from '../encoders/tokenizer/files.js';
import { loadTokenizer, type Tokenizer } from '../encoders/tokenizer/tokenizer.js';
import { learnWordPiece } from '../encoders/tokenizer/wordpiece.js';
import type { DropoutRates, TransformerShape } from '../encoders/transformer.js';
import { readInherited } from './folder/inherited.js';
import { isTrained } from './folder/untrained.js';

export interface PreparedEncoder {
  readonly tokenizer: Tokenizer;
  readonly shape: EncoderShape;
  /** [P] */
  readonly initial: Float32Array<ArrayBuffer>;
}

export async function prepareEncoder(folder: string, config: RunConfig, dataset: Dataset, reporter: Reporter): Promise<PreparedEncoder> {
  const { init = config.encoder.init } = readInherited(folder);
  return 'layers' in init ? fromNothing(folder, config, init, dataset, reporter) : fromWeights(folder, config, init, reporter);
}

async function fromNothing(
  folder: string,
  { encoder, seed }: RunConfig,
  init: RandomInit,
  dataset: Dataset,
  reporter: Reporter,
): Promise<PreparedEncoder> {
  const place = path.join(folder, 'tokenizer');
  if (!fs.existsSync(path.join(place, 'tokenizer.json'))) {
    const { size, minFrequency, splitIdentifiers } = encoder.vocabulary;
    const learned = learnWordPiece(trainingTexts(dataset), { vocabSize: size, minFrequency, splitIdentifiers });
    writeJson(path.join(place, 'tokenizer.json'), learned);
  }
  const tokenizer = await loadTokenizer(place);
  reporter.line(`vocabulary: ${tokenizer.vocabSize.toLocaleString('en')} pieces, ${path.join(place, 'tokenizer.json')}`);
  const transformer = bertShape({
    layers: init.layers,
    width: init.width,
    heads: init.heads,
    feedForward: init.ffn,
    vocabulary: tokenizer.vocabSize,
    positions: Math.max(encoder.queryTokens, encoder.passageTokens),
  });
  const shape = encoderShape(encoder, transformer, { hidden: init.dropout, attention: init.attentionDropout });
  return { tokenizer, shape, initial: initialParameters(createDualEncoder(shape).specs, seed) };
}

async function fromWeights(
  folder: string,
  { encoder, seed }: RunConfig,
  init: PretrainedInit,
  reporter: Reporter,
): Promise<PreparedEncoder> {
  const pretrained = await openPretrained(init, reporter);
  const { transformer, dropout } = pretrained;
  const tokenizer = await loadTokenizer(pretrained.tokenizerFolder);
  if (tokenizer.vocabSize > transformer.vocabulary) {
    throw new UserError(
      `${pretrained.tokenizerFolder}: the tokenizer has ${tokenizer.vocabSize} tokens; expected at most the weights' ${transformer.vocabulary}. ` +
        'Take the tokenizer that belongs to the weights.',
    );
  }
  const longest = transformer.positions - transformer.firstPosition;
  for (const key of ['queryTokens', 'passageTokens'] as const) {
    if (encoder[key] > longest)
      throw new UserError(`encoder.${key} is ${encoder[key]}; expected at most ${longest}, the positions of the weights. Lower it.`);
  }
  if (encoder.freeze.layers > transformer.layers)
    throw new UserError(
      `encoder.freeze.layers is ${encoder.freeze.layers}; expected at most ${transformer.layers}, the layers of the weights. Lower it.`,
    );
  const shape = encoderShape(encoder, transformer, dropout);
  if (createDualEncoder(shape).specs.every(({ frozen }) => frozen))
    throw new UserError(
      `encoder.freeze.layers is ${encoder.freeze.layers}, all layers of the weights, and encoder.projection none; expected one of them otherwise, for nothing is left to train. Lower it, or set encoder.projection.`,
    );
  for (const difference of differences(pretrained, encoder)) reporter.line(difference);
  const { flat, sha256 } = await pretrained.parameters(shape, seed, reporter);
  bindWeights(folder, sha256);
  writeTokenizerFiles(path.join(folder, 'tokenizer'), tokenizer.json, pretrained.tokenizerFolder);
  const { architecture, layers, width } = transformer;
  reporter.line(
    `weights: ${[init.weights ?? [init.query, init.passage]].flat().join(' and ')}, ${architecture}, ${layers} layers of ${width}`,
  );
  return { tokenizer, shape, initial: flat };
}

function encoderShape(encoder: EncoderConfig, transformer: TransformerShape, dropout: DropoutRates): EncoderShape {
  const { towers, pooling, projection, similarity, freeze } = encoder;
  return { transformer, towers, pooling, ...(projection !== 'none' && { projection }), similarity, dropout, frozen: freeze };
}

/** Where the job's encoder is another than the one that the weights were trained as: said, not silently done. */
function differences({ modules }: Pretrained, { pooling, similarity, queryPrefix, passagePrefix }: EncoderConfig): string[] {
  if (!modules) return [];
  const said = (what: string, theirs: unknown, key: string, ours: unknown) =>
    theirs === ours ? [] : [`note: the weights come with ${what} ${JSON.stringify(theirs)}; encoder.${key} is ${JSON.stringify(ours)}`];
  return [
    ...said('pooling', modules.pooling, 'pooling', pooling),
    ...said('similarity', modules.normalised ? 'cosine' : 'dot', 'similarity', similarity === 'dot' ? 'dot' : 'cosine'),
    ...said('the query prompt', modules.prompts.query, 'queryPrefix', queryPrefix),
    ...said('the passage prompt', modules.prompts.passage, 'passagePrefix', passagePrefix),
  ];
}

/** Remembers the SHA-256 of the weights' files; a job that has been trained must meet the same. */
function bindWeights(folder: string, sha256: string): void {
  const file = path.join(folder, 'weights.json');
  if (!fs.existsSync(file) || !isTrained(folder)) writeJson(file, { sha256 });
  const begun = readJson(file, 'Start the job anew.') as { sha256: string };
  if (begun.sha256 !== sha256)
    throw new UserError(
      `${file}: the weights of encoder.init have changed since the job was begun. Restore them, or start another job with --set name=….`,
    );
}

/** All passages and the training queries: dev and test queries stay unseen. */
function* trainingTexts({ corpus, queries, splits }: Dataset): Generator<string> {
  for (let row = 0; row < corpus.size; row++) yield corpus.text(row);
  for (const row of splits.train.rows) yield queries.text(row);
}
