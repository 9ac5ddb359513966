/**
 * Attention on WebGPU without a matrix of T×T (Dao et al. 2022): a thread has one token of one head, keys and values pass by in tiles, the softmax is
 * kept running, and the backward pass computes the probabilities again from each token's log-sum-exp. B sequences, T tokens, D width, H heads, d = D/H.
 */
import { tf } from '../tf.js';
import { countersOf, KEEP, KEEP_UNIFORMS, keepUniforms, type MaskLayout } from './dropout.js';
import { matricesOf, numbersOf, stored, tensorsOf } from './half.js';
import { type Kernel, runKernel } from './kernel.js';

const W = 64;
/** Numbers that a tile of a kernel's two arrays has at most: 8 kB of the workgroup's memory. */
const TILE = 1024;

/** Of a tile: a thread at most sums up what is of a row alone. */
const rowsOf = (d: number): number => Math.max(1, Math.min(W, Math.floor(TILE / d)));

interface Kernels {
  readonly forward: Kernel;
  readonly query: Kernel;
  readonly keyValue: Kernel;
}

const UNIFORMS = { B: 'i32', T: 'i32', H: 'i32', D: 'i32', scale: 'f32' } as const;

/** What the thread has: token `t` of head `h` of sequence `b`; `alive` where there is one. */
const PLACE = `
  let tid = i32(localIndex);
  let T = uniforms.T;
  let D = uniforms.D;
  let parts = (T + ${W - 1}) / ${W};
  let group = index / ${W};
  let sequence = group / (parts * uniforms.H);
  let b = min(sequence, uniforms.B - 1);
  let h = (group / parts) % uniforms.H;
  let t = (group % parts) * ${W} + tid;
  let alive = sequence < uniforms.B && t < T;
  let row = b * T + min(t, T - 1);`;

/** `keptOf(b, h, asking, asked)`: what dropout multiplies a probability by. */
const keptOf = (dropout: boolean): string => `${dropout ? KEEP : ''}
fn keptOf(b: i32, h: i32, asking: i32, asked: i32) -> f32 { return ${dropout ? 'keepOf(wordsOf(b, h, asking, asked >> 3u), asked)' : '1.0'}; }`;

/** Loads a tile of keys and values, or of queries and gradients; called by all threads. */
const load = (d: number, rows: number, left: string, right: string): string => `
    workgroupBarrier();
    for (var i = tid; i < ${rows * d}; i += ${W}) {
      let place = b * T + min(begin + i / ${d}, T - 1);
      let column = h * ${d} + i % ${d};
      lefts[i] = ${left};
      rights[i] = ${right};
    }`;

interface Variant {
  readonly d: number;
  readonly dropout: boolean;
}

/** What is common to the three; `body` is that of a thread. */
const kernelOf = ({ d, dropout }: Variant, does: string, inputs: readonly string[], body: string, declarations = ''): Kernel => ({
  name: `attention of ${d}${dropout ? ', dropout' : ''}${does}`,
  inputs: ['q', 'kv', 'padding', ...inputs, ...(dropout ? ['counters'] : [])],
  uniforms: { ...UNIFORMS, ...(dropout && KEEP_UNIFORMS) },
  workgroup: W,
  code: `
var<workgroup> lefts: array<f32, ${rowsOf(d) * d}>;
var<workgroup> rights: array<f32, ${rowsOf(d) * d}>;${declarations}
${keptOf(dropout)}
fn main(index: i32) {${PLACE}${body}
}`,
});

/**
 * Writes the context [B·T, D] and behind it, [B, H, T, 2], each token's largest logit, and log Σ exp of all less that: added to padding's it
 * would be lost.
 */
