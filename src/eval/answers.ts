/** Whether a passage holds an answer, by DPR's rule; of CuratedTREC, whose answers are regular expressions, by its second. */
const TOKEN = /[\p{L}\p{N}\p{M}]+|[^\p{Z}\p{C}]/gu;

/** The tokens that DPR compares: NFD, runs of letters, digits and marks, or single other characters; lower-cased. */
export function answerTokens(text: string): string[] {
  return (text.normalize('NFD').match(TOKEN) ?? []).map((token) => token.toLowerCase());
}

/** Whether one of the answers' tokens stand in the text's in a row. An answer without tokens is found everywhere. */
export function holdsAnswer(text: string, answers: readonly string[]): boolean {
  const letters = folded(text.normalize('NFD'));
  // Few texts have all letters of an answer, and looking costs little beside cutting the text into tokens.
  const possible = runsOf(answers).filter(({ searched }) => searched.every((token) => letters.includes(token)));
  if (possible.length === 0) return false;
  const tokens = answerTokens(text);
  return possible.some(({ run }) => containsRun(tokens, run));
}

interface AnswerRun {
  readonly run: readonly string[];
  /** The tokens as a folded text would have them. */
  readonly searched: readonly string[];
}

const known = new WeakMap<readonly string[], AnswerRun[]>();

function runsOf(answers: readonly string[]): AnswerRun[] {
  const found = known.get(answers) ?? answers.map(answerTokens).map((run) => ({ run, searched: run.map(folded) }));
  known.set(answers, found);
  return found;
}

/** Lower case in which a sigma is the same at the end of a word and within. */
const folded = (text: string): string => text.toLowerCase().replaceAll('ς', 'σ');

function containsRun(tokens: readonly string[], wanted: readonly string[]): boolean {
  if (wanted.length === 0) return true; // as in DPR; readers refuse such answers
  for (
    let begin = tokens.indexOf(wanted[0]!);
    begin >= 0 && begin + wanted.length <= tokens.length;
    begin = tokens.indexOf(wanted[0]!, begin + 1)
  )
    if (wanted.every((token, i) => tokens[begin + i] === token)) return true;
  return false;
}

export interface PatternMatcher {
  holds(text: string, patterns: readonly string[]): boolean;
  /** Patterns that do not compile: they match nothing. */
  readonly broken: ReadonlySet<string>;
}

/** CuratedTREC's rule: NFD, the pattern anywhere in the text, without regard to case, `^` and `$` at lines. */
export function createPatternMatcher(): PatternMatcher {
  const compiled = new Map<string, RegExp | undefined>();
  const broken = new Set<string>();
  const compile = (pattern: string): RegExp | undefined => {
    if (compiled.has(pattern)) return compiled.get(pattern);
    let regex: RegExp | undefined;
    try {
      regex = new RegExp(pattern.normalize('NFD'), 'imu');
    } catch {
      try {
        regex = new RegExp(pattern.normalize('NFD'), 'im'); // Python takes escapes that the u flag does not
      } catch {
        broken.add(pattern);
      }
    }
    compiled.set(pattern, regex);
    return regex;
  };
  return {
    broken,
    holds: (text, patterns) => patterns.some((pattern) => compile(pattern)?.test(text.normalize('NFD')) ?? false),
  };
}

export type AnswerRule = 'tokens' | 'regex';
