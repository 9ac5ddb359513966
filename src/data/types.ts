/** What every reader produces. Rows are positions (numbers), ids are the data's own (strings). */

/** Texts addressed by row; used for the corpus and for the queries. */
export interface Texts {
  readonly size: number;
  id(row: number): string;
  /** What encoders and BM25 read: the fields joined. */
  text(row: number): string;
  /** The fields apart, in the order in which they are joined; the body is the last. */
  fields(row: number): string[];
  /** The row of an id, or undefined. */
  rowOf(id: string): number | undefined;
  /** Whether encoders read the fields with their separator token between, instead of the joined text. */
  readonly separated?: boolean;
  /** SHA-256 of ids and texts, where it is known without reading them all. */
  readonly fingerprint?: string;
}

/** The queries of one split. All lists are aligned with `rows`. */
export interface Split {
  /** Query rows. */
  readonly rows: Int32Array;
  /** Passage rows that are right (grade ≥ 1), ascending; with windows those of the right documents. */
  readonly positives: Int32Array[];
  /** What is judged, ascending: rows of `Dataset.documents`, or of the corpus where there is none; −1 for what lies outside the corpus. */
  readonly judged: Int32Array[];
  /** The grades of `judged`; 0 and below are judged wrong. */
  readonly grades: Int32Array[];
  /** Passage rows that must not be drawn as negatives though they are no positives. */
  readonly known?: Int32Array[];
  /** Right passages that training takes for unknown ones (`simans lab`): they are only counted. */
  readonly hidden?: Int32Array[];
  /** Negatives that come with the data, best first. */
  readonly negatives?: Int32Array[];
  /** A teacher's scores of `positives` and of `negatives`, NaN where it gave none. */
  readonly scores?: { readonly positives: Float32Array[]; readonly negatives: Float32Array[] };
}

/** Documents whose windows are the passages of the corpus. */
export interface Documents {
  readonly size: number;
  id(row: number): string;
  rowOf(id: string): number | undefined;
  /** The document of each passage row; windows of a document are neighbours. */
  readonly of: Int32Array;
}

export interface Dataset {
  readonly name: string;
  readonly corpus: Texts;
  readonly queries: Texts;
  /** Where the passages are windows of documents: metrics are of these. */
  readonly documents?: Documents;
  /** Strings of which a right passage holds one, by query row. */
  readonly answers?: ReadonlyMap<number, readonly string[]>;
  /** Of data mixed from several sets: how much of a step each gets, and the set of each training query (aligned with splits.train.rows). */
  readonly mix?: { readonly names: readonly string[]; readonly weights: readonly number[]; readonly of: Int32Array };
  /** Whether a passage whose id is a query's is that query itself: never ranked for it, never its negative. */
  readonly removeSelf?: boolean;
  /** What of a passage is read, in words: such as 'title text'. */
  readonly policy: string;
  readonly splits: { readonly train: Split; readonly dev: Split; readonly test: Split };
  /** SHA-256 of ids and texts of each part: what a job's results belong to. */
  readonly fingerprint: { readonly corpus: string; readonly train: string; readonly dev: string; readonly test: string };
  /** What the reader found worth saying (splits made, lines dropped); shown once at the start. */
  readonly notes: string[];
}

/** Token ids of many texts: text i is ids[offsets[i] … offsets[i + 1]), [CLS] and [SEP] included, truncated. */
export interface TokenTable {
  readonly ids: Int32Array;
  readonly offsets: Uint32Array;
}
