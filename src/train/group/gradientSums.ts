/** Gradients of several passes, summed by parameter: in memory that threads share, or on the device. */
import { type FlatVectors, hostValues, type RowListener, tf, variableGradsHeard } from '../../backend/index.js';
import { enterSpan, span } from '../../core/spans.js';
import { forEachSlice, type ParameterSpec, type Weights } from '../../encoders/parameters.js';

export abstract class GradientSums {
  constructor(
    protected readonly specs: readonly ParameterSpec[],
    protected readonly weights: Weights,
  ) {}

  /** Adds the gradient of what `f` computes, with respect to what is not frozen, and returns its value. */
  add(f: () => tf.Scalar): tf.Scalar {
    const trained = this.specs.filter(({ frozen }) => !frozen).map(({ name }) => this.weights[name]!);
    let leave = () => {};
    const forward = () => {
      const value = span('forward', f);
      leave = enterSpan('backward');
      return value;
    };
    const { value, grads } = variableGradsHeard(forward, trained, this.listeners());
    leave();
    const keep = () =>
      forEachSlice(this.specs, ({ name }, begin) => {
        const gradient = grads[this.weights[name]!.name];
        if (gradient) this.keep(name, begin, gradient);
      });
    span('keep gradients', keep);
    return value;
  }

  /** Of the tables whose gradients are taken over row by row. */
  protected listeners(): Map<tf.Variable, RowListener> {
    return new Map();
  }

  /** Takes over the gradient of a parameter that begins at `begin` of all. */
  protected abstract keep(name: string, begin: number, gradient: tf.Tensor): void;
}

/**
 * What other threads sum is written to this thread's row at once. Its own part of a gradient that comes once stays where the backward pass left it: it is
 * read when the sum is made.
 */
export class SharedGradientSums extends GradientSums {
  private readonly begun = new Set<string>();
  private readonly held = new Map<string, { begin: number; gradient: tf.Tensor }>();

  constructor(
    specs: readonly ParameterSpec[],
    weights: Weights,
    private readonly vectors: FlatVectors,
    private readonly row: `gradient ${number}`,
  ) {
    super(specs, weights);
  }

  /** What had no gradient has 0. */
  end(): void {
    forEachSlice(this.specs, ({ name }, begin, end) => {
      if (!this.begun.has(name)) this.vectors.clear(this.row, begin, end);
    });
  }

  /** Sums this thread's part of all threads' gradients, which have ended; returns the sum's Σ g² of that part. */
  total(): number {
    const parts = [...this.held.values()].map(({ begin, gradient }) => ({ begin, values: hostValues(gradient) }));
    const squares = this.vectors.sumGradients(
      this.row,
      parts.sort((a, b) => a.begin - b.begin),
    );
    for (const { gradient } of this.held.values()) gradient.dispose();
    this.held.clear();
    return squares;
  }

  protected override listeners(): Map<tf.Variable, RowListener> {
    const listeners = new Map<tf.Variable, RowListener>();
    forEachSlice(this.specs, ({ name, shape, table, frozen }, begin, end) => {
      if (!table || frozen) return;
      const hear: RowListener = (ids, dy) => {
        if (!this.begun.has(name)) this.vectors.clear(this.row, begin, end);
        this.begun.add(name);
        this.letGo(name);
        this.vectors.addRows(this.row, begin, shape[1]!, ids, dy);
      };
      listeners.set(this.weights[name]!, hear);
    });
    return listeners;
  }

  protected override keep(name: string, begin: number, gradient: tf.Tensor): void {
    const values = hostValues(gradient); // on CPU backends: no device to wait for
    if (!this.begun.has(name)) {
      this.begun.add(name);
      this.vectors.write(this.row, begin, values, 'others');
      this.held.set(name, { begin, gradient: tf.keep(gradient) });
      return;
    }
    this.letGo(name);
    this.vectors.add(this.row, begin, values);
    gradient.dispose();
  }

  /** What is held of a parameter goes to the row, where more is to be added. */
  private letGo(name: string): void {
    const first = this.held.get(name);
    if (!first) return;
    this.vectors.write(this.row, first.begin, hostValues(first.gradient), 'own');
    first.gradient.dispose();
    this.held.delete(name);
  }
}

/** Kept as tensors. */
export class TensorGradientSums extends GradientSums {
  private readonly sums = new Map<string, tf.Tensor>();

  /** [P], 0 for what is frozen; the sums are used up. */
  flat(): tf.Tensor1D {
    return tf.tidy(() => {
      const parts = this.specs.map(({ name }) => {
        const sum = this.sums.get(name);
        return sum ? tf.reshape(sum, [-1]) : tf.zeros([this.weights[name]!.size]);
      });
      const all = tf.concat1d(parts as tf.Tensor1D[]);
      tf.dispose([...this.sums.values()]);
      return all;
    });
  }

  protected override keep(name: string, _begin: number, gradient: tf.Tensor): void {
    const sum = this.sums.get(name);
    this.sums.set(name, tf.keep(sum ? tf.add(sum, gradient) : gradient));
    if (sum) tf.dispose([sum, gradient]);
  }
}
