/**
 * One tower as a whole ONNX model for inference, for onnxruntime and transformers.js: input_ids, attention_mask (and token_type_ids) to last_hidden_state and
 * sentence_embedding. fp16 computes in half precision up to the pooling; int8 quantises the dense layers' inputs as they come (per tensor) and
 * their weights by column, as onnxruntime's dynamic quantisation does, and the word embeddings by row.
 */
import { encodeModel, type Initializer, type Node, node, type Port } from '../backend/index.js';
import { toHalf } from '../core/half.js';
import { quantisedRows } from '../core/quantise.js';
import { type EncoderShape, PROJECTION_EPSILON } from './dualEncoder.js';
import type { NamedArray } from './formats/safetensors.js';

export const PRECISIONS = ['fp32', 'fp16', 'int8'] as const;
export type Precision = (typeof PRECISIONS)[number];

/** Quantised weights are bytes around this. */
const ZERO_POINT = 128;
/** What padding's logits get: −1e9 is beyond half precision. */
const PADDING = { fp32: -1e9, int8: -1e9, fp16: -1e4 };
/** onnx.TensorProto.DataType, as Cast takes it. */
const FLOAT = 1;
const FLOAT16 = 10;

/** The .onnx file of a tower. `tensors` are its parameters by BERT's names (key and value apart), the projection's by ours. */
export function encodeOnnxEncoder(shape: EncoderShape, tensors: ReadonlyMap<string, NamedArray>, precision: Precision): Uint8Array {
  return new Builder(shape, tensors, precision).build();
}

class Builder {
  private readonly nodes: Node[] = [];
  private readonly initializers = new Map<string, Initializer>();
  private count = 0;

  constructor(
    private readonly shape: EncoderShape,
    private readonly tensors: ReadonlyMap<string, NamedArray>,
    private readonly precision: Precision,
  ) {}

  build(): Uint8Array {
    const { transformer, pooling, projection, similarity } = this.shape;
    const types = transformer.tokenTypes > 1;
    let x = this.embeddings(types); // [b, s, D]
    const mask = this.paddingMask();
    for (let i = 0; i < transformer.layers; i++) x = this.layer(`encoder.layer.${i}.`, x, mask);
    this.add('last_hidden_state', this.precision === 'fp16' ? 'Cast' : 'Identity', [x], this.precision === 'fp16' ? { to: FLOAT } : {});
    let y = this.pooled(pooling); // [b, D], fp32 from here
    if (projection)
      y = this.op('Add', [this.op('MatMul', [y, this.transposed('projection.dense.weight')]), this.plain('projection.dense.bias')]);
    if (projection?.layerNorm) {
      const weights = ['weight', 'bias'].map((part) => this.plain(`projection.LayerNorm.${part}`));
      y = this.op('LayerNormalization', [y, ...weights], { axis: -1, epsilon: PROJECTION_EPSILON });
    }
    if (similarity !== 'dot') {
      const squares = this.op('ReduceSum', [this.op('Mul', [y, y]), this.ints([1])], { keepdims: 1 });
      y = this.op('Div', [y, this.op('Sqrt', [this.op('Add', [squares, this.float(1e-12)])])]);
    }
    this.add('sentence_embedding', 'Identity', [y]);
    const input = (name: string): Port => ({ name, type: 'int64', shape: ['batch_size', 'sequence_length'] });
    const width = projection?.width ?? transformer.width;
    return encodeModel({
      inputs: ['input_ids', 'attention_mask', ...(types ? ['token_type_ids'] : [])].map(input),
      outputs: [
        { name: 'last_hidden_state', type: 'float', shape: ['batch_size', 'sequence_length', transformer.width] },
        { name: 'sentence_embedding', type: 'float', shape: ['batch_size', width] },
      ],
      nodes: this.nodes,
      initializers: [...this.initializers.values()],
    });
  }

  /** word + position (+ types), normalised: [b, s, D] */
  private embeddings(types: boolean): string {
    const { transformer } = this.shape;
    const length = this.op('Gather', [this.op('Shape', ['input_ids']), this.ints([1])], { axis: 0 }); // [1]
    const first = this.ints([transformer.firstPosition]);
    const rows = this.op('Slice', [
      this.weight('embeddings.position_embeddings.weight'),
      first,
      this.op('Add', [length, first]),
      this.ints([0]),
    ]);
    let x = this.op('Add', [this.words(), rows]);
    if (types)
      x = this.op('Add', [x, this.op('Gather', [this.weight('embeddings.token_type_embeddings.weight'), 'token_type_ids'], { axis: 0 })]);
    for (const table of [...(!types && transformer.tokenTypes > 0 ? ['token'] : []), ...(transformer.taskTypes > 0 ? ['task'] : [])]) {
      x = this.op('Add', [x, this.op('Gather', [this.weight(`embeddings.${table}_type_embeddings.weight`), this.ints([0])], { axis: 0 })]);
    }
    x = this.norm('embeddings.LayerNorm', x);
    return transformer.embeddingWidth === transformer.width ? x : this.dense('embeddings_project', x);
  }

