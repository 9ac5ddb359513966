/** Parameters under Hugging Face BERT's names, and back: only key and value differ, which are one matrix inside. */
import { UserError } from '../core/errors.js';
import type { NamedArray } from './formats/safetensors.js';
import { forEachSlice, type ParameterSpec, parameterCount, sizeOf } from './parameters.js';

const FUSED = '.self.kv.';
const PARTS = ['key', 'value'] as const;

/** Names and shapes as published checkpoints have them, in the order of the flat vector. */
function publishedTensors(spec: ParameterSpec): { name: string; shape: number[] }[] {
  if (!spec.name.includes(FUSED)) return [spec];
  const shape = [spec.shape[0]! / PARTS.length, ...spec.shape.slice(1)];
  return PARTS.map((part) => ({ name: spec.name.replace(FUSED, `.self.${part}.`), shape }));
}

/** How many values each parameter has as published checkpoints know them, in the order of the flat vector. */
export const publishedSizes = (specs: readonly ParameterSpec[]): number[] =>
  specs.flatMap((spec) => publishedTensors(spec).map(({ shape }) => sizeOf(shape)));

/** A parameter's values as named tensors, which share their memory. */
export function namedParts(spec: ParameterSpec, values: Float32Array): NamedArray[] {
  let at = 0;
  return publishedTensors(spec).map(({ name, shape }) => {
    const begin = at;
    at += sizeOf(shape);
    return { name, shape, values: values.subarray(begin, at) };
  });
}

/** The flat vector [P] as named tensors; `prefix` is put before every name (moments of the optimizer). */
export function namedTensors(specs: readonly ParameterSpec[], flat: Float32Array, prefix = ''): NamedArray[] {
  const tensors: NamedArray[] = [];
  forEachSlice(specs, (spec, begin, end) => {
    for (const part of namedParts(spec, flat.subarray(begin, end))) tensors.push({ ...part, name: prefix + part.name });
  });
  return tensors;
}

/**
 * The flat vector [P] of named tensors. A missing or unknown name, or another shape, is a UserError naming file and tensor, the latter as the
 * file would have it (`published`).
 */
export function flatParameters(
  specs: readonly ParameterSpec[],
  tensors: ReadonlyMap<string, NamedArray>,
  file: string,
  prefix = '',
  published: (name: string) => string = (name) => name,
): Float32Array<ArrayBuffer> {
  const flat = new Float32Array(parameterCount(specs));
  const expected = new Set<string>();
  forEachSlice(specs, (spec, begin) => {
    let at = begin;
    for (const { name, shape } of publishedTensors(spec)) {
      const found = tensors.get(prefix + name);
      if (!found)
        throw new UserError(
          `${file}: no tensor ${published(prefix + name)}; expected shape [${shape}]. The file belongs to another architecture.`,
        );
      if (found.shape.join() !== shape.join()) {
        throw new UserError(
          `${file}: tensor ${published(prefix + name)} has shape [${found.shape}]; expected [${shape}]. The file belongs to another shape of encoder.`,
        );
      }
      if (!(found.values instanceof Float32Array))
        throw new UserError(`${file}: tensor ${published(prefix + name)} holds whole numbers; expected F32. Copy it again.`);
      flat.set(found.values, at);
      expected.add(prefix + name);
      at += sizeOf(shape);
    }
  });
  const unknown = [...tensors.keys()].find((name) => name.startsWith(prefix) && !expected.has(name));
  if (unknown)
    throw new UserError(
      `${file}: unknown tensor ${published(unknown)}; expected only the encoder's. The file belongs to another architecture.`,
    );
  return flat;
}
