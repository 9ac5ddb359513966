import path from 'node:path';
import type { CommandModule } from 'yargs';
import { interruptSignal } from './interrupt.js';

interface CompareArguments {
  configs: string[];
  set: string[];
  seeds: string;
  measure?: string;
  baseline?: string;
  to: string;
  dryRun: boolean;
  json: boolean;
}

/** '3' is seeds 1, 2, 3; '7,8' those; undefined where it is neither. */
function seedsOf(text: string): number[] | undefined {
  if (/^[1-9]\d?$/.test(text)) return Array.from({ length: Number(text) }, (_, i) => i + 1);
  const seeds = /^\d+(,\d+)+$/.test(text) ? text.split(',').map(Number) : [];
  return seeds.length > 0 && new Set(seeds).size === seeds.length ? seeds : undefined;
}

export const compareVerb: CommandModule<object, CompareArguments> = {
  command: 'compare <configs..>',
  describe: 'Train two or more jobs by seeds and compare them',
  builder: (yargs) =>
    yargs
      .positional('configs', { type: 'string', array: true, demandOption: true, describe: 'Job files; first: the baseline' })
      .option('seeds', { type: 'string', requiresArg: true, default: '3', describe: 'How many, or which: 1,2,3' })
      .option('measure', { type: 'string', requiresArg: true, describe: 'Shown first; eval.selection if not given' })
      .option('baseline', { type: 'string', requiresArg: true, describe: 'Another arm than the first' })
      .option('set', { type: 'string', array: true, requiresArg: true, default: [], describe: 'Set a key of every job (key=value)' })
      .option('to', { type: 'string', requiresArg: true, default: 'comparisons', describe: 'Folder of jobs and results' })
      .option('dryRun', { type: 'boolean', default: false, describe: 'Say what would be done; stop' })
      .option('json', { type: 'boolean', default: false, describe: 'The result as JSON' })
      .check(({ configs, seeds }) => {
        if (seedsOf(seeds) === undefined) return `--seeds is ${seeds}; expected a number such as 3, or different seeds such as 1,2`;
        return configs.length > 1 || `${configs.length} job file is given; expected two or more to compare`;
      })
      .example('simans compare topk.yaml simans.yaml', '')
      .example('simans compare a.yaml b.yaml c.yaml --seeds 5 --dryRun', '')
      .example('simans compare a.yaml b.yaml --set train.steps=500', '')
      .epilogue('Finished jobs are kept: the same command goes on. See docs/evaluation.md.'),
  handler: async ({ seeds, to, dryRun, json, ...given }) => {
    const { planComparison } = await import('../analysis/comparisonPlan.js');
    const { comparisonPlanText, comparisonText } = await import('../report/comparison.js');
    const { createTerminalReporter } = await import('../report/terminal.js');
    const { silentReporter } = await import('../core/reporter.js');
    const reporter = json ? silentReporter : createTerminalReporter();
    // Checked above.
    const { plan, jobs } = await planComparison({ ...given, seeds: seedsOf(seeds)!, to }, path.join(to, 'jobs'), reporter);
    reporter.line(comparisonPlanText(plan));
    if (dryRun) {
      if (json) console.log(JSON.stringify(plan, null, 2));
      return;
    }
    const { compareCells, runArms } = await import('../analysis/compare.js');
    const { writeJson } = await import('../core/files.js');
    const signal = interruptSignal();
    const cells = await runArms(jobs, { to, reporter, signal });
    if (cells) {
      const measures = compareCells(cells, plan.measures, plan.pairs);
      const done = plan.jobs.map((job) => ({ ...job, done: true }));
      const result = { format: 1, ...plan, jobs: done, policy: cells[0]!.policy, results: measures };
      writeJson(path.join(to, 'result.json'), result);
      console.log(json ? JSON.stringify(result, null, 2) : `\n${comparisonText(measures)}\n\nwritten: ${path.join(to, 'result.json')}`);
    }
    if (signal.aborted) process.exitCode = 130;
  },
};
