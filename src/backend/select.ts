/** Chooses the TensorFlow.js backend of a job and says why. */
import { UserError } from '../core/errors.js';
import { type BackendName, type BackendProbe, prepareBackend } from './prepare.js';
import { tf } from './tf.js';
import { computeInHalves } from './webgpu/half.js';

/** Of the encoder's products and of what they keep for the backward pass; sums, weights and their updates are always of 32 bits. */
export type Precision = 'fp32' | 'fp16';

export interface BackendReport {
  readonly name: BackendName;
  /** One clause: why this one, and why those preferred to it were not taken. */
  readonly why: string;
  /** What it computes on, where it says so. */
  readonly device?: string;
  /** 10⁹ floating-point operations a second, measured with one small matrix product. */
  readonly gflops: number;
}

interface Preference {
  readonly name: BackendName;
  /** Taken only if it computes on a hardware GPU. */
  readonly needsGpu: boolean;
  readonly merit: string;
}

const PREFERENCES: readonly Preference[] = [
  { name: 'tensorflow', needsGpu: true, merit: 'native TensorFlow reports a GPU' },
  { name: 'webgpu', needsGpu: true, merit: 'WebGPU has a hardware adapter' },
  { name: 'onnx', needsGpu: false, merit: 'the fastest on a CPU' },
  { name: 'tensorflow', needsGpu: false, merit: 'native TensorFlow on the CPU' },
  { name: 'wasm', needsGpu: false, merit: 'the fastest left without native code' },
  { name: 'cpu', needsGpu: false, merit: 'always there, and slow' },
];

const NAMES: readonly BackendName[] = ['tensorflow', 'webgpu', 'onnx', 'wasm', 'cpu'];

/**
 * Makes a backend the active one, in the precision that is asked for, which another than fp32 webgpu alone has: elsewhere it is a UserError. `auto` takes the first that works of: native TensorFlow on a GPU, WebGPU on hardware,
 * onnx, native TensorFlow, wasm, cpu. One asked for by name that cannot start is a UserError, never replaced.
 */
export async function selectBackend(wanted: 'auto' | BackendName, precision: Precision = 'fp32'): Promise<BackendReport> {
  const report = await chooseBackend(wanted);
  if (precision !== 'fp32' && report.name !== 'webgpu')
    throw new UserError(`train.precision: found ${precision} on backend ${report.name}; expected fp32 there, or backend: webgpu`);
  computeInHalves(precision === 'fp16');
  return report;
}

async function chooseBackend(wanted: 'auto' | BackendName): Promise<BackendReport> {
  if (wanted !== 'auto') {
    const probe = await prepareBackend(wanted);
    if (!probe.usable) throw new UserError(`backend: ${wanted} cannot be used: ${probe.whyNot}; or choose backend: auto`);
    return reported(probe, 'asked for');
  }
  const probes = new Map<BackendName, BackendProbe>();
  const refused: string[] = [];
  for (const { name, needsGpu, merit } of PREFERENCES) {
    const known = probes.get(name);
    if (known && !known.usable) continue; // refused before, with its reason
    const probe = await prepareBackend(name);
    probes.set(name, probe);
    if (probe.usable && (probe.accelerated || !needsGpu)) {
      return reported(probe, [merit, ...refused].join('; '));
    }
    refused.push(`${name} not taken: ${probe.usable ? 'it has no GPU' : summary(probe)}`);
  }
  throw new UserError('no TensorFlow.js backend starts, not even cpu: reinstall the dependencies with `npm ci`');
}

async function reported({ name, device }: BackendProbe, why: string): Promise<BackendReport> {
  return { name, why, ...(device !== undefined && { device }), gflops: await measureGflops() };
}

/** The backend that computes. */
export const activeBackend = (): BackendName => tf.getBackend() as BackendName;

/** What of every backend is installed and starts here, for `simans doctor`. The active backend stays. */
export async function probeBackends(): Promise<BackendProbe[]> {
  const active = tf.getBackend();
  const probes: BackendProbe[] = [];
  for (const name of NAMES) probes.push(await prepareBackend(name));
  if (active) await tf.setBackend(active);
  return probes;
}

/** The reason without the advice after the semicolon, which `simans doctor` prints. */
function summary(probe: BackendProbe): string {
  return (probe.whyNot ?? '').split(';')[0];
}

/** [16, 256]·[256, 256] first; only where that took under 2 ms [1024, 256]·[256, 256]: slow backends end soon too. */
async function measureGflops(): Promise<number> {
  const small = await timeProduct(16);
  const { operations, milliseconds } = small.milliseconds < 2 ? await timeProduct(1024) : small;
  return operations / milliseconds / 1e6;
}

/** The fastest of three runs after one that compiles and warms up. */
async function timeProduct(rows: number): Promise<{ operations: number; milliseconds: number }> {
  const inner = 256;
  const a = tf.ones([rows, inner]);
  const b = tf.ones([inner, inner]);
  const times: number[] = [];
  for (let run = 0; run < 4; run++) {
    const start = performance.now();
    const product = tf.matMul(a, b);
    await product.data(); // waits for a GPU
    times.push(performance.now() - start);
    product.dispose();
  }
  tf.dispose([a, b]);
  return { operations: 2 * rows * inner * inner, milliseconds: Math.min(...times.slice(1)) };
}
