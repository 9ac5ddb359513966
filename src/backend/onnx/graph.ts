/** ONNX models as short lists of nodes: `node('y', 'Gemm', ['x', 'w', 'b'], { transB: 1 })` reads y = Gemm(x, w, b). */
import { createRequire } from 'node:module';
import type { onnx as OnnxProto } from 'onnx-proto';

const { onnx } = createRequire(import.meta.url)('onnx-proto') as { onnx: typeof OnnxProto };

/** A value by name, a float scalar, or a vector of whole numbers (axes, shapes). */
export type Operand = string | number | readonly number[];

export interface Node {
  readonly outputs: readonly string[];
  readonly operator: string;
  readonly inputs: readonly Operand[];
  readonly attributes: Readonly<Record<string, number | readonly number[]>>;
}

/** Every input and output is float32 with the given rank; sizes are free. */
export interface Graph {
  /** What it computes, as a profile names it; '' where the kernel that runs it has a name already. */
  readonly name: string;
  readonly inputs: Readonly<Record<string, number>>;
  readonly outputs: Readonly<Record<string, number>>;
  readonly nodes: readonly Node[];
}

/** A graph by its name, from the ranks of its inputs and outputs and its nodes, in the order in which they run. */
export function graph(name: string, inputs: Graph['inputs'], outputs: Graph['outputs'], nodes: Graph['nodes']): Graph {
  return { name, inputs, outputs, nodes };
}

/** `outputs` are names separated by spaces. */
export function node(outputs: string, operator: string, inputs: readonly Operand[], attributes: Node['attributes'] = {}): Node {
  return { outputs: outputs.split(' '), operator, inputs, attributes };
}

const FLOAT = 1; // onnx.TensorProto.DataType
const INT64 = 7;
const OPSET = 17; // the first with LayerNormalization
const IR_VERSION = 8; // the one that belongs to opset 17
export const MICROSOFT_DOMAIN = 'com.microsoft';
/** Operators of onnxruntime's own domain that the graphs here use. */
const MICROSOFT_OPERATORS = new Set([
  'FusedMatMul',
  'Gelu',
  'BiasGelu',
  'FastGelu',
  'SkipLayerNormalization',
  'MultiHeadAttention',
  'MatMulIntegerToFloat',
]);
/** Of an operator. */
export const domainOf = (operator: string): string => (MICROSOFT_OPERATORS.has(operator) ? MICROSOFT_DOMAIN : '');
/** Attributes of type float; all other numbers are of type int. */
const FLOAT_ATTRIBUTES = new Set(['alpha', 'beta', 'epsilon']);

/**
 * The name of a first output that no graph means: an empty sequence, which the binding does not know how to give back. It writes all outputs into the arrays
 * that it was given, and then copies each into a fresh one that nobody reads, at twice the cost of computing it, unless it stumbles over the first.
 */
export const STUMBLE = 'stumble';

/** The model's bytes, as InferenceSession.loadModel takes them. */
export function encodeGraph({ inputs, outputs, nodes }: Graph): Uint8Array {
  const constants: OnnxProto.ITensorProto[] = [];
  const nameOf = (operand: Operand): string => {
    if (typeof operand === 'string') return operand;
    const name = `constant${constants.length}`;
    constants.push(
      typeof operand === 'number'
        ? { name, dataType: FLOAT, dims: [], floatData: [operand] }
        : { name, dataType: INT64, dims: [operand.length], int64Data: [...operand] },
    );
    return name;
  };
  const node = nodes.map((one) => ({
    opType: one.operator,
    domain: domainOf(one.operator),
    input: one.inputs.map(nameOf),
    output: [...one.outputs],
    attribute: Object.entries(one.attributes).map(([name, value]) => encodeAttribute(name, value)),
  }));
  node.push({ opType: 'SequenceEmpty', domain: '', input: [], output: [STUMBLE], attribute: [] });
  const stumble = { name: STUMBLE, type: { sequenceType: { elemType: { tensorType: { elemType: FLOAT } } } } };
  const model = onnx.ModelProto.fromObject({
    irVersion: IR_VERSION,
    opsetImport: [
      { domain: '', version: OPSET },
      { domain: MICROSOFT_DOMAIN, version: 1 },
    ],
    graph: { name: 'graph', node, input: describe(inputs), output: [stumble, ...describe(outputs)], initializer: constants },
  });
  return Uint8Array.from(onnx.ModelProto.encode(model).finish());
}

function describe(ranks: Readonly<Record<string, number>>) {
  return Object.entries(ranks).map(([name, rank]) => {
    const dim = Array.from({ length: rank }, (_, axis) => ({ dimParam: `${name}${axis}` }));
    return { name, type: { tensorType: { elemType: FLOAT, shape: { dim } } } };
  });
}

export function encodeAttribute(name: string, value: number | readonly number[]): object {
  const { FLOAT: float, INT: int, INTS: ints } = onnx.AttributeProto.AttributeType;
  if (typeof value !== 'number') return { name, type: ints, ints: [...value] };
  return FLOAT_ATTRIBUTES.has(name) ? { name, type: float, f: value } : { name, type: int, i: value };
}
