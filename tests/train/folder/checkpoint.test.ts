import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { UserError } from '../../../src/core/errors.js';
import { createDualEncoder } from '../../../src/encoders/dualEncoder.js';
import { type NamedArray, readSafetensors, writeSafetensors } from '../../../src/encoders/formats/safetensors.js';
import { initialParameters } from '../../../src/encoders/parameters.js';
import {
  type Checkpoint,
  checkpointSteps,
  loadCheckpoint,
  loadModel,
  pruneCheckpoints,
  saveCheckpoint,
} from '../../../src/train/folder/checkpoint.js';
import { tinyShape } from '../fixtures.js';

const { specs } = createDualEncoder(tinyShape());
const checkpointAt = (step: number): Checkpoint => ({
  state: { step, seconds: { train: 1.5 } },
  parameters: initialParameters(specs, step + 1),
  firstMoment: initialParameters(specs, step + 2),
  secondMoment: initialParameters(specs, step + 3).map(Math.abs),
});

let job: string;
beforeEach(() => {
  job = fs.mkdtempSync(path.join(os.tmpdir(), 'simans-checkpoint-'));
});
afterEach(() => fs.rmSync(job, { recursive: true }));

/** Loads; fails with anything but a checkpoint equal to the saved one or a UserError. */
function outcome(step: number): 'equal' | string {
  try {
    expect(loadCheckpoint(job, specs, step)).toEqual(checkpointAt(step));
    return 'equal';
  } catch (error) {
    if (error instanceof UserError) return error.message;
    throw error;
  }
}

describe('a checkpoint', () => {
  it('comes back bit for bit, with either kind of towers', () => {
    saveCheckpoint(job, specs, checkpointAt(7));
    expect(loadCheckpoint(job, specs, 7)).toEqual(checkpointAt(7));
    expect(loadModel(job, specs, 7)).toEqual(checkpointAt(7).parameters);
    const separate = createDualEncoder(tinyShape('separate')).specs;
    const parameters = initialParameters(separate, 1);
    saveCheckpoint(job, separate, { state: { step: 8, seconds: {} }, parameters, firstMoment: parameters, secondMoment: parameters });
    expect(loadModel(job, separate, 8)).toEqual(parameters);
  });

  it('with an averaged model keeps both weights; the model is the average', () => {
    const average = initialParameters(specs, 99);
    saveCheckpoint(job, specs, { ...checkpointAt(7), average });
    expect(loadCheckpoint(job, specs, 7)).toEqual({ ...checkpointAt(7), average });
    expect(loadModel(job, specs, 7)).toEqual(average);
  });

  it('names and shapes its tensors as Hugging Face’s BERT', () => {
    const {
      transformer: { width: D, feedForward: F, vocabulary, positions, layers },
    } = tinyShape();
    const linear = (name: string, out: number, into: number): [string, number[]][] => [
      [`${name}.weight`, [out, into]],
      [`${name}.bias`, [out]],
    ];
    const norm = (name: string): [string, number[]][] => [
      [`${name}.weight`, [D]],
      [`${name}.bias`, [D]],
    ];
    const layer = (i: number): [string, number[]][] => {
      const at = `encoder.layer.${i}`;
      return [
        ...['query', 'key', 'value'].flatMap((part) => linear(`${at}.attention.self.${part}`, D, D)),
        ...linear(`${at}.attention.output.dense`, D, D),
        ...norm(`${at}.attention.output.LayerNorm`),
        ...linear(`${at}.intermediate.dense`, F, D),
        ...linear(`${at}.output.dense`, D, F),
        ...norm(`${at}.output.LayerNorm`),
      ];
    };
    const published = Object.fromEntries([
      ['embeddings.word_embeddings.weight', [vocabulary, D]],
      ['embeddings.position_embeddings.weight', [positions, D]],
      ['embeddings.token_type_embeddings.weight', [2, D]],
      ...norm('embeddings.LayerNorm'),
      ...Array.from({ length: layers }, (_, i) => layer(i)).flat(),
    ]);
    const folder = saveCheckpoint(job, specs, checkpointAt(0));
    const { tensors, metadata } = readSafetensors(path.join(folder, 'model.safetensors'));
    expect(Object.fromEntries([...tensors].map(([name, { shape }]) => [name, shape]))).toEqual(published);
    expect(metadata.format).toBe('pt');
  });

  it('keeps a moment under the name of its parameter', () => {
    const folder = saveCheckpoint(job, specs, checkpointAt(0));
    const names = [...readSafetensors(path.join(folder, 'optimizer.safetensors')).tensors.keys()];
    expect(names).toContain('first.encoder.layer.1.attention.self.key.weight');
    expect(names).toContain('second.embeddings.LayerNorm.bias');
  });
});

