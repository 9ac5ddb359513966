/**
 * The running best of a matrix product on WebGPU, so that a search leaves the device with its K columns a row and nothing else. A state [M, K, 2] holds of
 * each row the K best pairs met so far, in no order: a product as a number that grows with it, and its column. A workgroup a row merges a block of
 * products into it by radix selection: eight bits at a time, first of the products, then, of those equal to the K-th, of the columns, the lower first.
 */
import { tf } from '../tf.js';
import { type Kernel, runKernel } from './kernel.js';

/** Threads of a workgroup, and values of eight bits. */
const W = 256;
/** Rows of a product: of as many, and of 4,096 columns, the products take 8 MB. */
const TILE = 512;

/** Both numbers of an entry as its rank: the state's first, then the block's columns; a column whose product is not above the least of the state has rank 0. */
const ENTRIES = `
var<workgroup> bins: array<atomic<u32>, ${W}>;
var<workgroup> above: array<u32, ${W}>;
var<workgroup> limits: array<u32, 2>;
var<workgroup> wanted: u32;
var<workgroup> taken: atomic<u32>;
var<workgroup> least: atomic<u32>;

fn ordered(value: f32) -> u32 { // grows with the value; NaN is above all, so that it is met
  let bits = bitcast<u32>(value);
  if ((bits & 0x7fffffffu) > 0x7f800000u) { return 0xffffffffu; }
  if ((bits & 0x7fffffffu) == 0u) { return 0x80000000u; }
  return select(bits | 0x80000000u, ~bits, bits > 0x7fffffffu);
}

fn entry(row: i32, i: i32) -> vec2<u32> {
  let K = uniforms.kept;
  if (i < K) {
    let at = 2 * (row * K + i);
    return vec2<u32>(bitcast<u32>(state[at]), ~bitcast<u32>(state[at + 1]));
  }
  let rank = ordered(products[row * uniforms.columns + i - K]);
  return vec2<u32>(select(0u, rank, rank > atomicLoad(&least)), ~bitcast<u32>(uniforms.first + i - K));
}`;

/** Narrows the limits by the bin in which the K-th best lies. Entries of rank 0 that are no places of the state are left out of all. */
const MERGE: Kernel = {
  name: 'best products',
  inputs: ['products', 'state'],
  uniforms: { rows: 'i32', columns: 'i32', kept: 'i32', first: 'i32' },
  workgroup: W,
  code: `${ENTRIES}
fn main(index: i32) {
  let own = i32(localIndex);
  let group = index / ${W};
  let row = min(group, uniforms.rows - 1);
  let K = uniforms.kept;
  let entries = K + uniforms.columns;
  if (own == 0) {
    atomicStore(&least, 0xffffffffu);
    atomicStore(&taken, 0u);
    limits[0] = 0u;
    limits[1] = 0u;
    wanted = u32(K);
  }
  workgroupBarrier();
  for (var i = own; i < K; i += ${W}) { atomicMin(&least, bitcast<u32>(state[2 * (row * K + i)])); }
  workgroupBarrier();
  for (var digit = 0; digit < 8; digit++) {
    let part = digit / 4;
    let shift = u32(24 - 8 * (digit % 4));
    let settled = select(0xffffffffu << ((shift + 8u) & 31u), 0u, shift == 24u);
    atomicStore(&bins[own], 0u);
    workgroupBarrier();
    for (var i = own; i < entries; i += ${W}) {
      let pair = entry(row, i);
      if (i >= K && pair.x == 0u) { continue; }
      if (part == 1 && pair.x != limits[0]) { continue; }
      if ((pair[part] & settled) != (limits[part] & settled)) { continue; }
      atomicAdd(&bins[(pair[part] >> shift) & 255u], 1u);
    }
    workgroupBarrier();
    above[own] = atomicLoad(&bins[own]);
    for (var reach = 1; reach < ${W}; reach = 2 * reach) {
      workgroupBarrier();
      var more = 0u;
      if (own + reach < ${W}) { more = above[own + reach]; }
      workgroupBarrier();
      above[own] = above[own] + more;
    }
    workgroupBarrier();
    let need = wanted;
    var beyond = 0u;
    if (own + 1 < ${W}) { beyond = above[own + 1]; }
    workgroupBarrier();
    if (above[own] >= need && beyond < need) {
      limits[part] = limits[part] | (u32(own) << shift);
      wanted = need - beyond;
    }
    workgroupBarrier();
  }
  for (var i = own; i < entries; i += ${W}) {
    let pair = entry(row, i);
    if (i >= K && pair.x == 0u) { continue; }
    if (pair.x > limits[0] || (pair.x == limits[0] && pair.y >= limits[1])) {
      let at = 2 * (row * K + i32(atomicAdd(&taken, 1u)));
      if (group < uniforms.rows) {
        result[at] = bitcast<i32>(pair.x);
        result[at + 1] = bitcast<i32>(~pair.y);
      }
    }
  }
}`,
};

interface Tile {
  readonly rows: tf.Tensor2D;
  state: tf.Tensor;
}

/** Of each row of a [M, D] the columns of a·bᵀ with the K largest products, of a b that comes in blocks. */
export class BestProducts {
  private readonly tiles: Tile[];
  private met = 0;

  constructor(
    a: Float32Array,
    private readonly width: number,
    private readonly kept: number,
  ) {
    this.tiles = Array.from({ length: Math.ceil(a.length / width / TILE) }, (_, i) => {
      const values = a.slice(i * TILE * width, (i + 1) * TILE * width);
      const M = values.length / width;
      return { rows: tf.tensor2d(values, [M, width]), state: tf.tensor(emptyState(M, kept), [M, kept, 2], 'int32') };
    });
  }

  /** The next rows of b, [N, D]; they are copied. */
  meet(b: Float32Array): void {
    const { width, kept, met: first } = this;
    const columns = b.length / width;
    const block = tf.tensor2d(b.slice(), [columns, width]);
    for (const tile of this.tiles) {
      const products = tf.matMul(tile.rows, block, false, true); // [M, N]
      const rows = tile.rows.shape[0];
      const uniforms = { rows, columns, kept, first };
      const run = { inputs: [products, tile.state], uniforms, result: tile.state.shape, dtype: 'int32' as const, threads: rows * W };
      const next = runKernel(MERGE, run);
      tf.dispose([products, tile.state]);
      tile.state = next;
    }
    block.dispose();
    this.met += columns;
  }

  /** The columns of each row, in no order, fewer than K where b has fewer rows; nothing can be met afterwards. */
  async columns(): Promise<Int32Array[]> {
    const { kept, tiles } = this;
    const found: Int32Array[] = [];
    for (const { rows, state } of tiles) {
      const values = await state.data();
      for (let row = 0; row < rows.shape[0]; row++) {
        const columns = Int32Array.from({ length: kept }, (_, i) => values[2 * (row * kept + i) + 1]!);
        found.push(columns.filter((column) => column >= 0).sort());
      }
    }
    tf.dispose(tiles.flatMap(({ rows, state }) => [rows, state]));
    return found;
  }
}

/** Places that hold nothing yet are of the least rank, and their columns −1, −2, … tell them apart. */
function emptyState(rows: number, kept: number): Int32Array {
  const state = new Int32Array(rows * kept * 2);
  for (let i = 0; i < rows * kept; i++) state[2 * i + 1] = -1 - (i % kept);
  return state;
}
