import { describe, expect, it } from 'vitest';
import { porterStem } from '../../src/eval/porter.js';

// The examples of the 1980 paper, step by step, carried through all steps.
const stems: Record<string, string> = {
  caresses: 'caress',
  ponies: 'poni',
  ties: 'ti',
  caress: 'caress',
  cats: 'cat',
  feed: 'feed',
  agreed: 'agre',
  plastered: 'plaster',
  bled: 'bled',
  motoring: 'motor',
  sing: 'sing',
  conflated: 'conflat',
  troubled: 'troubl',
  sized: 'size',
  hopping: 'hop',
  tanned: 'tan',
  falling: 'fall',
  hissing: 'hiss',
  fizzed: 'fizz',
  failing: 'fail',
  filing: 'file',
  happy: 'happi',
  sky: 'sky',
  relational: 'relat',
  conditional: 'condit',
  rational: 'ration',
  valenci: 'valenc',
  digitizer: 'digit',
  radicalli: 'radic',
  vietnamization: 'vietnam',
  predication: 'predic',
  operator: 'oper',
  feudalism: 'feudal',
  decisiveness: 'decis',
  hopefulness: 'hope',
  callousness: 'callous',
  formaliti: 'formal',
  sensitiviti: 'sensit',
  sensibiliti: 'sensibl',
  triplicate: 'triplic',
  formative: 'form',
  formalize: 'formal',
  electriciti: 'electr',
  electrical: 'electr',
  goodness: 'good',
  revival: 'reviv',
  allowance: 'allow',
  inference: 'infer',
  airliner: 'airlin',
  gyroscopic: 'gyroscop',
  adjustable: 'adjust',
  irritant: 'irrit',
  replacement: 'replac',
  adjustment: 'adjust',
  dependent: 'depend',
  adoption: 'adopt',
  communism: 'commun',
  activate: 'activ',
  angulariti: 'angular',
  effective: 'effect',
  bowdlerize: 'bowdler',
  probate: 'probat',
  rate: 'rate',
  cease: 'ceas',
  controll: 'control',
  roll: 'roll',
};

describe('porterStem', () => {
  it.each(Object.entries(stems))('%s → %s', (word, stem) => {
    expect(porterStem(word)).toBe(stem);
  });

  it('joins the forms of a word', () => {
    expect(new Set(['connect', 'connected', 'connecting', 'connection', 'connections'].map(porterStem))).toEqual(new Set(['connect']));
    expect(porterStem('generalizations')).toBe('gener');
    expect(porterStem('oscillators')).toBe('oscil');
  });

  it('leaves short words and other scripts alone', () => {
    for (const word of ['is', 'as', '2024', 'слова', 'x1s']) expect(porterStem(word)).toBe(word);
  });

  it('takes y as a vowel behind a consonant only', () => {
    expect(porterStem('saying')).toBe('sai');
    expect(porterStem('dying')).toBe('dy');
    expect(porterStem('toys')).toBe('toi');
  });
});
