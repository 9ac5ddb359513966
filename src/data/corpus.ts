/** The corpus of a source: the chosen fields of its passages, whole or in windows, in memory or, where it is large, in a file. */
import fs from 'node:fs';
import { grown } from '../core/arrays.js';
import type { Reporter } from '../core/reporter.js';
import type { FormatName } from './formats.js';
import { Ids } from './ids.js';
import { at, badData, type Passage, type Source } from './source.js';
import { openStored, storeFolder, TextFileWriter } from './textFile.js';
import { fingerprintLine, joinFields, spaced, textsInMemory } from './texts.js';
import type { Documents, Texts } from './types.js';
import { documentsOf, type Windows, windowId, windowsOf } from './windows.js';

export interface TextPolicy {
  /** Joined in this order; the last is the body, which answers are looked for in and windows are cut from. */
  readonly fields: readonly ('title' | 'url' | 'text')[];
  /** What stands between them: a space, or the tokenizer's separator token. */
  readonly separator: 'space' | 'token';
  readonly windows?: Windows | undefined;
}

/** The keys of a job file that decide it. */
export interface PolicyKeys {
  readonly fields: 'auto' | TextPolicy['fields'];
  readonly separator: TextPolicy['separator'];
  readonly windows: 'none' | Windows;
}

/** Documents of the web are read with their address, everything else with its title. */
export function textPolicy({ fields, separator, windows }: PolicyKeys, format: FormatName | 'auto'): TextPolicy {
  const byDefault = format === 'msmarco-document' ? (['url', 'title', 'text'] as const) : (['title', 'text'] as const);
  return { fields: fields === 'auto' ? byDefault : fields, separator, ...(windows !== 'none' && { windows }) };
}

export interface CorpusOptions extends TextPolicy {
  readonly cacheFolder: string;
  readonly reporter?: Reporter | undefined;
}

/** Sources with more bytes than this keep their corpus in a file. */
const inMemoryBytes = (): number => Number(process.env.SIMANS_TEXTS_IN_MEMORY ?? 64e6);

export async function readCorpus(
  source: Source,
  options: CorpusOptions,
): Promise<{ corpus: Texts; documents?: Documents; notes: readonly string[] }> {
  const bytes = source.files.reduce((sum, file) => sum + fs.statSync(file).size, 0);
  const { fields, separator, windows } = options;
  const { texts, notes } =
    bytes > inMemoryBytes()
      ? await stored(source, options, await storeFolder(options.cacheFolder, source.files, { fields, separator, windows }))
      : await inMemory(source, options);
  const corpus = separator === 'token' && fields.length > 1 ? { ...texts, separated: true } : texts;
  return { corpus, ...(windows && { documents: documentsOf(corpus) }), notes };
}

/** What is said of a text policy in results that depend on it. */
export function describePolicy({ fields, separator, windows }: TextPolicy): string {
  return `${fields.join(separator === 'token' ? ' [SEP] ' : ' ')}${windows ? `, windows of ${windows.words} words every ${windows.stride}` : ''}`;
}

/** The policy that describePolicy has put into words. */
export function policyFrom(words: string): TextPolicy {
  const [, fields = words, size, stride] = /^(.+), windows of (\d+) words every (\d+)$/.exec(words) ?? [];
  const separator = fields.includes(' [SEP] ') ? 'token' : 'space';
  return {
    fields: fields.split(separator === 'token' ? ' [SEP] ' : ' ') as TextPolicy['fields'][number][],
    separator,
    ...(size !== undefined && { windows: { words: Number(size), stride: Number(stride) } }),
  };
}

async function inMemory(source: Source, options: CorpusOptions) {
  const ids = new Ids();
  const texts: string[] = [];
  const notes = await eachPassage(source, options, ids, (_, text) => texts.push(text));
  return { texts: textsInMemory(ids, texts), notes };
}

async function stored(source: Source, options: CorpusOptions, folder: string) {
  const known = openStored(folder);
  if (known) return known;
  const read = (text: string) => (options.separator === 'token' ? text : spaced(text)); // as fingerprintTexts has it
  const writer = new TextFileWriter(folder);
  try {
    const notes = await eachPassage(source, options, writer.ids, (row, text, id) =>
      writer.append(row, text, `${fingerprintLine(id, read(text))}\n`),
    );
    return writer.finish(notes);
  } catch (error) {
    writer.abandon();
    throw error;
  }
}

/** Calls `take` with each row of the corpus and what is stored of it; returns what is worth saying. */
async function eachPassage(
  source: Source,
  options: CorpusOptions,
  ids: Ids,
  take: (row: number, text: string, id: string) => void,
): Promise<string[]> {
  const { fields, windows, reporter } = options;
  const lines = new Lines();
  let [damaged, empty, documents] = [0, 0, 0];
  for await (const passage of source.passages()) {
    const parts = fields.map((field) => passage[field] ?? '');
    if (parts.some((part) => part.includes('\uFFFD'))) damaged++;
    if (parts.every((part) => part.trim() === '')) empty++;
    const pieces = windows ? windowsOf(parts, windows) : [parts];
    pieces.forEach((piece, i) => {
      const id = windows ? windowId(passage.id, i) : passage.id;
      const { row, added } = ids.add(id);
      if (!added) throw again(passage, lines.placeOf(row, source));
      lines.add(passage);
      take(row, joinFields(piece), id);
    });
    if (++documents % 1_000_000 === 0) reporter?.line(`corpus: ${documents.toLocaleString('en')} passages read`);
  }
  if (documents === 0) throw badData(`${source.files[0]}:1`, 'no passage', 'some to search', source.withoutPassages ?? 'check the file');
  const notes = windows ? [`${documents.toLocaleString('en')} documents in ${ids.size.toLocaleString('en')} windows`] : [];
  if (damaged > 0)
    notes.push(`${source.files[0]}: ${damaged} of ${documents} texts hold the replacement character U+FFFD: not UTF-8, or damaged before.`);
  if (empty > 0) notes.push(`${source.files[0]}: ${empty} of ${documents} passages have no text.`);
  return notes;
}

function again({ id, place }: Passage, first: string): Error {
  return badData(place, `the passage id ${JSON.stringify(id)} again (first at ${first})`, 'each id once', 'remove or rename one');
}

/** The line of each row, 4 bytes each, and from which row on each file goes. */
class Lines {
  private lines = new Int32Array(1024);
  private size = 0;
  private readonly files: { file: string; from: number }[] = [];

  add({ place }: Passage): void {
    if (this.files.at(-1)?.file !== place.file) this.files.push({ file: place.file, from: this.size });
    if (this.size === this.lines.length) this.lines = grown(this.lines, 2 * this.size);
    this.lines[this.size++] = place.line;
  }

  placeOf(row: number, source: Source): string {
    const file = this.files.filter(({ from }) => from <= row).at(-1)?.file ?? source.files[0]!;
    return at({ file, line: this.lines[row]! });
  }
}
