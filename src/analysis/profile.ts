/** Where a job's time will go: the phases of its plan, those that were measured divided into spans and kernels; floating-point operations; memory. */
import { isOnDevice, productGflops, recordKernels } from '../backend/index.js';
import type { RunConfig } from '../config/schema.js';
import type { Reporter } from '../core/reporter.js';
import type { Span } from '../core/spans.js';
import type { TokenTable } from '../data/types.js';
import { chunksByLength, rowsIn } from '../encoders/batching.js';
import { forwardFlops } from '../encoders/flops.js';
import { passTokens } from '../encoders/inference.js';
import { stepChunk } from '../train/step/step.js';
import { type Calibration, calibrate } from './calibration.js';
import { measurePlan, type Plan } from './plan.js';

export interface ProfiledPhase {
  readonly name: string;
  readonly booked: string;
  readonly times: number;
  /** Of all times together. */
  readonly seconds: number;
  /** 10⁹ floating-point operations of its matrix products a second, all replicas together, and their share of as many threads' limit. */
  readonly gflops?: number;
  readonly ofLimit?: number;
  /** What the first replica did, scaled to `seconds`; nothing where the phase was not measured by itself. */
  readonly spans: readonly Span[];
  /** The phase that these are the spans of, where it is another. */
  readonly like?: string;
}

export interface Profile {
  readonly plan: Plan;
  /** 10⁹ operations a second of one thread's products, of this encoder's shape. */
  readonly limitGflops: number;
  readonly phases: readonly ProfiledPhase[];
  /** Bytes of the process after each. */
  readonly memory: Readonly<Record<string, number>>;
  /** Whether kernels run on a device, so that their times are those of handing them over. */
  readonly onDevice: boolean;
}

const STEPS = 3;

export const profileJob = (config: RunConfig, reporter: Reporter): Promise<Profile> => calibrate(config, reporter, measure);

async function measure(of: Calibration): Promise<Profile> {
  const { shape, replicas } = of;
  const memory: Record<string, number> = { 'before the work': process.memoryUsage().rss };
  const note = (after: string) => {
    memory[after] = process.memoryUsage().rss;
  };
  const plan = await measurePlan(of);
  const limitGflops = await productGflops(shape.transformer.width, shape.transformer.feedForward);
  const encoding = await recordKernels('encode', () => of.encode());
  note('encoding');
  const searching = await recordKernels('search', () => of.search());
  note('searching');
  const encodingFlops = passFlops(of, of.tokens.passage, { tokens: passTokens(shape) });
  const limits = stepChunk(shape);
  let flops = 0;
  const stepping = await recordKernels('step', async () => {
    for (let i = 0; i < STEPS; i++) {
      const batch = await of.step(2 + i);
      flops += [batch.queries, batch.passages].reduce((sum, table) => sum + 3 * passFlops(of, table, limits), 0);
    }
  });
  note('steps');
  const recorded: Record<string, { span: Span; flops?: number; like?: string }> = {
    step: { span: stepping, flops },
    'encode the corpus': { span: encoding, flops: encodingFlops },
    'encode the corpus to test': { span: encoding, flops: encodingFlops, like: 'encode the corpus' },
    'search pools (exact)': { span: searching },
  };
  const phases = plan.phases.map(({ name, booked, times, secondsEach }) => {
    const seconds = times * secondsEach;
    const { span, flops: operations, like } = recorded[name] ?? {};
    const gflops = operations === undefined ? undefined : operations / span!.seconds / 1e9;
    return {
      ...{ name, booked, times, seconds },
      ...(like !== undefined && { like }),
      ...(gflops !== undefined && { gflops, ofLimit: gflops / (replicas * limitGflops) }),
      spans: span ? [...scaled(span, seconds / span.seconds).children.values()] : [],
    };
  });
  return { plan, limitGflops, phases, memory, onDevice: isOnDevice() };
}

/** Of the forward pass of a table's sequences, padding included. */
function passFlops({ shape }: Pick<Calibration, 'shape'>, table: TokenTable, limits: Parameters<typeof chunksByLength>[2]): number {
  const rows = Int32Array.from({ length: rowsIn(table) }, (_, row) => row);
  return chunksByLength(table, rows, limits, 0).reduce(
    (sum, { batch }) => sum + forwardFlops(shape, batch.lengths.length, batch.tokens),
    0,
  );
}

/** The span and all within it as if they had taken `factor` times as long, and happened as often. */
function scaled(span: Span, factor: number): Span {
  const children = new Map([...span.children].map(([name, child]) => [name, scaled(child, factor)]));
  return { name: span.name, seconds: span.seconds * factor, calls: Math.round(span.calls * factor), children };
}
