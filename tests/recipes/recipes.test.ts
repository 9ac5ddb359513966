/** Recipes as processes: their stages run in order, and a job killed in any of them ends as one never interrupted. */
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { simans } from '../cli/command.js';
import { expectSameJob } from '../train/jobs.js';
import { complaints, lineCount, train, trainUntil, writeBeir, writeJobFile } from '../train/process.js';

const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'simans-recipes-'));
const base = writeJobFile(folder);
const jobOf = (name: string) => path.join(folder, 'jobs', name);
const RANKER = { init: { layers: 1, width: 16, heads: 2 }, maxTokens: 20, learningRate: 0.01 };
/** Refreshes by a process of their own, which must know what the stages left. */
const BESIDE = { everySteps: 4, mode: 'async', lagSteps: 2 };
const EARLIER = { train: { steps: 8 }, sampler: { kind: 'random', negatives: 1 } };

/** The toy job with a recipe, and whatever else is other. */
function recipeFile(name: string, { train: trained = {}, ...changes }: Record<string, object>): string {
  const job = JSON.parse(fs.readFileSync(base, 'utf8'));
  const file = path.join(folder, `${name}.yaml`);
  fs.writeFileSync(file, JSON.stringify({ ...job, ...changes, train: { ...job.train, ...trained } }));
  return file;
}

const FILES: Record<string, string> = {
  dpr: recipeFile('dpr', {
    recipe: { kind: 'dpr', first: { ...EARLIER, sampler: { kind: 'topkUniform', source: 'bm25', negatives: 1, pool: 10 } } },
    sampler: { kind: 'topkUniform', source: ['bm25', 'stage'], negatives: 2, pool: 10 },
  }),
  ance: recipeFile('ance', {
    recipe: { kind: 'ance', warmup: EARLIER },
    sampler: { kind: 'topkUniform', negatives: 1, pool: 10 },
    refresh: BESIDE,
  }),
  rocketqa: recipeFile('rocketqa', {
    recipe: {
      kind: 'rocketqa',
      first: EARLIER,
      ranker: { ...RANKER, queriesPerStep: 6, weightDecay: 0.1, steps: 6, negatives: 2 },
      negativesBelow: 0.5,
    },
    sampler: { kind: 'simans', source: 'stage', negatives: 2, pool: 10 },
    refresh: BESIDE,
  }),
  ar2: recipeFile('ar2', {
    recipe: {
      kind: 'ar2',
      warmup: EARLIER,
      ranker: { ...RANKER, queriesPerStep: 5, warmupSteps: 3, warmupQueriesPerStep: 12, stepsPerRefresh: 4 },
    },
    train: { inBatch: false, loss: { kind: 'distillation', adversarial: 0.2 } },
  }),
};

beforeAll(() => writeBeir(path.join(folder, 'beir')));
afterAll(() => fs.rmSync(folder, { recursive: true }));

const has = (...names: string[]) => fs.existsSync(path.join(folder, 'jobs', ...names));
/** Steps of the ranker's latest checkpoint. */
function rankerSteps(...names: string[]): number {
  const folder = path.join(jobOf(names[0]!), ...names.slice(1), 'checkpoints');
  return fs.existsSync(folder) ? Math.max(0, ...fs.readdirSync(folder).map((name) => Number(/^step-(\d+)$/.exec(name)?.[1] ?? 0))) : 0;
}
const steps = (...names: string[]) => lineCount(path.join(folder, 'jobs', ...names, 'log.jsonl'));

/** Moments in which each recipe is killed, in their order. */
const MOMENTS: Record<string, (job: string) => (() => boolean)[]> = {
  dpr: (job) => [() => steps(job, 'stages', 'first') >= 3, () => has(job, 'stages', 'first', 'summary.json'), () => steps(job) >= 5],
  ance: (job) => [() => steps(job, 'stages', 'warmup') >= 5, () => steps(job) >= 3],
  rocketqa: (job) => [
    () => steps(job, 'stages', 'first') >= 3,
    () => rankerSteps(job, 'stages', 'ranker') >= 2,
    () => has(job, 'stages', 'ranker', 'scores', 'pairs.bin'),
    () => steps(job) >= 6,
  ],
  ar2: (job) => [
    () => steps(job, 'stages', 'warmup') >= 5,
    () => rankerSteps(job, 'ranker') >= 4,
    () => steps(job) >= 3,
    () => rankerSteps(job, 'ranker') >= 9,
  ],
};

describe.each(Object.keys(FILES))('%s', (recipe) => {
  const file = FILES[recipe]!;

  it('runs its stages in order and names them beforehand', async () => {
    const { code, stdout } = await train(file);
    expect(code).toBe(0);
    expect(stdout).toContain(`plan of recipe ${recipe}:`);
    const order = [...stdout.matchAll(/^stage (\d) of (\d)/gm)].map(([, number, of]) => [Number(number), Number(of)]);
    expect(order).toEqual(order.map((_, i) => [i + 1, order.length]));
    expect(order.length).toBe(recipe === 'rocketqa' ? 3 : 2);
    expect(has(recipe, 'summary.json')).toBe(true);
  }, 120_000);

  it('killed in each of its stages, it ends like one never interrupted', async () => {
    const name = `${recipe}-killed`;
    let flags: string[] = [];
    for (const moment of MOMENTS[recipe]!(name)) {
      const { signal } = await trainUntil(moment, 'SIGKILL', file, '--set', `name=${name}`, ...flags);
      expect(signal).toBe('SIGKILL');
      flags = ['--resume'];
    }
    expect(await train(file, '--set', `name=${name}`, '--resume')).toMatchObject({ code: 0 });
    expectSameJob(jobOf(name), jobOf(recipe));
  }, 240_000);
});