  private words(): string {
    const name = 'embeddings.word_embeddings.weight';
    if (this.precision !== 'int8') return this.op('Gather', [this.weight(name), 'input_ids'], { axis: 0 });
    const { shape, values } = this.tensors.get(name)!;
    const { bytes, scales } = bytesAround(values as Float32Array, shape[0]!, shape[1]!);
    const table = this.initializer(`${name}.quantised`, 'uint8', shape, bytes);
    const scale = this.initializer(`${name}.scale`, 'float', [shape[0]!, 1], bytesOf(scales));
    const gathered = this.op('Cast', [this.op('Gather', [table, 'input_ids'], { axis: 0 })], { to: FLOAT });
    return this.op('Mul', [this.op('Sub', [gathered, this.float(ZERO_POINT)]), this.op('Gather', [scale, 'input_ids'], { axis: 0 })]);
  }

  /** 0 for tokens, far below for padding: [b, 1, 1, s] */
  private paddingMask(): string {
    const mask = this.op('Cast', ['attention_mask'], { to: this.precision === 'fp16' ? FLOAT16 : FLOAT });
    const inverse = this.op('Sub', [this.number(1), mask]);
    return this.op('Mul', [this.op('Unsqueeze', [inverse, this.ints([1, 2])]), this.number(PADDING[this.precision])]);
  }

  private layer(prefix: string, x: string, mask: string): string {
    const { width, heads } = this.shape.transformer;
    const ofHeads = (name: string, perm: number[]) => {
      const projected = this.dense(`${prefix}attention.self.${name}`, x);
      return this.op('Transpose', [this.op('Reshape', [projected, this.ints([0, 0, heads, width / heads])])], { perm });
    };
    const query = ofHeads('query', [0, 2, 1, 3]); // [b, H, s, d]
    const key = ofHeads('key', [0, 2, 3, 1]); // [b, H, d, s]
    const value = ofHeads('value', [0, 2, 1, 3]);
    const scores = this.op('Div', [this.op('MatMul', [query, key]), this.number(Math.sqrt(width / heads))]); // [b, H, s, s]
    const probabilities = this.op('Softmax', [this.op('Add', [scores, mask])], { axis: -1 });
    const merged = this.op('Transpose', [this.op('MatMul', [probabilities, value])], { perm: [0, 2, 1, 3] });
    const context = this.op('Reshape', [merged, this.ints([0, 0, width])]); // [b, s, D]
    const middle = this.norm(
      `${prefix}attention.output.LayerNorm`,
      this.op('Add', [this.dense(`${prefix}attention.output.dense`, context), x]),
    );
    const inner = this.activation(this.dense(`${prefix}intermediate.dense`, middle)); // [b, s, F]
    return this.norm(`${prefix}output.LayerNorm`, this.op('Add', [this.dense(`${prefix}output.dense`, inner), middle]));
  }

  private dense(name: string, x: string): string {
    const bias = this.weight(`${name}.bias`);
    if (this.precision !== 'int8') return this.op('Add', [this.op('MatMul', [x, this.transposed(`${name}.weight`)]), bias]);
    const { shape, values } = this.tensors.get(`${name}.weight`)!;
    const [out, into] = shape as [number, number];
    const { bytes, scales } = bytesAround(values as Float32Array, out, into);
    const weight = this.initializer(`${name}.weight.quantised`, 'uint8', [into, out], transpose(bytes, out, into));
    const scale = this.initializer(`${name}.weight.scale`, 'float', [out], bytesOf(scales));
    const [quantised, inputScale, inputZero] = this.many('DynamicQuantizeLinear', [x], 3) as [string, string, string];
    const zero = this.initializer('zero_point', 'uint8', [], Uint8Array.of(ZERO_POINT));
    const product = this.op('Cast', [this.op('MatMulInteger', [quantised, weight, inputZero, zero])], { to: FLOAT });
    return this.op('Add', [this.op('Mul', [product, this.op('Mul', [inputScale, scale])]), bias]);
  }

  private norm(name: string, x: string): string {
    return this.op('LayerNormalization', [x, this.weight(`${name}.weight`), this.weight(`${name}.bias`)], {
      axis: -1,
      epsilon: this.shape.transformer.epsilon,
    });
  }

  private activation(u: string): string {
    const { activation } = this.shape.transformer;
    if (activation === 'relu') return this.op('Relu', [u]);
    if (activation === 'gelu') {
      const erf = this.op('Erf', [this.op('Div', [u, this.number(Math.SQRT2)])]);
      return this.op('Mul', [this.op('Mul', [u, this.op('Add', [erf, this.number(1)])]), this.number(0.5)]);
    }
    const cubic = this.op('Mul', [this.op('Mul', [this.op('Mul', [u, u]), u]), this.number(0.044715)]);
    const inner = this.op('Mul', [this.op('Add', [u, cubic]), this.number(Math.sqrt(2 / Math.PI))]);
    return this.op('Mul', [this.op('Mul', [u, this.op('Add', [this.op('Tanh', [inner]), this.number(1)])]), this.number(0.5)]);
  }