function forwardKernel(variant: Variant): Kernel {
  const { d } = variant;
  const rows = rowsOf(d);
  const body = `
  var asking: array<f32, ${d}>;
  var context: array<f32, ${d}>;
  for (var i = 0; i < ${d}; i++) { asking[i] = q[row * D + h * ${d} + i] * uniforms.scale; }
  var most = -3.0e38;
  var sum = 0.0;
  for (var begin = 0; begin < T; begin += ${rows}) {${load(d, rows, 'kv[place * 2 * D + column]', 'kv[place * 2 * D + D + column]')}
    workgroupBarrier();
    for (var j = 0; j < min(${rows}, T - begin); j++) {
      var logit = padding[b * T + begin + j];
      for (var i = 0; i < ${d}; i++) { logit += asking[i] * lefts[j * ${d} + i]; }
      let next = max(most, logit);
      let before = exp(most - next);
      let p = exp(logit - next);
      most = next;
      sum = sum * before + p;
      let kept = p * keptOf(b, h, t, begin + j);
      for (var i = 0; i < ${d}; i++) { context[i] = context[i] * before + kept * rights[j * ${d} + i]; }
    }
  }
  if (alive) {
    for (var i = 0; i < ${d}; i++) { result[row * D + h * ${d} + i] = context[i] / sum; }
    let at = uniforms.B * T * D + 2 * ((b * uniforms.H + h) * T + t);
    result[at] = most;
    result[at + 1] = log(sum);
  }`;
  return kernelOf(variant, '', [], body);
}

/** dlogits = p·(keep·dy·v − dy·y); dq = Σ dlogits·k/√d. `known` is what the forward kernel wrote. */
function queryKernel(variant: Variant): Kernel {
  const { d } = variant;
  const rows = rowsOf(d);
  const body = `
  var asking: array<f32, ${d}>;
  var slope: array<f32, ${d}>;
  var gradient: array<f32, ${d}>;
  var along = 0.0;
  for (var i = 0; i < ${d}; i++) {
    let at = row * D + h * ${d} + i;
    asking[i] = q[at] * uniforms.scale;
    slope[i] = dy[at];
    along += dy[at] * known[at];
  }
  let statsAt = uniforms.B * T * D + 2 * ((b * uniforms.H + h) * T + min(t, T - 1));
  let most = known[statsAt];
  let logSum = known[statsAt + 1];
  for (var begin = 0; begin < T; begin += ${rows}) {${load(d, rows, 'kv[place * 2 * D + column]', 'kv[place * 2 * D + D + column]')}
    workgroupBarrier();
    for (var j = 0; j < min(${rows}, T - begin); j++) {
      var logit = padding[b * T + begin + j];
      var dp = 0.0;
      for (var i = 0; i < ${d}; i++) {
        logit += asking[i] * lefts[j * ${d} + i];
        dp += slope[i] * rights[j * ${d} + i];
      }
      let dlogit = exp(logit - most - logSum) * (dp * keptOf(b, h, t, begin + j) - along);
      for (var i = 0; i < ${d}; i++) { gradient[i] += dlogit * lefts[j * ${d} + i]; }
    }
  }
  if (alive) {
    for (var i = 0; i < ${d}; i++) { result[row * D + h * ${d} + i] = gradient[i] * uniforms.scale; }
  }`;
  return kernelOf(variant, ', gradient of queries', ['dy', 'known'], body);
}

