/** What every reader gives, in the order of the files: passages, queries and judgments, each with the place it was read at. */
import { UserError } from '../core/errors.js';

/** Where something was read: a line, or a row of a Parquet file, from 1. */
export interface Place {
  readonly file: string;
  readonly line: number;
}

export interface Passage {
  readonly id: string;
  /** '' where there is none. */
  readonly title: string;
  readonly text: string;
  /** Of web documents. */
  readonly url?: string | undefined;
  readonly place: Place;
}

export interface Query {
  readonly id: string;
  readonly text: string;
  /** Strings that a right passage holds; of questions. */
  readonly answers?: readonly string[] | undefined;
  readonly place: Place;
}

/**
 * What is known of a query and a passage: `judged` has a grade (1 or more makes a positive), `negative` comes as a negative with the data, `known` must not
 * be drawn as one though it is no positive. `asked` names no passage: the query belongs to the split, and its answers decide what is right.
 */
export interface Judgment {
  readonly query: string;
  readonly passage: string;
  readonly kind: 'judged' | 'negative' | 'known' | 'asked';
  readonly grade: number;
  /** A teacher's. */
  readonly score?: number | undefined;
  readonly place: Place;
}

export const SPLIT_NAMES = ['train', 'dev', 'test'] as const;
export type SplitName = (typeof SPLIT_NAMES)[number];

export interface Source {
  /** Every file that is read, in order. */
  readonly files: readonly string[];
  passages(): AsyncIterable<Passage>;
  queries(): AsyncIterable<Query>;
  /** The splits that the data has. */
  readonly splits: Readonly<Partial<Record<SplitName, () => AsyncIterable<Judgment>>>>;
  /** Where the splits were looked for, for errors. */
  readonly splitsPlace: string;
  /** What to do where there is no passage, for errors: they may well be elsewhere. */
  readonly withoutPassages?: string;
}

export const at = ({ file, line }: Place): string => `${file}:${line}`;

/** The one form of a complaint about data: where, what was found, what was expected, what to do. */
export function badData(place: Place | string, found: string, expected: string, advice: string): UserError {
  return new UserError(`${typeof place === 'string' ? place : at(place)}: found ${found}; expected ${expected}; ${advice}.`);
}

/** A text short enough for a message, on one line. */
export function excerpt(text: string | undefined): string {
  if (text === undefined) return 'nothing';
  return text.length > 60 ? `${text.slice(0, 60)}…` : text;
}

/** A value of a record, as JSON writes it, for a message; Parquet's whole numbers are bigints, which JSON does not know. */
export const shown = (value: unknown): string =>
  excerpt(JSON.stringify(value, (_, part: unknown) => (typeof part === 'bigint' ? Number(part) : part)));
