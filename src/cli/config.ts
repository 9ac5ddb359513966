import type { CommandModule } from 'yargs';

export const configVerb: CommandModule = {
  command: 'config',
  describe: 'Print every key of a job file',
  builder: (yargs) => yargs.example('simans config', '').example('simans config | grep -A3 sampler', ''),
  handler: async () => {
    const { describeSchema } = await import('../config/keys.js');
    const { keyList } = await import('../report/keyList.js');
    console.log(keyList(describeSchema(), Math.min(100, process.stdout.columns ?? 80)));
  },
};
