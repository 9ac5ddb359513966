import type { CommandModule } from 'yargs';

export const doctorVerb: CommandModule<object, { json: boolean }> = {
  command: 'doctor',
  describe: 'Say what this machine can do and what is missing',
  builder: (yargs) =>
    yargs
      .option('json', { type: 'boolean', default: false, describe: 'The findings as JSON' })
      .example('simans doctor', '')
      .example('simans doctor --json', '')
      .epilogue('Exits with 1 if training cannot run here.'),
  handler: async ({ json }) => {
    const { examine, findingLines } = await import('../report/doctor.js');
    const findings = await examine();
    console.log(json ? JSON.stringify(findings, null, 2) : findingLines(findings, Math.min(120, process.stdout.columns ?? 80)));
    if (!findings.canTrain) process.exitCode = 1;
  },
};