  /** last_hidden_state [b, s, D] → [b, D] in fp32 */
  private pooled(pooling: EncoderShape['pooling']): string {
    if (pooling === 'cls')
      return this.op('Gather', ['last_hidden_state', this.initializer('first', 'int64', [], bigints([0]))], { axis: 1 });
    const mask = this.op('Cast', ['attention_mask'], { to: FLOAT }); // [b, s]
    const lengths = this.op('ReduceSum', [mask, this.ints([1])], { keepdims: 1 }); // [b, 1]
    const isLast = () =>
      this.op('Cast', [this.op('Equal', [this.op('CumSum', [mask, this.initializer('one', 'int64', [], bigints([1]))]), lengths])], {
        to: FLOAT,
      });
    // Padding behind the last token has the same running sum: the mask takes it away.
    const shares = pooling === 'mean' ? this.op('Div', [mask, lengths]) : this.op('Mul', [mask, isLast()]);
    const weighted = this.op('Mul', ['last_hidden_state', this.op('Unsqueeze', [shares, this.ints([2])])]);
    return this.op('ReduceSum', [weighted, this.ints([1])], { keepdims: 0 });
  }

  // ---- names

  private add(output: string, operator: string, inputs: readonly string[], attributes: Node['attributes'] = {}): string {
    this.nodes.push(node(output, operator, inputs, attributes));
    return output;
  }

  private op(operator: string, inputs: readonly string[], attributes: Node['attributes'] = {}): string {
    return this.add(`${operator}_${this.count++}`, operator, inputs, attributes);
  }

  private many(operator: string, inputs: readonly string[], outputs: number): string[] {
    const names = Array.from({ length: outputs }, (_, i) => `${operator}_${this.count}_${i}`);
    this.count++;
    this.add(names.join(' '), operator, inputs);
    return names;
  }

  private initializer(name: string, type: Initializer['type'], shape: readonly number[], bytes: Uint8Array): string {
    if (!this.initializers.has(name)) this.initializers.set(name, { name, type, shape, bytes });
    return name;
  }

  private ints = (values: readonly number[]): string =>
    this.initializer(`ints_${values.join('_')}`, 'int64', [values.length], bigints(values));
  private float = (value: number): string => this.initializer(`float_${value}`, 'float', [], bytesOf(Float32Array.of(value)));

  /** A scalar in the precision of the layers. */
  private number(value: number): string {
    if (this.precision !== 'fp16') return this.float(value);
    return this.initializer(`half_${value}`, 'float16', [], bytesOf(toHalf(Float32Array.of(value))));
  }

  private values(name: string): Float32Array {
    const tensor = this.tensors.get(name);
    if (!tensor) throw new Error(`internal: no tensor ${name}`);
    return tensor.values as Float32Array;
  }

  /** In fp32. */
  private plain = (name: string): string => this.initializer(name, 'float', this.tensors.get(name)!.shape, bytesOf(this.values(name)));

  /** In the precision of the layers. */
  private weight(name: string): string {
    if (this.precision !== 'fp16') return this.plain(name);
    return this.initializer(name, 'float16', this.tensors.get(name)!.shape, bytesOf(toHalf(this.values(name))));
  }

  /** A matrix [out, in] as [in, out], which MatMul takes; the projection's in fp32. */
  private transposed(name: string): string {
    const [out, into] = this.tensors.get(name)!.shape as [number, number];
    const turned = transpose(this.values(name), out, into);
    const half = this.precision === 'fp16' && !name.startsWith('projection.');
    return this.initializer(`${name}.transposed`, half ? 'float16' : 'float', [into, out], bytesOf(half ? toHalf(turned) : turned));
  }
}

function transpose<T extends Float32Array | Uint8Array>(values: T, rows: number, columns: number): T {
  const turned = new (values.constructor as new (length: number) => T)(values.length);
  for (let i = 0; i < rows; i++) for (let j = 0; j < columns; j++) turned[j * rows + i] = values[i * columns + j]!;
  return turned;
}

/** Each row as bytes around 128, with its scale. */
function bytesAround(values: Float32Array, rows: number, columns: number): { bytes: Uint8Array; scales: Float32Array } {
  const { values: whole, scales } = quantisedRows(values, rows, columns);
  return { bytes: Uint8Array.from(whole, (value) => value + ZERO_POINT), scales };
}

const bytesOf = (array: Float32Array | Uint16Array | BigInt64Array): Uint8Array =>
  new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
const bigints = (values: readonly number[]): Uint8Array => bytesOf(BigInt64Array.from(values, BigInt));
