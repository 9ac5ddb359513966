/** The cpu backend's kernels that onnxruntime does faster, replaced where the operands are float32 and large enough to pay for the call. */
import { tf } from '../tf.js';
import type { OnnxBackend } from './backend.js';
import { type Graph, graph, type Node, node } from './graph.js';
import { runGraph, type Values } from './session.js';

type Attributes = Readonly<Record<string, unknown>>;
type Inputs = Readonly<Record<string, tf.TensorInfo>>;

/** What to run for these operands; undefined leaves them to the cpu kernel. */
interface Plan {
  /** Names the graph: equal keys, equal graphs. */
  readonly key: string;
  readonly graph: () => Graph;
  readonly operands: readonly { readonly tensor: tf.TensorInfo; readonly shape: readonly number[] }[];
  /** The shape that TensorFlow.js sees, of the same size as what the graph writes. */
  readonly shape: number[];
  /** The shape that the graph writes, where it is another. */
  readonly written?: readonly number[];
}

type Planner = (inputs: Inputs, attributes: Attributes) => Plan | undefined;

/** Below this many elements the cpu kernel's loop ends before a native call (15 µs) would have. */
const WORTH_A_CALL = 4096;

/**
 * TensorFlow.js' name of the kernel → the plan. Not among them, because onnxruntime 1.16 gets them wrong at the edges:
 * Sqrt (∞ → NaN), Erf (NaN → 1), Log (wrong below 1e-38), ReduceMax (drops NaN).
 */
const PLANNERS: Readonly<Record<string, Planner>> = {
  Add: binary('Add'),
  Sub: binary('Sub'),
  Multiply: binary('Mul'),
  RealDiv: binary('Div'),
  Exp: unary([node('y', 'Exp', ['x'])]),
  Tanh: unary([node('y', 'Tanh', ['x'])]),
  Square: unary([node('y', 'Mul', ['x', 'x'])]),
  Neg: unary([node('y', 'Neg', ['x'])]),
  Sum: reduction('ReduceSum'),
  Mean: reduction('ReduceMean'),
  Softmax: softmax,
  Transpose: transpose,
  BatchMatMul: matMul,
  _FusedMatMul: matMul,
};

const graphs = new Map<string, Graph>();

/** Replaces the kernels of the backend `name`, which already has the cpu backend's. */
export function registerOnnxKernels(name: string): void {
  for (const [kernelName, planner] of Object.entries(PLANNERS)) {
    const { kernelFunc: onCpu } = tf.getKernel(kernelName, name);
    const kernelFunc: tf.KernelFunc = (call) => {
      const inputs = call.inputs as Inputs;
      const given = Object.values(inputs).filter((tensor) => tensor != null);
      const plan = given.every(({ dtype }) => dtype === 'float32') ? planner(inputs, (call.attrs ?? {}) as Attributes) : undefined;
      return plan ? run(plan, call.backend as OnnxBackend) : onCpu(call);
    };
    tf.unregisterKernel(kernelName, name);
    tf.registerKernel({ kernelName, backendName: name, kernelFunc });
  }
}

function run(plan: Plan, backend: OnnxBackend): tf.TensorInfo {
  const known = graphs.get(plan.key) ?? plan.graph();
  graphs.set(plan.key, known);
  const feeds = plan.operands.map(({ tensor, shape }): Values => ({ values: backend.valuesOf(tensor.dataId), shape }));
  const [values] = runGraph(known, feeds, [plan.written ?? plan.shape]);
  return backend.adopt(values, plan.shape);
}

function unary(nodes: Node[]): Planner {
  return ({ x }) => {
    if (tf.util.sizeFromShape(x.shape) < WORTH_A_CALL) return undefined;
    const flat = [tf.util.sizeFromShape(x.shape)];
    return {
      key: nodes.map((one) => one.operator).join(),
      graph: () => graph('', { x: 1 }, { y: 1 }, nodes),
      operands: [{ tensor: x, shape: flat }],
      shape: x.shape,
      written: flat,
    };
  };
}

