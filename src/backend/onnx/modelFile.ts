/** ONNX files: a model with its weights as bytes, and the weights of a file that others wrote, under the names that they had in the framework. */
import fs from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import type { onnx as OnnxProto } from 'onnx-proto';
import { messageOf, UserError } from '../../core/errors.js';
import { fromBfloat16, fromHalf } from '../../core/half.js';
import { domainOf, encodeAttribute, MICROSOFT_DOMAIN, type Node } from './graph.js';

const { onnx } = createRequire(import.meta.url)('onnx-proto') as { onnx: typeof OnnxProto };

/** onnx.TensorProto.DataType */
export const TYPES = { float: 1, uint8: 2, int8: 3, int32: 6, int64: 7, float16: 10 } as const;
export type ElementType = keyof typeof TYPES;

export interface Initializer {
  readonly name: string;
  readonly type: ElementType;
  readonly shape: readonly number[];
  readonly bytes: Uint8Array;
}

/** A value that goes in or out; sizes by name are free. */
export interface Port {
  readonly name: string;
  readonly type: ElementType;
  readonly shape: readonly (string | number)[];
}

export interface Model {
  readonly inputs: readonly Port[];
  readonly outputs: readonly Port[];
  /** Their operands are names alone: constants are initializers. */
  readonly nodes: readonly Node[];
  readonly initializers: readonly Initializer[];
}

/** With LayerNormalization; onnxruntime reads it from 1.12 on. */
const OPSET = 17;
const IR_VERSION = 8;
/** A protobuf message's own limit; larger models need their weights in files of their own, which is not written here. */
const MOST_BYTES = 2 ** 31 - 2 ** 20;

/** The bytes of an .onnx file. A model beyond 2 GB is a UserError. */
export function encodeModel({ inputs, outputs, nodes, initializers }: Model): Uint8Array {
  const bytes = initializers.reduce((sum, one) => sum + one.bytes.length, 0);
  if (bytes > MOST_BYTES)
    throw new UserError(`the ONNX model takes ${(bytes / 1e9).toFixed(1)} GB; expected at most 2. Export it as fp16 or int8.`);
  const port = ({ name, type, shape }: Port) => ({
    name,
    type: {
      tensorType: {
        elemType: TYPES[type],
        shape: { dim: shape.map((size) => (typeof size === 'string' ? { dimParam: size } : { dimValue: size })) },
      },
    },
  });
  const model = onnx.ModelProto.create({
    irVersion: IR_VERSION,
    producerName: 'simans',
    opsetImport: [
      onnx.OperatorSetIdProto.create({ domain: '', version: OPSET }),
      // Files for others have no operator of it, and do not name it.
      ...(nodes.some(({ operator }) => domainOf(operator) !== '')
        ? [onnx.OperatorSetIdProto.create({ domain: MICROSOFT_DOMAIN, version: 1 })]
        : []),
    ],
    graph: onnx.GraphProto.fromObject({
      name: 'encoder',
      node: nodes.map((one) => ({
        name: one.outputs[0],
        opType: one.operator,
        domain: domainOf(one.operator),
        input: [...one.inputs],
        output: [...one.outputs],
        attribute: Object.entries(one.attributes).map(([name, value]) => encodeAttribute(name, value)),
      })),
      input: inputs.map(port),
      output: outputs.map(port),
    }),
  });
  // Not through fromObject, which copies.
  model.graph!.initializer = initializers.map(({ name, type, shape, bytes: rawData }) =>
    onnx.TensorProto.create({ name, dataType: TYPES[type], dims: [...shape], rawData }),
  );
  return onnx.ModelProto.encode(model).finish();
}

export interface NamedWeights {
  readonly name: string;
  readonly shape: readonly number[];
  readonly values: Float32Array | Int32Array;
}

/**
 * The initializers of an .onnx file by the names of the framework that they came from: an exporter's anonymous matrices (onnx::MatMul_123, transposed) are
 * named after the bias that is added behind them, and laid out as [out, in] again. A file that is none is a UserError naming it.
 */
export function readNamedWeights(file: string): Map<string, NamedWeights> {
  let graph: OnnxProto.IGraphProto;
  try {
    graph = onnx.ModelProto.decode(fs.readFileSync(file)).graph!;
    const tensors = new Map((graph.initializer ?? []).map((one) => [one.name!, readTensor(one, file)]));
    return renamed(tensors, graph);
  } catch (error) {
    if (error instanceof UserError) throw error;
    throw new UserError(`${file}: ${messageOf(error)}; expected a whole ONNX file. Copy it again or use another checkpoint.`);
  }
}

/** Of our own exports. */
export const TRANSPOSED = '.transposed';

