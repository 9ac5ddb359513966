/** Recipes as processes: their stages run in order, each names what it needs beforehand. Killed in each stage: tests/full/killedRecipes.full.test.ts. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bin, simans } from '../cli/command.js';
import { expectSameJob } from '../train/jobs.js';
import { complaints, lineCount, train, trainUntil } from '../train/process.js';
import { RECIPE_NAMES, ToyRecipes } from './toyRecipes.js';

const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'simans-recipes-'));
const toy = new ToyRecipes(folder);
afterAll(() => fs.rmSync(folder, { recursive: true }));

describe.each(RECIPE_NAMES)('%s', (recipe) => {
  it('runs its stages in order and names them beforehand', async () => {
    const { code, stdout } = await train(toy.file(recipe));
    expect(code).toBe(0);
    expect(stdout).toContain(`plan of recipe ${recipe}:`);
    const order = [...stdout.matchAll(/^stage (\d) of (\d)/gm)].map(([, number, of]) => [Number(number), Number(of)]);
    expect(order).toEqual(order.map((_, i) => [i + 1, order.length]));
    expect(order.length).toBe(recipe === 'rocketqa' ? 3 : 2);
    expect(toy.has(recipe, 'summary.json')).toBe(true);
  }, 120_000);
});

it('a job that holds stages is not begun a second time', async () => {
  fs.mkdirSync(path.join(toy.job('begun'), 'stages', 'first', 'checkpoints', 'step-000002'), { recursive: true });
  const { code, stderr } = await train(toy.file('dpr'), '--set', 'name=begun');
  expect(code).toBe(1);
  expect(complaints(stderr)).toEqual([expect.stringContaining('--resume')]);
});

it('a stage that asks for negatives which the data lack names its own key', async () => {
  const { recipe, ...rest } = toy.sections('ance');
  const file = toy.fileWith('given', {
    ...rest,
    recipe: { ...recipe, warmup: { train: { steps: 8 }, sampler: { kind: 'given', negatives: 1 } } },
  });
  const { code, stderr } = await train(file);
  expect(code).toBe(1);
  expect(complaints(stderr)).toEqual([expect.stringContaining('for recipe.warmup.sampler.kind is given')]);
});

it('the negatives of a stage are ranked by its retriever, and a ranker’s folder is a cross-encoder', () => {
  const candidates = fs.readFileSync(path.join(toy.job('rocketqa'), 'stages', 'first', 'candidates.trec'), 'utf8');
  expect(new Set(candidates.split('\n').map((line) => line.split(' ')[0])).size).toBe(40 + 1); // 40 training queries, and the end
  const config = JSON.parse(fs.readFileSync(path.join(toy.job('ar2'), 'ranker', 'model', 'config.json'), 'utf8'));
  expect(config.architectures).toEqual(['BertForSequenceClassification']);
});

it('an experiment with hidden positives trains by its job’s recipe', () => {
  const { recipe, ...rest } = toy.sections('ar2');
  const job = toy.fileWith('experiment-job', { ...rest, recipe: { ...recipe, warmup: 'none' } });
  const experiment = path.join(folder, 'experiment.yaml');
  const samplers = { topk: { kind: 'topk', negatives: 2, pool: 10 } };
  fs.writeFileSync(experiment, JSON.stringify({ job: path.basename(job), seeds: [1], hidden: [0], samplers }));
  const { code, stderr } = simans(['lab', experiment, '--to', path.join(folder, 'lab')]);
  expect(code, stderr).toBe(0);
  expect(fs.readdirSync(path.join(folder, 'lab', 'cells'))).toEqual(['topk-0-1.json']);
}, 120_000);

it('RocketQA labels queries that nobody judged, and trains on them too', async () => {
  const queries = path.join(folder, 'unjudged.jsonl');
  const texts = ['bake bali', 'moke nuba', 'pare sili'];
  fs.writeFileSync(queries, texts.map((text, i) => `${JSON.stringify({ _id: `u${i}`, text })}\n`).join(''));
  const { recipe, sampler } = toy.sections('rocketqa');
  const augment = { queries, positivesAbove: 0, depth: 20 };
  const file = toy.fileWith('augmented', { recipe: { ...recipe, augment }, sampler: sampler! });
  const { code, stdout } = await train(file);
  expect(code).toBe(0);
  expect(stdout).toContain('stage 5 of 5: train anew on judged and labelled queries');
  expect(stdout).toContain('augment: 3 of 3 queries have a passage');
  const rows = (name: string) =>
    fs
      .readFileSync(path.join(toy.job('augmented'), 'stages', name), 'utf8')
      .trim()
      .split('\n');
  const labels = rows('augment/labels.jsonl').map((line) => JSON.parse(line) as { id: string; positive: string });
  expect(labels.map(({ id }) => id)).toEqual(['u0', 'u1', 'u2']);
  for (const { positive } of labels) expect(positive).toMatch(/^p\d+$/);
  expect(rows('augment/candidates.trec')).toHaveLength(3 * 20);
  expect(stdout.match(/^data: 3 training queries more/gm)).toHaveLength(1); // of the last stage alone
  expect(simans(['figure', toy.job('augmented')])).toMatchObject({ code: 0 }); // a job seen from outside has the labels too
}, 120_000);

it('a finished ranker teaches by train.teacher: scored once, killed and resumed to the same end', async () => {
  const model = path.join(toy.job('ar2'), 'ranker', 'model');
  const file = toy.fileWith('taught', { train: { inBatch: false, loss: { kind: 'marginMse' }, teacher: { model, maxTokens: 20 } } });
  expect(await train(file)).toMatchObject({ code: 0 });
  const scores = (name: string) => fs.statSync(path.join(toy.job(name), 'teacher', 'pairs.bin')).size;
  const moment = () => lineCount(path.join(toy.job('taught-killed'), 'log.jsonl')) >= 5;
  expect(await trainUntil(moment, 'SIGKILL', file, '--set', 'name=taught-killed')).toMatchObject({ signal: 'SIGKILL' });
  expect(await train(file, '--set', 'name=taught-killed', '--resume')).toMatchObject({ code: 0 });
  expectSameJob(toy.job('taught-killed'), toy.job('taught'));
  expect(scores('taught-killed')).toBe(scores('taught'));
}, 120_000);

it('--dry-run names the stages with memory and time, and does nothing', async () => {
  const { code, stdout } = await train(toy.file('ar2'), '--set', 'name=planned', '--dry-run');
  expect(code).toBe(0);
  expect(stdout).toMatch(/1\. warm-up of the retriever: 8 steps, in \S+stages\/warmup\n/);
  expect(stdout).toMatch(/stage 2 of 2: .*planned\n/);
  expect(stdout).toMatch(/ranker: 15 steps, .* scores the passages of 12 steps/); // 3 and 4 behind each of 3 refreshes
  expect(toy.has('planned')).toBe(false);
}, 60_000);

it('a wrong ranker is said before the first step; with the right one the same job is begun, without --resume', async () => {
  const { recipe, ...others } = toy.sections('ar2') as Record<string, { ranker: object }>;
  const only = { ...others, recipe: { ...recipe, warmup: 'none' } };
  const at = toy.fileWith('wrong-ranker', { ...only, recipe: { ...only.recipe, ranker: { ...recipe!.ranker, init: './nowhere' } } });
  const wrong = await train(at);
  expect(wrong.code).toBe(1);
  expect(complaints(wrong.stderr)).toEqual([expect.stringMatching(/^simans: \.\/nowhere: no such folder .*recipe\.ranker\.init/)]);
  const right = await train(toy.fileWith('wrong-ranker', only));
  expect(right.code, right.stderr).toBe(0);
}, 60_000);

/** What the job itself reads, long after its stages. */
const filtered = {
  ...toy.sections('rocketqa'),
  sampler: { ...toy.sections('rocketqa').sampler, filters: { reranker: { model: './nowhere' } } },
};

