/** The toy job with each recipe, and moments in which it may be killed. */
import fs from 'node:fs';
import path from 'node:path';
import { lineCount, writeBeir, writeJobFile } from '../train/process.js';

const RANKER = { init: { layers: 1, width: 16, heads: 2 }, maxTokens: 20, learningRate: 0.01 };
/** The warm-up's model is a folder for each tower. */
const TWO_TOWERS = { towers: 'separate' };
/** Refreshes by a process of their own, which must know what the stages left. */
const BESIDE = { everySteps: 4, mode: 'async', lagSteps: 2 };
const EARLIER = { train: { steps: 8 }, sampler: { kind: 'random', negatives: 1 } };

const RECIPES: Readonly<Record<string, Record<string, object>>> = {
  dpr: {
    recipe: { kind: 'dpr', first: { ...EARLIER, sampler: { kind: 'topkUniform', source: 'bm25', negatives: 1, pool: 10 } } },
    sampler: { kind: 'topkUniform', source: ['bm25', 'stage'], negatives: 2, pool: 10 },
  },
  ance: {
    recipe: { kind: 'ance', warmup: EARLIER },
    sampler: { kind: 'topkUniform', negatives: 1, pool: 10 },
    refresh: BESIDE,
  },
  rocketqa: {
    recipe: {
      kind: 'rocketqa',
      first: EARLIER,
      ranker: { ...RANKER, queriesPerStep: 6, weightDecay: 0.1, steps: 6, negatives: 2 },
      negativesBelow: 0.5,
    },
    sampler: { kind: 'simans', source: 'stage', negatives: 2, pool: 10 },
    refresh: BESIDE,
  },
  ar2: {
    recipe: {
      kind: 'ar2',
      warmup: EARLIER,
      ranker: { ...RANKER, queriesPerStep: 5, warmupSteps: 3, warmupQueriesPerStep: 12, stepsPerRefresh: 4 },
    },
    train: { inBatch: false, loss: { kind: 'distillation', adversarial: 0.2 } },
    encoder: TWO_TOWERS,
  },
};

/** Jobs of `folder`/jobs on the toy data in it. */
export class ToyRecipes {
  private readonly base: string;

  constructor(private readonly folder: string) {
    this.base = writeJobFile(folder);
    writeBeir(path.join(folder, 'beir'));
  }

  /** The job file of a recipe. */
  file(recipe: string): string {
    return this.fileWith(recipe, RECIPES[recipe]!);
  }

  /** The toy job with other sections, and other keys of train and encoder. */
  fileWith(name: string, { train = {}, encoder = {}, ...changes }: Record<string, object>): string {
    const job = JSON.parse(fs.readFileSync(this.base, 'utf8'));
    const file = path.join(this.folder, `${name}.yaml`);
    fs.writeFileSync(
      file,
      JSON.stringify({ ...job, ...changes, train: { ...job.train, ...train }, encoder: { ...job.encoder, ...encoder } }),
    );
    return file;
  }

  /** The sections of a recipe's job file. */
  sections(recipe: string): Record<string, object> {
    return RECIPES[recipe]!;
  }

  job(...names: string[]): string {
    return path.join(this.folder, 'jobs', ...names);
  }

  has(...names: string[]): boolean {
    return fs.existsSync(this.job(...names));
  }

  /** Moments in which a job with the recipe is killed, in their order. */
  moments(recipe: string, job: string): (() => boolean)[] {
    const steps = (...names: string[]) => lineCount(this.job(job, ...names, 'log.jsonl'));
    const first = () => steps('stages', 'first') >= 3;
    const warmup = () => steps('stages', 'warmup') >= 5;
    switch (recipe) {
      case 'dpr':
        return [first, () => this.has(job, 'stages', 'first', 'summary.json'), () => steps() >= 5];
      case 'ance':
        return [warmup, () => steps() >= 3];
      case 'rocketqa':
        return [
          first,
          () => this.rankerSteps(job, 'stages', 'ranker') >= 2,
          () => this.has(job, 'stages', 'ranker', 'scores', 'pairs.bin'),
          () => steps() >= 6,
        ];
      default:
        return [warmup, () => this.rankerSteps(job, 'ranker') >= 4, () => steps() >= 3, () => this.rankerSteps(job, 'ranker') >= 9];
    }
  }

  /** Steps of the ranker's latest checkpoint. */
  rankerSteps(...names: string[]): number {
    const checkpoints = this.job(...names, 'checkpoints');
    if (!fs.existsSync(checkpoints)) return 0;
    return Math.max(0, ...fs.readdirSync(checkpoints).map((name) => Number(/^step-(\d+)$/.exec(name)?.[1] ?? 0)));
  }
}

/** Recipes by name. */
export const RECIPE_NAMES = Object.keys(RECIPES);
