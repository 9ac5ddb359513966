/** Gradients of several passes, summed by parameter. */
import { tf } from '../backend/index.js';
import type { ParameterSpec, Weights } from '../encoders/parameters.js';

export class GradientSums {
  private readonly sums = new Map<string, tf.Tensor>();

  constructor(
    private readonly specs: readonly ParameterSpec[],
    private readonly weights: Weights,
  ) {}

  /** Adds the gradient of what `f` computes, with respect to what is not frozen, and returns its value. */
  add(f: () => tf.Scalar): tf.Scalar {
    const trained = this.specs.filter(({ frozen }) => !frozen).map(({ name }) => this.weights[name]!);
    const { value, grads } = tf.variableGrads(f, trained);
    for (const { name } of trained) {
      const gradient = grads[name];
      if (!gradient) continue;
      const sum = this.sums.get(name);
      this.sums.set(name, sum ? tf.add(sum, gradient) : gradient);
      if (sum) tf.dispose([sum, gradient]);
    }
    return value;
  }

  /** [P], 0 for what is frozen; the sums are used up. */
  flat(): tf.Tensor1D {
    return tf.concat1d(
      this.specs.map(({ name }) => {
        const { name: variable, size } = this.weights[name]!;
        const sum = this.sums.get(variable);
        return sum ? (tf.reshape(sum, [-1]) as tf.Tensor1D) : (tf.zeros([size]) as tf.Tensor1D);
      }),
    );
  }
}
