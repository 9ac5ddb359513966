/** Loss and gradient of one step, of a group of replicas of the retriever or of a ranker. */
import type { TestContext } from 'vitest';
import { createFlatMemory, FlatVectors } from '../../src/backend/index.js';
import { indexOfLargest } from '../../src/core/arrays.js';
import { createCrossEncoder } from '../../src/encoders/crossEncoder.js';
import type { PairTable } from '../../src/encoders/pairs.js';
import { forEachSlice, type ParameterSpec } from '../../src/encoders/parameters.js';
import { Group, openThreads } from '../../src/train/group/group.js';
import { createSharedGroup, type Member, sharedFloats } from '../../src/train/group/member.js';
import { type RankerCommand, RankerReplica } from '../../src/train/ranker/rankerReplica.js';
import type { RankerBatch, SharedRanker } from '../../src/train/ranker/rankerStep.js';
import type { Replicas } from '../../src/train/step/replicas.js';
import type { StepBatch } from '../../src/train/step/sharedMemory.js';

declare module 'vitest' {
  interface TaskMeta {
    /** What `npm run claims` reads of a test beside whether it passed. */
    difference?: number;
  }
}

/** Leaves the figure in vitest's JSON report, for claims. */
export function report({ task }: TestContext, difference: number): void {
  task.meta.difference = difference;
}

export interface Step {
  readonly loss: number;
  readonly gradient: Float32Array;
}

/** Of each parameter its name and where its largest gradient is: fp32 differences of the small ones are noise. */
export function largestOfEach(specs: readonly ParameterSpec[], gradient: Float32Array): [name: string, at: number][] {
  const found: [string, number][] = [];
  forEachSlice(specs, ({ name }, begin, end) => {
    found.push([name, begin + indexOfLargest(gradient.subarray(begin, end).map(Math.abs))]);
  });
  return found;
}

/** Loss and gradient of a batch, at these parameters. */
async function stepOf<Batch>(group: Group<Batch, never, Member<Batch, never>>, parameters: Float32Array, batch: Batch): Promise<Step> {
  const memory = createFlatMemory(parameters.length, group.members.replicas);
  group.begin(memory);
  group.assign(parameters);
  const { loss } = await group.step(batch);
  const gradient = new Float32Array(parameters.length);
  new FlatVectors(memory, 0).read('gradient 0', gradient);
  return { loss, gradient };
}

export const retrieverStep = (replicas: Replicas, parameters: Float32Array, batch: StepBatch): Promise<Step> =>
  stepOf(replicas as never, parameters, batch);

/** Replicas of a ranker, all with the parameters given. */
export interface RankerGroup {
  step(batch: RankerBatch): Promise<Step>;
  score(pairs: PairTable): Promise<Float32Array>;
  dispose(): Promise<void>;
}

export async function openRankerGroup(
  settings: Pick<SharedRanker, 'replicas' | 'shape' | 'loss' | 'microBatch'>,
  parameters: Float32Array,
): Promise<RankerGroup> {
  const shared: SharedRanker = {
    ...createSharedGroup(settings.replicas, createCrossEncoder(settings.shape).specs),
    ...{ seed: 1, padId: 0, dropout: { hidden: 0, attention: 0 } },
    ...settings,
  };
  const workers = await openThreads({ ranker: shared }, settings.replicas, 'onnx');
  const group = new Group<RankerBatch, RankerCommand, RankerReplica>(shared, new RankerReplica(shared, 0), workers);
  group.assign(parameters);
  return {
    step: (batch) => stepOf(group as never, parameters, batch),
    score: async (pairs) => {
      const scores = sharedFloats(pairs.seconds.length);
      await group.run({ kind: 'score', pairs, scores }, () => group.first.score(pairs, scores));
      return Float32Array.from(scores);
    },
    dispose: () => group.dispose(),
  };
}
