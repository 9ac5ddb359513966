/** Loss and gradient of one step, of a group of replicas of the retriever or of a ranker. */
import type { TestContext } from 'vitest';
import { tf } from '../../src/backend/index.js';
import { createCrossEncoder } from '../../src/encoders/crossEncoder.js';
import type { PairTable } from '../../src/encoders/pairs.js';
import { parameterCount } from '../../src/encoders/parameters.js';
import { createBarrierMemory } from '../../src/train/barrier.js';
import { RankerReplica } from '../../src/train/rankerReplica.js';
import type { RankerBatch, SharedRanker } from '../../src/train/rankerStep.js';
import { summedStep } from '../../src/train/replica.js';
import type { Replicas } from '../../src/train/replicas.js';
import { closeThread, openThread, runAll } from '../../src/train/replicaThread.js';
import { type StepBatch, sharedFloats } from '../../src/train/sharedMemory.js';
import type { StepResult } from '../../src/train/step.js';

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

export async function retrieverStep(replicas: Replicas, parameters: Float32Array, batch: StepBatch): Promise<Step> {
  const flat = tf.tensor1d(parameters);
  replicas.assign(flat);
  flat.dispose();
  return valuesOf(await replicas.step(batch));
}

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
  const { replicas, shape } = settings;
  const P = parameterCount(createCrossEncoder(shape).specs);
  const shared: SharedRanker = {
    seed: 1,
    padId: 0,
    dropout: { hidden: 0, attention: 0 },
    ...settings,
    parameters: sharedFloats(P),
    gradients: Array.from({ length: replicas }, () => sharedFloats(P)),
    losses: sharedFloats(replicas),
    barrier: createBarrierMemory(),
  };
  shared.parameters.set(parameters);
  const numbers = Array.from({ length: replicas - 1 }, (_, i) => i + 1);
  const workers = await Promise.all(numbers.map((number) => openThread({ shared: { ranker: shared }, number, backend: 'onnx' })));
  const first = new RankerReplica(shared, 0);
  return {
    step: async (batch) => {
      const command = { kind: 'rankerStep', ...batch } as const;
      return valuesOf(
        await runAll(workers, command, first, () => {
          first.run(command);
          return summedStep(shared);
        }),
      );
    },
    score: async (pairs) => {
      const scores = sharedFloats(pairs.seconds.length);
      const command = { kind: 'rankerScore', pairs, scores } as const;
      await runAll(workers, command, first, () => first.run(command));
      return Float32Array.from(scores);
    },
    dispose: async () => {
      first.dispose();
      await Promise.all(workers.map(closeThread));
    },
  };
}

async function valuesOf({ loss, gradient }: StepResult): Promise<Step> {
  const values = { loss: (await loss.data())[0]!, gradient: Float32Array.from(await gradient.data()) };
  tf.dispose([loss, gradient]);
  return values;
}
