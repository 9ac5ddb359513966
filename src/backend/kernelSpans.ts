/** The kernels of TensorFlow.js among the recorded spans (core/spans.ts); fused graphs are there by their own names. */
import { recordSpans, type Span, span } from '../core/spans.js';
import { tf } from './tf.js';

/** On backends with a device a kernel's time is that of handing it over. */
export async function recordKernels(name: string, work: () => Promise<void>): Promise<Span> {
  const engine = tf.engine();
  const { runKernel } = engine;
  engine.runKernel = ((kernel, inputs, attributes) =>
    span(kernel, () => runKernel.call(engine, kernel, inputs, attributes))) as typeof runKernel;
  try {
    return await recordSpans(name, work);
  } finally {
    engine.runKernel = runKernel;
  }
}

/** 10⁹ floating-point operations a second of the product [1024, D]·[D, F] in this thread: the fastest of five. */
export async function productGflops(D: number, F: number): Promise<number> {
  const [x, w] = [tf.ones([1024, D]), tf.ones([D, F])];
  let seconds = Number.POSITIVE_INFINITY;
  for (let i = 0; i < 6; i++) {
    const begin = performance.now();
    const y = tf.matMul(x, w);
    await y.data();
    seconds = Math.min(seconds, (performance.now() - begin) / 1000);
    y.dispose();
  }
  tf.dispose([x, w]);
  return (2 * 1024 * D * F) / seconds / 1e9;
}
