/**
 * checkpoints/step-000500/: model.safetensors (the weights that are evaluated: the average where one is kept),
 * optimizer.safetensors (moments by parameter name; beside an average the latest weights too), state.json; whole or absent. With the fingerprinted pools of its refresh it is all that a job needs to go on as if never interrupted.
 */
import fs from 'node:fs';
import path from 'node:path';
import { UserError } from '../../core/errors.js';
import { readJson, writeFolderAtomic, writeJson } from '../../core/files.js';
import { readSafetensors, writeSafetensors } from '../../encoders/formats/safetensors.js';
import type { ParameterSpec } from '../../encoders/parameters.js';
import { flatParameters, namedTensors } from '../../encoders/weights.js';
import type { OptimizerState } from '../step/optimizer.js';

/** The training state after `step` steps. */
export interface TrainingState {
  readonly step: number;
  /** Seconds spent so far, by phase, over all sessions of the job. */
  readonly seconds: Record<string, number>;
  /** Numbers of the refreshes whose pools have served or serve, in order; in checkpoints of before absent: all that came before. */
  readonly refreshes?: readonly number[];
  /** The step of the checkpoint whose refresh is made beside the training, where one is under way. */
  readonly pending?: number | undefined;
}

export interface Checkpoint extends OptimizerState {
  readonly state: TrainingState;
}

const FORMAT = 1;
const folderOf = (job: string, step: number) => path.join(job, 'checkpoints', `step-${String(step).padStart(6, '0')}`);

export function saveCheckpoint(job: string, specs: readonly ParameterSpec[], checkpoint: Checkpoint): string {
  const folder = folderOf(job, checkpoint.state.step);
  writeFolderAtomic(folder, (temporary) => {
    writeSafetensors(path.join(temporary, 'model.safetensors'), namedTensors(specs, checkpoint.average ?? checkpoint.parameters), {
      format: 'pt',
    });
    writeSafetensors(path.join(temporary, 'optimizer.safetensors'), [
      ...namedTensors(specs, checkpoint.firstMoment, 'first.'),
      ...namedTensors(specs, checkpoint.secondMoment, 'second.'),
      ...(checkpoint.average ? namedTensors(specs, checkpoint.parameters, 'latest.') : []),
    ]);
    writeJson(path.join(temporary, 'state.json'), { format: FORMAT, ...checkpoint.state });
  });
  return folder;
}

/** Steps of the complete checkpoints, ascending. */
export function checkpointSteps(job: string): number[] {
  const folder = path.join(job, 'checkpoints');
  if (!fs.existsSync(folder)) return [];
  return fs
    .readdirSync(folder)
    .flatMap((name) => /^step-(\d{6,})$/.exec(name)?.[1] ?? [])
    .map(Number)
    .sort((a, b) => a - b);
}

export function readState(job: string, step: number): TrainingState {
  const folder = folderOf(job, step);
  const stateFile = path.join(folder, 'state.json');
  const { format, ...state } = readJson(stateFile, `Remove ${folder} to go on from the checkpoint before it.`) as {
    format: number;
  } & TrainingState;
  if (format !== FORMAT)
    throw new UserError(`${stateFile}: format ${format}; expected ${FORMAT}. Use the version of simans that wrote it.`);
  if (state.step !== step)
    throw new UserError(`${stateFile}: step ${state.step}; expected ${step}, as the folder's name says. Restore the folder's name.`);
  return state;
}

export function loadCheckpoint(job: string, specs: readonly ParameterSpec[], step: number): Checkpoint {
  const state = readState(job, step);
  const folder = folderOf(job, step);
  const optimizerFile = path.join(folder, 'optimizer.safetensors');
  const moments = readSafetensors(optimizerFile).tensors;
  const stray = [...moments.keys()].find((name) => !/^(first|second|latest)\./.test(name));
  if (stray)
    throw new UserError(`${optimizerFile}: unknown tensor ${stray}; expected first., second. and latest. alone. Use another checkpoint.`);
  const model = loadModel(job, specs, step);
  const averaged = [...moments.keys()].some((name) => name.startsWith('latest.'));
  return {
    state,
    ...(averaged ? { parameters: flatParameters(specs, moments, optimizerFile, 'latest.'), average: model } : { parameters: model }),
    firstMoment: flatParameters(specs, moments, optimizerFile, 'first.'),
    secondMoment: flatParameters(specs, moments, optimizerFile, 'second.'),
  };
}

/** The parameters [P] of a checkpoint alone. */
export function loadModel(job: string, specs: readonly ParameterSpec[], step: number): Float32Array {
  const file = path.join(folderOf(job, step), 'model.safetensors');
  return flatParameters(specs, readSafetensors(file).tensors, file);
}

/** Removes all but the latest `keep` checkpoints, the ones in `also`, and those that a refresh under way is made from. */
export function pruneCheckpoints(job: string, keep: number, also: readonly number[]): void {
  const latest = checkpointSteps(job).slice(-keep);
  const kept = new Set([...latest, ...also, ...latest.flatMap((step) => readState(job, step).pending ?? [])]);
  for (const step of checkpointSteps(job)) if (!kept.has(step)) fs.rmSync(folderOf(job, step), { recursive: true });
}
