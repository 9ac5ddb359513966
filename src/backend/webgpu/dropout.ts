/** Dropout masks on WebGPU, the very ones of operators/dropout.ts: a thread has the eight elements that one block of Threefry decides. */
import type { Key } from '../../core/random.js';
import { tf } from '../tf.js';
import { type Kernel, runKernel } from './kernel.js';
import { THREEFRY } from './threefry.js';

/** What operators/dropout.ts makes of the rate, the mask's number and the shape [B, groups, lines, length]. */
export interface MaskLayout {
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

const MASK: Kernel = {
  name: 'dropout mask',
  inputs: ['counters'],
  uniforms: {
    ...{ count: 'i32', groups: 'i32', lines: 'i32', length: 'i32', blocks: 'i32', linesNumbered: 'i32' },
    ...{ k0: 'i32', k1: 'i32', threshold: 'i32', scale: 'f32' },
  },
  workgroup: 64,
  code: `${THREEFRY}
fn main(index: i32) {
  if (index < uniforms.count) {
    let eights = (uniforms.length + 7) / 8;
    let eight = index % eights;
    let line = (index / eights) % uniforms.lines;
    let group = (index / (eights * uniforms.lines)) % uniforms.groups;
    let sequence = index / (eights * uniforms.lines * uniforms.groups);
    let first = u32(group * uniforms.linesNumbered + line) * u32(uniforms.blocks) + u32(eight);
    let words = threefry(bitcast<u32>(uniforms.k0), bitcast<u32>(uniforms.k1), first, bitcast<u32>(counters[sequence]));
    let at = ((sequence * uniforms.groups + group) * uniforms.lines + line) * uniforms.length;
    for (var i = 8 * eight; i < min(uniforms.length, 8 * eight + 8); i++) {
      result[at + i] = select(0.0, uniforms.scale, byteOf(words, i & 7) >= u32(uniforms.threshold));
    }
  }
}`,
};

export function maskOnWebgpu(shape: readonly number[], key: Key, layout: MaskLayout): tf.Tensor {
  const { counters, ...numbers } = layout;
  const count = counters.length * layout.groups * layout.lines * Math.ceil(layout.length / 8);
  const rows = tf.tensor1d(counters, 'int32');
  const uniforms = { ...numbers, count, k0: key.k0 | 0, k1: key.k1 | 0 };
  const mask = runKernel(MASK, { inputs: [rows], uniforms, result: shape, threads: count });
  rows.dispose();
  return mask;
}
