/** What a data set holds, counted while it streams by: nothing is refused that can be counted. */
import { createHash } from 'node:crypto';
import { grown } from '../core/arrays.js';
import { Ids } from './ids.js';
import { type Judgment, type Passage, type Query, type Source, SPLIT_NAMES, type SplitName } from './source.js';

export interface Lengths {
  readonly mean: number;
  readonly p50: number;
  readonly p90: number;
  readonly p95: number;
  readonly p99: number;
  readonly longest: number;
}

export interface TextsReport {
  readonly count: number;
  readonly lengths: Lengths;
  /** Texts that an earlier one has too, word for word. */
  readonly duplicates: number;
  readonly duplicateIds: readonly string[];
  readonly empty: number;
}

export interface SplitReport {
  readonly queries: number;
  readonly judgments: number;
  /** How many judgments have each grade. */
  readonly grades: Readonly<Record<string, number>>;
  /** How many queries have how many positives. */
  readonly positives: Readonly<Record<string, number>>;
  readonly negatives: number;
  readonly known: number;
  readonly withAnswers: number;
  /** Ids of judgments that neither corpus nor queries have: how many different ones, and some. */
  readonly danglingPassages: Named;
  readonly danglingQueries: Named;
}

export interface Named {
  readonly count: number;
  readonly some: readonly string[];
}

export interface Inspection {
  readonly passages: TextsReport;
  readonly queries: TextsReport;
  readonly splits: Partial<Record<SplitName, SplitReport>>;
  /** Between two splits: queries of the same text, and right passages that both have. */
  readonly overlaps: readonly { readonly splits: readonly [SplitName, SplitName]; readonly queries: number; readonly passages: number }[];
  readonly samples: readonly { readonly query: Query; readonly positive?: Passage }[];
}

export interface InspectOptions {
  /** The length of a text: tokens, or words. */
  readonly lengthOf: (text: string) => number;
}

const SOME = 5;
const SAMPLES = 3;

export async function inspect(source: Source, { lengthOf }: InspectOptions): Promise<Inspection> {
  const passages = new TextCounter(lengthOf);
  for await (const { id, title, text } of source.passages())
    passages.add(id, [title, text].filter((field) => field.trim() !== '').join(' '));
  const queries = new TextCounter(lengthOf);
  const normal = new Map<string, string>(); // query id → what its text is compared by
  const samples: Query[] = [];
  const withAnswers = new Set<string>();
  for await (const query of source.queries()) {
    queries.add(query.id, query.text);
    normal.set(query.id, query.text.toLowerCase().replace(/\s+/g, ' ').trim());
    if (query.answers) withAnswers.add(query.id);
    if (samples.length < SAMPLES) samples.push(query);
  }
  const splits: Partial<Record<SplitName, SplitReport>> = {};
  const seen: Partial<Record<SplitName, { texts: Set<string>; right: Set<string> }>> = {};
  const positiveOf = new Map<string, string>();
  for (const name of SPLIT_NAMES) {
    const judgments = source.splits[name];
    if (!judgments) continue;
    const { report, asked, right } = await countSplit(judgments(), passages.ids, queries.ids, positiveOf);
    splits[name] = { ...report, withAnswers: asked.filter((id) => withAnswers.has(id)).length };
    seen[name] = { texts: new Set(asked.map((id) => normal.get(id) ?? id)), right };
  }
  return {
    passages: passages.report(),
    queries: queries.report(),
    splits,
    overlaps: overlapsOf(seen),
    samples: await withPositives(source, samples, positiveOf),
  };
}

function overlapsOf(seen: Partial<Record<SplitName, { texts: Set<string>; right: Set<string> }>>): Inspection['overlaps'] {
  const names = SPLIT_NAMES.filter((name) => seen[name]);
  const common = (a: Set<string>, b: Set<string>) => [...a].filter((one) => b.has(one)).length;
  return names.flatMap((a, i) =>
    names.slice(i + 1).map((b) => ({
      splits: [a, b] as const,
      queries: common(seen[a]!.texts, seen[b]!.texts),
      passages: common(seen[a]!.right, seen[b]!.right),
    })),
  );
}