/** dk = Σ dlogits·q/√d, dv = Σ keep·p·dy, side by side: here a thread has the key, and queries pass by. */
function keyValueKernel(variant: Variant): Kernel {
  const { d } = variant;
  const rows = rowsOf(d);
  const declarations = `
var<workgroup> alongs: array<f32, ${rows}>;
var<workgroup> mosts: array<f32, ${rows}>;
var<workgroup> logSums: array<f32, ${rows}>;`;
  const body = `
  var asked: array<f32, ${d}>;
  var value: array<f32, ${d}>;
  var dkey: array<f32, ${d}>;
  var dvalue: array<f32, ${d}>;
  for (var i = 0; i < ${d}; i++) {
    let at = row * 2 * D + h * ${d} + i;
    asked[i] = kv[at];
    value[i] = kv[at + D];
  }
  for (var begin = 0; begin < T; begin += ${rows}) {${load(d, rows, 'q[place * D + column] * uniforms.scale', 'dy[place * D + column]')}
    if (tid < ${rows}) {
      let place = min(begin + tid, T - 1);
      var along = 0.0;
      for (var i = 0; i < ${d}; i++) {
        let at = (b * T + place) * D + h * ${d} + i;
        along += dy[at] * known[at];
      }
      alongs[tid] = along;
      let statsAt = uniforms.B * T * D + 2 * ((b * uniforms.H + h) * T + place);
      mosts[tid] = known[statsAt];
      logSums[tid] = known[statsAt + 1];
    }
    workgroupBarrier();
    for (var j = 0; j < min(${rows}, T - begin); j++) {
      var logit = padding[row];
      var dp = 0.0;
      for (var i = 0; i < ${d}; i++) {
        logit += asked[i] * lefts[j * ${d} + i];
        dp += value[i] * rights[j * ${d} + i];
      }
      let p = exp(logit - mosts[j] - logSums[j]);
      let keep = keptOf(b, h, begin + j, t);
      let dlogit = p * (dp * keep - alongs[j]);
      for (var i = 0; i < ${d}; i++) {
        dkey[i] += dlogit * lefts[j * ${d} + i];
        dvalue[i] += p * keep * rights[j * ${d} + i];
      }
    }
  }
  if (alive) {
    for (var i = 0; i < ${d}; i++) {
      let at = row * 2 * D + h * ${d} + i;
      result[at] = dkey[i];
      result[at + D] = dvalue[i];
    }
  }`;
  return kernelOf(variant, ', gradient of keys and values', ['dy', 'known'], body, declarations);
}

const cache = new Map<string, Kernels>();

/** The width of a head is part of the text. */
function kernelsFor(d: number, dropout: boolean): Kernels {
  const key = `${d} ${dropout}`;
  const known = cache.get(key) ?? {
    forward: forwardKernel({ d, dropout }),
    query: queryKernel({ d, dropout }),
    keyValue: keyValueKernel({ d, dropout }),
  };
  cache.set(key, known);
  return known;
}

/** As operators/attention.ts: query [B·T, D], keyValue [B·T, 2·D], mask [B, T] → [B·T, D], differentiable in the first two. */
export function attentionOnWebgpu(
  query: tf.Tensor2D,
  keyValue: tf.Tensor2D,
  mask: tf.Tensor2D,
  heads: number,
  dropout?: MaskLayout,
): tf.Tensor2D {
  const [B, T] = mask.shape;
  const D = query.shape[1];
  const d = D / heads;
  const kernels = kernelsFor(d, dropout !== undefined);
  const uniforms = { B, T, H: heads, D, scale: 1 / Math.sqrt(d), ...(dropout && keepUniforms(dropout)) };
  const threads = B * heads * Math.ceil(T / W) * W;
  const counters = () => (dropout ? [countersOf(dropout)] : []);
  return tf.customGrad((...args) => {
    const [asked, given, save] = args as unknown as [tf.Tensor2D, tf.Tensor2D, tf.GradSaveFunc];
    const kept = [stored(asked), stored(given)];
    // Both passes read the same numbers.
    const [q, kv] = kept.map(numbersOf);
    const size = B * T * D;
    const run = { uniforms, threads };
    const known = runKernel(kernels.forward, { inputs: [q!, kv!, mask, ...counters()], result: [size + 2 * B * heads * T], ...run });
    save([mask, known, ...tensorsOf(kept)]);
    const gradFunc = (dy: tf.Tensor, [padding, both, ...saved]: tf.Tensor[]) => {
      const [qs, kvs] = matricesOf(saved, kept).map(numbersOf);
      const inputs = [qs!, kvs!, padding!, dy, both!, ...counters()];
      return [
        runKernel(kernels.query, { inputs, result: query.shape, ...run }),
        runKernel(kernels.keyValue, { inputs, result: keyValue.shape, ...run }),
      ];
    };
    return { value: tf.reshape(tf.slice(known, [0], [size]), query.shape), gradFunc };
  })(query, keyValue) as tf.Tensor2D;
}
