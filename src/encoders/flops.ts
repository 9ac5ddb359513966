/** The matrix products of an encoder's pass, which are nearly all of its work. */
import type { EncoderShape } from './dualEncoder.js';

/** x [rows, into] · wᵀ [into, out] */
export interface DenseProduct {
  readonly rows: number;
  readonly into: number;
  readonly out: number;
}

/** `batch` products [rows, inner] · [inner, columns] */
export interface BatchedProduct {
  readonly batch: number;
  readonly rows: number;
  readonly inner: number;
  readonly columns: number;
}

export interface LayerProducts {
  readonly dense: readonly DenseProduct[];
  readonly batched: readonly BatchedProduct[];
}

/** What the products depend on. */
export interface PassShape extends Pick<EncoderShape, 'pooling'> {
  readonly transformer: Pick<EncoderShape['transformer'], 'layers' | 'width' | 'heads' | 'feedForward'>;
}

/**
 * The products of the forward pass of B sequences of T tokens, by layer, as the encoder computes them: all tokens ask in all layers; with [CLS] pooling in
 * all but the last, where [CLS] does alone, so that its query, output and feed-forward products have one row a sequence and no token's key or value is
 * formed (firstTokenAttention).
 */
export function productsOf({ transformer, pooling }: PassShape, B: number, T: number): LayerProducts[] {
  const { layers, width: D, heads: H, feedForward: F } = transformer;
  const d = D / H;
  return Array.from({ length: layers }, (_, layer) => {
    const alone = pooling === 'cls' && layer === layers - 1;
    const rows = alone ? B : B * T;
    return {
      dense: [
        { rows, into: D, out: D }, // query
        ...(alone ? [] : [{ rows, into: D, out: 2 * D }]), // key and value
        { rows, into: D, out: D }, // attention output
        { rows, into: D, out: F },
        { rows, into: F, out: D },
      ],
      batched: alone
        ? [
            { batch: H, rows: B, inner: d, columns: D }, // Wₖᵀq
            { batch: B, rows: H, inner: D, columns: T }, // with the tokens: logits
            { batch: B, rows: H, inner: T, columns: D }, // Σ p·x
            { batch: H, rows: B, inner: D, columns: d }, // Wᵥ·(Σ p·x)
          ]
        : [
            { batch: B * H, rows: T, inner: d, columns: T }, // q·kᵀ
            { batch: B * H, rows: T, inner: T, columns: d }, // p·v
          ],
    };
  });
}

/** Floating-point operations of the forward pass; the backward pass has twice as many. */
export function forwardFlops(shape: PassShape, B: number, T: number): number {
  let sum = 0;
  for (const { dense, batched } of productsOf(shape, B, T)) {
    for (const { rows, into, out } of dense) sum += 2 * rows * into * out;
    for (const { batch, rows, inner, columns } of batched) sum += 2 * batch * rows * inner * columns;
  }
  return sum;
}
