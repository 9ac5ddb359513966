import { describe, expect, test } from 'vitest';
import { expanded, groupsOf } from '../../src/analysis/systemNames.js';

describe('systems of the command line', () => {
  test('stay in their order where their files are named by numbers', () => {
    expect(Object.entries(groupsOf(['runs/100.trec', '20.trec', '500', 'bm25']))).toEqual([
      ['runs/100.trec', ['runs/100.trec']],
      ['20.trec', ['20.trec']],
      ['./500', ['500']],
      ['bm25', ['bm25']],
    ]);
    expect(() => groupsOf(['100=a.trec', '20=b.trec'])).toThrow(/^100=a\.trec: found a number for a system’s name; .* run100=a\.trec$/);
  });

  test('are named by their files or as said, each once', () => {
    expect(groupsOf(['a/run.trec', 'b/run.trec', 'toString=c.trec', 'two=d,e'])).toEqual({
      run: ['a/run.trec'],
      'b/run.trec': ['b/run.trec'],
      toString: ['c.trec'],
      two: ['d', 'e'],
    });
    expect(() => groupsOf(['20.trec', '20.trec'])).toThrow(/20\.trec is named twice/);
    expect(expanded(groupsOf(['two=d,e']))).toEqual({ 'two#1': 'd', 'two#2': 'e' });
  });
});
