/** Functions of rows that graphs compute part by part, on the parts' rows in place: a part costs its two calls, and nothing is split, joined or copied. */
import type { Graph } from '../onnx/graph.js';
import { owned, viewed } from '../onnx/operator.js';
import { takeArray } from '../onnx/pool.js';
import { runGraphInto, type Values } from '../onnx/session.js';
import { tf } from '../tf.js';

export interface PartGraphs {
  /** Of the inputs, then the constants: the output, then what it leaves for the backward pass. */
  readonly forward: Graph;
  /** Of `dy`, the output's slope, and whatever it names of the above: the inputs' slopes. Inputs that it does not name are not kept. */
  readonly backward: Graph;
}

/** A part's numbers in an array of all parts, as the graphs see them. */
export interface Place {
  readonly begin: number;
  readonly shape: readonly number[];
}

export interface PartPlaces {
  readonly inputs: readonly Place[];
  /** Of no pool: they are read in the backward pass too. */
  readonly constants: readonly Values[];
  readonly output: Place;
  /** Shapes of what `forward` leaves. */
  readonly left: readonly (readonly number[])[];
}

const { sizeFromShape } = tf.util;
const arrayOf = (shape: readonly number[]): Values => ({ values: takeArray(sizeFromShape([...shape])), shape });
const at = (values: Float32Array, { begin, shape }: Place): Values => ({
  values: values.subarray(begin, begin + sizeFromShape([...shape])),
  shape,
});

/** The output of all parts, differentiable by the inputs. */
export function byParts(
  graphs: PartGraphs,
  parts: readonly PartPlaces[],
  inputs: readonly tf.Tensor2D[],
  shape: [number, number],
): tf.Tensor2D {
  const { forward, backward } = graphs;
  const names = Object.keys(forward.inputs);
  const leftNames = Object.keys(forward.outputs).slice(1);
  const again = names.slice(0, inputs.length).filter((name) => name in backward.inputs);
  return tf.customGrad((...args) => {
    const given = args.slice(0, -1) as tf.Tensor[];
    const save = args.at(-1) as unknown as tf.GradSaveFunc;
    const y = takeArray(sizeFromShape(shape));
    const left = parts.flatMap((part) => {
      const made = part.left.map(arrayOf);
      const read = given.map((x, i) => at(viewed(x).values, part.inputs[i]!));
      runGraphInto(forward, [...read, ...part.constants], [at(y, part.output), ...made]);
      return made.map(({ values, shape }) => owned(values, shape));
    });
    save([...again.map((name) => given[names.indexOf(name)]!), ...left]);
    const gradFunc = (dy: tf.Tensor, saved: tf.Tensor[]) => {
      const slopes = inputs.map(({ size }) => takeArray(size));
      parts.forEach((part, number) => {
        const ofPart = saved.slice(again.length + number * leftNames.length).map((tensor) => viewed(tensor));
        const known = new Map([
          ['dy', at(viewed(dy).values, part.output)],
          ...again.map((name, i) => [name, at(viewed(saved[i]!).values, part.inputs[names.indexOf(name)]!)] as const),
          ...leftNames.map((name, i) => [name, ofPart[i]!] as const),
          ...part.constants.map((constant, i) => [names[inputs.length + i]!, constant] as const),
        ]);
        const read = Object.keys(backward.inputs).map((name) => known.get(name)!);
        runGraphInto(
          backward,
          read,
          slopes.map((values, i) => at(values, part.inputs[i]!)),
        );
      });
      return slopes.map((values, i) => owned(values, inputs[i]!.shape));
    };
    return { value: owned(y, shape), gradFunc };
  })(...inputs) as tf.Tensor2D;
}

/** Graphs by what their attributes and shapes depend on. */
export function cachedGraphs<K extends unknown[]>(build: (...key: K) => PartGraphs): (...key: K) => PartGraphs {
  const known = new Map<string, PartGraphs>();
  return (...key) => {
    const name = key.join(' ');
    const graphs = known.get(name) ?? build(...key);
    known.set(name, graphs);
    return graphs;
  };
}
