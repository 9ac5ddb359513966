/**
 * The numbers of a device beside those of the default backend: loss and gradient of the states of a short training, on one batch; and whether memory
 * stays as it is over many steps.
 *   node bench/equal.mjs --backend webgpu [--shape 'BERT-mini 16×64'] [--parts 1] [--states 10] [--steps 0] [--precision fp16] [--json]
 * `--parts n`: of the shape's batch every n-th part.
 */
import { parseArgs } from 'node:util';
import { probeBackends, selectBackend, tf } from '../dist/backend/index.js';
import { partOf, shapeOf } from './shapes.mjs';
import { largestDifferences, openTrainer, statesOf } from './trainer.mjs';

/** Of the short training whose states are compared: so slow that the last still has something to learn. */
const STATE_RATE = 1e-5;
/** Steps after which memory is about as large as it gets: V8's heap and malloc's grow for some hundreds. */
const SETTLED = 500;

const { values: options } = parseArgs({
  options: {
    shape: { type: 'string', default: 'BERT-mini 16×64' },
    backend: { type: 'string', default: 'webgpu' },
    parts: { type: 'string', default: '1' },
    states: { type: 'string', default: '10' },
    steps: { type: 'string', default: '0' },
    precision: { type: 'string', default: 'fp32' },
    json: { type: 'boolean', default: false },
  },
});
const backend = /** @type {import('../dist/backend/index.js').BackendName} */ (options.backend);
const precision = /** @type {import('../dist/backend/index.js').Precision} */ (options.precision);
const shape = partOf(shapeOf(options.shape), Number(options.parts));
const probe = (await probeBackends()).find(({ name }) => name === backend);
const found = {
  shape: options.shape,
  backend,
  precision,
  accelerated: probe?.accelerated,
  ...(await differences()),
  ...(await flatness()),
};
console.log(options.json ? JSON.stringify(found) : found);
process.exit();

async function differences() {
  const count = Number(options.states);
  if (count === 0) return {};
  await selectBackend('onnx');
  const first = await openTrainer(shape, 1, 'onnx');
  const states = await statesOf(first, count, STATE_RATE);
  /** @type {import('./trainer.mjs').Gradient[]} */
  const expected = [];
  for (const parameters of states) expected.push(await first.at(parameters));
  await first.dispose();
  await selectBackend(backend, precision);
  const second = await openTrainer(shape, 1, backend);
  const found = await largestDifferences(second, states, async (_, place) => expected[place]);
  await second.dispose();
  return { losses: expected.map(({ loss }) => loss), ...found };
}

/** Tensors, bytes on the device with those kept for the next step, and bytes of the process after SETTLED steps, and after so many more. */
async function flatness() {
  const steps = Number(options.steps);
  if (steps === 0) return {};
  await selectBackend(backend, precision);
  const trainer = await openTrainer(shape, 1, backend);
  const memory = () => {
    const { numTensors, numBytesAllocatedInGPU: device = 0 } =
      /** @type {import('@tensorflow/tfjs').MemoryInfo & { numBytesAllocatedInGPU?: number }} */ (tf.memory());
    return { tensors: numTensors, device, host: process.memoryUsage().rss };
  };
  let settled = memory();
  for (let step = 1; step <= SETTLED + steps; step++) {
    await trainer.update();
    if (step === SETTLED) settled = memory();
  }
  const now = memory();
  await trainer.dispose();
  return { after: SETTLED, steps, settled, now };
}