it('a job that holds stages is not begun a second time', async () => {
  fs.mkdirSync(path.join(jobOf('begun'), 'stages'), { recursive: true });
  const { code, stderr } = await train(FILES.dpr!, '--set', 'name=begun');
  expect(code).toBe(1);
  expect(complaints(stderr)).toEqual([expect.stringContaining('--resume')]);
});

it('the negatives of a stage are ranked by its retriever, and a ranker’s folder is a cross-encoder', () => {
  const candidates = fs.readFileSync(path.join(jobOf('rocketqa'), 'stages', 'first', 'candidates.trec'), 'utf8');
  expect(new Set(candidates.split('\n').map((line) => line.split(' ')[0])).size).toBe(40 + 1); // 40 training queries, and the end
  const config = JSON.parse(fs.readFileSync(path.join(jobOf('ar2'), 'ranker', 'model', 'config.json'), 'utf8'));
  expect(config.architectures).toEqual(['BertForSequenceClassification']);
});

it('RocketQA labels queries that nobody judged, and trains on them too', async () => {
  const queries = path.join(folder, 'unjudged.jsonl');
  const texts = ['bake bali', 'moke nuba', 'pare sili'];
  fs.writeFileSync(queries, texts.map((text, i) => `${JSON.stringify({ _id: `u${i}`, text })}\n`).join(''));
  const { recipe, sampler } = JSON.parse(fs.readFileSync(FILES.rocketqa!, 'utf8'));
  const augment = { queries, positivesAbove: 0, depth: 20 };
  const file = recipeFile('augmented', { recipe: { ...recipe, augment }, sampler });
  const { code, stdout } = await train(file);
  expect(code).toBe(0);
  expect(stdout).toContain('stage 5 of 5: train anew on judged and labelled queries');
  expect(stdout).toContain('augment: 3 of 3 queries have a passage');
  const rows = (name: string) =>
    fs
      .readFileSync(path.join(jobOf('augmented'), 'stages', name), 'utf8')
      .trim()
      .split('\n');
  const labels = rows('augment/labels.jsonl').map((line) => JSON.parse(line) as { id: string; positive: string });
  expect(labels.map(({ id }) => id)).toEqual(['u0', 'u1', 'u2']);
  for (const { positive } of labels) expect(positive).toMatch(/^p\d+$/);
  expect(rows('augment/candidates.trec')).toHaveLength(3 * 20);
  expect(stdout.match(/^data: 3 training queries more/gm)).toHaveLength(1); // of the last stage alone
  expect(simans(['figure', jobOf('augmented')])).toMatchObject({ code: 0 }); // a job seen from outside has the labels too
}, 120_000);

it('a finished ranker teaches by train.teacher: scored once, killed and resumed to the same end', async () => {
  const model = path.join(jobOf('ar2'), 'ranker', 'model');
  const file = recipeFile('taught', { train: { inBatch: false, loss: { kind: 'marginMse' }, teacher: { model, maxTokens: 20 } } });
  expect(await train(file)).toMatchObject({ code: 0 });
  const scores = (name: string) => fs.statSync(path.join(jobOf(name), 'teacher', 'pairs.bin')).size;
  const moment = () => steps('taught-killed') >= 5;
  expect(await trainUntil(moment, 'SIGKILL', file, '--set', 'name=taught-killed')).toMatchObject({ signal: 'SIGKILL' });
  expect(await train(file, '--set', 'name=taught-killed', '--resume')).toMatchObject({ code: 0 });
  expectSameJob(jobOf('taught-killed'), jobOf('taught'));
  expect(scores('taught-killed')).toBe(scores('taught'));
}, 120_000);

it('--dry-run names the stages with memory and time, and does nothing', async () => {
  const { code, stdout } = await train(FILES.ar2!, '--set', 'name=planned', '--dry-run');
  expect(code).toBe(0);
  expect(stdout).toMatch(/1\. warm-up of the retriever: 8 steps, in \S+stages\/warmup\n/);
  expect(stdout).toMatch(/stage 2 of 2: .*planned\n/);
  expect(stdout).toMatch(/ranker: 15 steps, .* scores the passages of 12 steps/); // 3 and 4 behind each of 3 refreshes
  expect(has('planned')).toBe(false);
}, 60_000);

it('--dry-run without the data says what it cannot predict', async () => {
  const { code, stdout } = await train(FILES.ance!, '--set', 'data.path=elsewhere', '--dry-run');
  expect(code).toBe(0);
  expect(stdout).toContain('plan of recipe ance:');
  expect(stdout).toContain('not predicted: elsewhere');
});
