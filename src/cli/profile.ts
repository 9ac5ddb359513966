import path from 'node:path';
import type { CommandModule } from 'yargs';

interface ProfileArguments {
  config: string;
  set: string[];
  to?: string;
  json: boolean;
}

export const profileVerb: CommandModule<object, ProfileArguments> = {
  command: 'profile <config>',
  describe: 'Show where a job’s time will go, by kernel',
  builder: (yargs) =>
    yargs
      .positional('config', { type: 'string', demandOption: true, describe: 'The job file (YAML)' })
      .option('set', { type: 'string', array: true, requiresArg: true, default: [], describe: 'Set a key (key=value); may be repeated' })
      .option('to', { type: 'string', requiresArg: true, describe: 'Folder; profiles/NAME where not given' })
      .option('json', { type: 'boolean', default: false, describe: 'The phases as JSON' })
      .example('simans profile configs/quickstart.yaml', '')
      .example('simans profile my.yaml --set train.replicas=1 --to profiles/one', '')
      .epilogue('Measured on a sample of the job’s data; a flame chart is written as SVG.'),
  handler: async ({ config: file, set, to, json }) => {
    const { loadConfig } = await import('../config/load.js');
    const { silentReporter } = await import('../core/reporter.js');
    const { profileJob } = await import('../analysis/profile.js');
    const { profileText, writeFlameChart } = await import('../report/profile.js');
    const { createTerminalReporter } = await import('../report/terminal.js');
    const config = loadConfig(file, set);
    const reporter = json ? silentReporter : createTerminalReporter();
    const profile = await profileJob(config, reporter);
    const files = await writeFlameChart(path.join(to ?? path.join('profiles', config.name), 'flame'), profile, reporter);
    console.log(json ? JSON.stringify({ ...profile, files }, spansAsLists, 2) : `\n${profileText(profile)}\n\n${files.join('\n')}`);
  },
};

/** Maps of spans have no JSON of their own. */
const spansAsLists = (_key: string, value: unknown): unknown => (value instanceof Map ? [...value.values()] : value);