describe('a damaged checkpoint is an error naming the file, never wrongly loaded', () => {
  it.each(['model.safetensors', 'optimizer.safetensors', 'state.json'])('%s cut at many places', (name) => {
    const file = path.join(saveCheckpoint(job, specs, checkpointAt(3)), name);
    const whole = fs.readFileSync(file);
    const header = name.endsWith('.json') ? whole.length : 8 + Number(whole.readBigUInt64LE(0));
    const cuts = new Set([0, 1, 7, 8, 9, header - 1, header, header + 1, header + 4, whole.length - 4, whole.length - 2, whole.length - 1]);
    for (let at = 0; at < whole.length; at += 1 + Math.floor(whole.length / 97)) cuts.add(at);
    for (const at of [...cuts].filter((cut) => cut < whole.length)) {
      fs.writeFileSync(file, whole.subarray(0, at));
      const said = outcome(3);
      // Without its line end the JSON is whole still.
      if (name === 'state.json' && at === whole.length - 1) expect(said).toBe('equal');
      else expect(said, `cut at ${at}`).toContain(file);
    }
    fs.writeFileSync(file, Buffer.concat([whole, Buffer.from('more')]));
    expect(outcome(3)).toContain(file);
  });

  const change = (name: string, edit: (tensors: Map<string, NamedArray>) => void): string => {
    const file = path.join(saveCheckpoint(job, specs, checkpointAt(3)), name);
    const { tensors } = readSafetensors(file);
    edit(tensors);
    writeSafetensors(file, [...tensors.values()]);
    expect(outcome(3)).toContain(`${file}: `);
    return outcome(3);
  };

  it('a tensor is missing, unknown or of another shape', () => {
    const bias = 'encoder.layer.0.output.dense.bias';
    expect(change('model.safetensors', (tensors) => tensors.delete(bias))).toContain(`no tensor ${bias}; expected shape [8]`);
    expect(change('optimizer.safetensors', (tensors) => tensors.delete(`second.${bias}`))).toContain(`no tensor second.${bias}`);
    const extra = { name: 'pooler.dense.bias', shape: [8], values: new Float32Array(8) };
    expect(change('model.safetensors', (tensors) => tensors.set(extra.name, extra))).toContain('unknown tensor pooler.dense.bias');
    expect(change('optimizer.safetensors', (tensors) => tensors.set(extra.name, extra))).toContain('unknown tensor pooler.dense.bias');
    const longer = { name: bias, shape: [9], values: new Float32Array(9) };
    expect(change('model.safetensors', (tensors) => tensors.set(bias, longer))).toContain('has shape [9]; expected [8]');
  });

  it('a tensor of whole numbers where fractions belong', () => {
    const bias = 'encoder.layer.0.output.dense.bias';
    const whole = { name: bias, shape: [8], values: new Int32Array(8) };
    expect(change('model.safetensors', (tensors) => tensors.set(bias, whole))).toContain(bias);
  });

  it.each([Number.NaN, Number.POSITIVE_INFINITY])('%d among the values', (value) => {
    const name = 'embeddings.LayerNorm.weight';
    const said = change('model.safetensors', (tensors) => (tensors.get(name)!.values[2] = value));
    expect(said).toContain(`tensor ${name} holds ${value} at position 2`);
  });

  it('a file is missing, the format or the step is another', () => {
    const folder = saveCheckpoint(job, specs, checkpointAt(3));
    fs.rmSync(path.join(folder, 'optimizer.safetensors'));
    expect(outcome(3)).toContain('optimizer.safetensors: ENOENT');
    saveCheckpoint(job, specs, checkpointAt(3));
    fs.renameSync(folder, folder.replace(/3$/, '4'));
    expect(outcome(4)).toContain('state.json: step 3; expected 4');
    const state = path.join(folder.replace(/3$/, '4'), 'state.json');
    fs.writeFileSync(state, fs.readFileSync(state, 'utf8').replace('"format": 1', '"format": 2'));
    expect(outcome(4)).toContain('state.json: format 2; expected 1');
  });
});

describe('the folder of checkpoints', () => {
  it('lists the complete ones, ascending, beyond a million steps', () => {
    expect(checkpointSteps(job)).toEqual([]);
    for (const step of [1_000_000, 20, 3]) saveCheckpoint(job, specs, checkpointAt(step));
    fs.mkdirSync(path.join(job, 'checkpoints', 'step-000021.tmp-4711'));
    expect(checkpointSteps(job)).toEqual([3, 20, 1_000_000]);
  });

  it('pruned, keeps the latest and the best', () => {
    for (const step of [0, 2, 4, 6, 8]) saveCheckpoint(job, specs, checkpointAt(step));
    pruneCheckpoints(job, 2, [2]);
    expect(checkpointSteps(job)).toEqual([2, 6, 8]);
    pruneCheckpoints(job, 1, [8]);
    expect(checkpointSteps(job)).toEqual([8]);
    expect(outcome(8)).toBe('equal');
  });
});
