import { fork } from 'node:child_process';
import type { CommandModule } from 'yargs';
import { UserError } from '../core/errors.js';
import type { Side } from '../encoders/dualEncoder.js';
import type { Engine } from '../index/bulkEncode.js';
import type { VectorType } from '../index/vectorShards.js';
import { wholeNumbers } from './flags.js';

interface EncodeArguments {
  model: string;
  texts: string;
  to: string;
  side: string;
  dtype: string;
  engine: string;
  workers: number;
  shardRows: number;
  shard: string;
}

const CHOICES: Readonly<Record<'side' | 'dtype' | 'engine', readonly string[]>> = {
  side: ['query', 'passage'],
  dtype: ['fp32', 'fp16', 'int8'],
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
      .option('dtype', { type: 'string', requiresArg: true, default: 'fp32', describe: 'fp32, fp16 or int8' })
      .option('engine', { type: 'string', requiresArg: true, default: 'onnxruntime', describe: 'or tensorflow' })
      .option('workers', { type: 'number', requiresArg: true, default: 1, describe: 'Processes that share the work' })
      .option('shardRows', { type: 'number', requiresArg: true, default: 4096, describe: 'Texts in a shard' })
      .option('shard', { type: 'string', requiresArg: true, default: '0/1', describe: 'Every n-th shard: i/n' })
      .check(({ workers, shardRows, shard, ...given }) => {
        for (const [name, choices] of Object.entries(CHOICES)) {
          const value = given[name as keyof typeof CHOICES];
          if (!choices.includes(value)) return `--${name} is ${value}; expected one of ${choices.join(', ')}`;
        }
        const counts = wholeNumbers({ workers, shardRows });
        if (counts !== true) return counts;
        const [index, count] = shard.split('/').map(Number);
        const whole = /^\d+\/\d+$/.test(shard) && index! < count!;
        return whole || `--shard is ${shard}; expected i/n with i from 0 below n, such as 0/4`;
      })
      .example('simans encode jobs/quickstart corpus.jsonl --to vectors', '')
      .example('simans encode jobs/quickstart corpus.jsonl.gz --to vectors --workers 4', '')
      .example('simans encode org/name queries.jsonl --to queries --side query --shard 3/16', ''),
  handler: async (given) => {
    if (given.workers > 1) await inProcesses(given);
    else await encodeShards(given);
  },
};

async function encodeShards({ model: name, texts: file, to, shardRows, shard, ...given }: EncodeArguments): Promise<void> {
  const { side, dtype, engine } = given as { side: Side; dtype: VectorType; engine: Engine }; // checked above
  const { createTerminalReporter } = await import('../report/terminal.js');
  const { resolveWeights } = await import('../encoders/hub.js');
  const { modelIn, openModelFolder } = await import('../encoders/modelFolder.js');
  const { readTextFile } = await import('../data/index.js');
  const { bulkEncode } = await import('../index/bulkEncode.js');
  const { selectBackend } = await import('../backend/index.js');
  const os = await import('node:os');
  const reporter = createTerminalReporter();
  const model = await openModelFolder(modelIn((await resolveWeights(name, { reporter })).folder));
  const { texts, notes } = await readTextFile(file, side);
  for (const note of notes) reporter.line(note);
  if (engine === 'tensorflow') {
    const { name: backend, why } = await selectBackend('auto');
    reporter.line(`backend: ${backend} (${why})`);
  }
  const [index, count] = shard.split('/').map(Number) as [number, number];
  const threads = process.env.SIMANS_ENCODE_THREADS ? Number(process.env.SIMANS_ENCODE_THREADS) : os.availableParallelism();
  const { made, kept } = bulkEncode({
    model,
    texts,
    side,
    folder: to,
    dtype,
    engine,
    threads,
    shardRows,
    part: { index, count },
    reporter,
  });
  reporter.line(`${to}: ${made} shards made${kept > 0 ? `, ${kept} were there already` : ''}`);
}

/** Each worker takes its share of this process's shards. */
async function inProcesses(given: EncodeArguments): Promise<void> {
  const [index, count] = given.shard.split('/').map(Number) as [number, number];
  const cores = (await import('node:os')).availableParallelism();
  const codes = await Promise.all(
    Array.from({ length: given.workers }, (_, worker) => {
      const flags = [`--workers=1`, `--shard=${index + worker * count}/${count * given.workers}`];
      const rest = (['to', 'side', 'dtype', 'engine', 'shardRows'] as const).map((key) => `--${key}=${given[key]}`);
      const child = fork(process.argv[1]!, ['encode', given.model, given.texts, ...rest, ...flags], {
        env: { ...process.env, SIMANS_ENCODE_THREADS: String(Math.max(1, Math.floor(cores / given.workers))) },
      });
      return new Promise<number>((resolve) => child.on('exit', (code) => resolve(code ?? 1)));
    }),
  );
  const failed = codes.filter((code) => code !== 0).length;
  if (failed > 0)
    throw new UserError(`${failed} of ${given.workers} workers failed; what they finished is kept. Run the same command again.`);
}
