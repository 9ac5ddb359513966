/**
 * Vectors of tables of tokens: by the active backend of TensorFlow.js, or on several threads of onnxruntime, one session each: its own threads within an
 * operator do not pay at these sizes.
 */
import { workerScript } from '../core/threads.js';
import type { TokenTable } from '../data/types.js';
import { rowsIn } from '../encoders/batching.js';
import { createDualEncoder, type EncoderShape, type Side, vectorWidth } from '../encoders/dualEncoder.js';
import { createInference } from '../encoders/inference.js';
import { towersOf } from '../encoders/modelFolder.js';
import { encodeInferenceModel, type InferencePrecision } from '../encoders/onnx/inferenceModel.js';
import { createWeights, disposeWeights } from '../encoders/parameters.js';
import { encodeTable, rowsByLength } from './encode.js';
import { ThreadPool } from './threadPool.js';

export interface TableEncoder {
  /** Vectors [rows, W] in the order of the table; one table at a time. */
  encode(table: TokenTable): Promise<Float32Array>;
  /** Frees the threads for others. */
  close(): void;
}

interface TableEncoderOptions {
  readonly shape: EncoderShape;
  /** An inference model with its weights. */
  readonly model: Uint8Array;
  readonly padId: number;
  readonly threads: number;
}

/** Rows of one table that any number of threads take in turn. */
export interface TableTask {
  readonly ids: Int32Array;
  readonly offsets: Uint32Array;
  /** Longest first, so that the last ones to be taken are the shortest. */
  readonly rows: Int32Array;
  readonly cursor: Int32Array;
  readonly vectors: Float32Array;
  readonly width: number;
}

export type EncodeMessage =
  | { readonly kind: 'open'; readonly shape: EncoderShape; readonly model: Uint8Array; readonly padId: number }
  | { readonly kind: 'encode'; readonly task: TableTask }
  | { readonly kind: 'close' };

const THREADS = new ThreadPool<EncodeMessage>(workerScript('./encodeWorker.js', import.meta.url));

export interface EncodedTower {
  readonly shape: EncoderShape;
  /** Of all towers, [P]. */
  readonly parameters: Float32Array;
  readonly side: Side;
  readonly padId: number;
}

/** Of the parameters on the active backend, in this thread. */
export function tensorflowEncoder({ shape, parameters, side, padId }: EncodedTower): TableEncoder {
  const encoder = createDualEncoder(shape);
  const weights = createWeights(encoder.specs, parameters);
  const inference = createInference(encoder, weights, side);
  return {
    encode: (table) => encodeTable(inference, table, padId, encoder.width),
    close: () => {
      disposeWeights(weights);
    },
  };
}

export function onnxruntimeEncoder({
  shape,
  parameters,
  side,
  padId,
  precision,
  threads,
}: EncodedTower & { readonly precision: InferencePrecision; readonly threads: number }): Promise<TableEncoder> {
  const tower = towersOf(createDualEncoder(shape), parameters).find(({ sides }) => sides.includes(side))!;
  const tensors = new Map(tower.tensors.map((tensor) => [tensor.name, tensor]));
  const built = encodeInferenceModel(shape, tensors, precision, 'constants');
  return openTableEncoder({ shape, model: built.model, padId, threads });
}

async function openTableEncoder({ shape, model, padId, threads }: TableEncoderOptions): Promise<TableEncoder> {
  const workers = THREADS.take(threads);
  const shared = new Uint8Array(new SharedArrayBuffer(model.length));
  shared.set(model);
  await THREADS.everyone(workers, { kind: 'open', shape, model: shared, padId });
  const width = vectorWidth(shape);
  return {
    encode: async (table) => {
      const vectors = new Float32Array(new SharedArrayBuffer(4 * rowsIn(table) * width));
      const rows = rowsByLength(
        table,
        Int32Array.from({ length: rowsIn(table) }, (_, row) => row),
      ).reverse();
      const cursor = new Int32Array(new SharedArrayBuffer(4));
      await THREADS.everyone(workers, { kind: 'encode', task: { ...table, rows, cursor, vectors, width } });
      return vectors;
    },
    close: () => {
      THREADS.tell(workers, { kind: 'close' });
      THREADS.giveBack(workers);
    },
  };
}
