import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { storedResults } from '../../src/analysis/storedResults.js';
import { groupsOf, namedIn } from '../../src/analysis/systemNames.js';

const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'simans-stored-'));
const at = (...parts: string[]) => path.join(folder, ...parts);
afterAll(() => fs.rmSync(folder, { recursive: true }));

/** Two queries' values of each system. */
function write(name: string, systems: Readonly<Record<string, readonly number[]>>, measure = 'mrr@10'): string {
  const all = Object.entries(systems).map(([system, values]) => [
    system,
    { search: 'exact', means: { [measure]: (values[0]! + values[1]!) / 2 }, perQuery: { [measure]: values }, unranked: 0 },
  ]);
  fs.mkdirSync(path.dirname(at(name)), { recursive: true });
  fs.writeFileSync(at(name), JSON.stringify({ format: 1, data: 'd', policy: {}, queries: ['a', 'b'], systems: Object.fromEntries(all) }));
  return at(name);
}

const shown = (...what: string[]) => {
  const { result, groups } = storedResults(groupsOf(what), namedIn(what));
  const values = Object.entries(result.systems).map(([name, { perQuery }]) => [name, Object.values(perQuery)[0]]);
  return {
    systems: Object.fromEntries(values),
    seeds: Object.fromEntries(Object.entries(groups).map(([name, { length }]) => [name, length])),
  };
};

describe('results of before', () => {
  const [one, two] = [write('1/metrics.json', { bm25: [0, 1] }), write('2/metrics.json', { bm25: [1, 1] })];
  const several = write('3/metrics.json', { bm25: [0, 1], model: [1, 0] });

  test('go by the names of their systems, or by the one that their file is given', () => {
    expect(shown(several).systems).toEqual({ bm25: [0, 1], model: [1, 0] });
    expect(shown(`x=${one}`, `y=${two}`)).toEqual({ systems: { x: [0, 1], y: [1, 1] }, seeds: { x: 1, y: 1 } });
    expect(shown(one, `y=${several}`).systems).toEqual({ bm25: [0, 1], 'y bm25': [0, 1], 'y model': [1, 0] });
  });

  test('of several seeds are one system', () => {
    expect(shown(`x=${one},${two}`)).toEqual({ systems: { 'x#1': [0, 1], 'x#2': [1, 1] }, seeds: { x: 2 } });
  });

  test('are refused where two files have a system of one name, or no measure is shared', () => {
    expect(() => shown(one, two)).toThrow(/2\/metrics\.json: found the system bm25, which .*1\/metrics\.json has too; .* NAME=/);
    expect(() => shown(`x=${one}`, `y=${write('4/metrics.json', { model: [1, 0] }, 'map')}`)).toThrow(
      /found no measure that all systems have \(x has mrr@10; y has map\)/,
    );
  });

  test('are shown by the measures that are asked for, which they must have', () => {
    const [what, named] = [groupsOf([several]), namedIn([several])];
    expect(Object.keys(storedResults(what, named, ['mrr@10']).result.systems.bm25!.means)).toEqual(['mrr@10']);
    expect(() => storedResults(what, named, ['mrr@10', 'map'])).toThrow(/bm25 was not evaluated by map; expected some of mrr@10/);
  });

  test('of a job are those of its trained encoder', () => {
    write('job/eval/test.json', { bm25: [0, 0], untrained: [0, 0], trained: [1, 0] });
    expect(shown(at('job')).systems).toEqual({ job: [1, 0] });
  });
});
