/** How a step's activations are kept, and how much memory a step will take. */
import type { RunConfig } from '../config/schema.js';
import type { EncoderShape } from '../encoders/dualEncoder.js';
import { createDualEncoder } from '../encoders/dualEncoder.js';
import { parameterCount } from '../encoders/parameters.js';
import type { MemoryPlan } from './sharedMemory.js';

/** Chosen by what the loss needs: in-batch negatives need all vectors at once (GradCache), own groups do not. `rows` are a step's sequences. */
export function memoryPlan({ train }: RunConfig, rows: number): MemoryPlan {
  const { queriesPerStep, microBatch = queriesPerStep, gradientCheckpointing: recompute, inBatch } = train;
  const whole = microBatch >= queriesPerStep;
  const kind = whole ? 'whole' : inBatch ? 'gradCache' : 'accumulation';
  return { kind, microBatch, chunkRows: Math.ceil((microBatch * rows) / queriesPerStep), recompute };
}
