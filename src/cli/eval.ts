import type { CommandModule } from 'yargs';
import type { EvaluationArguments } from '../analysis/evaluateNamed.js';
import { UserError } from '../core/errors.js';
import { silentReporter } from '../core/reporter.js';
import type { TestName } from '../eval/compare.js';
import { wholeNumbers } from './flags.js';

interface EvalArguments {
  what: string[];
  data: string[];
  format: string;
  set: string[];
  split: string;
  qrels?: string;
  measures?: string;
  level: number;
  doubles: boolean;
  removeSelf: boolean;
  answers: string;
  analysis: string;
  depth: number;
  fuse: string[];
  test: string;
  show: number;
  to?: string;
  json: boolean;
}

/** Of flags that say how to evaluate. */
const DEFAULTS = {
  format: 'auto',
  split: 'test',
  level: 1,
  doubles: false,
  removeSelf: false,
  answers: 'tokens',
  analysis: 'english',
  depth: 1000,
};

/** What was evaluated before is shown as it was made: refuses flags that say how to evaluate. */
function requireUsed({ data, qrels, ...given }: EvalArguments): void {
  if (data.length > 0 || qrels !== undefined) return;
  const other = Object.entries(DEFAULTS).flatMap(([flag, value]) => (given[flag as keyof typeof DEFAULTS] === value ? [] : [flag]));
  const flags = [
    ...other,
    ...(given.set.length > 0 ? ['set'] : []),
    ...(given.fuse.length > 0 ? ['fuse'] : []),
    ...(given.to ? ['to'] : []),
  ];
  if (flags.length > 0)
    throw new UserError(
      `${flags.map((flag) => `--${flag}`).join(', ')}: found no --data or --qrels to evaluate on; results of before are shown as they were made; name the data, or leave the flags out.`,
    );
}

export const evalVerb: CommandModule<object, EvalArguments> = {
  command: 'eval <what..>',
  describe: 'Evaluate models, vectors and runs; compare them',
  builder: (yargs) =>
    yargs
      .positional('what', { type: 'string', array: true, demandOption: true, describe: 'Systems; the first is the baseline' })
      .option('data', { type: 'string', array: true, requiresArg: true, default: [], describe: 'Folder of a data set; repeatable' })
      .option('format', { type: 'string', requiresArg: true, default: DEFAULTS.format, describe: 'Its format' })
      .option('set', { type: 'string', array: true, requiresArg: true, default: [], describe: 'A key of data, as in a job file' })
      .option('split', { type: 'string', requiresArg: true, default: DEFAULTS.split, describe: 'train, dev or test' })
      .option('qrels', { type: 'string', requiresArg: true, describe: 'Judgments alone, for run files' })
      .option('measures', { type: 'string', requiresArg: true, describe: 'ndcg@10,recall@100,mrr@10 if not given' })
      .option('level', { type: 'number', requiresArg: true, default: DEFAULTS.level, describe: 'Grade that is relevant; not for ndcg' })
      .option('doubles', { type: 'boolean', default: DEFAULTS.doubles, describe: 'Compare scores in 64 bits' })
      .option('removeSelf', { type: 'boolean', default: DEFAULTS.removeSelf, describe: 'Take the query itself out' })
      .option('answers', { type: 'string', requiresArg: true, default: DEFAULTS.answers, describe: 'answer@k by tokens or regex' })
      .option('analysis', { type: 'string', requiresArg: true, default: DEFAULTS.analysis, describe: 'BM25’s: or identifiers' })
      .option('depth', { type: 'number', requiresArg: true, default: DEFAULTS.depth, describe: 'Ranks that are searched' })
      .option('fuse', { type: 'string', array: true, requiresArg: true, default: [], describe: 'rrf, or weights as 0.3,0.7' })
      .option('test', { type: 'string', requiresArg: true, default: 'randomisation', describe: 'or t, tukey' })
      .option('show', { type: 'number', requiresArg: true, default: 0, describe: 'Queries that gained and lost most' })
      .option('to', { type: 'string', requiresArg: true, describe: 'Folder for runs and metrics.json' })
      .option('json', { type: 'boolean', default: false, describe: 'The results as JSON' })
      .check(({ split, answers, analysis, test, level, depth, show }) => {
        const choices: [string, string, string[]][] = [
          ['split', split, ['train', 'dev', 'test']],
          ['answers', answers, ['tokens', 'regex']],
          ['analysis', analysis, ['english', 'identifiers']],
          ['test', test, ['t', 'randomisation', 'tukey']],
        ];
        for (const [name, value, allowed] of choices)
          if (!allowed.includes(value)) return `--${name} is ${value}; expected one of ${allowed.join(', ')}`;
        const whole = wholeNumbers({ level, depth });
        if (whole !== true) return whole;
        return (Number.isInteger(show) && show >= 0) || `--show is ${show}; expected a whole number`;
      })
      .example('simans eval run.trec --qrels qrels.txt', 'As trec_eval -c')
      .example('simans eval bm25 jobs/mine --data data/mine', '')
      .example('simans eval bm25 jobs/a jobs/b --data data/x --data data/y', '')
      .example('simans eval jobs/a jobs/b', 'As tested')
      .example('simans eval random=jobs/r1,jobs/r2 simans=jobs/s1,jobs/s2', 'Seeds')
      .epilogue(
        'A system is bm25, a run file, a folder of vectors (passages/ and queries/),\na job, a model folder or a hub id, or a metrics.json. NAME=… names it.',
      ),
  handler: async (given) => {
    if (given.qrels !== undefined && given.data.length > 0)
      throw new UserError('--qrels and --data are both given; expected one: judgments alone, or a data set.');
    requireUsed(given);
    const { evaluateNamed } = await import('../analysis/evaluateNamed.js');
    const { evaluationText } = await import('../report/evaluation.js');
    const { createTerminalReporter } = await import('../report/terminal.js');
    const fuse = given.fuse.map((how) => (how === 'rrf' ? how : how.split(',').map(Number)));
    const reporter = given.json ? silentReporter : createTerminalReporter();
    // The choices were checked above.
    const evaluations = await evaluateNamed(
      { ...given, fuse, measures: given.measures?.split(',') } as unknown as EvaluationArguments,
      reporter,
    );
    const results = evaluations.map(({ result }) => result);
    const columns = Math.min(120, process.stdout.columns ?? 80);
    console.log(
      given.json
        ? JSON.stringify(results.length === 1 ? results[0] : results, null, 2)
        : evaluationText(evaluations, { test: given.test as TestName, show: given.show, columns }),
    );
  },
};
