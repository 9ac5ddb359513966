import type { CommandModule } from 'yargs';

interface PlanArguments {
  config: string;
  set: string[];
  json: boolean;
}

export const planVerb: CommandModule<object, PlanArguments> = {
  command: 'plan <config>',
  describe: 'Say what time, memory and disk a job will take',
  builder: (yargs) =>
    yargs
      .positional('config', { type: 'string', demandOption: true, describe: 'The job file (YAML)' })
      .option('set', { type: 'string', array: true, requiresArg: true, default: [], describe: 'Set a key (key=value); may be repeated' })
      .option('json', { type: 'boolean', default: false, describe: 'The plan as JSON' })
      .example('simans plan configs/quickstart.yaml', '')
      .example('simans plan my.yaml --set encoder.init.layers=6', '')
      .epilogue('Calibrated on a sample of the job’s data; exits with 1 where it will not fit.'),
  handler: async ({ config: file, set, json }) => {
    const { loadConfig } = await import('../config/load.js');
    const config = loadConfig(file, set);
    const { planRecipe } = await import('../analysis/planRecipe.js');
    const { silentReporter } = await import('../core/reporter.js');
    const { createTerminalReporter } = await import('../report/terminal.js');
    const stages = await planRecipe(config, json ? silentReporter : createTerminalReporter());
    const { stagesFit, stagesText } = await import('../report/plan.js');
    console.log(json ? JSON.stringify(stages.length > 1 ? stages : stages[0]!.plan, null, 2) : `\n${stagesText(stages)}`);
    if (!stagesFit(stages)) process.exitCode = 1;
  },
};
