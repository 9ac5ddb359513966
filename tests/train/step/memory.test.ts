import { describe, expect, it } from 'vitest';
import { createDualEncoder } from '../../../src/encoders/dualEncoder.js';
import { parameterCount } from '../../../src/encoders/parameters.js';
import { describeStep, memoryPlan, predictedStepBytes } from '../../../src/train/step/memory.js';
import type { StepBatch } from '../../../src/train/step/sharedMemory.js';
import { stepChunk } from '../../../src/train/step/step.js';
import { tinyShape, toyConfig, toyTokens, WHOLE } from '../fixtures.js';

const plan = (train: object) =>
  memoryPlan(toyConfig({ train: { queriesPerStep: 8, ...train }, sampler: { kind: 'random', negatives: 2 } }), 32);
const batch: StepBatch = {
  step: 0,
  queries: toyTokens([4, 7, 5], 'queries'),
  passages: toyTokens([6, 3, 9, 8, 5], 'passages'),
  contrast: { target: Int32Array.of(0, 1, 2), mask: new Float32Array(15) },
};

describe('the plan follows from the loss', () => {
  it('in one piece where no smaller piece is asked for', () => {
    expect(plan({}).kind).toBe('whole');
    expect(plan({ microBatch: 8 }).kind).toBe('whole');
  });

  it('GradCache for in-batch negatives, accumulation for own groups', () => {
    expect(plan({ microBatch: 2 })).toEqual({ kind: 'gradCache', microBatch: 2, chunkRows: 8, recompute: false });
    expect(plan({ microBatch: 2, inBatch: false }).kind).toBe('accumulation');
    expect(plan({ gradientCheckpointing: true }).recompute).toBe(true);
  });

  it('is said, with the negatives that a query meets', () => {
    expect(describeStep(batch, WHOLE)).toBe('step: 3 queries, 5 passages; 4.0 negatives a query in effect; in one piece');
    const own = { ...batch, contrast: { ...batch.contrast, mask: Float32Array.from({ length: 15 }, (_, i) => (i % 5 < 2 ? 0 : -1e9)) } };
    expect(describeStep(own, { ...WHOLE, kind: 'accumulation', microBatch: 2 })).toContain(
      '1.0 negatives a query in effect; gradients accumulated over 2',
    );
  });
});

describe('the prediction', () => {
  const bytes = (part: object) => predictedStepBytes(tinyShape(), batch, { ...WHOLE, ...part }, { replicas: 1, averaged: false });
  it('falls with smaller pieces and with recomputed layers', () => {
    expect(bytes({ kind: 'gradCache', chunkRows: 1 })).toBeLessThan(bytes({}));
    const deep = { ...tinyShape(), transformer: { ...tinyShape().transformer, layers: 6 } };
    const kept = (recompute: boolean) => predictedStepBytes(deep, batch, { ...WHOLE, recompute }, { replicas: 1, averaged: false });
    expect(kept(true)).toBeLessThan(kept(false));
    expect(bytes({ kind: 'accumulation', microBatch: 1 })).toBeLessThan(bytes({}));
  });

  it('grows with an average, and less with a vocabulary than with any other parameters', () => {
    const P = parameterCount(createDualEncoder(tinyShape()).specs);
    const averaged = predictedStepBytes(tinyShape(), batch, WHOLE, { replicas: 1, averaged: true });
    expect(averaged - bytes({})).toBeCloseTo(4 * P, 0);
    const { transformer } = tinyShape();
    const grown = (more: Partial<typeof transformer>) => {
      const shape = { ...tinyShape(), transformer: { ...transformer, ...more } };
      const setting = { replicas: 1, averaged: false };
      const added = parameterCount(createDualEncoder(shape).specs) - P;
      return (predictedStepBytes(shape, batch, WHOLE, setting) - bytes({})) / added;
    };
    expect(grown({ vocabulary: transformer.vocabulary + 1000 })).toBeLessThan(grown({ positions: transformer.positions + 1000 }));
  });

  it('grows with the replicas', () => {
    expect(predictedStepBytes(tinyShape(), batch, WHOLE, { replicas: 2, averaged: false })).toBeGreaterThan(bytes({}));
  });
});

describe('what a pass may pad', () => {
  const shape = (layers: number, width: number) => ({
    pooling: 'cls' as const,
    transformer: { layers, width, heads: 4, feedForward: 4 * width },
  });
  it('is more where tokens are cheap', () => {
    const padding = (layers: number, width: number) => stepChunk(shape(layers, width)).padding!;
    expect(padding(1, 192)).toBeGreaterThan(5 * padding(6, 384));
    expect(padding(6, 384)).toBeGreaterThan(padding(12, 768));
  });
});
