/**
 * Porter's stemmer: M. F. Porter, "An algorithm for suffix stripping", Program 14(3), 1980, the algorithm as published
 * (without the later departures of its author's code). Words of one or two letters stay as they are.
 */

/** Suffix → replacement, tried from top to bottom; the first suffix that fits is the only one looked at. */
type Rules = readonly (readonly [suffix: string, replacement: string])[];

const STEP_2: Rules = [
  ['ational', 'ate'],
  ['tional', 'tion'],
  ['enci', 'ence'],
  ['anci', 'ance'],
  ['izer', 'ize'],
  ['abli', 'able'],
  ['alli', 'al'],
  ['entli', 'ent'],
  ['eli', 'e'],
  ['ousli', 'ous'],
  ['ization', 'ize'],
  ['ation', 'ate'],
  ['ator', 'ate'],
  ['alism', 'al'],
  ['iveness', 'ive'],
  ['fulness', 'ful'],
  ['ousness', 'ous'],
  ['aliti', 'al'],
  ['iviti', 'ive'],
  ['biliti', 'ble'],
];
const STEP_3: Rules = [
  ['icate', 'ic'],
  ['ative', ''],
  ['alize', 'al'],
  ['iciti', 'ic'],
  ['ical', 'ic'],
  ['ful', ''],
  ['ness', ''],
];
const STEP_4: Rules = [
  'al',
  'ance',
  'ence',
  'er',
  'ic',
  'able',
  'ible',
  'ant',
  'ement',
  'ment',
  'ent',
  'ion',
  'ou',
  'ism',
  'ate',
  'iti',
  'ous',
  'ive',
  'ize',
].map((suffix) => [suffix, '']);

/** The stem of a lower-case word of a–z; other words come back unchanged. */
export function porterStem(word: string): string {
  if (word.length <= 2 || !/^[a-z]+$/.test(word)) return word;
  return tidyEnd(dropSuffix(replaceSuffix(replaceSuffix(finalY(pastOrGerund(plural(word))), STEP_2), STEP_3)));
}

/** Step 1a. */
function plural(word: string): string {
  if (word.endsWith('sses') || word.endsWith('ies')) return word.slice(0, -2);
  return word.endsWith('s') && !word.endsWith('ss') ? word.slice(0, -1) : word;
}

/** Step 1b. */
function pastOrGerund(word: string): string {
  if (word.endsWith('eed')) return measure(word.slice(0, -3)) > 0 ? word.slice(0, -1) : word;
  const suffix = ['ed', 'ing'].find((ending) => word.endsWith(ending));
  if (suffix === undefined) return word;
  const stem = word.slice(0, -suffix.length);
  if (!hasVowel(stem)) return word;
  if (/(at|bl|iz)$/.test(stem)) return `${stem}e`;
  if (endsInDoubleConsonant(stem) && !/[lsz]$/.test(stem)) return stem.slice(0, -1);
  return measure(stem) === 1 && endsInCvc(stem) ? `${stem}e` : stem;
}

/** Step 1c. */
function finalY(word: string): string {
  return word.endsWith('y') && hasVowel(word.slice(0, -1)) ? `${word.slice(0, -1)}i` : word;
}

/** Steps 2 and 3: the suffix is replaced where a consonant sequence stands before it (m > 0). */
function replaceSuffix(word: string, rules: Rules): string {
  const rule = rules.find(([suffix]) => word.endsWith(suffix));
  if (rule === undefined) return word;
  const stem = word.slice(0, -rule[0].length);
  return measure(stem) > 0 ? stem + rule[1] : word;
}

/** Step 4: the suffix goes where the stem is long enough (m > 1), -ion only behind s or t. */
function dropSuffix(word: string): string {
  const rule = STEP_4.find(([suffix]) => word.endsWith(suffix));
  if (rule === undefined) return word;
  const stem = word.slice(0, -rule[0].length);
  return measure(stem) > 1 && (rule[0] !== 'ion' || /[st]$/.test(stem)) ? stem : word;
}

/** Step 5: a final e, and the second of two final l. */
function tidyEnd(word: string): string {
  let stem = word;
  if (stem.endsWith('e')) {
    const without = stem.slice(0, -1);
    const m = measure(without);
    if (m > 1 || (m === 1 && !endsInCvc(without))) stem = without;
  }
  return stem.endsWith('ll') && measure(stem) > 1 ? stem.slice(0, -1) : stem;
}

/** The letters as C (consonant) and V (vowel); y is a vowel behind a consonant. */
function shape(stem: string): string {
  let letters = '';
  for (const letter of stem) letters += 'aeiou'.includes(letter) || (letter === 'y' && letters.endsWith('C')) ? 'V' : 'C';
  return letters;
}

/** m in [C](VC)^m[V]: how many vowel sequences are followed by a consonant sequence. */
function measure(stem: string): number {
  return shape(stem).match(/V+C/g)?.length ?? 0;
}

function hasVowel(stem: string): boolean {
  return shape(stem).includes('V');
}

function endsInDoubleConsonant(stem: string): boolean {
  return /(.)\1$/.test(stem) && shape(stem).endsWith('C');
}

/** Consonant, vowel, consonant, where the last is not w, x or y. */
function endsInCvc(stem: string): boolean {
  return shape(stem).endsWith('CVC') && !/[wxy]$/.test(stem);
}
