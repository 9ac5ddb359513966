/** What issue 10 asks to be shown of WebGPU: numbers on any adapter, speed on hardware alone. */
import { probeBackends } from '../dist/backend/index.js';
import { criticalT } from '../dist/eval/tDistribution.js';
import { meanOf } from '../dist/sampling/statistics.js';
import { benchmark, ROOT } from './processes.mjs';
import { runStart, storedStarts } from './speedCells.mjs';
import { unmeasured } from './verdicts.mjs';

/** @typedef {import('./verdicts.mjs').Measured} Measured */
/** @typedef {import('../bench/device.mjs').DeviceTiming} DeviceTiming */

const SPEED = ['quickstart', 'step', 'stepTf32', 'stepF16', 'encode'];
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
      note: `device ${device.toFixed(2)} %, host ${host.toFixed(2)} %, ${tensors} tensors more after ${STEPS} steps more than the first ${flat.after}; on ${probe.device}`,
    },
  };
}

/** What lies on the device after steps of a shape, beside the plan's prediction. @returns {Promise<Record<string, Measured>>} */
export async function measureMemory() {
  const { usable, whyNot } = await webgpu();
  if (!usable) return unmeasured('gpu', ['memoryPlan'], `webgpu: ${whyNot}`);
  const timing = /** @type {DeviceTiming} */ (
    benchmark('device.mjs', '--json', '--shape', 'BERT-mini 16×64', '--parts', '2', '--repeats', '1')
  );
  return { 'gpu.memoryPlan': { value: timing.bytes / timing.predictedBytes, note: memoryNote(timing) } };
}

/** @param {DeviceTiming} timing */
const memoryNote = ({ shape, bytes, predictedBytes, device }) =>
  `${shape}: ${(bytes / 1e9).toFixed(2)} GB of ${(predictedBytes / 1e9).toFixed(2)} predicted; on ${device}`;

/** Beside PyTorch on the same GPU: on hardware alone. @returns {Promise<Record<string, Measured>>} */
export async function measureSpeed() {
  const { usable, accelerated } = await webgpu();
  if (!usable || !accelerated) return unmeasured('gpu', SPEED, 'no hardware adapter here');
  const [full, half] = /** @type {const} */ (['fp32', 'fp16']).map((precision) => {
    const flags = ['--json', '--precision', precision];
    return /** @type {DeviceTiming} */ (benchmark('device.mjs', ...flags));
  });
  const quickstart = { 'gpu.quickstart': await measureQuickstart() };
  if (!full.version) return { ...unmeasured('gpu', SPEED, 'no Python with PyTorch on this GPU (SIMANS_PYTHON names one)'), ...quickstart };
  return {
    ...quickstart,
    'gpu.step': beside(full, 'fp32', 'step'),
    'gpu.stepTf32': beside(full, 'tf32', 'step'),
    'gpu.stepF16': beside(half, 'bf16', 'step'),
    'gpu.encode': beside(full, 'fp32', 'encode'),
  };
}

/** @param {DeviceTiming} timing @param {string} mode of the peer @param {'step' | 'encode'} what @returns {Measured} */
function beside(timing, mode, what) {
  const { own, flops, passagesASecond, device, version } = timing;
  const peer = timing.beside.find((one) => one.mode === mode);
  if (!peer) return { note: `${mode} was not run` };
  const parts = [
    `${own[what].toFixed(4)} s against ${peer[what].toFixed(4)} in ${mode}`,
    `${(flops / 1e12).toFixed(2)} TFLOP/s forward and backward, ${(flops / peer.limitFlops).toFixed(3)} of one large product's ${(peer.limitFlops / 1e12).toFixed(1)}`,
    `${passagesASecond.toFixed(0)} passages/s`,
    memoryNote(timing),
    `${version} on ${device}`,
  ];
  return { value: peer[what] / own[what], note: parts.join('; ') };
}

/** `npm start` on the device, by the seeds' own interval for one run more. @returns {Promise<Measured>} */
async function measureQuickstart() {
  const known = storedStarts().now.map(({ test }) => test['recall@10']);
  const { seconds, test } = await runStart(ROOT, known.length + 1, '--backend', 'webgpu');
  const [found, mean] = [test['recall@10'], meanOf(known)];
  const deviation = Math.sqrt(known.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (known.length - 1));
  const reach = criticalT(0.05, known.length - 1) * deviation * Math.sqrt(1 + 1 / known.length);
  return {
    value: Math.abs(found - mean) / reach,
    note: `R@10 ${found.toFixed(4)} after ${seconds.toFixed(0)} s; ${known.length} seeds on the CPU ${mean.toFixed(4)} ± ${reach.toFixed(4)}`,
  };
}

const webgpu = async () =>
  /** @type {import('../dist/backend/index.js').BackendProbe} */ ((await probeBackends()).find(({ name }) => name === 'webgpu'));
