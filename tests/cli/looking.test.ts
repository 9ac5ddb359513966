/** What a job's negatives look like, through the command line, in real processes. */
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { CellResult } from '../../src/analysis/lab.js';
import type { PilotJob } from '../../src/analysis/pilotJob.js';
import type { Plan } from '../../src/analysis/plan.js';
import type { Profile } from '../../src/analysis/profile.js';
import { loadDataConfig } from '../../src/config/load.js';
import { loadDataset } from '../../src/data/index.js';
import type { NegativesView } from '../../src/sampling/negativesView.js';
import { writeBeir, writeJobFile } from '../train/process.js';
import { simans } from './command.js';

const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'simans-looking-'));
const at = (...parts: string[]) => path.join(folder, ...parts);
const job = at('jobs/toy');
afterAll(() => fs.rmSync(folder, { recursive: true }));
beforeAll(() => {
  writeBeir(at('beir'));
  const sampler = 'sampler={kind: simans, negatives: 2, pool: 10, a: 0.25, b: -1}';
  const { code, stderr } = simans(['train', writeJobFile(folder), '--set', sampler, '--replicas', '1']);
  expect(code, stderr).toBe(0);
}, 120_000);

const metrics = () =>
  fs
    .readFileSync(path.join(job, 'metrics.jsonl'), 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));

/** Training queries that have a pool at the last refresh: those that a refusal names. */
function pooledQueries(): string[] {
  for (let i = 0; i < 40; i++) {
    const named = /expected one such as (.*)\.$/m.exec(simans(['negatives', job, '--query', `q${i}`]).stderr);
    if (named) return named[1]!.split(', ');
  }
  throw new Error('every training query has a pool');
}

describe('negatives', () => {
  let queries: string[];
  beforeAll(() => {
    queries = pooledQueries();
  }, 60_000);

  test('gives p by the equation, the draws, and no positive among the candidates', () => {
    const views = queries
      .slice(0, 3)
      .map((query) => JSON.parse(simans(['negatives', job, '--query', query, '--json']).stdout) as NegativesView);
    for (const { candidates, positives, effectiveSize } of views) {
      const weights = candidates.map(({ score }) => Math.exp(-0.25 * (score - positives[0]!.score + 1) ** 2));
      const sum = weights.reduce((total, weight) => total + weight, 0);
      candidates.forEach(({ p }, i) => expect(p).toBeCloseTo(weights[i]! / sum, 9));
      expect(effectiveSize).toBeCloseTo(1 / candidates.reduce((total, { p }) => total + p! ** 2, 0), 9);
      expect(candidates.filter(({ id }) => positives.some((positive) => positive.id === id))).toEqual([]);
      expect(candidates.length).toBeLessThanOrEqual(10);
      expect(candidates.some(({ drawn }) => drawn.length > 0)).toBe(true);
    }
  }, 60_000);

  test('is readable in 100 columns', () => {
    const { code, stdout } = simans(['negatives', job, '--query', queries[0]!]);
    expect(code).toBe(0);
    for (const line of stdout.split('\n')) expect([...line].length, line).toBeLessThanOrEqual(100);
  });

  test('refuses a query that is not there', () => {
    const { code, stderr } = simans(['negatives', job, '--query', 'q-nowhere']);
    expect([code, stderr]).toEqual([1, expect.stringContaining('q-nowhere: found no such query')]);
  });
});

describe('metrics.jsonl', () => {
  test('has a line a refresh with what the pools and the draws are like', () => {
    const lines = metrics();
    expect(lines.map(({ refresh }) => refresh)).toEqual(lines.map((_, i) => i));
    const pools = lines.flatMap((line) => line.pools ?? []);
    expect(pools.length).toBeGreaterThan(0);
    for (const { effectiveSize, entropySize, candidates } of pools) {
      expect(effectiveSize).toBeGreaterThanOrEqual(1);
      expect(entropySize).toBeGreaterThanOrEqual(effectiveSize);
      expect(candidates).toBeGreaterThanOrEqual(entropySize);
    }
    expect(lines.some(({ draws }) => draws?.drawn > 0)).toBe(true);
  });
});

describe('figure', () => {
  test('draws p over the ranks with its numbers beside it', () => {
    const { code, stdout, stderr } = simans(['figure', job, '--to', at('figures'), '--queries', '2']);
    expect(code, stderr).toBe(0);
    const files = stdout.trim().split('\n');
    expect(files.filter((file) => file.endsWith('.svg')).length).toBeGreaterThan(0);
    for (const file of files) expect(fs.statSync(file).size, file).toBeGreaterThan(100);
  }, 60_000);
});

