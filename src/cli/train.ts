import type { CommandModule } from 'yargs';
import { interruptSignal } from './interrupt.js';

interface TrainArguments {
  config: string;
  set: string[];
  resume: boolean;
  'dry-run': boolean;
  preset?: 'tiny';
  backend?: string;
  replicas?: string;
}

export const trainVerb: CommandModule<object, TrainArguments> = {
  command: 'train <config>',
  describe: 'Train and evaluate what a job file describes',
  builder: (yargs) =>
    yargs
      .positional('config', { type: 'string', demandOption: true, describe: 'The job file (YAML)' })
      .option('set', { type: 'string', array: true, requiresArg: true, default: [], describe: 'Set a key (key=value); may be repeated' })
      .option('preset', { choices: ['tiny'] as const, describe: 'Try a job out: all of it small' })
      .option('dry-run', { type: 'boolean', default: false, describe: 'Only say what it will do and take' })
      .option('resume', { type: 'boolean', default: false, describe: 'Go on from the latest checkpoint' })
      .option('backend', { type: 'string', requiresArg: true, describe: 'Short for --set backend=…' })
      .option('replicas', { type: 'string', requiresArg: true, describe: 'Short for --set train.replicas=…' })
      .example('simans train configs/quickstart.yaml', '')
      .example('simans train my.yaml --set train.steps=500 --set seed=7', '')
      .example("simans train my.yaml --set 'sampler={kind: random}'", '')
      .example('simans train my.yaml --resume', '')
      .example('simans train my.yaml --dry-run', '')
      .example('simans train configs/nq-ar2.yaml --preset tiny', '')
      .epilogue('All keys of a job file with default, unit and meaning: simans config'),
  handler: async ({ config: configFile, set, resume, 'dry-run': planned, preset, backend, replicas }) => {
    const short = [
      ...(backend === undefined ? [] : [`backend=${backend}`]),
      ...(replicas === undefined ? [] : [`train.replicas=${replicas}`]),
    ];
    const { loadConfig } = await import('../config/load.js');
    const { createTerminalReporter } = await import('../report/terminal.js');
    const say = (line: string) => createTerminalReporter().line(line);
    const config = loadConfig(configFile, [...set, ...short], preset && { name: preset, say });
    if (planned) {
      const { dryRun } = await import('../analysis/planRecipe.js');
      const { stagesText } = await import('../report/plan.js');
      const { stages, missing } = await dryRun(config, createTerminalReporter());
      console.log(`\n${missing === undefined ? stagesText(stages) : `memory and time are not predicted: ${missing}`}`);
      return;
    }
    const { runRecipe } = await import('../recipes/index.js');
    const signal = interruptSignal();
    const summary = await runRecipe(config, { resume, reporter: createTerminalReporter(), signal });
    if (summary !== undefined) {
      const { writeJobReport } = await import('../report/jobReport.js');
      console.log(writeJobReport(summary));
    }
    if (signal.aborted) process.exitCode = 130;
  },
};
