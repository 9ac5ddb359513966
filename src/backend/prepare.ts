/** Loads each TensorFlow.js backend and registers it, or says precisely what is missing. Optional packages are imported by name at run time. */
import { createRequire } from 'node:module';
import { messageOf } from '../core/errors.js';
import { registerOnnxBackend } from './onnx/index.js';
import { registerSegmentSum } from './segmentSum.js';
import { tf } from './tf.js';

export type BackendName = 'tensorflow' | 'webgpu' | 'onnx' | 'wasm' | 'cpu';

/** What was found of a backend on this machine. */
export interface BackendProbe {
  readonly name: BackendName;
  /** Its package is installed. */
  readonly found: boolean;
  /** It is registered and starts. */
  readonly usable: boolean;
  /** What is missing and what to do, where not usable. */
  readonly whyNot?: string;
  readonly version?: string;
  /** Computes on a hardware GPU. */
  readonly accelerated: boolean;
}

const require = createRequire(import.meta.url);

/** Registers the backend and tries to start it; leaves it active if it does. */
export async function prepareBackend(name: BackendName): Promise<BackendProbe> {
  const packages = PACKAGES[name];
  const missing = packages.filter((one) => versionOf(one) === undefined);
  if (missing.length > 0) {
    const whyNot = `${missing.join(' and ')} ${missing.length > 1 ? 'are' : 'is'} not installed; ${ADVICE[name]}`;
    return { name, found: false, usable: false, whyNot, accelerated: false };
  }
  const version = versionOf(packages[0]);
  try {
    const accelerated = await LOADERS[name]();
    return { name, found: true, usable: true, version, accelerated };
  } catch (error) {
    const whyNot = `${packages[0]} ${version} is installed but does not start: ${messageOf(error).split('\n')[0]}; ${ADVICE[name]}`;
    return { name, found: true, usable: false, whyNot, version, accelerated: false };
  }
}

/** The first of each is the one whose version counts. */
const PACKAGES: Readonly<Record<BackendName, readonly string[]>> = {
  tensorflow: ['@tensorflow/tfjs-node-gpu'],
  webgpu: ['@tensorflow/tfjs-backend-webgpu', 'webgpu'],
  onnx: ['onnxruntime-node'],
  wasm: ['@tensorflow/tfjs-backend-wasm'],
  cpu: ['@tensorflow/tfjs'],
};

const ADVICE: Readonly<Record<BackendName, string>> = {
  tensorflow:
    'on Node 20 or 22 run `npm install @tensorflow/tfjs-node-gpu@4.22.0` with install scripts allowed (npm drops it silently ' +
    'where its download of libtensorflow from storage.googleapis.com fails; a GPU needs CUDA 11.2 and cuDNN 8.1)',
  webgpu: 'run `npm install webgpu @tensorflow/tfjs-backend-webgpu@4.22.0`; a Vulkan, Metal or D3D12 driver is needed',
  onnx: 'run `npm install onnxruntime-node@1.16.3` (it has libraries for Linux, macOS and Windows on x64 and arm64)',
  wasm: 'run `npm install @tensorflow/tfjs-backend-wasm@4.22.0`',
  cpu: 'run `npm install @tensorflow/tfjs@4.22.0`',
};

/** Each makes its backend the active one, resolves to whether it computes on a hardware GPU, and throws where it cannot start. */
const LOADERS: Readonly<Record<BackendName, () => Promise<boolean>>> = {
  tensorflow: async () => {
    if (!('isNullOrUndefined' in require('node:util'))) {
      throw new Error(`Node ${process.version} has no util.isNullOrUndefined, which it calls`);
    }
    await import(PACKAGES.tensorflow[0]);
    await activate('tensorflow');
    return (tf.backend() as unknown as { isUsingGpuDevice: boolean }).isUsingGpuDevice;
  },
  webgpu: async () => {
    const hardware = await exposeWebgpu();
    await import(PACKAGES.webgpu[0]);
    await activate('webgpu');
    return hardware;
  },
  onnx: async () => {
    registerOnnxBackend();
    await activate('onnx');
    return false;
  },
  wasm: async () => {
    await import(PACKAGES.wasm[0]);
    registerSegmentSum('wasm');
    await activate('wasm');
    return false;
  },
  cpu: async () => {
    await activate('cpu');
    return false;
  },
};

async function activate(name: string): Promise<void> {
  if (!(await tf.setBackend(name))) throw new Error('TensorFlow.js could not initialise it');
}

interface WebgpuAdapter {
  readonly info?: {
    readonly vendor?: string;
    readonly architecture?: string;
    readonly description?: string;
    readonly isFallbackAdapter?: boolean;
  };
  readonly isFallbackAdapter?: boolean;
}

interface Webgpu {
  requestAdapter(options: object): Promise<WebgpuAdapter | null>;
}

/** Puts Dawn's implementation where TensorFlow.js looks for it, `navigator.gpu`; resolves to whether its adapter is hardware. */
async function exposeWebgpu(): Promise<boolean> {
  const dawn = (await import(PACKAGES.webgpu[1])) as { create(flags: string[]): Webgpu; globals: object };
  const gpu = dawn.create([]);
  const adapter = await gpu.requestAdapter({ powerPreference: 'high-performance' });
  if (!adapter) throw new Error('no WebGPU adapter answers');
  Object.assign(globalThis, dawn.globals);
  // Node ≥ 21 has a navigator of its own, Node 20 none.
  if (!('navigator' in globalThis)) Object.defineProperty(globalThis, 'navigator', { value: {}, configurable: true });
  Object.defineProperty((globalThis as unknown as { navigator: object }).navigator, 'gpu', { value: gpu, configurable: true });
  const software = /swiftshader|llvmpipe|lavapipe|basic render/i.test(Object.values(describeAdapter(adapter)).join(' '));
  return !software && !adapter.isFallbackAdapter && !adapter.info?.isFallbackAdapter;
}

/** The fields are getters of the prototype, which Object.values does not see. */
function describeAdapter({ info }: WebgpuAdapter): Record<string, string | undefined> {
  return { vendor: info?.vendor, architecture: info?.architecture, description: info?.description };
}

/** The version of an installed package; undefined where it is not installed. */
function versionOf(name: string): string | undefined {
  try {
    return (require(`${name}/package.json`) as { version: string }).version;
  } catch {
    return undefined;
  }
}
