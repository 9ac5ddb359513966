/** AdamW on WebGPU, in place over flat vectors [P]: operators/adamw.ts with three kernels instead of twenty and no memory of its own. */

import type { AdamwUpdate } from '../operators/adamw.js';
import { type Kernel, runKernel } from './kernel.js';

const moment = (name: string, slope: string): Kernel => ({
  name,
  inputs: ['gradient', 'gradientScale'],
  uniforms: { count: 'i32', beta: 'f32', rest: 'f32' },
  workgroup: 256,
  code: `
fn main(index: i32) {
  if (index < uniforms.count) {
    let g = gradient[index] * gradientScale[0];
    result[index] = uniforms.beta * result[index] + uniforms.rest * ${slope};
  }
}`,
});

const FIRST = moment('AdamW, first moment', 'g');
const SECOND = moment('AdamW, second moment', 'g * g');

const PARAMETERS: Kernel = {
  name: 'AdamW',
  inputs: ['firstMoment', 'secondMoment', 'decays'],
  uniforms: { count: 'i32', decay: 'f32', rate: 'f32', deviationScale: 'f32', epsilon: 'f32' },
  workgroup: 256,
  code: `
fn main(index: i32) {
  if (index < uniforms.count) {
    let kept = result[index] * (1.0 - uniforms.decay * decays[index]);
    let deviation = sqrt(secondMoment[index]) * uniforms.deviationScale + uniforms.epsilon;
    result[index] = kept - uniforms.rate * firstMoment[index] / deviation;
  }
}`,
};

/** Writes over parameters and moments. */
export function adamwInPlace(update: AdamwUpdate): void {
  const { parameters, firstMoment, secondMoment, decays, gradient, gradientScale } = update;
  const { learningRate, weightDecay, beta1, beta2, epsilon, step } = update;
  const count = parameters.size;
  const moments = [
    [FIRST, firstMoment, beta1],
    [SECOND, secondMoment, beta2],
  ] as const;
  for (const [kernel, result, beta] of moments)
    runKernel(kernel, { inputs: [gradient, gradientScale], uniforms: { count, beta, rest: 1 - beta }, result, threads: count });
  const uniforms = {
    ...{ count, epsilon, decay: learningRate * weightDecay, rate: learningRate / (1 - beta1 ** step) },
    deviationScale: 1 / Math.sqrt(1 - beta2 ** step),
  };
  runKernel(PARAMETERS, { inputs: [firstMoment, secondMoment, decays], uniforms, result: parameters, threads: count });
}