describe('pilot', () => {
  test('gives gradients by rank and by sampler, the same on a second run', () => {
    const run = (to: string) => simans(['pilot', job, '--queries', '3', '--ranks', '5', '--to', at(to)]);
    const { code, stderr } = run('pilot');
    expect(code, stderr).toBe(0);
    const found = JSON.parse(fs.readFileSync(at('pilot/pilot.json'), 'utf8')) as PilotJob;
    expect(found.rows).toHaveLength(5);
    expect(found.draws.map(({ sampler }) => sampler)).toEqual(['topk, 2', 'topkUniform, 5', 'simans, a = 0.25, b = -1', 'random']);
    // The best two evenly: the mean of the first two ranks.
    expect(found.draws[0]!.mean).toBeCloseTo((found.rows[0]!.mean + found.rows[1]!.mean) / 2, 9);
    expect(run('again').code).toBe(0);
    expect(fs.readFileSync(at('again/pilot.json'), 'utf8')).toBe(fs.readFileSync(at('pilot/pilot.json'), 'utf8'));
  }, 120_000);

  test('looks at the ranks that there are, of two queries or more', () => {
    const { code, stdout, stderr } = simans(['pilot', job, '--queries', '2', '--to', at('whole')]);
    expect(code, stderr).toBe(0);
    expect((JSON.parse(fs.readFileSync(at('whole/pilot.json'), 'utf8')) as PilotJob).rows).toHaveLength(59); // of 60 passages
    expect(stdout).toMatch(/^rank 59 +(?!0\.00)/m);
    for (const file of ['pilot.svg', 'pilot.csv']) expect(fs.readFileSync(at('whole', file), 'utf8')).not.toContain('NaN');
    const one = simans(['pilot', job, '--queries', '1']);
    expect([one.code, one.stderr]).toEqual([1, expect.stringContaining('found 1 dev query to look at; expected two or more')]);
  }, 60_000);

  test('names the checkpoints there are', () => {
    const { code, stderr } = simans(['pilot', job, '--step', '7777']);
    expect([code, stderr]).toEqual([1, expect.stringContaining('found no checkpoint of step 7777; expected one of')]);
  });
});

describe('mine', () => {
  test.each(['tevatron', 'dpr', 'pairs'])(
    'writes negatives as %s that data readers give back, none of them a positive',
    async (format) => {
      const { code, stdout, stderr } = simans([
        'mine',
        job,
        '--to',
        at('mined', format),
        '--format',
        format,
        '--set',
        'sampler.negatives=3',
      ]);
      expect(code, stderr).toBe(0);
      expect(stdout).toContain('40 training queries with 120 negatives');
      const source = { format: 'auto', path: at('mined', format) };
      const { splits } = await loadDataset(loadDataConfig(source), { seed: 1, cacheFolder: at('cache') });
      expect(splits.train.rows).toHaveLength(40);
      splits.train.negatives!.forEach((rows, place) => {
        expect(new Set(rows).size).toBe(3);
        for (const row of rows) expect(splits.train.positives[place]).not.toContain(row);
      });
    },
    60_000,
  );

  test('says where filters left no candidates, and that the negatives are random', () => {
    const margin = ['--set', 'sampler.filters.margin=100000'];
    const { code, stdout, stderr } = simans(['mine', job, '--to', at('mined/strict'), ...margin]);
    expect(code, stderr).toBe(0);
    expect(stdout).toMatch(/^warning: 40 of 40 pools have fewer candidates than the 2 negatives .* look at sampler\.filters\.margin$/m);
    expect(stdout).toContain('with 80 negatives; random passages, 80 random where a pool was too small\n');
  }, 60_000);

  test('topk gives the best-scored, the same on every run', () => {
    const topk = ['--set', 'sampler={kind: topk, negatives: 2, pool: 5}'];
    const read = (name: string) => {
      expect(simans(['mine', job, '--to', at('mined', name), ...topk]).code).toBe(0);
      return fs.readFileSync(at('mined', name, 'train.jsonl'), 'utf8');
    };
    expect(read('first')).toBe(read('second'));
  }, 60_000);

  test('refuses a sampler that ranks nothing', () => {
    const { code, stderr } = simans(['mine', job, '--to', at('mined/none'), '--set', 'sampler={kind: random}']);
    expect([code, stderr]).toEqual([1, expect.stringContaining('its sampler is random, which ranks no passages')]);
  });
});