async function countSplit(judgments: AsyncIterable<Judgment>, passages: Ids, queries: Ids, positiveOf: Map<string, string>) {
  const grades: Record<string, number> = {};
  const positives = new Map<string, number>();
  const right = new Set<string>();
  const [unknownPassages, unknownQueries] = [new Set<string>(), new Set<string>()];
  let [judged, negatives, known] = [0, 0, 0];
  for await (const { query, passage, kind, grade } of judgments) {
    positives.set(query, (positives.get(query) ?? 0) + (kind === 'judged' && grade >= 1 ? 1 : 0));
    if (queries.rowOf(query) === undefined) unknownQueries.add(query);
    if (kind === 'asked') continue;
    if (passages.rowOf(passage) === undefined) unknownPassages.add(passage);
    if (kind === 'negative') negatives++;
    else if (kind === 'known') known++;
    else {
      judged++;
      grades[grade] = (grades[grade] ?? 0) + 1;
      if (grade >= 1) {
        right.add(passage);
        if (!positiveOf.has(query)) positiveOf.set(query, passage);
      }
    }
  }
  const counts: Record<string, number> = {};
  for (const count of positives.values()) counts[count] = (counts[count] ?? 0) + 1;
  const named = (ids: Set<string>): Named => ({ count: ids.size, some: [...ids].slice(0, SOME) });
  const report = {
    queries: positives.size,
    judgments: judged,
    grades,
    positives: counts,
    negatives,
    known,
    danglingPassages: named(unknownPassages),
    danglingQueries: named(unknownQueries),
  };
  return { report, asked: [...positives.keys()], right };
}

async function withPositives(source: Source, queries: readonly Query[], positiveOf: Map<string, string>): Promise<Inspection['samples']> {
  const wanted = new Set(queries.map(({ id }) => positiveOf.get(id)));
  const found = new Map<string, Passage>();
  if (queries.some(({ id }) => positiveOf.has(id)))
    for await (const passage of source.passages()) {
      if (wanted.has(passage.id)) found.set(passage.id, passage);
      if (found.size === wanted.size) break;
    }
  return queries.map((query) => {
    const positive = found.get(positiveOf.get(query.id) ?? '');
    return { query, ...(positive && { positive }) };
  });
}

/** Lengths and hashes of texts, 12 bytes each. */
class TextCounter {
  readonly ids = new Ids();
  private lengths = new Uint32Array(1024);
  private hashes = new Float64Array(1024);
  private size = 0;
  private empty = 0;
  private readonly repeated = new Set<string>();

  constructor(private readonly lengthOf: (text: string) => number) {}

  add(id: string, text: string): void {
    if (!this.ids.add(id).added && this.repeated.size < SOME) this.repeated.add(id);
    if (this.size === this.lengths.length)
      [this.lengths, this.hashes] = [grown(this.lengths, 2 * this.size), grown(this.hashes, 2 * this.size)];
    this.lengths[this.size] = this.lengthOf(text);
    this.hashes[this.size++] = hashOf(text);
    if (text === '') this.empty++;
  }

  report(): TextsReport {
    const lengths = this.lengths.slice(0, this.size).sort();
    const hashes = this.hashes.slice(0, this.size).sort();
    const at = (share: number) => lengths[Math.min(this.size - 1, Math.floor(share * this.size))] ?? 0;
    return {
      count: this.size,
      lengths: {
        mean: lengths.reduce((sum, length) => sum + length, 0) / Math.max(1, this.size),
        p50: at(0.5),
        p90: at(0.9),
        p95: at(0.95),
        p99: at(0.99),
        longest: lengths.at(-1) ?? 0,
      },
      duplicates: hashes.reduce((count, hash, i) => count + (i > 0 && hash === hashes[i - 1] ? 1 : 0), 0),
      duplicateIds: [...this.repeated],
      empty: this.empty,
    };
  }
}

/** 53 bits of SHA-1: two of ten million different texts share one with a chance of 1 in 180. */
function hashOf(text: string): number {
  const digest = createHash('sha1').update(text).digest();
  return digest.readUInt32LE(0) * 2 ** 21 + (digest.readUInt32LE(4) >>> 11);
}
