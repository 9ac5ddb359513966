/** What issue 10 asks to be shown of WebGPU: numbers on any adapter, speed on hardware alone. */
import { probeBackends } from '../dist/backend/index.js';
import { benchmark } from './processes.mjs';
import { unmeasured } from './verdicts.mjs';

/** @typedef {import('./verdicts.mjs').Measured} Measured */

const SPEED = ['quickstart', 'step', 'stepTf32', 'stepF16'];
const STEPS = 1000;

/** Loss and gradient of ten states beside the default backend's, in both precisions, and memory over many steps. @returns {Promise<Record<string, Measured>>} */
export async function measureNumbers() {
  const probe = await webgpu();
  if (!probe.usable) return unmeasured('gpu', ['loss', 'gradient', 'lossF16', 'gradientF16', 'memoryFlat'], `webgpu: ${probe.whyNot}`);
  const states = (/** @type {'fp32' | 'fp16'} */ precision) => {
    const found = benchmark('equal.mjs', '--json', '--shape', 'BERT-mini 16×64', '--parts', '2', '--precision', precision);
    const { losses } = found;
    return { ...found, note: `${found.states} states, losses ${losses[0].toFixed(3)} to ${losses.at(-1).toFixed(3)}; on ${probe.device}` };
  };
  const [full, half] = [states('fp32'), states('fp16')];
  const flat = benchmark(
    'equal.mjs',
    '--json',
    '--shape',
    'quickstart 512×20',
    '--parts',
    '128',
    '--states',
    '0',
    '--steps',
    String(STEPS),
  );
  const growth = (/** @type {'device' | 'host'} */ what) => flat.now[what] / Math.max(1, flat.settled[what]) - 1;
  const tensors = flat.now.tensors - flat.settled.tensors;
  const [device, host] = [growth('device'), growth('host')].map((share) => 100 * share);
  return {
    'gpu.loss': { value: full.loss, note: full.note },
    'gpu.gradient': { value: full.gradient, note: full.note },
    'gpu.lossF16': { value: half.loss, note: half.note },
    'gpu.gradientF16': { value: half.gradient, note: half.note },
    'gpu.memoryFlat': {
      value: tensors === 0 ? Math.max(device, host) : Number.POSITIVE_INFINITY,
      note: `device ${device.toFixed(2)} %, host ${host.toFixed(2)} %, ${tensors} tensors more after ${STEPS} steps than after 100; on ${probe.device}`,
    },
  };
}

/** @returns {Promise<Record<string, Measured>>} */
export async function measureSpeed() {
  const { usable, accelerated, device } = await webgpu();
  return unmeasured('gpu', SPEED, usable && accelerated ? `not written for ${device} yet` : 'no hardware adapter here');
}

const webgpu = async () =>
  /** @type {import('../dist/backend/index.js').BackendProbe} */ ((await probeBackends()).find(({ name }) => name === 'webgpu'));