function renamed(tensors: Map<string, NamedWeights>, { node: nodes = [] }: OnnxProto.IGraphProto): Map<string, NamedWeights> {
  // Exporters store equal tensors once and give the others their names by Identity nodes.
  for (const { opType, input, output } of nodes!) {
    const [same, alias] = [tensors.get(input?.[0] ?? ''), output?.[0]];
    if (opType === 'Identity' && same && alias) tensors.set(alias, { ...same, name: alias });
  }
  const consumers = (name: string) => nodes!.filter((node) => node.input?.includes(name));
  const out = new Map<string, NamedWeights>();
  for (const tensor of tensors.values()) {
    if (tensor.name.endsWith(TRANSPOSED)) add(out, transposed(tensor, tensor.name.slice(0, -TRANSPOSED.length)));
    else if (/\.(weight|bias)$/.test(tensor.name))
      add(out, tensor); // the others are anonymous matrices and the graph's own constants
    else if (tensor.shape.length !== 2 || !/^(onnx::)?MatMul_\d+$/.test(tensor.name)) continue;
    else for (const name of biasesBehind(tensor.name, consumers)) add(out, transposed(tensor, name.replace(/bias$/, 'weight')));
  }
  return out;
}

/** The biases added to what a matrix is multiplied into: one, or more where equal matrices were stored once. */
function biasesBehind(matrix: string, consumers: (name: string) => OnnxProto.INodeProto[]): string[] {
  const products = consumers(matrix).filter(({ opType }) => opType === 'MatMul');
  const sums = products.flatMap(({ output }) => consumers(output![0]!)).filter(({ opType }) => opType === 'Add');
  return sums.flatMap(({ input }) => input!.filter((name) => name.endsWith('.bias')));
}

const add = (map: Map<string, NamedWeights>, tensor: NamedWeights) => map.set(tensor.name, tensor);

function transposed({ shape, values }: NamedWeights, name: string): NamedWeights {
  const [rows, columns] = shape as [number, number];
  const turned = new Float32Array(values.length);
  for (let i = 0; i < rows; i++) for (let j = 0; j < columns; j++) turned[j * rows + i] = values[i * columns + j]!;
  return { name, shape: [columns, rows], values: turned };
}

function readTensor(tensor: OnnxProto.ITensorProto, file: string): NamedWeights {
  const name = tensor.name ?? '';
  const shape = (tensor.dims ?? []).map(Number);
  const size = shape.reduce((product, n) => product * n, 1);
  const values = valuesOf(tensor, rawBytes(tensor, file), `${file}: tensor ${name}`);
  if (values.length !== size)
    throw new UserError(`${file}: tensor ${name} has ${values.length} values for the shape [${shape}]; expected ${size}. Copy it again.`);
  const broken = values instanceof Float32Array ? values.findIndex((value) => !Number.isFinite(value)) : -1;
  // −∞ and the like are constants of a graph, NaN in weights is damage.
  if (broken >= 0 && /\.(weight|bias)$/.test(name))
    throw new UserError(`${file}: tensor ${name} holds ${values[broken]} at position ${broken}; expected finite numbers. Copy it again.`);
  return { name, shape, values };
}

/** Raw data in a buffer of its own, from the file or from the one beside it. */
function rawBytes(tensor: OnnxProto.ITensorProto, file: string): ArrayBuffer | undefined {
  const own = (bytes: Uint8Array): ArrayBuffer => Uint8Array.from(bytes).buffer; // slice() of a Buffer would be a view
  if (tensor.dataLocation === 1) {
    const entry = (key: string) => tensor.externalData?.find((one) => one.key === key)?.value;
    const beside = path.join(path.dirname(file), path.basename(entry('location') ?? ''));
    const offset = Number(entry('offset') ?? 0);
    const bytes = fs.readFileSync(beside);
    return own(bytes.subarray(offset, offset + Number(entry('length') ?? bytes.length - offset)));
  }
  return tensor.rawData && tensor.rawData.length > 0 ? own(tensor.rawData) : undefined;
}

function valuesOf(tensor: OnnxProto.ITensorProto, raw: ArrayBuffer | undefined, what: string): Float32Array | Int32Array {
  switch (tensor.dataType) {
    case 1:
      return raw ? new Float32Array(raw) : Float32Array.from(tensor.floatData ?? []);
    case 10:
      return fromHalf(raw ? new Uint16Array(raw) : Uint16Array.from(tensor.int32Data ?? []));
    case 16:
      return fromBfloat16(raw ? new Uint16Array(raw) : Uint16Array.from(tensor.int32Data ?? []));
    case 11:
      return Float32Array.from(raw ? new Float64Array(raw) : (tensor.doubleData ?? []));
    case 7:
      return raw ? Int32Array.from(new BigInt64Array(raw), Number) : Int32Array.from(tensor.int64Data ?? [], Number);
    case 6:
      return raw ? new Int32Array(raw) : Int32Array.from(tensor.int32Data ?? []);
    case 2:
    case 3:
    case 9:
      return raw
        ? Int32Array.from(tensor.dataType === 3 ? new Int8Array(raw) : new Uint8Array(raw))
        : Int32Array.from(tensor.int32Data ?? []);
    default:
      throw new UserError(`${what} is of type ${tensor.dataType}; expected numbers. Take another file.`);
  }
}
