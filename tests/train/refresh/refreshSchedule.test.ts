import { describe, expect, it } from 'vitest';
import { UserError } from '../../../src/core/errors.js';
import { epochsAsSteps, isBeside, refreshNumber, servedSteps } from '../../../src/train/refresh/refreshSchedule.js';
import { toyConfig, toyDataset } from '../fixtures.js';

const config = (refresh: object, steps = 23) => toyConfig({ refresh, train: { steps, queriesPerStep: 4 } });

describe('the steps that draw from a refresh', () => {
  it.each([
    { refresh: { everySteps: 5 } },
    { refresh: { everySteps: 5, mode: 'async', lagSteps: 4 } },
    { refresh: { everySteps: 7, mode: 'async', lagSteps: 1 } },
    { refresh: { everySteps: 23 } },
    { refresh: { everySteps: 11, mode: 'async', lagSteps: 10 } }, // the last is taken at the end
  ])('follow on each other and are all steps, $refresh', ({ refresh }) => {
    const given = config(refresh);
    const occasions = Array.from({ length: 23 }, (_, step) => step).filter((step) => step % refresh.everySteps === 0);
    let from = 0;
    for (const step of occasions) {
      expect(servedSteps(given, step).from).toBe(from);
      expect(servedSteps(given, step).from).toBe(isBeside(given, step) ? Math.min(23, step + given.refresh.lagSteps) : step);
      from = servedSteps(given, step).to;
    }
    expect(from).toBe(23);
    expect(occasions.map((step) => refreshNumber(given, step))).toEqual(occasions.map((_, number) => number));
    expect(refreshNumber(given, 23)).toBe(occasions.length);
  });

  it('go to the end where the next refresh is not known beforehand', () => {
    for (const when of ['never', { drift: 0.1 }, { dev: 0.01 }])
      expect(servedSteps(config({ everySteps: 5, when, mode: 'async', lagSteps: 2 }), 10)).toEqual({ from: 12, to: 23 });
  });
});

describe('epochs', () => {
  const dataset = toyDataset(40); // 20 training queries, 5 steps an epoch

  it('become whole steps, at least one', () => {
    expect(epochsAsSteps(config({ everyEpochs: 1 }), dataset).refresh.everySteps).toBe(5);
    expect(epochsAsSteps(config({ everyEpochs: 2.5 }), dataset).refresh.everySteps).toBe(13);
    expect(epochsAsSteps(config({ everyEpochs: 0.01 }), dataset).refresh.everySteps).toBe(1);
    expect(epochsAsSteps(config({ everySteps: 9 }), dataset).refresh.everySteps).toBe(9);
  });

  it('that the job does not have, or that the lag outlasts, are refused', () => {
    expect(() => epochsAsSteps(config({ everyEpochs: 9 }), dataset)).toThrow(UserError);
    expect(() => epochsAsSteps(config({ everyEpochs: 9 }), dataset)).toThrow(
      'which are 45 steps of this data; expected at most train.steps (23)',
    );
    expect(() => epochsAsSteps(config({ everyEpochs: 1, mode: 'async', lagSteps: 5 }), dataset)).toThrow(
      'expected more than refresh.lagSteps (5)',
    );
  });
});
