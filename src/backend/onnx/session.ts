/** Runs graphs synchronously through the native binding of onnxruntime-node: a call costs about 20 µs, nothing is copied (graph.ts, STUMBLE). */
import { createRequire } from 'node:module';
import { messageOf } from '../../core/errors.js';
import { span } from '../../core/spans.js';
import { encodeGraph, type Graph, STUMBLE } from './graph.js';
import { takeArray } from './pool.js';

export interface NativeTensor {
  readonly type: string;
  readonly data: ArrayBufferView;
  readonly dims: readonly number[];
}

interface NativeSession {
  loadModel(buffer: ArrayBufferLike, offset: number, length: number, options: object): void;
  run(feeds: Record<string, NativeTensor>, fetches: Record<string, NativeTensor | null>, options: object): unknown;
}

interface Binding {
  readonly InferenceSession: new () => NativeSession;
}

/** A float32 array with its shape. */
export interface Values {
  readonly values: Float32Array;
  readonly shape: readonly number[];
}

/**
 * One thread a session: onnxruntime 1.16 cannot switch spinning off, so the pools of several sessions would fight;
 * replicas in worker threads use the other cores.
 */
const SESSION_OPTIONS = {
  intraOpNumThreads: 1,
  interOpNumThreads: 1,
  executionProviders: ['cpu'],
  graphOptimizationLevel: 'all',
  logSeverityLevel: 3,
};

let binding: Binding | undefined;

/** Loads onnxruntime's native library; throws what the loader throws where there is none for this platform. */
export function loadBinding(): Binding {
  binding ??= (createRequire(import.meta.url)('onnxruntime-node/dist/binding.js') as { binding: Binding }).binding;
  return binding;
}

/** What the binding says of an output that is no tensor. */
const STUMBLED = 'Non tensor type is temporarily not supported.';

const sessions = new WeakMap<Graph, NativeSession>();

/** The graph's outputs, in its order, as arrays of the given shapes from the pool. `inputs` are in the graph's order. */
export function runGraph(graph: Graph, inputs: readonly Values[], outputShapes: readonly (readonly number[])[]): Float32Array[] {
  const outputs = outputShapes.map((shape) => ({ values: takeArray(shape.reduce((size, dim) => size * dim, 1)), shape }));
  runGraphInto(graph, inputs, outputs);
  return outputs.map(({ values }) => values);
}

/** Writes the graph's outputs into the given arrays. */
export function runGraphInto(graph: Graph, inputs: readonly Values[], outputs: readonly Values[]): void {
  const tensors = (names: object, given: readonly Values[]): Record<string, NativeTensor> =>
    Object.fromEntries(
      Object.keys(names).map((name, i) => [name, { type: 'float32', data: plain(given[i].values), dims: given[i].shape }]),
    );
  const session = sessionOf(graph);
  const [feeds, fetches] = [tensors(graph.inputs, inputs), tensors(graph.outputs, outputs)];
  try {
    const run = () => session.run(feeds, { [STUMBLE]: null, ...fetches }, {});
    if (graph.name === '') run();
    else span(graph.name, run);
  } catch (error) {
    if (messageOf(error) !== STUMBLED) throw error; // everything was computed and written before
  }
}

function sessionOf(graph: Graph): NativeSession {
  let session = sessions.get(graph);
  if (!session) {
    const model = encodeGraph(graph);
    session = new (loadBinding().InferenceSession)();
    session.loadModel(model.buffer, model.byteOffset, model.byteLength, SESSION_OPTIONS);
    sessions.set(graph, session);
  }
  return session;
}

/** The binding refuses arrays over shared memory; and the cpu backend's cast from bool to float32 keeps the array of bytes. */
function plain(values: Float32Array): Float32Array {
  return values instanceof Float32Array && !(values.buffer instanceof SharedArrayBuffer) ? values : new Float32Array(values);
}
