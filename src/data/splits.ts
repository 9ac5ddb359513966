/** From judgments to splits: rows for ids, positives, what is judged, and a dev split where the data has none. */
import { collectEntries, type Entry } from './entries.js';
import { badData, type Source, type SplitName } from './source.js';
import { selectFromSplit, splitGrouped } from './texts.js';
import type { Documents, Split, Texts } from './types.js';
import { windowsByDocument } from './windows.js';

export interface SplitOptions {
  /** The share of the training queries that becomes dev where the data has none; 0 leaves it empty. */
  readonly devShare: number;
  readonly seed: number;
  /** What becomes of judgments of passages outside the corpus: refused, or kept as never found. */
  readonly dangling: 'refuse' | 'keep';
  /** Whether a passage whose id is the query's is kept from being a negative. */
  readonly removeSelf: boolean;
  /** Whether passages with the text of a judged one are judged alike. */
  readonly duplicates: 'asIs' | 'judged';
}

export interface SplitContext {
  readonly corpus: Texts;
  readonly documents?: Documents | undefined;
  readonly queries: Texts;
  readonly answers: ReadonlyMap<number, readonly string[]>;
  readonly options: SplitOptions;
  readonly notes: string[];
}

const EMPTY_SPLIT: Split = { rows: new Int32Array(0), positives: [], judged: [], grades: [] };
/** The row of a passage outside the corpus. */
export const OUTSIDE = -1;
const NAMED = 5;

export async function readSplits(source: Source, context: SplitContext): Promise<Record<SplitName, Split>> {
  const { notes, options } = context;
  const splitOf = new Map<number, SplitName>();
  const read = async (name: SplitName) => {
    const judgments = source.splits[name];
    if (!judgments) return undefined;
    const entries = await collectEntries(judgments(), name, splitOf, context);
    if (options.duplicates === 'judged') judgeDuplicates(entries, name, source, context);
    return toSplit(entries, name, source, context);
  };
  const train = await read('train');
  const dev = await read('dev');
  const test = await read('test');
  if (train && !test) notes.push(`${source.splitsPlace}: no test split: nothing is tested.`);
  if (dev || !train || train.rows.length === 0 || options.devShare === 0)
    return { train: train ?? EMPTY_SPLIT, dev: dev ?? EMPTY_SPLIT, test: test ?? EMPTY_SPLIT };
  return { ...takeDev(train, source, options, notes), test: test ?? EMPTY_SPLIT };
}

/** Gives each passage with the text of a judged one that one's grade. Of documents in windows there is none: their text is not whole anywhere. */
function judgeDuplicates(entries: Map<number, Entry>, name: SplitName, source: Source, { corpus, documents, notes }: SplitContext): void {
  if (documents) return;
  const judgedRows = new Set([...entries.values()].flatMap(({ grades }) => [...grades.keys()]));
  const byText = new Map<string, number[]>();
  for (const row of judgedRows) byText.set(corpus.text(row), []);
  for (let row = 0; row < corpus.size; row++) byText.get(corpus.text(row))?.push(row);
  let added = 0;
  for (const { grades } of entries.values())
    for (const [row, grade] of [...grades])
      for (const twin of byText.get(corpus.text(row))!)
        if (!grades.has(twin)) {
          grades.set(twin, grade);
          added++;
        }
  if (added > 0) notes.push(`${source.splitsPlace}, ${name}: ${added} passages with the text of a judged one are judged alike.`);
}

