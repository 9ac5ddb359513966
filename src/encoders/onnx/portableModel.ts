/**
 * One tower as a whole ONNX model for inference, for onnxruntime and transformers.js: input_ids, attention_mask (and token_type_ids) to last_hidden_state and
 * sentence_embedding. fp16 computes in half precision up to the pooling; int8 quantises the dense layers' inputs as they come (per tensor) and
 * their weights by column, as onnxruntime's dynamic quantisation does, and the word embeddings by row.
 */
import { type Port, TRANSPOSED } from '../../backend/index.js';
import { toHalf } from '../../core/half.js';
import { quantisedRows } from '../../core/quantise.js';
import { type EncoderShape, vectorWidth } from '../dualEncoder.js';
import type { NamedArray } from '../formats/safetensors.js';
import { bytesOf, FLOAT, FLOAT16, OnnxNodes, transpose } from './nodes.js';
import { vectorsOf } from './vectors.js';

export const PRECISIONS = ['fp32', 'fp16', 'int8'] as const;
export type Precision = (typeof PRECISIONS)[number];

/** Quantised weights are bytes around this. */
const ZERO_POINT = 128;
/** What padding's logits get: −1e9 is beyond half precision. */
const PADDING = { fp32: -1e9, int8: -1e9, fp16: -1e4 };

/** The .onnx file of a tower. `tensors` are its parameters by BERT's names (key and value apart), the projection's by ours. */
export function encodePortableModel(shape: EncoderShape, tensors: ReadonlyMap<string, NamedArray>, precision: Precision): Uint8Array {
  return new Builder(shape, tensors, precision).build();
}

class Builder {
  private readonly nodes: OnnxNodes;

  constructor(
    private readonly shape: EncoderShape,
    tensors: ReadonlyMap<string, NamedArray>,
    private readonly precision: Precision,
  ) {
    this.nodes = new OnnxNodes(tensors, 'constants');
  }

  build(): Uint8Array {
    const { transformer } = this.shape;
    const types = transformer.tokenTypes > 1;
    let x = this.embeddings(types); // [b, s, D]
    const mask = this.paddingMask();
    for (let i = 0; i < transformer.layers; i++) x = this.layer(`encoder.layer.${i}.`, x, mask);
    const half = this.precision === 'fp16';
    const hidden = this.nodes.add('last_hidden_state', half ? 'Cast' : 'Identity', [x], half ? { to: FLOAT } : {});
    const tokens = () => this.op('Cast', ['attention_mask'], { to: FLOAT }); // [b, s]
    this.nodes.add('sentence_embedding', 'Identity', [vectorsOf(this.nodes, this.shape, hidden, tokens)]);
    const input = (name: string): Port => ({ name, type: 'int64', shape: ['batch_size', 'sequence_length'] });
    return this.nodes.model(['input_ids', 'attention_mask', ...(types ? ['token_type_ids'] : [])].map(input), [
      { name: hidden, type: 'float', shape: ['batch_size', 'sequence_length', transformer.width] },
      { name: 'sentence_embedding', type: 'float', shape: ['batch_size', vectorWidth(this.shape)] },
    ]);
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
    const { shape, values } = this.nodes.tensor(name);
    const { bytes, scales } = bytesAround(values, shape[0]!, shape[1]!);
    const table = this.nodes.constant(`${name}.quantised`, 'uint8', shape, () => bytes);
    const scale = this.nodes.weight(`${name}.scale`, 'float', [shape[0]!, 1], () => scales);
    const gathered = this.op('Cast', [this.op('Gather', [table, 'input_ids'], { axis: 0 })], { to: FLOAT });
    return this.op('Mul', [this.op('Sub', [gathered, this.nodes.float(ZERO_POINT)]), this.op('Gather', [scale, 'input_ids'], { axis: 0 })]);
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
    const { shape, values } = this.nodes.tensor(`${name}.weight`);
    const [out, into] = shape as [number, number];
    const { bytes, scales } = bytesAround(values, out, into);
    const weight = this.nodes.constant(`${name}.weight.quantised`, 'uint8', [into, out], () => transpose(bytes, out, into));
    const scale = this.nodes.weight(`${name}.weight.scale`, 'float', [out], () => scales);
    const [quantised, inputScale, inputZero] = this.nodes.many('DynamicQuantizeLinear', [x], 3) as [string, string, string];
    const zero = this.nodes.constant('zero_point', 'uint8', [], () => Uint8Array.of(ZERO_POINT));
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

  private op(operator: string, inputs: readonly string[], attributes: Record<string, number | readonly number[]> = {}): string {
    return this.nodes.op(operator, inputs, attributes);
  }

  private ints(values: readonly number[]): string {
    return this.nodes.ints(values);
  }

  /** A scalar in the precision of the layers. */
  private number(value: number): string {
    if (this.precision !== 'fp16') return this.nodes.float(value);
    return this.nodes.constant(`half_${value}`, 'float16', [], () => bytesOf(toHalf(Float32Array.of(value))));
  }

  /** In the precision of the layers. */
  private weight(name: string): string {
    if (this.precision !== 'fp16') return this.nodes.parameter(name);
    const { shape, values } = this.nodes.tensor(name);
    return this.nodes.constant(name, 'float16', shape, () => bytesOf(toHalf(values)));
  }

  /** A matrix [out, in] as [in, out], in the precision of the layers. */
  private transposed(name: string): string {
    if (this.precision !== 'fp16') return this.nodes.transposed(name);
    const { shape, values } = this.nodes.tensor(name);
    const [out, into] = shape as [number, number];
    return this.nodes.constant(`${name}${TRANSPOSED}`, 'float16', [into, out], () => bytesOf(toHalf(transpose(values, out, into))));
  }
}

/** Each row as bytes around 128, with its scale. */
function bytesAround(values: Float32Array, rows: number, columns: number): { bytes: Uint8Array; scales: Float32Array } {
  const { values: whole, scales } = quantisedRows(values, rows, columns);
  return { bytes: Uint8Array.from(whole, (value) => value + ZERO_POINT), scales };
}
