/** Dawn's WebGPU for Node (the npm package `webgpu`), put where TensorFlow.js looks for it, and what is known of its adapter. */

import { UserError } from '../../core/errors.js';

interface Adapter {
  /** Its fields are getters of the prototype. */
  readonly info?: {
    readonly vendor?: string;
    readonly architecture?: string;
    readonly description?: string;
    readonly isFallbackAdapter?: boolean;
  };
  readonly isFallbackAdapter?: boolean;
  readonly features?: Iterable<string>;
  readonly limits?: { readonly maxStorageBufferBindingSize?: number };
}

interface Webgpu {
  requestAdapter(options: object): Promise<Adapter | null>;
}

export interface WebgpuDevice {
  readonly hardware: boolean;
  /** What it is, its largest buffer, and those of FEATURES that it has. */
  readonly text: string;
}

/** Features that make training faster where something is written for them. */
const FEATURES = ['shader-f16', 'subgroups', 'chromium-experimental-subgroup-matrix'];
/** Adapters that compute on the CPU. */
const SOFTWARE = /swiftshader|llvmpipe|lavapipe|basic render/i;

/** One for the process, and kept: a device whose instance is collected as garbage takes the process down. */
let gpu: Webgpu | undefined;

/** Sets `navigator.gpu` by the module of that name. Throws where no adapter answers. */
export async function exposeWebgpu(module: string): Promise<WebgpuDevice> {
  const dawn = (await import(module)) as { create(flags: string[]): Webgpu; globals: object };
  gpu ??= dawn.create([]);
  const adapter = await gpu.requestAdapter({ powerPreference: 'high-performance' });
  if (!adapter) throw new Error('no WebGPU adapter answers');
  Object.assign(globalThis, dawn.globals);
  // Node ≥ 21 has a navigator of its own, Node 20 none.
  if (!('navigator' in globalThis)) Object.defineProperty(globalThis, 'navigator', { value: {}, configurable: true });
  Object.defineProperty((globalThis as unknown as { navigator: object }).navigator, 'gpu', { value: gpu, configurable: true });
  return describe(adapter);
}

interface Device {
  readonly lost: Promise<{ readonly message: string }>;
  addEventListener(type: 'uncapturederror', hear: (event: { readonly error: { readonly message: string } }) => void): void;
}

let fail: (error: Error) => void;
const failed = new Promise<never>((_, reject) => {
  fail = reject;
});
failed.catch(() => {}); // it is for those who wait for it

/** Hears of the loss of the device that TensorFlow.js computes on, and of what it refuses: its results would be zeros. */
export function watchDevice(device: Device): void {
  void device.lost.then(({ message }) => {
    fail(
      new UserError(
        `webgpu: the device was lost: ${message}. What was saved is whole: run the command again, a job of training with --resume.`,
      ),
    );
  });
  device.addEventListener('uncapturederror', ({ error }) => {
    const { name } = error.constructor;
    const short = new UserError(
      `webgpu: the device is out of memory: ${error.message}. Give it less at once with a smaller train.microBatch, or take backend: onnx; a job that was begun goes on with --resume.`,
    );
    fail(name === 'GPUOutOfMemoryError' ? short : new Error(`webgpu refuses what it was asked: ${error.message}`));
  });
}

/** Never resolves; rejects when WebGPU's device is lost (a UserError) or computes wrongly, from when on nothing can be relied on. */
export const deviceFailed = (): Promise<never> => failed;

function describe({ info, isFallbackAdapter, features, limits }: Adapter): WebgpuDevice {
  const names = [info?.vendor, info?.architecture, info?.description].filter((name) => name);
  const hardware = !SOFTWARE.test(names.join(' ')) && !isFallbackAdapter && !info?.isFallbackAdapter;
  const largest = limits?.maxStorageBufferBindingSize ?? 0;
  const has = new Set(features ?? []);
  const parts = [
    hardware ? 'hardware' : 'software, on the CPU',
    `buffers to ${(largest / 2 ** 30).toFixed(2)} GiB`,
    ...FEATURES.filter((feature) => has.has(feature)),
  ];
  return { hardware, text: `${names.join(' ')} (${parts.join('; ')})` };
}
