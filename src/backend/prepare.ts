/** Loads each TensorFlow.js backend and registers it, or says precisely what is missing. Optional packages are imported by name at run time. */
import { createRequire } from 'node:module';
import { messageOf } from '../core/errors.js';
import { registerOnnxBackend } from './onnx/index.js';
import { registerSegmentSum } from './segmentSum.js';
import { tf } from './tf.js';
import { exposeWebgpu, watchDevice } from './webgpu/adapter.js';
import { type BufferManager, limitBuffers } from './webgpu/buffers.js';

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
  /** What it computes on, where it says so. */
  readonly device?: string;
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
    return { name, found: true, usable: true, version, accelerated: false, ...(await LOADERS[name]()) };
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

/** Each makes its backend the active one, resolves to what it computes on where that is no plain CPU, and throws where it cannot start. */
const LOADERS: Readonly<Record<BackendName, () => Promise<Pick<BackendProbe, 'accelerated' | 'device'> | undefined>>> = {
  tensorflow: async () => {
    if (!('isNullOrUndefined' in require('node:util'))) {
      throw new Error(`Node ${process.version} has no util.isNullOrUndefined, which it calls`);
    }
    process.env.TF_CPP_MIN_LOG_LEVEL ??= '1'; // libtensorflow speaks on standard error of what it may do
    await import(PACKAGES.tensorflow[0]);
    await activate('tensorflow');
    return { accelerated: (tf.backend() as unknown as { isUsingGpuDevice: boolean }).isUsingGpuDevice };
  },
  webgpu: async () => {
    const { hardware, text } = await exposeWebgpu(PACKAGES.webgpu[1]!);
    await import(PACKAGES.webgpu[0]!);
    await activate('webgpu');
    const { device, bufferManager } = tf.backend() as unknown as {
      device: Parameters<typeof watchDevice>[0];
      bufferManager: BufferManager;
    };
    watchDevice(device);
    limitBuffers(bufferManager);
    return { accelerated: hardware, device: text };
  },
  onnx: async () => {
    registerOnnxBackend();
    await activate('onnx');
    return undefined;
  },
  wasm: async () => {
    await import(PACKAGES.wasm[0]);
    registerSegmentSum('wasm');
    await activate('wasm');
    return undefined;
  },
  cpu: async () => {
    await activate('cpu');
    return undefined;
  },
};

async function activate(name: string): Promise<void> {
  if (!(await tf.setBackend(name))) throw new Error('TensorFlow.js could not initialise it');
}

/** The version of an installed package; undefined where it is not installed. */
function versionOf(name: string): string | undefined {
  try {
    return (require(`${name}/package.json`) as { version: string }).version;
  } catch {
    return undefined;
  }
}