it('a cross-encoder for the last job’s filters is looked for before the first stage', async () => {
  const { code, stdout, stderr } = await train(toy.fileWith('unfiltered', filtered));
  expect(code).toBe(1);
  expect(complaints(stderr)).toEqual([expect.stringMatching(/^simans: \.\/nowhere: .*sampler\.filters\.reranker\.model/)]);
  expect(stdout).not.toContain('stage 1 of 3');
  expect(toy.has('unfiltered', 'stages')).toBe(false);
});

describe('--dry-run', () => {
  const dryRun = (name: string, sections: Record<string, object>, ...sets: string[]) =>
    train(toy.fileWith(name, sections), ...sets.flatMap((set) => ['--set', set]), '--dry-run');

  it('without the data says what it cannot predict', async () => {
    const { code, stdout } = await dryRun('ance-dry', toy.sections('ance'), 'data.path=elsewhere');
    expect(code).toBe(0);
    expect(stdout).toContain('plan of recipe ance:');
    expect(stdout).toContain('not predicted: elsewhere');
  });

  it('names weights of the hub that are not on this machine, and downloads nothing', async () => {
    const { code, stdout } = await dryRun('hub-dry', toy.sections('ance'), 'encoder.init={weights: org/nothing}', 'encoder.vocabulary={}');
    expect(code).toBe(0);
    expect(stdout).toContain('not predicted: org/nothing is not in the cache');
  });

  const rocketqa = toy.sections('rocketqa') as Record<string, { ranker: object }>;
  const augment = { queries: 'nowhere.jsonl', positivesAbove: 0, depth: 20 };
  it.each([
    [
      'weights that are not there',
      { ...toy.sections('ance'), encoder: { init: { weights: './nowhere' }, vocabulary: {} } },
      'data.path=elsewhere',
      './nowhere: no such folder or file',
    ],
    [
      'a ranker that is not there',
      { ...rocketqa, recipe: { ...rocketqa.recipe, ranker: { ...rocketqa.recipe!.ranker, init: './nowhere' } } },
      'data.path=elsewhere',
      './nowhere: no such folder or file',
    ],
    [
      'queries that are not there',
      { ...rocketqa, recipe: { ...rocketqa.recipe, augment } },
      'data.path=elsewhere',
      'recipe.augment.queries: found no file nowhere.jsonl',
    ],
    ['a cross-encoder for filters that is not there', filtered, 'data.path=elsewhere', './nowhere: no such folder or file'],
    [
      'a teacher that is not there',
      { ...toy.sections('ance'), train: { inBatch: false, loss: { kind: 'marginMse' }, teacher: { model: './nowhere' } } },
      'data.path=elsewhere',
      './nowhere: no such folder or file',
    ],
  ])('%s: an error', async (_, sections, set, message) => {
    const { code, stdout, stderr } = await dryRun('wrong-dry', sections, set);
    expect(code).toBe(1);
    expect(stdout).not.toContain('not predicted');
    expect(complaints(stderr)).toEqual([expect.stringContaining(message)]);
  });

  it('a model that the configuration does not fit: an error', async () => {
    const init = `encoder.init={weights: ${toy.job('rocketqa', 'model')}}`;
    const { code, stderr } = await dryRun('unfit-dry', {}, init, 'encoder.vocabulary={}', 'encoder.passageTokens=500');
    expect([code, complaints(stderr)]).toEqual([1, [expect.stringContaining('encoder.passageTokens is 500; expected at most')]]);
  });

  it('plan looks for what later stages read too', () => {
    const { code, stderr } = simans(['plan', toy.fileWith('unlabelled', { ...rocketqa, recipe: { ...rocketqa.recipe, augment } })]);
    expect([code, complaints(stderr)]).toEqual([1, [expect.stringContaining('recipe.augment.queries: found no file nowhere.jsonl')]]);
  });
});

describe('what a plan is calibrated in', () => {
  const temporary = path.join(folder, 'temporary');
  const left = () => fs.readdirSync(temporary).filter((name) => name.startsWith('simans-'));
  beforeAll(() => fs.mkdirSync(temporary));

  it('is removed after an error', () => {
    const { code } = simans(['plan', toy.file('ar2'), '--set', 'data.path=elsewhere'], { env: { TMPDIR: temporary } });
    expect([code, left()]).toEqual([1, []]);
  });

  it('is removed at Ctrl-C', async () => {
    const child = spawn(process.execPath, [bin, 'plan', toy.file('ar2')], { env: { ...process.env, TMPDIR: temporary }, stdio: 'ignore' });
    const ended = once(child, 'exit');
    while (child.exitCode === null && left().length === 0) await new Promise((resolve) => setTimeout(resolve, 1));
    child.kill('SIGINT');
    expect(await ended).toEqual([130, null]);
    expect(left()).toEqual([]);
  }, 60_000);
});
