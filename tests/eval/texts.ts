import type { Texts } from '../../src/data/types.js';

/** Texts of the given strings; ids are the given ones or x0, x1, … */
export function textsOf(texts: readonly string[], ids: readonly string[] = texts.map((_, i) => `x${i}`)): Texts {
  return {
    size: texts.length,
    id: (row) => ids[row],
    text: (row) => texts[row],
    rowOf: (id) => (ids.includes(id) ? ids.indexOf(id) : undefined),
  };
}
