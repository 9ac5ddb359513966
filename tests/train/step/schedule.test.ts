import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { learningRateAt, type Schedule } from '../../../src/train/step/schedule.js';

const schedule: Schedule = { learningRate: 0.4, warmupShare: 0.25, decay: 'linear', steps: 16 };
const rates = (of: Schedule): number[] => Array.from({ length: of.steps }, (_, step) => learningRateAt(step, of));

describe('learningRateAt', () => {
  it('rises evenly to the peak, then falls evenly towards 0', () => {
    const expected = [0.1, 0.2, 0.3, 0.4, ...Array.from({ length: 12 }, (_, i) => (0.4 * (12 - i)) / 12)];
    rates(schedule).forEach((rate, step) => expect(rate).toBeCloseTo(expected[step]!, 12));
  });

  it('falls as half a cosine', () => {
    const cosine = { ...schedule, decay: 'cosine' as const };
    expect(learningRateAt(4, cosine)).toBeCloseTo(0.4, 12);
    expect(learningRateAt(10, cosine)).toBeCloseTo(0.2, 12);
    expect(learningRateAt(7, cosine)).toBeCloseTo(0.2 * (1 + Math.SQRT1_2), 12);
    expect(learningRateAt(16, cosine)).toBeCloseTo(0, 12);
  });

  it('begins at the peak without a warm-up', () => {
    expect(learningRateAt(0, { ...schedule, warmupShare: 0 })).toBe(0.4);
  });

  it('for any schedule is positive within the job, never above the peak, and has one summit', () => {
    const any = fc.record({
      learningRate: fc.double({ min: 1e-6, max: 1, noNaN: true }),
      warmupShare: fc.double({ min: 0, max: 0.99, noNaN: true }),
      decay: fc.constantFrom('linear' as const, 'cosine' as const),
      steps: fc.integer({ min: 1, max: 60 }),
    });
    fc.assert(
      fc.property(any, (of) => {
        const values = rates(of);
        for (const rate of values) {
          expect(rate).toBeGreaterThan(0);
          expect(rate).toBeLessThanOrEqual(of.learningRate);
        }
        const summit = values.indexOf(Math.max(...values));
        values.forEach(
          (rate, step) =>
            step > 0 &&
            (step <= summit ? expect(rate).toBeGreaterThanOrEqual(values[step - 1]!) : expect(rate).toBeLessThanOrEqual(values[step - 1]!)),
        );
      }),
    );
  });
});
