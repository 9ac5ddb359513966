import readline from 'node:readline/promises';
import type { Argv, CommandModule } from 'yargs';
import { UserError } from '../core/errors.js';

const FORMATS_READ = 'beir, msmarco-passage, msmarco-document, dpr, tevatron, pairs, trec, clicks';

export const dataVerb: CommandModule = {
  command: 'data',
  describe: 'List, get, inspect and convert data sets',
  builder: (yargs) =>
    yargs
      .command(listVerb)
      .command(getVerb)
      .command(inspectVerb)
      .command(convertVerb)
      .demandCommand(1, 'Name what to do: list, get, inspect or convert.')
      .example('simans data list', '')
      .example('simans data get scifact --accept', '')
      .example('simans data inspect data/scifact', '')
      .example('simans data convert data/scifact data/tevatron --to tevatron', ''),
  handler: () => {},
};

const listVerb: CommandModule<object, { json: boolean }> = {
  command: 'list',
  describe: 'The public data sets that get knows',
  builder: (yargs) =>
    yargs.option('json', { type: 'boolean', default: false, describe: 'The list as JSON' }).example('simans data list', ''),
  handler: async ({ json }) => {
    const { KNOWN_DATASETS } = await import('../data/registry.js');
    if (json) console.log(JSON.stringify(KNOWN_DATASETS, null, 2));
    else
      for (const { name, format, about, licence } of KNOWN_DATASETS)
        console.log(`${name} (${format})\n    ${about}\n    licence: ${licence}`);
  },
};

interface GetArguments {
  name: string;
  to?: string;
  accept: boolean;
}

const getVerb: CommandModule<object, GetArguments> = {
  command: 'get <name>',
  describe: 'Download a public data set',
  builder: (yargs) =>
    yargs
      .positional('name', { type: 'string', demandOption: true, describe: 'A name of simans data list' })
      .option('to', { type: 'string', requiresArg: true, describe: 'Its folder; data/NAME where not given' })
      .option('accept', { type: 'boolean', default: false, describe: 'Agree to its licence' })
      .example('simans data get scifact', '')
      .example('simans data get nq --to /disk/nq --accept', '')
      .epilogue('What was downloaded stays after an interruption; the same command goes on.'),
  handler: async ({ name, to = `data/${name}`, accept }) => {
    const { KNOWN_DATASETS } = await import('../data/registry.js');
    const { getDataset } = await import('../data/get.js');
    const { createTerminalReporter } = await import('../report/terminal.js');
    const dataset = KNOWN_DATASETS.find((one) => one.name === name);
    if (!dataset)
      throw new UserError(
        `${name}: found no such data set; expected one of ${KNOWN_DATASETS.map((one) => one.name).join(', ')}; see simans data list.`,
      );
    console.log(`${dataset.about}\nlicence: ${dataset.licence}\nterms: ${dataset.terms}`);
    if (!accept) await agree(name);
    await getDataset(dataset, { to, reporter: createTerminalReporter() });
    console.log(`${to}: written. See what is in it with: simans data inspect ${to}`);
  },
};

/** Asks at a terminal; elsewhere --accept must say it. */
async function agree(name: string): Promise<void> {
  if (!process.stdin.isTTY) throw new UserError(`${name}: its licence must be agreed to; read its terms and add --accept.`);
  const prompt = readline.createInterface({ input: process.stdin, output: process.stderr });
  const answer = await prompt.question('Do you agree to these terms? [y/N] ');
  prompt.close();
  if (!/^y(es)?$/i.test(answer.trim())) throw new UserError(`${name}: not downloaded, for its licence was not agreed to.`);
}

interface SourceArguments {
  path: string;
  format: string;
}

const sourceOptions = <T>(yargs: Argv<T>) =>
  yargs
    .positional('path', { type: 'string', demandOption: true, describe: 'Folder (or file of examples)' })
    .option('format', { type: 'string', requiresArg: true, default: 'auto', describe: 'Its format' })
    .check(
      ({ format }) => ['auto', ...FORMATS_READ.split(', ')].includes(format) || `--format is ${format}; expected auto, ${FORMATS_READ}`,
    );

interface InspectArguments extends SourceArguments {
  tokenizer?: string;
  json: boolean;
}

const inspectVerb: CommandModule<object, InspectArguments> = {
  command: 'inspect <path>',
  describe: 'Count what a data set holds',
  builder: (yargs) =>
    sourceOptions(yargs)
      .option('tokenizer', { type: 'string', requiresArg: true, describe: 'Folder or hub id: lengths in its tokens' })
      .option('json', { type: 'boolean', default: false, describe: 'The findings as JSON' })
      .example('simans data inspect data/scifact', '')
      .example('simans data inspect data/nq --tokenizer bert-base-uncased', '')
      .epilogue('Without --tokenizer lengths are counted in words.'),
  handler: async ({ path, format, tokenizer, json }) => {
    const { openSource, FORMAT_DEFAULTS } = await import('../data/formats.js');
    const { inspect } = await import('../data/inspect.js');
    const { inspectionText } = await import('../report/inspection.js');
    const opened = await openSource(path, format as never, { ...FORMAT_DEFAULTS, devShare: 0.2, seed: 42 });
    const lengthOf = tokenizer === undefined ? wordsIn : await tokensIn(tokenizer);
    const found = await inspect(opened.source, { lengthOf });
    const unit = tokenizer === undefined ? 'words' : 'tokens';
    console.log(
      json
        ? JSON.stringify({ path, format: opened.format, unit, ...found }, null, 2)
        : inspectionText(path, opened.format, unit, found, Math.min(120, process.stdout.columns ?? 80)),
    );
  },
};

const wordsIn = (text: string): number => text.match(/\S+/g)?.length ?? 0;

async function tokensIn(name: string): Promise<(text: string) => number> {
  const { resolveWeights } = await import('../encoders/hub.js');
  const { loadTokenizer } = await import('../encoders/tokenizer/tokenizer.js');
  const { createTerminalReporter } = await import('../report/terminal.js');
  const { modelIn, towerFolder } = await import('../encoders/modelFolder.js');
  const folder = await resolveWeights(name, { namedBy: '--tokenizer', reporter: createTerminalReporter() });
  const tokenizer = await loadTokenizer(towerFolder(modelIn(folder), 'passage'));
  return (text) => tokenizer.encode(text, Number.MAX_SAFE_INTEGER).length;
}

interface ConvertArguments extends SourceArguments {
  folder: string;
  to: string;
}

const convertVerb: CommandModule<object, ConvertArguments> = {
  command: 'convert <path> <folder>',
  describe: 'Write a data set in another format',
  builder: (yargs) =>
    sourceOptions(yargs)
      .positional('folder', { type: 'string', demandOption: true, describe: 'The new folder' })
      .option('to', { type: 'string', requiresArg: true, demandOption: true, describe: 'The new format' })
      .example('simans data convert data/nq data/nq-beir --to beir', '')
      .example('simans data convert clicks data/mine --format clicks --to parquet', '')
      .epilogue(
        'Formats: beir, csv, parquet, trec, msmarco-passage, msmarco-document, dpr,\ntevatron, pairs. What one has no place for is counted and said.',
      ),
  handler: async ({ path, folder, format, to }) => {
    const { convertDataset } = await import('../data/convert.js');
    const { createTerminalReporter } = await import('../report/terminal.js');
    await convertDataset({ path, format: format as never, folder, to, reporter: createTerminalReporter() });
  },
};