describe('plan', () => {
  test('counts what the job does, and leaves nothing behind', () => {
    const before = fs.readdirSync(folder).sort();
    const { code, stdout, stderr } = simans(['plan', at('toy.yaml'), '--json']);
    expect(code, stderr).toBe(0);
    const plan = JSON.parse(stdout) as Plan;
    const times = Object.fromEntries(plan.phases.map((phase) => [phase.name, phase.times]));
    // 12 steps, a refresh every 4: at 0, 4, 8 with pools and at 12; two encoders are tested.
    const refreshes = { 'encode the corpus': 4, 'evaluate dev': 4, 'search pools (exact)': 3 };
    expect(times).toMatchObject({ step: 12, ...refreshes, 'encode the corpus to test': 2, test: 2 });
    for (const { secondsEach } of plan.phases) expect(secondsEach).toBeGreaterThanOrEqual(0);
    expect(plan.seconds).toBeCloseTo(
      plan.phases.reduce((sum, phase) => sum + phase.times * phase.secondsEach, 0),
      9,
    );
    expect(fs.readdirSync(folder).sort()).toEqual(before);
  }, 60_000);

  test('a graph takes memory by its connectivity; an engine takes none here, and its time is said to be left out', () => {
    const planned = (index: string) => {
      const { code, stdout, stderr } = simans(['plan', at('toy.yaml'), '--json', '--set', `refresh.index=${index}`]);
      expect(code, stderr).toBe(0);
      return JSON.parse(stdout) as Plan;
    };
    const graph = (connectivity: number) => planned(`{kind: hnsw, connectivity: ${connectivity}}`).memory['graph while searching']!;
    expect(graph(32) - graph(16)).toBe(60 * 8 * 16);
    const engine = planned('{kind: engine}');
    expect(engine.memory).not.toHaveProperty('graph while searching');
    expect(engine.leftOut.join()).toContain('the engine');
    expect(engine.phases.map(({ name }) => name)).toContain('encode queries of pools');
  }, 120_000);

  test('is compared with a finished job, whose folder must be one', () => {
    const { code, stdout, stderr } = simans(['plan', at('toy.yaml'), '--job', job]);
    expect(code, stderr).toBe(0);
    for (const row of ['train', 'refresh', 'evaluate', 'all three', 'memory'])
      expect(stdout).toMatch(new RegExp(`^${row} .* \\d+\\.\\d\\d$`, 'm'));
    expect(stdout).toMatch(/^warning: measured was a job of another configuration, .*: sampler\.a was 0\.25, now 0\.5; /m);
    expect(simans(['plan', path.join(job, 'config.yaml'), '--job', job]).stdout).not.toContain('another configuration');
    expect(simans(['plan', at('toy.yaml'), '--job', at('nowhere')])).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('found no summary.json'),
    });
  }, 120_000);

  test('says what does not fit and exits with 1', () => {
    const { code, stdout } = simans(['plan', at('toy.yaml'), '--set', 'train.keepCheckpoints=1000000000']);
    expect([code, stdout]).toEqual([1, expect.stringMatching(/^disk: .* do not fit into the .*; most of it: checkpoints, /m)]);
  }, 60_000);
});

describe('profile', () => {
  test('divides the plan’s time into spans and kernels, and draws them', () => {
    const { code, stdout, stderr } = simans(['profile', at('toy.yaml'), '--to', at('profile'), '--json']);
    expect(code, stderr).toBe(0);
    const { plan, phases, memory, files } = JSON.parse(stdout) as Profile & { files: string[] };
    expect(phases.map(({ name }) => name)).toEqual(plan.phases.map(({ name }) => name));
    const step = phases.find(({ name }) => name === 'step')!;
    expect(step.ofLimit).toBeGreaterThan(0);
    const within = step.spans.map(({ name }) => name);
    for (const name of ['make the batch', 'loss and gradient', 'sum gradients', 'optimizer']) expect(within).toContain(name);
    expect(Object.values(memory).every((bytes) => bytes > 1e7)).toBe(true);
    expect(files).toContain(at('profile/flame.svg'));
    const [head, ...rows] = fs.readFileSync(at('profile/flame.csv'), 'utf8').trimEnd().split('\n');
    expect(head).toBe('phase,depth,begin,end,name,label');
    expect(rows.some((row) => row.includes('dense, gradient'))).toBe(true);
  }, 60_000);

  test('lists the kernels of each phase, with shares that add up', () => {
    const { code, stdout, stderr } = simans(['profile', at('toy.yaml'), '--to', at('profile')]);
    expect(code, stderr).toBe(0);
    const [, listed] = /^step +together.*\n─.*\n((?:.+\n)+)/m.exec(stdout)!;
    const shares = [...listed!.matchAll(/([\d.]+) %$/gm)].map(([, share]) => Number(share));
    expect(shares.reduce((sum, share) => sum + share, 0)).toBeCloseTo(100, 0);
    expect(stdout).toMatch(/^memory: .* GB after steps$/m);
  }, 60_000);
});

