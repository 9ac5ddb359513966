/** When refreshes are made and which steps their pools serve: pure functions of the configuration and the data, so that a resumed job draws from the same. */
import type { RunConfig } from '../../config/schema.js';
import { UserError } from '../../core/errors.js';
import type { Dataset } from '../../data/types.js';

type Schedule = Pick<RunConfig, 'refresh' | 'train'>;

/** The configuration with refresh.everyEpochs as steps of this data. Throws a UserError where they are more than the job has, or fewer than the lag. */
export function epochsAsSteps(config: RunConfig, { splits }: Pick<Dataset, 'splits'>): RunConfig {
  const { refresh, train } = config;
  if (refresh.everyEpochs === 'none') return config;
  const everySteps = Math.max(1, Math.round((refresh.everyEpochs * splits.train.rows.length) / train.queriesPerStep));
  const found = `refresh.everyEpochs is ${refresh.everyEpochs}, which are ${everySteps} steps of this data`;
  if (everySteps > train.steps) throw new UserError(`${found}; expected at most train.steps (${train.steps})`);
  if (refresh.mode === 'async' && refresh.lagSteps >= everySteps)
    throw new UserError(`${found}; expected more than refresh.lagSteps (${refresh.lagSteps}), for one refresh is made at a time`);
  return { ...config, refresh: { ...refresh, everySteps } };
}

/** The number of the refresh of the checkpoint at `step`: how many occasions came before it. */
export const refreshNumber = ({ refresh }: Schedule, step: number): number => Math.ceil(step / refresh.everySteps);

/** Whether training goes on while the refresh of `step` is made; the first and the last have no old pools or no steps to go on with. */
export const isBeside = ({ refresh, train }: Schedule, step: number): boolean => refresh.mode === 'async' && step > 0 && step < train.steps;

/**
 * The steps [from, to) that may draw from the refresh of the checkpoint at `step`: up to the next one's, or to the end where it is not known beforehand when
 * that will be.
 */
export interface ServedSteps {
  readonly from: number;
  readonly to: number;
}

export function servedSteps(config: Schedule, step: number): ServedSteps {
  const { everySteps, when } = config.refresh;
  if (when !== 'always') return { from: firstServed(config, step), to: config.train.steps };
  const next = Math.min((Math.floor(step / everySteps) + 1) * everySteps, config.train.steps);
  return { from: firstServed(config, step), to: firstServed(config, next) };
}

function firstServed(config: Schedule, step: number): number {
  return isBeside(config, step) ? Math.min(step + config.refresh.lagSteps, config.train.steps) : step;
}
