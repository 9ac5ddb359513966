/** The command line: the verbs, and what becomes of their errors. */
import fs from 'node:fs';
import yargs from 'yargs';
import { deviceFailed } from '../backend/webgpu/adapter.js';
import { UserError } from '../core/errors.js';
import { compareVerb } from './compare.js';
import { configVerb } from './config.js';
import { dataVerb } from './data.js';
import { doctorVerb } from './doctor.js';
import { encodeVerb } from './encode.js';
import { evalVerb } from './eval.js';
import { exportVerb } from './export.js';
import { figureVerb } from './figure.js';
import { indexVerb } from './index.js';
import { labVerb } from './lab.js';
import { mineVerb } from './mine.js';
import { negativesVerb } from './negatives.js';
import { pilotVerb } from './pilot.js';
import { planVerb } from './plan.js';
import { profileVerb } from './profile.js';
import { rerankVerb } from './rerank.js';
import { searchVerb } from './search.js';
import { trainVerb } from './train.js';

const exitCodes = { user: 1, usage: 2, internal: 70 } as const;

/** A command line that cannot be understood. */
class UsageError extends Error {}

/** Runs one command line (without node and script) and exits: 0 done, 1 the user's error, 2 usage, 70 ours, 130 after Ctrl-C. */
export async function run(argv: readonly string[]): Promise<void> {
  process.on('uncaughtException', (error) => process.exit(report(error)));
  process.stdout.on('error', (error) => process.exit(unprinted(error)));
  try {
    await Promise.race([parser(argv).parseAsync(), deviceFailed()]);
  } catch (error) {
    process.exitCode = report(error);
  }
  // Worker threads of a failed verb must not keep the process; what is printed is written first.
  // A file or device that takes no more says so here first.
  process.stdout.write('', (error) => {
    if (error) process.exitCode ||= unprinted(error);
    process.exit();
  });
}

/** The exit code where standard output takes no more: a reader may have read enough, a full disk has lost something. */
function unprinted(error: NodeJS.ErrnoException): number {
  return error.code === 'EPIPE' ? 0 : report(new UserError(`cannot write to standard output: ${error.message}`));
}

function parser(argv: readonly string[]) {
  const { version } = JSON.parse(fs.readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as { version: string };
  return yargs([...argv])
    .scriptName('simans')
    .locale('en')
    .usage('simans VERB …\n\nTrains dense retrievers: dual-tower encoders, SimANS negatives.')
    .command(trainVerb)
    .command(planVerb)
    .command(profileVerb)
    .command(searchVerb)
    .command(evalVerb)
    .command(compareVerb)
    .command(rerankVerb)
    .command(encodeVerb)
    .command(indexVerb)
    .command(mineVerb)
    .command(exportVerb)
    .command(negativesVerb)
    .command(figureVerb)
    .command(pilotVerb)
    .command(labVerb)
    .command(dataVerb)
    .command(configVerb)
    .command(doctorVerb)
    .parserConfiguration({ 'greedy-arrays': false, 'dot-notation': false, 'populate--': true })
    .demandCommand(1, 'Name a verb, such as simans train configs/quickstart.yaml.')
    .recommendCommands()
    .strict()
    .version(version)
    .alias({ h: 'help' })
    .epilogue('Examples of a verb: simans VERB --help')
    .wrap(null) // yargs breaks lines within words; ours are short
    .exitProcess(false)
    .fail((message, error: unknown) => {
      // What yargs finds wrong comes as a message, a YError or (from check) a text; anything else was thrown by a verb.
      if (error instanceof Error && error.name !== 'YError') throw error;
      throw new UsageError(message ?? (error instanceof Error ? error.message : String(error)));
    });
}

/** Says on stderr what went wrong; returns the exit code. */
function report(error: unknown): number {
  const say = (text: string) => process.stderr.write(text.replace(/^/gm, 'simans: ').concat('\n'));
  if (error instanceof UserError) {
    say(error.message);
    return exitCodes.user;
  }
  if (error instanceof UsageError) {
    say(`${error.message.replaceAll('\n', ' ')}\nsee simans --help`);
    return exitCodes.usage;
  }
  process.stderr.write(`simans: internal: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
  return exitCodes.internal;
}
