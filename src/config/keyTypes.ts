/** What the sections of the schema are made of. */
import { z } from 'zod';
import { LEAST_PAIR_TOKENS } from './limits.js';

/** A key with its default, its unit ('' for none) and one sentence. */
export function key<T extends z.ZodType>(type: T, byDefault: z.core.util.NoUndefined<z.output<T>>, unit: string, description: string) {
  return type.default(byDefault).meta({ unit, description });
}

/** The `kind` that a union takes where none is written. `optional` is what lets zod's discriminator match its absence. */
export const defaultKind = <const K extends string>(kind: K) => z.literal(kind).optional().default(kind);

export const share = () => z.number().min(0).max(1);
export const count = () => z.int().min(1);
/** The longest sequence of a query and a passage. */
export const pairTokens = () => z.int().min(LEAST_PAIR_TOKENS);