describe('lab', () => {
  const experiment = at('experiment.yaml');
  const samplers = { topk: { kind: 'topk', negatives: 2, pool: 10 }, random: { kind: 'random', negatives: 2 } };
  beforeAll(() => fs.writeFileSync(experiment, JSON.stringify({ job: 'toy.yaml', seeds: [1], hidden: [0, 1], samplers })));
  const lab = (...flags: string[]) => simans(['lab', experiment, '--to', at('lab'), '--set', 'lab.paraphrases=true', ...flags]);

  test('trains every setting, keeps what is done, and draws the figure', () => {
    const { code, stdout, stderr } = lab();
    expect(code, stderr).toBe(0);
    const cells = fs.readdirSync(at('lab/cells')).sort();
    expect(cells).toEqual(['random-0-1.json', 'random-100-1.json', 'topk-0-1.json', 'topk-100-1.json']);
    const read = (cell: string) => JSON.parse(fs.readFileSync(at('lab/cells', cell), 'utf8')) as CellResult;
    expect(read('topk-0-1.json').drawn).toBe(0);
    expect(read('topk-100-1.json').drawn).toBeGreaterThan(0);
    expect(read('topk-100-1.json').gradient).toBeGreaterThan(0);
    expect(Object.keys(read('topk-0-1.json').perQuery!)).toHaveLength(10);
    expect(stdout.trim().split('\n')).toContain(at('lab/lab.svg'));
    fs.rmSync(at('lab/cells/topk-0-1.json'));
    expect(lab().stdout).toContain('3 of 4 trainings are stored');
    expect(fs.readdirSync(at('lab/cells')).sort()).toEqual(cells);
    const stored = fs.readFileSync(at('lab/cells/topk-0-1.json'), 'utf8');
    const other = lab('--set', 'train.weightDecay=0.3');
    expect([other.code, other.stderr]).toEqual([1, expect.stringMatching(/another configuration \(4 of these\).* with --to/)]);
    expect(fs.readFileSync(at('lab/cells/topk-0-1.json'), 'utf8')).toBe(stored);
    fs.mkdirSync(at('other'));
    writeBeir(at('other'), 61);
    const otherData = lab('--set', `data.path=${at('other')}`);
    expect([otherData.code, otherData.stderr]).toEqual([
      1,
      expect.stringMatching(/found a finished job on other data \(other in corpus\).* --to/),
    ]);
  }, 240_000);

  test.each([
    ['seed=3', 'change seeds in'],
    ['sampler.pool=5', 'change samplers in'],
    ['lab={hidden: 0.2}', 'change hidden in'],
    ['jobsFolder=elsewhere', 'give --to beside'],
  ])('refuses --set %s, which would hold for no training', (set, advice) => {
    const { code, stderr } = lab('--set', set);
    expect([code, stderr]).toEqual([1, expect.stringContaining(`--set ${set}: expected a key that all trainings share`)]);
    expect(stderr).toContain(`; ${advice} ${experiment}`);
  });

  test('refuses before the first training what no job could run', () => {
    fs.writeFileSync(at('wrong.yaml'), JSON.stringify({ job: 'toy.yaml', seeds: [1], hidden: [0], samplers: { topk: { kind: 'topl' } } }));
    const wrong = simans(['lab', at('wrong.yaml'), '--to', at('wrong')]);
    expect([wrong.code, wrong.stderr]).toEqual([1, expect.stringContaining('topl')]);
    fs.writeFileSync(at('wrong.yaml'), 'job: toy.yaml\nseeds: [1]\nhidden: [2]\nsamplers: {}\n');
    const hidden = simans(['lab', at('wrong.yaml')]);
    expect([hidden.code, hidden.stderr]).toEqual([
      1,
      expect.stringMatching(/wrong\.yaml:3: hidden\.0 is 2; expected of hidden a list of at least one share/),
    ]);
    fs.writeFileSync(at('wrong.yaml'), 'job: toy.yaml\nseed: [1]\nhidden: [0]\nsamplers: {}\n');
    const { stderr } = simans(['lab', at('wrong.yaml')]);
    expect(stderr).toContain('wrong.yaml:1: seeds is missing; expected a list of at least one whole number');
    expect(stderr).toContain('wrong.yaml:2: seed is not a key; expected job, seeds, hidden, samplers');
  });
});
