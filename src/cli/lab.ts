import path from 'node:path';
import type { CommandModule } from 'yargs';
import { interruptSignal } from './interrupt.js';

interface LabArguments {
  experiment: string;
  set: string[];
  to?: string;
}

export const labVerb: CommandModule<object, LabArguments> = {
  command: 'lab <experiment>',
  describe: 'Train with hidden positives: what false negatives do',
  builder: (yargs) =>
    yargs
      .positional('experiment', { type: 'string', demandOption: true, describe: 'YAML: job, seeds, hidden, samplers' })
      .option('set', { type: 'string', array: true, requiresArg: true, default: [], describe: 'Set a key of every job (key=value)' })
      .option('to', { type: 'string', requiresArg: true, describe: 'Folder; labs/NAME where not given' })
      .example('simans lab configs/lab.yaml', '')
      .example('simans lab configs/lab.yaml --set train.steps=30 --to labs/short', '')
      .epilogue(
        'Finished trainings are kept: the same command goes on. See docs/samplers.md.\nWith other keys it needs another folder (--to).',
      ),
  handler: async ({ experiment, set, to }) => {
    const folder = to ?? path.join('labs', path.parse(experiment).name);
    const { loadLab } = await import('../config/labFile.js');
    const cells = loadLab(experiment, set, path.join(folder, 'jobs'));
    const { runLab } = await import('../analysis/lab.js');
    const { labTable, writeLab } = await import('../report/labFigure.js');
    const { createTerminalReporter } = await import('../report/terminal.js');
    const reporter = createTerminalReporter();
    const signal = interruptSignal();
    const results = await runLab(cells, { to: folder, reporter, signal });
    if (results) {
      reporter.line(labTable(results));
      console.log((await writeLab(path.join(folder, 'lab'), results, reporter)).join('\n'));
    }
    if (signal.aborted) process.exitCode = 130;
  },
};
