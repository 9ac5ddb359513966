/** Affine maps of rows on WebGPU, with and without GELU. x [N, I], w [O, I], b [O] → [N, O] */
import { tf } from '../tf.js';
import { type Matrix, matricesOf, numbersOf, stored, tensorsOf } from './half.js';
import { columnSums, type Kernel, runKernel } from './kernel.js';
import { affine, product, productLeft } from './products.js';

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

/** What is made of the product u, and the gradient of u by that of the result. */
interface Activation {
  value(u: tf.Tensor2D): tf.Tensor2D;
  slope(dy: tf.Tensor, u: tf.Tensor): tf.Tensor2D;
}

const GELU_OF_PRODUCT: Activation = {
  value: (u) => elementwise(GELU, u),
  slope: (dy, u) => elementwise(GELU_GRADIENT, dy, u),
};

type Given = [tf.Tensor2D, tf.Tensor2D, tf.Tensor1D, tf.GradSaveFunc];

/** The product is kept where an activation asks for it again. */
const dense = (inputs: tf.Tensor[], activation?: Activation): tf.Tensor2D =>
  tf.customGrad((...given) => {
    const [x, w, b, save] = given as unknown as Given;
    const [input, weight] = [stored(x), stored(w)];
    const u = affine(input, weight, b);
    const kept = [input, weight, ...(activation ? [stored(u)] : [])];
    save(tensorsOf(kept));
    const gradFunc = (dy: tf.Tensor, saved: tf.Tensor[]) => {
      const [xs, ws, us] = matricesOf(saved, kept) as [Matrix, Matrix, Matrix | undefined];
      const du = activation ? activation.slope(dy, numbersOf(us!)) : (dy as tf.Tensor2D);
      const slope = stored(du);
      return [product(slope, ws), productLeft(slope, xs), columnSums(du)];
    };
    return { value: activation ? activation.value(u) : u, gradFunc };
  })(...inputs) as tf.Tensor2D;

export const denseOnWebgpu = (x: tf.Tensor2D, w: tf.Tensor2D, b: tf.Tensor1D): tf.Tensor2D => dense([x, w, b]);

export const denseGeluOnWebgpu = (x: tf.Tensor2D, w: tf.Tensor2D, b: tf.Tensor1D): tf.Tensor2D => dense([x, w, b], GELU_OF_PRODUCT);