/** Queries by ascending row, without those that nothing can be learned from or measured on: neither a positive (of dev and test: a judged passage) nor answers. */
function toSplit(
  entries: Map<number, Entry>,
  name: SplitName,
  source: Source,
  { documents, queries, answers, notes }: SplitContext,
): Split {
  const place = `${source.splitsPlace}, ${name}`;
  const windowsOf = windowsByDocument(documents);
  const passagesOf = (rows: Iterable<number>) => Int32Array.from([...rows].flatMap(windowsOf));
  const ascending = (rows: Iterable<number>) => passagesOf(rows).sort();
  const all = [...entries].sort(([a], [b]) => a - b);
  const positivesOf = ({ grades }: Entry) => [...grades].filter(([, grade]) => grade >= 1).map(([row]) => row);
  const isTrain = name === 'train';
  const kept = all.filter(([row, entry]) => answers.has(row) || (isTrain ? positivesOf(entry).length > 0 : !entry.isKnownAlone));
  if (kept.length < all.length)
    notes.push(
      `${place}: ${all.length - kept.length} of ${all.length} queries have no ${isTrain ? 'passage of grade 1 or more' : 'judged passage, such as clicks below data.minClicks alone,'} and are left out.`,
    );
  noteOutside(all, place, queries, notes);
  const judged = kept.map(([, { grades, outside }]) => [
    ...[...(outside?.values() ?? [])].map((grade) => [OUTSIDE, grade] as const),
    ...[...grades].sort(([a], [b]) => a - b),
  ]);
  const positives = kept.map(([, entry]) => ascending(positivesOf(entry)));
  const negatives = kept.map(([, entry]) => passagesOf([...(entry.negatives ?? [])].filter((row) => !((entry.grades.get(row) ?? 0) >= 1))));
  const scoresOf = (lists: Int32Array[]) =>
    lists.map((rows, i) => Float32Array.from(rows, (row) => kept[i]![1].scores?.get(documents ? documents.of[row]! : row) ?? NaN));
  const some = (key: keyof Entry) => kept.some(([, entry]) => entry[key]);
  return {
    rows: Int32Array.from(kept, ([row]) => row),
    positives,
    judged: judged.map((pairs) => Int32Array.from(pairs, ([row]) => row)),
    grades: judged.map((pairs) => Int32Array.from(pairs, ([, grade]) => grade)),
    ...(some('known') && { known: kept.map(([, { known }]) => ascending(known ?? [])) }),
    ...(some('negatives') && { negatives }),
    ...(some('scores') && { scores: { positives: scoresOf(positives), negatives: scoresOf(negatives) } }),
  };
}

/** Counts and names the queries whose right passages lie outside the corpus: no ranking can find them. */
function noteOutside(all: readonly (readonly [number, Entry])[], place: string, queries: Texts, notes: string[]): void {
  const touched = all.filter(([, { outside }]) => [...(outside?.values() ?? [])].some((grade) => grade >= 1));
  if (touched.length === 0) return;
  const names = touched.slice(0, NAMED).map(([row]) => queries.id(row));
  notes.push(
    `${place}: ${touched.length} of ${all.length} queries have right passages outside the corpus, which count as not found: ${names.join(', ')}${touched.length > NAMED ? ', …' : ''}.`,
  );
}

/** Takes the dev split from the training queries; queries that share a gold passage stay on one side. */
function takeDev(train: Split, source: Source, { devShare, seed }: SplitOptions, notes: string[]): { train: Split; dev: Split } {
  const wanted = Math.round(devShare * train.rows.length);
  const parts = splitGrouped(train.positives, [wanted], seed, 'dev split');
  const part = (which: number) =>
    selectFromSplit(
      train,
      [...train.rows.keys()].filter((i) => parts[i] === which),
    );
  const [rest, dev] = [part(0), part(1)];
  if (dev.rows.length === 0 || rest.rows.length === 0) {
    throw badData(
      source.splitsPlace,
      `${train.rows.length} queries that do not divide into train and a dev share of ${devShare} with shared gold passages on one side`,
      'more queries or passages',
      'give a dev split (of BEIR: a qrels/dev.tsv)',
    );
  }
  notes.push(
    `${source.splitsPlace}: no dev split: ${dev.rows.length} of ${train.rows.length} training queries were taken for dev (seed ${seed}); queries sharing a gold passage stay together.`,
  );
  return { train: rest, dev };
}
