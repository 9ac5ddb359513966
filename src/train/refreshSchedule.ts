/** When the pools of a refresh serve: pure functions of the configuration, so that a resumed job draws from the same. */
import type { RunConfig } from '../config/schema.js';

type Schedule = Pick<RunConfig, 'refresh' | 'train'>;

/** The number of the refresh of the checkpoint at `step`: how many occasions came before it. */
export const refreshNumber = ({ refresh }: Schedule, step: number): number => Math.ceil(step / refresh.everySteps);

/** Whether training goes on while the refresh of `step` is made; the first and the last have no old pools or no steps to go on with. */
export const isBeside = ({ refresh, train }: Schedule, step: number): boolean => refresh.mode === 'async' && step > 0 && step < train.steps;

/** The steps [from, to) that draw from the refresh of the checkpoint at `step`. */
export interface ServedSteps {
  readonly from: number;
  readonly to: number;
}

export function servedSteps(config: Schedule, step: number): ServedSteps {
  const { everySteps } = config.refresh;
  const next = Math.min((Math.floor(step / everySteps) + 1) * everySteps, config.train.steps);
  return { from: firstServed(config, step), to: firstServed(config, next) };
}

function firstServed(config: Schedule, step: number): number {
  return isBeside(config, step) ? Math.min(step + config.refresh.lagSteps, config.train.steps) : step;
}
