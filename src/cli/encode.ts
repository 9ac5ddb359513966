import os from 'node:os';
import type { CommandModule } from 'yargs';
import type { Side } from '../encoders/dualEncoder.js';
import type { InferencePrecision } from '../encoders/onnx/inferenceModel.js';
import type { Engine } from '../index/bulkEncode.js';
import type { VectorType } from '../index/vectorShards.js';
import { wholeNumbers } from './flags.js';

interface EncodeArguments {
  model: string;
  texts: string;
  to: string;
  side: string;
  dtype: string;
  precision: string;
  engine: string;
  threads?: number;
  shardRows: number;
  shard: string;
}

const CHOICES: Readonly<Record<'side' | 'dtype' | 'precision' | 'engine', readonly string[]>> = {
  side: ['query', 'passage'],
  dtype: ['fp32', 'fp16', 'int8'],
  precision: ['fp32', 'int8'],
  engine: ['onnxruntime', 'tensorflow'],
};

export const encodeVerb: CommandModule<object, EncodeArguments> = {
  command: 'encode <model> <texts>',
  describe: 'Turn many texts into vectors on disk',
  builder: (yargs) =>
    yargs
      .positional('model', { type: 'string', demandOption: true, describe: 'Job, model folder or hub id' })
      .positional('texts', { type: 'string', demandOption: true, describe: 'JSON lines: _id, text, title' })
      .option('to', { type: 'string', requiresArg: true, demandOption: true, describe: 'Folder; completed if begun' })
      .option('side', { type: 'string', requiresArg: true, default: 'passage', describe: 'query or passage' })
      .option('dtype', { type: 'string', requiresArg: true, default: 'fp32', describe: 'Stored: fp32, fp16, int8' })
      .option('precision', { type: 'string', requiresArg: true, default: 'fp32', describe: 'Of the encoder: fp32, int8' })
      .option('engine', { type: 'string', requiresArg: true, default: 'onnxruntime', describe: 'or tensorflow' })
      .option('threads', { type: 'number', requiresArg: true, describe: 'Of onnxruntime; all cores' })
      .option('shardRows', { type: 'number', requiresArg: true, default: 4096, describe: 'Texts in a shard' })
      .option('shard', { type: 'string', requiresArg: true, default: '0/1', describe: 'Every n-th shard: i/n' })
      .check(({ threads, shardRows, shard, ...given }) => {
        for (const [name, choices] of Object.entries(CHOICES)) {
          const value = given[name as keyof typeof CHOICES];
          if (!choices.includes(value)) return `--${name} is ${value}; expected one of ${choices.join(', ')}`;
        }
        const counts = wholeNumbers({ threads: threads ?? 1, shardRows });
        if (counts !== true) return counts;
        const [index, count] = shard.split('/').map(Number);
        if (given.precision === 'int8' && given.engine === 'tensorflow')
          return '--precision is int8 with --engine tensorflow; expected fp32, or leave the engine out';
        const whole = /^\d+\/\d+$/.test(shard) && index! < count!;
        return whole || `--shard is ${shard}; expected i/n with i from 0 below n, such as 0/4`;
      })
      .example('simans encode jobs/quickstart corpus.jsonl --to vectors', '')
      .example('simans encode jobs/quickstart corpus.jsonl.gz --to vectors --precision int8', '')
      .example('simans encode org/name queries.jsonl --to queries --side query --shard 3/16', ''),
  handler: encodeShards,
};

async function encodeShards({ model: name, texts: file, to, shardRows, shard, ...given }: EncodeArguments): Promise<void> {
  const { side, dtype, precision, engine } = given as { side: Side; dtype: VectorType; precision: InferencePrecision; engine: Engine }; // checked above
  const { createTerminalReporter } = await import('../report/terminal.js');
  const { openModel } = await import('../encoders/modelFolder.js');
  const { readingOf } = await import('../analysis/reading.js');
  const { readTextFile } = await import('../data/index.js');
  const { describePolicy, textPolicy } = await import('../data/corpus.js');
  const { bulkEncode } = await import('../index/bulkEncode.js');
  const { selectBackend } = await import('../backend/index.js');
  const reporter = createTerminalReporter();
  const { model, folder } = await openModel(name, reporter);
  const reading = readingOf(folder);
  const policy = reading?.policy ?? textPolicy({ fields: 'auto', separator: 'space', windows: 'none' }, 'auto');
  const reads = side === 'passage' ? describePolicy(policy) : undefined;
  if (reads) reporter.line(`text: ${reads}, ${reading ? `as ${reading.from} says` : `for ${name} says nothing of it`}`);
  const { texts, notes } = await readTextFile(file, side === 'query' ? 'query' : policy);
  for (const note of notes) reporter.line(note);
  if (engine === 'tensorflow') {
    const { name: backend, why } = await selectBackend('auto');
    reporter.line(`backend: ${backend} (${why})`);
  }
  const [index, count] = shard.split('/').map(Number) as [number, number];
  const { made, kept } = await bulkEncode({
    model,
    texts,
    reads,
    side,
    folder: to,
    dtype,
    precision,
    engine,
    threads: given.threads ?? os.availableParallelism(),
    shardRows,
    part: { index, count },
    reporter,
  });
  reporter.line(`${to}: ${made} shards made${kept > 0 ? `, ${kept} were there already` : ''}`);
}
