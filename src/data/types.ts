/** What every reader produces. Rows are positions (numbers), ids are the data's own (strings). */

/** Texts addressed by row; used for the corpus and for the queries. */
export interface Texts {
  readonly size: number;
  id(row: number): string;
  /** What encoders and BM25 read: title and text joined by a space where both exist. */
  text(row: number): string;
  /** The row of an id, or undefined. */
  rowOf(id: string): number | undefined;
}

/** The judged queries of one split: `positives[i]` are the passage rows (ascending, grade ≥ 1) of query row `rows[i]`, `grades[i]` their grades. */
export interface Split {
  readonly rows: Int32Array;
  readonly positives: Int32Array[];
  readonly grades: Int32Array[];
}

export interface Dataset {
  readonly name: string;
  readonly corpus: Texts;
  readonly queries: Texts;
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
