/**
 * The unigram model (Kudo 2018): a word is cut into the pieces whose log probabilities have the highest sum. A character without a piece of its own costs
 * ten more than the rarest piece; neighbours of that kind become one unknown token, as in `tokenizers`.
 */
interface Node {
  readonly next: Map<number, Node>;
  /** The piece that ends here, or −1. */
  id: number;
}

const PENALTY = 10;

/** Cuts a word into pieces; an unknown stretch is a piece too. `vocab` are pieces with their scores. */
export function unigramEncoder(vocab: readonly (readonly [piece: string, score: number])[], unkId: number): (word: string) => string[] {
  const root: Node = { next: new Map(), id: -1 };
  vocab.forEach(([piece], id) => {
    let node = root;
    for (const character of piece) {
      const code = character.codePointAt(0)!;
      if (!node.next.has(code)) node.next.set(code, { next: new Map(), id: -1 });
      node = node.next.get(code)!;
    }
    node.id = id;
  });
  const scores = Float64Array.from(vocab, ([, score]) => score);
  const unknown = scores.reduce((least, score) => Math.min(least, score), Number.POSITIVE_INFINITY) - PENALTY;
  return (word) => {
    const characters = [...word];
    const { starts, ids } = bestPath(root, characters, scores, unknown, unkId);
    const pieces: string[] = [];
    let unknownEnd = -1; // where the unknown stretch ends that began behind `end`
    let end = characters.length;
    const flush = (begin: number) => {
      if (unknownEnd >= 0) pieces.push(characters.slice(begin, unknownEnd).join(''));
      unknownEnd = -1;
    };
    while (end > 0) {
      const begin = starts[end]!;
      if (ids[end] === unkId) {
        if (unknownEnd < 0) unknownEnd = end;
      } else {
        flush(end);
        pieces.push(characters.slice(begin, end).join(''));
      }
      end = begin;
    }
    flush(0);
    return pieces.reverse();
  };
}

/** Viterbi: for every end the start and the piece of the best path to it. */
function bestPath(root: Node, characters: readonly string[], scores: Float64Array, unknown: number, unkId: number) {
  const n = characters.length;
  const best = new Float64Array(n + 1).fill(Number.NEGATIVE_INFINITY);
  const starts = new Int32Array(n + 1);
  const ids = new Int32Array(n + 1);
  best[0] = 0;
  const offer = (begin: number, end: number, score: number, id: number) => {
    if (!(best[begin]! + score > best[end]!)) return;
    best[end] = best[begin]! + score;
    starts[end] = begin;
    ids[end] = id;
  };
  for (let begin = 0; begin < n; begin++) {
    let node: Node | undefined = root;
    let single = false;
    for (let end = begin; end < n; end++) {
      node = node.next.get(characters[end]!.codePointAt(0)!);
      if (!node) break;
      if (node.id < 0) continue;
      offer(begin, end + 1, scores[node.id]!, node.id);
      if (end === begin) single = true;
    }
    if (!single) offer(begin, begin + 1, unknown, unkId);
  }
  return { starts, ids };
}
