/** Dropout masks on WebGPU, the very ones of operators/dropout.ts: a thread has the eight elements that one block of Threefry decides. */
import type { Key } from '../../core/random.js';
import { tf } from '../tf.js';
import { type Kernel, runKernel } from './kernel.js';
import { THREEFRY } from './threefry.js';

/** What operators/dropout.ts makes of the rate, the key, the mask's number and the shape [B, groups, lines, length]. */
export interface MaskLayout {
  readonly key: Key;
  readonly groups: number;
  readonly lines: number;
  readonly length: number;
  /** Of 64 bits, that a line of elements has numbers for; and lines, that a group has. */
  readonly blocks: number;
  readonly linesNumbered: number;
  /** Bytes below it drop their element; what stays is multiplied by `scale`. */
  readonly threshold: number;
  readonly scale: number;
  /** The second counter, of each sequence. */
  readonly counters: Int32Array;
}

/** What KEEP reads, beside the input `counters`. */
export const KEEP_UNIFORMS = { blocks: 'i32', linesNumbered: 'i32', k0: 'i32', k1: 'i32', threshold: 'i32', keepScale: 'f32' } as const;

export const keepUniforms = ({ key, blocks, linesNumbered, threshold, scale }: MaskLayout): Record<keyof typeof KEEP_UNIFORMS, number> => ({
  ...{ blocks, linesNumbered, threshold, keepScale: scale },
  ...{ k0: key.k0 | 0, k1: key.k1 | 0 },
});

export const countersOf = ({ counters }: MaskLayout): tf.Tensor1D => tf.tensor1d(counters, 'int32');

/** WGSL: the 64 bits that decide eight elements of a line, and what an element is multiplied by. */
export const KEEP = `${THREEFRY}
fn wordsOf(sequence: i32, group: i32, line: i32, eight: i32) -> vec2<u32> {
  let first = u32(group * uniforms.linesNumbered + line) * u32(uniforms.blocks) + u32(eight);
  return threefry(bitcast<u32>(uniforms.k0), bitcast<u32>(uniforms.k1), first, bitcast<u32>(counters[sequence]));
}
fn keepOf(words: vec2<u32>, i: i32) -> f32 {
  let word = select(words.x, words.y, (i & 4) != 0);
  let byte = (word >> (u32(i & 3) * 8u)) & 0xffu;
  return select(0.0, uniforms.keepScale, byte >= u32(uniforms.threshold));
}`;

const MASK: Kernel = {
  name: 'dropout mask',
  inputs: ['counters'],
  uniforms: { count: 'i32', groups: 'i32', lines: 'i32', length: 'i32', ...KEEP_UNIFORMS },
  workgroup: 64,
  code: `${KEEP}
fn main(index: i32) {
  if (index < uniforms.count) {
    let eights = (uniforms.length + 7) / 8;
    let eight = index % eights;
    let line = (index / eights) % uniforms.lines;
    let group = (index / (eights * uniforms.lines)) % uniforms.groups;
    let sequence = index / (eights * uniforms.lines * uniforms.groups);
    let words = wordsOf(sequence, group, line, eight);
    let at = ((sequence * uniforms.groups + group) * uniforms.lines + line) * uniforms.length;
    for (var i = 8 * eight; i < min(uniforms.length, 8 * eight + 8); i++) { result[at + i] = keepOf(words, i); }
  }
}`,
};

export function maskOnWebgpu(shape: readonly number[], layout: MaskLayout): tf.Tensor {
  const { groups, lines, length } = layout;
  const count = layout.counters.length * groups * lines * Math.ceil(length / 8);
  const counters = countersOf(layout);
  const uniforms = { count, groups, lines, length, ...keepUniforms(layout) };
  const mask = runKernel(MASK, { inputs: [counters], uniforms, result: shape, threads: count });
  counters.dispose();
  return mask;
}