function binary(operator: string): Planner {
  return ({ a, b }) => {
    const shape = tf.broadcast_util.assertAndGetBroadcastShape(a.shape, b.shape);
    if (tf.util.sizeFromShape(shape) < WORTH_A_CALL) return undefined;
    return {
      key: `${operator} ${a.shape.length} ${b.shape.length}`,
      graph: () => graph('', { a: a.shape.length, b: b.shape.length }, { y: shape.length }, [node('y', operator, ['a', 'b'])]),
      operands: [
        { tensor: a, shape: a.shape },
        { tensor: b, shape: b.shape },
      ],
      shape,
    };
  };
}

function reduction(operator: 'ReduceSum' | 'ReduceMean'): Planner {
  return ({ x }, { axis, keepDims }) => {
    const axes = tf.util.parseAxisParam(axis as number | number[], x.shape);
    // ONNX takes no axes for all axes, TensorFlow.js for none.
    if (tf.util.sizeFromShape(x.shape) < WORTH_A_CALL || axes.length === 0) return undefined;
    const kept = x.shape.map((dim, i) => (axes.includes(i) ? 1 : dim));
    const reduce = operator === 'ReduceSum' ? node('y', operator, ['x', axes]) : node('y', operator, ['x'], { axes });
    return {
      key: `${operator} ${x.shape.length} ${axes}`,
      graph: () => graph('', { x: x.shape.length }, { y: kept.length }, [reduce]),
      operands: [{ tensor: x, shape: x.shape }],
      shape: keepDims ? kept : x.shape.filter((_, i) => !axes.includes(i)),
      written: kept,
    };
  };
}

function softmax({ logits }: Inputs, { dim }: Attributes): Plan | undefined {
  const { shape } = logits;
  if (tf.util.sizeFromShape(shape) < WORTH_A_CALL || dim !== shape.length - 1) return undefined;
  return {
    key: `Softmax ${shape.length}`,
    graph: () => graph('', { x: shape.length }, { y: shape.length }, [node('y', 'Softmax', ['x'], { axis: -1 })]),
    operands: [{ tensor: logits, shape }],
    shape,
  };
}

function transpose({ x }: Inputs, attributes: Attributes): Plan | undefined {
  const perm = attributes.perm as number[];
  if (tf.util.sizeFromShape(x.shape) < WORTH_A_CALL) return undefined;
  return {
    key: `Transpose ${perm}`,
    graph: () => graph('', { x: perm.length }, { y: perm.length }, [node('y', 'Transpose', ['x'], { perm })]),
    operands: [{ tensor: x, shape: x.shape }],
    shape: perm.map((axis) => x.shape[axis]),
  };
}

/** Batch axes broadcast as in NumPy; a bias is added, an activation is left to the cpu kernel. */
function matMul({ a, b, bias }: Inputs, attributes: Attributes): Plan | undefined {
  const transA = Number(attributes.transposeA);
  const transB = Number(attributes.transposeB);
  const [ra, rb] = [a.shape.length, b.shape.length];
  const batch = tf.broadcast_util.assertAndGetBroadcastShape(a.shape.slice(0, -2), b.shape.slice(0, -2));
  const shape = [...batch, a.shape[ra - 1 - (transA ? 0 : 1)], b.shape[rb - 1 - (transB ? 1 : 0)]];
  const inner = a.shape[ra - 1 - (transA ? 1 : 0)];
  if (tf.util.sizeFromShape(shape) === 0 || inner === 0 || tf.util.sizeFromShape(shape) * inner < WORTH_A_CALL) return undefined;
  if (attributes.activation && attributes.activation !== 'linear') return undefined;
  const operands = [
    { tensor: a, shape: a.shape },
    { tensor: b, shape: b.shape },
  ];
  const product = node(bias ? 'product' : 'y', 'FusedMatMul', ['a', 'b'], { transA, transB });
  if (!bias) {
    const build = () => graph('', { a: ra, b: rb }, { y: shape.length }, [product]);
    return { key: `FusedMatMul ${transA} ${transB} ${ra} ${rb}`, graph: build, operands, shape };
  }
  const rank = bias.shape.length;
  return {
    key: `FusedMatMul ${transA} ${transB} ${ra} ${rb} + ${rank}`,
    graph: () => graph('', { a: ra, b: rb, bias: rank }, { y: shape.length }, [product, node('y', 'Add', ['product', 'bias'])]),
    operands: [...operands, { tensor: bias, shape: bias.shape }],
    shape,
  };
}
