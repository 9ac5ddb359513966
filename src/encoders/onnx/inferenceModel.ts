/**
 * One tower as an ONNX model for bulk encoding here, of onnxruntime's own fused operators: ids and lengths in, vectors out, no dropout. Where [CLS] is the
 * vector, the last layer computes it alone. `int8` multiplies bytes in the dense layers: inputs quantised as they come, per tensor, weights by column,
 * to 7 bits, for sums of two products then fit the 16 bits of processors without VNNI.
 */
import type { Port } from '../../backend/index.js';
import { quantisedRows } from '../../core/quantise.js';
import { type EncoderShape, vectorWidth } from '../dualEncoder.js';
import type { NamedArray } from '../formats/safetensors.js';
import { FLOAT, type GivenWeight, INT64, OnnxNodes, transpose, type WeightsAre } from './nodes.js';
import { vectorsOf } from './vectors.js';

export const INFERENCE_PRECISIONS = ['fp32', 'int8'] as const;
export type InferencePrecision = (typeof INFERENCE_PRECISIONS)[number];

/** The largest weight in 7 bits. */
const LARGEST = 63;
/** What padding's logits get. */
const PADDING = -1e9;

export interface InferenceModel {
  readonly model: Uint8Array;
  /** What goes into every run, where weights are inputs. */
  readonly weights: readonly GivenWeight[];
}

/** `tensors` are the tower's parameters by BERT's names (key and value apart), the projection's by ours. Inputs are int32: `input_ids` [b, s], `lengths` [b]. */
export function encodeInferenceModel(
  shape: EncoderShape,
  tensors: ReadonlyMap<string, NamedArray>,
  precision: InferencePrecision,
  weightsAre: WeightsAre,
): InferenceModel {
  return new Builder(shape, new OnnxNodes(tensors, weightsAre), precision).build();
}

class Builder {
  constructor(
    private readonly shape: EncoderShape,
    private readonly nodes: OnnxNodes,
    private readonly precision: InferencePrecision,
  ) {}

  build(): InferenceModel {
    const { transformer, pooling } = this.shape;
    let x = this.embeddings(); // [b, s, D]
    for (let i = 0; i < transformer.layers; i++) {
      const prefix = `encoder.layer.${i}.`;
      const alone = pooling === 'cls' && i === transformer.layers - 1;
      x = alone ? this.lastLayer(prefix, x) : this.layer(prefix, x);
    }
    this.nodes.add('vectors', 'Identity', [vectorsOf(this.nodes, this.shape, x, () => this.mask())]);
    const inputs: Port[] = [
      { name: 'input_ids', type: 'int32', shape: ['b', 's'] },
      { name: 'lengths', type: 'int32', shape: ['b'] },
    ];
    const outputs: Port[] = [{ name: 'vectors', type: 'float', shape: ['b', vectorWidth(this.shape)] }];
    return { model: this.nodes.model(inputs, outputs), weights: this.nodes.givenWeights };
  }

  /** word + position + type, normalised: [b, s, D]. Types are of the first kind alone: their rows are added to the positions'. */
  private embeddings(): string {
    const { transformer } = this.shape;
    const rows = this.nodes.op('Slice', [
      this.positions(),
      this.nodes.ints([transformer.firstPosition]),
      this.nodes.op('Add', [this.tokens(), this.nodes.ints([transformer.firstPosition])]),
      this.nodes.ints([0]),
    ]);
    const words = this.nodes.op('Gather', [this.nodes.parameter('embeddings.word_embeddings.weight'), 'input_ids'], { axis: 0 });
    const x = this.norm('embeddings.LayerNorm', this.nodes.op('Add', [words, rows]));
    return transformer.embeddingWidth === transformer.width
      ? x
      : this.nodes.op('Add', [this.product('embeddings_project', x), this.bias('embeddings_project')]);
  }

  private positions(): string {
    const { transformer } = this.shape;
    const { shape, values } = this.nodes.tensor('embeddings.position_embeddings.weight');
    const types = [...(transformer.tokenTypes > 0 ? ['token'] : []), ...(transformer.taskTypes > 0 ? ['task'] : [])];
    return this.nodes.weight('positions', 'float', shape, () => {
      const width = shape[1]!;
      const first = types.map((table) => this.nodes.tensor(`embeddings.${table}_type_embeddings.weight`).values);
      return values.map((value, i) => first.reduce((sum, row) => sum + row[i % width]!, value));
    });
  }

  /** s: [1] */
  private tokens(): string {
    return this.nodes.op('Gather', [this.nodes.op('Shape', ['input_ids']), this.nodes.ints([1])], { axis: 0 });
  }

  /** 1 where there is a token: [b, s] */
  private mask(): string {
    const end = this.nodes.op('Squeeze', [this.tokens()]);
    const places = this.nodes.op('Range', [this.nodes.int(0), end, this.nodes.int(1)]); // [s]
    const lengths = this.nodes.op('Unsqueeze', [this.nodes.op('Cast', ['lengths'], { to: INT64 }), this.nodes.ints([1])]);
    return this.nodes.op('Cast', [this.nodes.op('Less', [places, lengths])], { to: FLOAT });
  }

  private layer(prefix: string, x: string): string {
    const names = ['query', 'key', 'value'].map((name) => `${prefix}attention.self.${name}`);
    const [query, key, value] = this.products(names, x) as [string, string, string];
    const width = this.shape.transformer.width;
    const bias = this.nodes.weight(`${prefix}attention.self.bias`, 'float', [3 * width], () => {
      const all = new Float32Array(3 * width);
      names.forEach((name, i) => all.set(this.nodes.tensor(`${name}.bias`).values, i * width));
      return all;
    });
    const context = this.nodes.op('MultiHeadAttention', [query, key, value, bias, 'lengths'], {
      num_heads: this.shape.transformer.heads,
    }); // [b, s, D]
    return this.afterAttention(prefix, context, x);
  }

