/** Affine maps of rows on WebGPU, with and without GELU: TensorFlow.js' matrix products, the rest fused. x [N, I], w [O, I], b [O] → [N, O] */
import { tf } from '../tf.js';
import {
  affineOfHalves,
  type Halves,
  halved,
  halvesAreOn,
  halvesOf,
  productOfHalves,
  productOfHalvesLeft,
  restored,
  tensorsOf,
} from './half.js';
import { columnSums, type Kernel, runKernel } from './kernel.js';

/** Abramowitz and Stegun 7.1.26: within 1.5e-7. */
const ERF = `
fn erfOf(x: f32) -> f32 {
  let t = 1.0 / (1.0 + 0.3275911 * abs(x));
  let poly = ((((1.061405429 * t - 1.453152027) * t + 1.421413741) * t - 0.284496736) * t + 0.254829592) * t;
  return sign(x) * (1.0 - poly * exp(-x * x));
}`;

/** u·Φ(u) */
const GELU: Kernel = {
  name: 'gelu',
  inputs: ['u'],
  uniforms: { count: 'i32' },
  workgroup: 64,
  code: `${ERF}
fn main(index: i32) {
  if (index < uniforms.count) { result[index] = 0.5 * u[index] * (1.0 + erfOf(u[index] * ${Math.SQRT1_2})); }
}`,
};

/** dy·(Φ(u) + u·φ(u)) */
const GELU_GRADIENT: Kernel = {
  name: 'gelu, gradient',
  inputs: ['dy', 'u'],
  uniforms: { count: 'i32' },
  workgroup: 64,
  code: `${ERF}
fn main(index: i32) {
  if (index < uniforms.count) {
    let x = u[index];
    let below = 0.5 * (1.0 + erfOf(x * ${Math.SQRT1_2}));
    let density = ${1 / Math.sqrt(2 * Math.PI)} * exp(-0.5 * x * x);
    result[index] = dy[index] * (below + x * density);
  }
}`,
};

const elementwise = (kernel: Kernel, ...inputs: tf.Tensor[]): tf.Tensor2D => {
  const { size, shape } = inputs[0]!;
  return runKernel(kernel, { inputs, uniforms: { count: size }, result: shape, threads: size }) as tf.Tensor2D;
};

const affine = (x: tf.Tensor, w: tf.Tensor, b: tf.Tensor): tf.Tensor2D =>
  tf.fused.matMul({ a: x as tf.Tensor2D, b: w as tf.Tensor2D, transposeB: true, bias: b }) as tf.Tensor2D;

/** Of x, w and b, by that of the product. */
const affineGradient = (du: tf.Tensor2D, x: tf.Tensor, w: tf.Tensor): tf.Tensor[] => [
  tf.matMul(du, w as tf.Tensor2D),
  tf.matMul(du, x as tf.Tensor2D, true),
  columnSums(du),
];

/** The same of halves. */
function affineGradientOfHalves(du: tf.Tensor2D, x: Halves, w: Halves): tf.Tensor[] {
  const slope = halved(du);
  return [productOfHalves(slope, w), productOfHalvesLeft(slope, x), columnSums(du)];
}

type Given = [tf.Tensor, tf.Tensor, tf.Tensor, tf.GradSaveFunc];
/** From what was saved and the gradient of the result, that of the product. */
type Slope = (dy: tf.Tensor, inner: () => tf.Tensor) => tf.Tensor2D;

/** `shaped` of x·wᵀ + b, whose gradient is `slope`; `keepsInner` where that asks for the product again. */
function denseWith(shaped: (u: tf.Tensor2D) => tf.Tensor2D, slope: Slope, keepsInner: boolean, given: Given) {
  const [x, w, b, save] = given;
  const u = affine(x, w, b);
  save([x, w, ...(keepsInner ? [u] : [])]);
  const gradFunc = (dy: tf.Tensor, [input, weight, inner]: tf.Tensor[]) =>
    affineGradient(
      slope(dy, () => inner!),
      input!,
      weight!,
    );
  return { value: shaped(u), gradFunc };
}

/** As denseWith, where what is kept, and multiplied, is halves. */
function denseOfHalves(shaped: (u: tf.Tensor2D) => tf.Tensor2D, slope: Slope, keepsInner: boolean, given: Given) {
  const [x, w, b, save] = given;
  const [input, weight] = [halved(x), halved(w)];
  const u = affineOfHalves(input, weight, b);
  const kept = [input, weight, ...(keepsInner ? [halved(u)] : [])];
  const columns = kept.map((halves) => halves.columns);
  save(tensorsOf(kept));
  const gradFunc = (dy: tf.Tensor, saved: tf.Tensor[]) => {
    const [xs, ws, us] = halvesOf(saved, columns);
    return affineGradientOfHalves(
      slope(dy, () => restored(us!)),
      xs!,
      ws!,
    );
  };
  return { value: shaped(u), gradFunc };
}

const dense = (shaped: (u: tf.Tensor2D) => tf.Tensor2D, slope: Slope, keepsInner: boolean, inputs: tf.Tensor[]): tf.Tensor2D =>
  tf.customGrad((...given) => (halvesAreOn() ? denseOfHalves : denseWith)(shaped, slope, keepsInner, given as unknown as Given))(
    ...inputs,
  ) as tf.Tensor2D;

export const denseOnWebgpu = (x: tf.Tensor2D, w: tf.Tensor2D, b: tf.Tensor1D): tf.Tensor2D =>
  dense(
    (u) => u,
    (dy) => dy as tf.Tensor2D,
    false,
    [x, w, b],
  );

export const denseGeluOnWebgpu = (x: tf.Tensor2D, w: tf.Tensor2D, b: tf.Tensor1D): tf.Tensor2D =>
  dense(
    (u) => elementwise(GELU, u),
    (dy, inner) => elementwise(GELU_GRADIENT, dy, inner()),
    true,
    [x, w, b],
  );
