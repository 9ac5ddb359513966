/** What the judgments of a split say of each query, ids turned into rows. */
import { badData, excerpt, type Judgment, type SplitName } from './source.js';
import type { SplitContext } from './splits.js';

/** Negatives kept of a query; MS MARCO's triples have thousands. */
const MOST_NEGATIVES = 200;

/** Of one query. What most have nothing of is made when it is needed, for there may be half a million. */
export class Entry {
  readonly grades = new Map<number, number>();
  /** Grades of passages outside the corpus. */
  outside: Map<string, number> | undefined;
  known: Set<number> | undefined;
  negatives: Set<number> | undefined;
  scores: Map<number, number> | undefined;

  /** Throws a UserError where an earlier line gives the pair another grade. */
  addGrade(passage: number, { grade, place }: Judgment): void {
    const earlier = this.grades.get(passage) ?? grade;
    if (earlier !== grade)
      throw badData(place, `grade ${grade} for a pair that an earlier line gives ${earlier}`, 'one grade a pair', 'remove one line');
    this.grades.set(passage, grade);
  }

  addOutside(passage: string, grade: number): void {
    this.outside ??= new Map();
    this.outside.set(passage, grade);
  }

  /** Whether nothing is said of the query but what must be no negative: no ranking of it is right or wrong. */
  get isKnownAlone(): boolean {
    return this.known !== undefined && this.grades.size === 0 && !this.outside && !this.negatives;
  }

  addKnown(passage: number): void {
    this.known ??= new Set();
    this.known.add(passage);
  }

  /** False where the query has enough. */
  addNegative(passage: number): boolean {
    this.negatives ??= new Set();
    if (this.negatives.size < MOST_NEGATIVES) this.negatives.add(passage);
    return this.negatives.has(passage);
  }

  addScore(passage: number, score: number): void {
    this.scores ??= new Map();
    this.scores.set(passage, score);
  }
}

/** By query row. `splitOf` remembers the split of each query, over all splits. */
export async function collectEntries(
  judgments: AsyncIterable<Judgment>,
  name: SplitName,
  splitOf: Map<number, SplitName>,
  { corpus, documents, queries, options, notes }: SplitContext,
): Promise<Map<number, Entry>> {
  const judgedOf = documents ?? corpus;
  const entries = new Map<number, Entry>();
  let beyond = 0;
  for await (const judgment of judgments) {
    const { query: queryId, passage: passageId, kind, grade, score } = judgment;
    const query = queries.rowOf(queryId);
    if (query === undefined) throw unknownId(judgment, 'query', queryId);
    requireOneSplit(judgment, splitOf.get(query) ?? name, name);
    splitOf.set(query, name);
    const entry = entries.get(query) ?? new Entry();
    entries.set(query, entry);
    const own = options.removeSelf ? judgedOf.rowOf(queryId) : undefined;
    if (own !== undefined) entry.addKnown(own);
    if (kind === 'asked') continue;
    const passage = judgedOf.rowOf(passageId);
    if (passage === undefined) {
      if (options.dangling === 'refuse') throw unknownId(judgment, 'passage', passageId);
      if (kind === 'judged') entry.addOutside(passageId, grade);
      continue;
    }
    if (kind === 'judged') entry.addGrade(passage, judgment);
    else if (kind === 'known') entry.addKnown(passage);
    else if (!entry.addNegative(passage)) beyond++;
    if (score !== undefined) entry.addScore(passage, score);
  }
  if (beyond > 0)
    notes.push(`${name}: ${beyond.toLocaleString('en')} negatives beyond the first ${MOST_NEGATIVES} of their query are left out.`);
  return entries;
}

function requireOneSplit({ query, place }: Judgment, earlier: SplitName, name: SplitName): void {
  if (earlier !== name)
    throw badData(place, `query ${JSON.stringify(query)}, which ${earlier} judges too`, 'each query in one split', 'remove it from one');
}

function unknownId({ place }: Judgment, what: string, id: string): Error {
  return badData(
    place,
    `the ${what} id ${excerpt(JSON.stringify(id))}`,
    `an id from the ${what === 'query' ? 'queries' : 'corpus'}`,
    what === 'query' ? 'remove the line or add the query' : 'remove the line, add the passage, or set data.dangling: keep',
  );
}
