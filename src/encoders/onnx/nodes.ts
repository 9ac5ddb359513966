/** An ONNX graph in the making: nodes whose outputs are named as they come, and constants that are stored once. */
import { type ElementType, encodeModel, type Initializer, type Node, node, type Port, TRANSPOSED } from '../../backend/index.js';
import type { NamedArray } from '../formats/safetensors.js';

/** onnx.TensorProto.DataType, as Cast takes it. */
export const FLOAT = 1;
export const INT64 = 7;
export const FLOAT16 = 10;

/** Stored in the model, which is faster, or given to every run. */
export type WeightsAre = 'constants' | 'inputs';

export type WeightType = 'float' | 'int8';

/** A weight that is no part of the model but goes into every run, so that other weights need no other model. */
export interface GivenWeight extends Port {
  readonly type: WeightType;
  readonly shape: readonly number[];
  readonly values: Float32Array | Int8Array;
}

export class OnnxNodes {
  private readonly nodes: Node[] = [];
  private readonly initializers = new Map<string, Initializer>();
  private readonly given = new Map<string, GivenWeight>();
  private count = 0;

  /** `tensors` are the parameters of a tower by BERT's names. */
  constructor(
    private readonly tensors: ReadonlyMap<string, NamedArray>,
    private readonly weightsAre: WeightsAre,
  ) {}

  /** A node with an output of this name. */
  add(output: string, operator: string, inputs: readonly string[], attributes: Node['attributes'] = {}): string {
    this.nodes.push(node(output, operator, inputs, attributes));
    return output;
  }

  op(operator: string, inputs: readonly string[], attributes: Node['attributes'] = {}): string {
    return this.add(`${operator}_${this.count++}`, operator, inputs, attributes);
  }

  many(operator: string, inputs: readonly string[], outputs: number): string[] {
    const names = Array.from({ length: outputs }, (_, i) => `${operator}_${this.count}_${i}`);
    this.count++;
    this.add(names.join(' '), operator, inputs);
    return names;
  }

  /** A constant; `bytes` are asked for where there is none of this name. */
  constant(name: string, type: ElementType, shape: readonly number[], bytes: () => Uint8Array): string {
    if (!this.initializers.has(name)) this.initializers.set(name, { name, type, shape, bytes: bytes() });
    return name;
  }

  /** What is made of the parameters. */
  weight(name: string, type: WeightType, shape: readonly number[], values: () => Float32Array | Int8Array): string {
    if (this.weightsAre === 'constants') return this.constant(name, type, shape, () => bytesOf(values()));
    if (!this.given.has(name)) this.given.set(name, { name, type, shape, values: values() });
    return name;
  }

  ints(values: readonly number[]): string {
    return this.constant(`ints_${values.join('_')}`, 'int64', [values.length], () => bigints(values));
  }

  int(value: number): string {
    return this.constant(`int_${value}`, 'int64', [], () => bigints([value]));
  }

  float(value: number): string {
    return this.constant(`float_${value}`, 'float', [], () => bytesOf(Float32Array.of(value)));
  }

  tensor(name: string): { shape: readonly number[]; values: Float32Array } {
    const tensor = this.tensors.get(name);
    if (!tensor) throw new Error(`internal: no tensor ${name}`);
    return tensor as { shape: readonly number[]; values: Float32Array };
  }

  /** A parameter as it is. */
  parameter(name: string): string {
    const { shape, values } = this.tensor(name);
    return this.weight(name, 'float', shape, () => values);
  }

  /** A matrix [out, in] as [in, out], which MatMul takes. */
  transposed(name: string): string {
    const [out, into] = this.tensor(name).shape as [number, number];
    return this.weight(`${name}${TRANSPOSED}`, 'float', [into, out], () => transpose(this.tensor(name).values, out, into));
  }

  /** x·wᵀ: a constant is stored as MatMul takes it, which the session packs once more for its kernels; an input stays as it is. */
  timesTransposed(x: string, name: string): string {
    return this.weightsAre === 'constants'
      ? this.op('MatMul', [x, this.transposed(name)])
      : this.op('FusedMatMul', [x, this.parameter(name)], { transB: 1 });
  }

  /** Of weights that are inputs. */
  get givenWeights(): readonly GivenWeight[] {
    return [...this.given.values()];
  }

  model(inputs: readonly Port[], outputs: readonly Port[]): Uint8Array {
    return encodeModel({
      inputs: [...inputs, ...this.givenWeights],
      outputs,
      nodes: this.nodes,
      initializers: [...this.initializers.values()],
    });
  }
}

export function transpose<T extends Float32Array | Uint8Array | Int8Array>(values: T, rows: number, columns: number): T {
  const turned = new (values.constructor as new (length: number) => T)(values.length);
  for (let i = 0; i < rows; i++) for (let j = 0; j < columns; j++) turned[j * rows + i] = values[i * columns + j]!;
  return turned;
}

export const bytesOf = (array: Float32Array | Uint16Array | BigInt64Array | Int8Array): Uint8Array =>
  new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
const bigints = (values: readonly number[]): Uint8Array => bytesOf(BigInt64Array.from(values, BigInt));
