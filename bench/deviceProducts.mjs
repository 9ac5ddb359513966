/**
 * The matrix products of a step's dense layers on the device of WebGPU, ours in 32 bits and of halves beside TensorFlow.js', in turns.
 *   node bench/deviceProducts.mjs [--shape 'BERT-base 32×128'] [--parts 1] [--repeats 9] [--json]
 * Each is timed with its end on the device, as the median of `repeats`.
 */
import { parseArgs } from 'node:util';
import { probeBackends, selectBackend, tf } from '../dist/backend/index.js';
import { halved, tensorsOf } from '../dist/backend/webgpu/half.js';
import { affine, product, productLeft } from '../dist/backend/webgpu/products.js';
import { table } from '../dist/report/table.js';
import { partOf, productsOf, shapeOf } from './shapes.mjs';
import { clock, median } from './timing.mjs';

/** @typedef {import('@tensorflow/tfjs').Tensor2D} Tensor2D */
/** Operations a second. @typedef {{ of: string, M: number, N: number, K: number, own: number, halves: number, theirs: number }} ProductRate */

const { values: options } = parseArgs({
  options: {
    shape: { type: 'string', default: 'BERT-base 32×128' },
    parts: { type: 'string', default: '1' },
    repeats: { type: 'string', default: '9' },
    json: { type: 'boolean', default: false },
  },
});
const probe = (await probeBackends()).find(({ name }) => name === 'webgpu');
if (!probe?.usable) throw new Error(`webgpu: ${probe?.whyNot}`);
await selectBackend('webgpu');
const layers = productsOf(partOf(shapeOf(options.shape), Number(options.parts))).flatMap(({ dense }) => dense);
const sizes = new Map(layers.map((layer) => [`${layer.rows}×${layer.out}×${layer.into}`, layer]));
/** @type {ProductRate[]} */
const rates = [];
for (const layer of sizes.values()) rates.push(...(await ratesOf(layer)));
console.log(options.json ? JSON.stringify({ device: probe.device, rates }) : textOf(rates));
process.exit();

/** x·wᵀ + b, the gradient of x, and that of w. @param {{ rows: number, into: number, out: number }} layer @returns {Promise<ProductRate[]>} */
async function ratesOf({ rows, into, out }) {
  const [x, w, dy, b] = [tf.randomNormal([rows, into]), tf.randomNormal([out, into]), tf.randomNormal([rows, out]), tf.randomNormal([out])];
  const [x2, w2, dy2] = /** @type {Tensor2D[]} */ ([x, w, dy]);
  const [xs, ws, dys] = [x2, w2, dy2].map((matrix) => halved(matrix));
  const found = [
    await rateOf('forward', [rows, out, into], {
      own: () => affine(x2, w2, b),
      halves: () => affine(xs, ws, b),
      theirs: () => tf.fused.matMul({ a: x2, b: w2, transposeB: true, bias: b }),
    }),
    await rateOf('gradient of x', [rows, into, out], {
      own: () => product(dy2, w2),
      halves: () => product(dys, ws),
      theirs: () => tf.matMul(dy2, w2),
    }),
    await rateOf('gradient of w', [out, into, rows], {
      own: () => productLeft(dy2, x2),
      halves: () => productLeft(dys, xs),
      theirs: () => tf.matMul(dy2, x2, true),
    }),
  ];
  tf.dispose([x, w, dy, b, ...tensorsOf([xs, ws, dys])]);
  return found;
}

/**
 * @param {string} of @param {[number, number, number]} size
 * @param {Record<'own' | 'halves' | 'theirs', () => import('@tensorflow/tfjs').Tensor>} kernels
 * @returns {Promise<ProductRate>}
 */
async function rateOf(of, [M, N, K], kernels) {
  const once = async (/** @type {keyof typeof kernels} */ kind) => {
    const made = kernels[kind]();
    const corner = tf.slice(made, [0, 0], [1, 1]);
    await corner.data();
    tf.dispose([made, corner]);
  };
  /** @type {Record<keyof typeof kernels, number[]>} */
  const seconds = { own: [], halves: [], theirs: [] };
  const kinds = /** @type {(keyof typeof kernels)[]} */ (Object.keys(kernels));
  for (const kind of kinds) await once(kind); // warms up
  for (let i = 0; i < Number(options.repeats); i++) for (const kind of kinds) seconds[kind].push(await clock(() => once(kind)));
  const rate = (/** @type {number[]} */ times) => (2 * M * N * K) / median(times);
  return { of, M, N, K, own: rate(seconds.own), halves: rate(seconds.halves), theirs: rate(seconds.theirs) };
}

/** @param {ProductRate[]} rates */
function textOf(rates) {
  const shown = (/** @type {number} */ rate) => (rate / 1e9).toFixed(rate < 1e11 ? 1 : 0);
  const lines = rates.map(({ of, M, N, K, own, halves, theirs }) => [
    ...[of, `${M}×${N}, sums of ${K}`, shown(own), shown(halves), shown(theirs), (own / theirs).toFixed(2)],
  ]);
  const head = ['product', 'size', 'own, GFLOP/s', 'of halves', 'TensorFlow.js', '×'];
  return [probe?.device ?? '', '', table(head, lines)].join('\n');
}