  /** Of the first token alone: [b, 1, D]. No other's key or value is formed: q·(Wₖ·x) = (Wₖᵀ·q)·x, and Σ p·(Wᵥ·x) = Wᵥ·Σ p·x. */
  private lastLayer(prefix: string, x: string): string {
    const { width: D, heads: H } = this.shape.transformer;
    const d = D / H;
    const { nodes } = this;
    const first = nodes.op('Gather', [x, nodes.ints([0])], { axis: 1 }); // [b, 1, D]
    const asked = nodes.op('Add', [this.product(`${prefix}attention.self.query`, first), this.bias(`${prefix}attention.self.query`)]);
    const query = nodes.op('Transpose', [nodes.op('Reshape', [asked, nodes.ints([-1, H, d])])], { perm: [1, 0, 2] }); // [H, b, d]
    const key = nodes.tensor(`${prefix}attention.self.key.weight`).values;
    const keys = this.nodes.weight(`${prefix}attention.self.key.heads`, 'float', [H, d, D], () => key);
    const turned = nodes.op('Transpose', [nodes.op('MatMul', [query, keys])], { perm: [1, 0, 2] }); // [b, H, D]
    const scores = nodes.op('FusedMatMul', [turned, x], { transB: 1, alpha: 1 / Math.sqrt(d) }); // [b, H, s]
    const absent = nodes.op('Mul', [nodes.op('Sub', [nodes.float(1), this.mask()]), nodes.float(PADDING)]); // [b, s]
    const logits = nodes.op('Add', [scores, nodes.op('Unsqueeze', [absent, nodes.ints([1])])]);
    const sums = nodes.op('MatMul', [nodes.op('Softmax', [logits], { axis: -1 }), x]); // [b, H, D]
    const value = nodes.tensor(`${prefix}attention.self.value.weight`).values;
    const values = this.nodes.weight(`${prefix}attention.self.value.heads`, 'float', [H, D, d], () => transposedHeads(value, H, d, D));
    const heads = nodes.op('MatMul', [nodes.op('Transpose', [sums], { perm: [1, 0, 2] }), values]); // [H, b, d]
    const merged = nodes.op('Reshape', [nodes.op('Transpose', [heads], { perm: [1, 0, 2] }), nodes.ints([-1, 1, D])]); // [b, 1, D]
    return this.afterAttention(prefix, nodes.op('Add', [merged, this.bias(`${prefix}attention.self.value`)]), first);
  }

  private afterAttention(prefix: string, context: string, x: string): string {
    const middle = this.residual(`${prefix}attention.output`, context, x);
    const inner = this.activated(`${prefix}intermediate.dense`, middle); // [b, s, F]
    return this.residual(`${prefix}output`, inner, middle);
  }

  /** LayerNorm(dense(y) + x) */
  private residual(name: string, y: string, x: string): string {
    const norm = ['weight', 'bias'].map((part) => this.nodes.parameter(`${name}.LayerNorm.${part}`));
    return this.nodes.op('SkipLayerNormalization', [this.product(`${name}.dense`, y), x, ...norm, this.bias(`${name}.dense`)], {
      epsilon: this.shape.transformer.epsilon,
    });
  }

  private activated(name: string, x: string): string {
    const [product, bias] = [this.product(name, x), this.bias(name)];
    const { activation } = this.shape.transformer;
    if (activation === 'gelu') return this.nodes.op('BiasGelu', [product, bias]);
    if (activation === 'relu') return this.nodes.op('Relu', [this.nodes.op('Add', [product, bias])]);
    return this.nodes.op('FastGelu', [product, bias]);
  }

  private norm(name: string, x: string): string {
    return this.nodes.op('LayerNormalization', [x, ...['weight', 'bias'].map((part) => this.nodes.parameter(`${name}.${part}`))], {
      axis: -1,
      epsilon: this.shape.transformer.epsilon,
    });
  }

  private bias(name: string): string {
    return this.nodes.parameter(`${name}.bias`);
  }

  private product(name: string, x: string): string {
    return this.products([name], x)[0]!;
  }

  /** x·wᵀ of each; x is quantised once. */
  private products(names: readonly string[], x: string): string[] {
    if (this.precision === 'fp32') return names.map((name) => this.nodes.timesTransposed(x, `${name}.weight`));
    const [bytes, scale, zero] = this.nodes.many('DynamicQuantizeLinear', [x], 3) as [string, string, string];
    return names.map((name) => {
      const weight = `${name}.weight`;
      const [out, into] = this.nodes.tensor(weight).shape as [number, number];
      const quantised = once(() => quantisedRows(this.nodes.tensor(weight).values, out, into, LARGEST));
      const matrix = this.nodes.weight(`${weight}.quantised`, 'int8', [into, out], () => transpose(quantised().values, out, into));
      const scales = this.nodes.weight(`${weight}.scale`, 'float', [out], () => quantised().scales);
      return this.nodes.op('MatMulIntegerToFloat', [bytes, matrix, scale, scales, zero]);
    });
  }
}

function once<T>(make: () => T): () => T {
  let made: { readonly value: T } | undefined;
  return () => {
    made ??= { value: make() };
    return made.value;
  };
}

/** [H·d, D] as [H, D, d] */
function transposedHeads(values: Float32Array, H: number, d: number, D: number): Float32Array {
  const turned = new Float32Array(values.length);
  for (let head = 0; head < H; head++) {
    turned.set(transpose(values.subarray(head * d * D, (head + 1) * d * D), d, D), head * d * D);
  }
  return turned;
}
