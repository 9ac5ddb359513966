import type { Hit } from '../index/searcher.js';
import { wrap } from './wrap.js';

/** The hits of one query for reading: rank, score and id on a line, the text indented below, two lines of it at most. */
export function hitLines(hits: readonly Hit[], columns: number): string {
  if (hits.length === 0) return 'nothing found';
  return hits
    .map(({ id, text, score }, i) => {
      const [first = '', second, ...more] = wrap(text, Math.max(20, columns - 4));
      const body = second === undefined ? [first] : [first, more.length === 0 ? second : `${second} …`];
      return [`${String(i + 1).padStart(2)}  ${score.toFixed(3)}  ${id}`, ...body.map((line) => `    ${line}`)].join('\n');
    })
    .join('\n');
}
