/**
 * Checkpoints as torch.save writes them: since PyTorch 1.6 a zip of a pickle (data.pkl) and a file a storage, before that several pickles in a row with
 * the storages behind them (torch/serialization.py). The pickle is read as data, never executed; only tensors asked for are read.
 */
import fs from 'node:fs';
import { promisify } from 'node:util';
import { type Entry, fromFd, type ZipFile } from 'yauzl';
import { messageOf, UserError } from '../../core/errors.js';
import { type Constructor, Global, Opaque, PickleError, readPickle } from './pickle.js';
import type { NamedArray } from './safetensors.js';
import { gather, STORAGES, Storage, Tensor } from './torchTensor.js';

const whole = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0;
const wholes = (value: unknown): value is number[] => Array.isArray(value) && value.length <= 8 && value.every(whole);

/** torch._utils._rebuild_tensor(_v2): storage, offset, size, stride, … */
const rebuildTensor: Constructor = ([storage, offset, shape, strides]) => {
  if (!(storage instanceof Storage) || !whole(offset) || !wholes(shape) || !wholes(strides) || shape.length !== strides.length)
    throw new PickleError('a tensor without storage, place or shape');
  return new Tensor(storage, offset, shape, strides);
};

const opaque = (name: string): [string, Constructor] => [name, () => new Opaque(name)];

/** Everything that a pickle may name. Classes of storages are values; side dictionaries of training scripts hold the opaque ones. */
const ALLOWED: ReadonlyMap<string, Constructor> = new Map<string, Constructor>([
  ['collections.OrderedDict', () => new Map()],
  ['collections.defaultdict', () => new Map()],
  ['builtins.dict', () => new Map()],
  ['builtins.set', ([values]) => new Set(Array.isArray(values) ? values : [])],
  ['builtins.list', () => []],
  ...['int', 'long', 'float', 'str', 'bool', 'bytes', 'tuple', 'complex', 'object'].map((name) => opaque(`builtins.${name}`)),
  ['torch._utils._rebuild_tensor', rebuildTensor],
  ['torch._utils._rebuild_tensor_v2', rebuildTensor],
  ['torch._utils._rebuild_parameter', ([data]) => data],
  ['torch._utils._rebuild_parameter_with_state', ([data]) => data],
  ['torch.Size', ([sizes]) => sizes],
  ...Object.keys(STORAGES).map((name): [string, Constructor] => [`torch.${name}`, () => new Opaque(name)]),
  ...['torch.device', 'argparse.Namespace', 'numpy.dtype', 'numpy.core.multiarray.scalar', 'numpy._core.multiarray.scalar'].map(opaque),
  ...['float32', 'float16', 'bfloat16', 'float64', 'int64', 'int32', 'bool'].map((name) => opaque(`torch.${name}`)),
  ...['_codecs.encode', 'numpy.ndarray', 'numpy.core.multiarray._reconstruct', 'numpy._core.multiarray._reconstruct'].map(opaque),
]);

export interface TorchOptions {
  /** Whether the tensor at this dotted path is read; all are, where not given. */
  readonly select?: (path: string) => boolean;
}

/**
 * The tensors of a checkpoint by their dotted paths through its dictionaries (`model_dict.ctx_model.embeddings…`), as float32 or int32. Anything but
 * tensors, dictionaries and plain values, a damaged file, or a number that is not finite is a UserError naming the file.
 */
export async function readTorchCheckpoint(file: string, options: TorchOptions = {}): Promise<Map<string, NamedArray>> {
  let archive: Archive | undefined;
  try {
    archive = await openArchive(file);
    const { root, readStorage } = archive;
    const found = tensorsIn(root, options.select ?? (() => true));
    const storages = new Map<string, Float32Array | Int32Array>();
    const uses = new Map<string, number>();
    for (const { storage } of found.values()) uses.set(storage.key, (uses.get(storage.key) ?? 0) + 1);
    const tensors = new Map<string, NamedArray>();
    for (const [name, tensor] of found) {
      const { key, type, length } = tensor.storage;
      const values = storages.get(key) ?? STORAGES[type]!.read(await readStorage(key, length * STORAGES[type]!.bytes));
      storages.set(key, values);
      tensors.set(name, { name, shape: tensor.shape, values: gather(name, tensor, values) });
      uses.set(key, uses.get(key)! - 1);
      if (uses.get(key) === 0) storages.delete(key);
    }
    return tensors;
  } catch (error) {
    if (!(error instanceof PickleError))
      throw new UserError(`${file}: ${messageOf(error)}; expected a whole PyTorch checkpoint. Copy it again.`);
    throw new UserError(
      `${file}: ${error.message}; expected tensors, dictionaries and plain values alone; nothing of it was executed. Save the model’s state_dict, or as safetensors.`,
    );
  } finally {
    archive?.close();
  }
}

interface Archive {
  readonly root: unknown;
  /** The bytes of a storage, in a buffer of their own. */
  readStorage(key: string, bytes: number): Promise<ArrayBuffer>;
  close(): void;
}

async function openArchive(file: string): Promise<Archive> {
  const descriptor = fs.openSync(file, 'r');
  const magic = Buffer.alloc(4);
  fs.readSync(descriptor, magic, 0, 4, 0);
  if (magic.toString('latin1') === 'PK\x03\x04') return openZip(descriptor);
  try {
    return openLegacy(descriptor);
  } catch (error) {
    fs.closeSync(descriptor);
    throw error;
  }
}

// ---- since PyTorch 1.6: a zip

async function openZip(descriptor: number): Promise<Archive> {
  const zip = await promisify<number, object, ZipFile>(fromFd)(descriptor, { lazyEntries: true, autoClose: false });
  const entries = await entriesOf(zip);
  const pickles = [...entries.keys()].filter((name) => /(^|\/)data\.pkl$/.test(name));
  const folder = pickles[0]?.slice(0, -'data.pkl'.length);
  if (folder === undefined || pickles.length > 1) throw new PickleError(`${pickles.length} data.pkl in the archive`);
  if ([...entries.keys()].some((name) => name.startsWith(`${folder}code/`)))
    throw new PickleError('a TorchScript archive, which holds a program');
  const order = entries.get(`${folder}byteorder`);
  if (order && (await bytesOf(zip, order)).toString() !== 'little') throw new PickleError('big-endian numbers');
  const { value: root } = readPickle(await bytesOf(zip, entries.get(pickles[0]!)!), { allowed: ALLOWED, persistent: storageOf });
  return {
    root,
    readStorage: async (key, bytes) => {
      const entry = entries.get(`${folder}data/${key}`);
      if (!entry || entry.uncompressedSize < bytes) throw new Error(`storage ${key} has ${entry?.uncompressedSize ?? 0} bytes of ${bytes}`);
      const data = await bytesOf(zip, entry);
      return data.buffer.slice(data.byteOffset, data.byteOffset + bytes) as ArrayBuffer;
    },
    close: () => zip.close(),
  };
}

function entriesOf(zip: ZipFile): Promise<Map<string, Entry>> {
  return new Promise((resolve, reject) => {
    const entries = new Map<string, Entry>();
    zip.on('entry', (entry: Entry) => {
      entries.set(entry.fileName, entry);
      zip.readEntry();
    });
    zip.on('end', () => resolve(entries));
    zip.on('error', reject);
    zip.readEntry();
  });
}

async function bytesOf(zip: ZipFile, entry: Entry): Promise<Buffer> {
  const stream = await promisify(
    zip.openReadStream.bind(zip) as (entry: Entry, done: (error: Error | null, stream: NodeJS.ReadableStream) => void) => void,
  )(entry);
  const parts: Buffer[] = [];
  for await (const part of stream) parts.push(part as Buffer);
  return Buffer.concat(parts);
}

// ---- before: pickles in a row

const LEGACY_MAGIC = 0x1950a86a20f9469cfc6cn;
/** Of the pickles before the storages: a model's names and shapes take some hundred kilobytes. */
const MOST_PICKLE_BYTES = 1 << 28;

function openLegacy(descriptor: number): Archive {
  const size = fs.fstatSync(descriptor).size;
  const head = readAt(descriptor, 0, Math.min(size, MOST_PICKLE_BYTES));
  const bytes = Buffer.from(head);
  const read = (offset: number) => readPickle(bytes, { allowed: ALLOWED, persistent: storageOf }, offset);
  const magic = read(0);
  if (magic.value !== LEGACY_MAGIC) throw new PickleError('no PyTorch checkpoint (neither its zip nor its older format)');
  const protocol = read(magic.end);
  const system = read(protocol.end);
  if (!(system.value instanceof Map) || system.value.get('little_endian') !== true)
    throw new PickleError('numbers that are not little-endian');
  const root = read(system.end);
  const keys = read(root.end);
  if (!Array.isArray(keys.value)) throw new PickleError('no list of storages');
  const sizes = new Map([...tensorsIn(root.value, () => true).values()].map(({ storage }) => [storage.key, STORAGES[storage.type]!.bytes]));
  const places = new Map<string, number>();
  let at = keys.end;
  for (const key of keys.value as string[]) {
    places.set(key, at + 8);
    const count = Number(Buffer.from(readAt(descriptor, at, 8)).readBigInt64LE());
    if (!sizes.has(key)) break; // a storage of no tensor: what comes behind it cannot be found
    at += 8 + count * sizes.get(key)!;
  }
  return {
    root: root.value,
    readStorage: async (key, length) => {
      const place = places.get(key);
      if (place === undefined) throw new Error(`storage ${key} is not in the file`);
      return readAt(descriptor, place, length);
    },
    close: () => fs.closeSync(descriptor),
  };
}

function readAt(descriptor: number, position: number, length: number): ArrayBuffer {
  if (position + length > fs.fstatSync(descriptor).size) throw new Error(`it ends before byte ${position + length}`);
  const bytes = new Uint8Array(length);
  for (let at = 0; at < length; ) {
    const read = fs.readSync(descriptor, bytes, at, Math.min(length - at, 1 << 30), position + at);
    if (read === 0) throw new Error(`it ends at byte ${position + at}`);
    at += read;
  }
  return bytes.buffer;
}

// ---- what the pickle describes

/** ('storage', class, key, location, number of elements, …) */
function storageOf(id: unknown): Storage {
  const [word, type, key, , length, view] = Array.isArray(id) ? id : [];
  const name = type instanceof Global ? type.name.replace(/^torch\./, '') : '';
  if (word !== 'storage' || !Object.hasOwn(STORAGES, name) || typeof key !== 'string' || !whole(length) || (view ?? null) !== null)
    throw new PickleError('a persistent id that is no storage');
  return new Storage(name, key, length);
}

/** A large model has some thousand; dictionaries within dictionaries that share parts would go on for ever. */
const MOST_ENTRIES = 1_000_000;

/** All tensors of nested dictionaries and lists, each once on a path. */
function tensorsIn(root: unknown, select: (path: string) => boolean): Map<string, Tensor> {
  const tensors = new Map<string, Tensor>();
  const above = new Set<unknown>();
  let visits = 0;
  const visit = (value: unknown, path: string): void => {
    if (++visits > MOST_ENTRIES) throw new PickleError(`more than ${MOST_ENTRIES} entries`);
    if (value instanceof Tensor) {
      if (select(path)) tensors.set(path, value);
      return;
    }
    if (!(value instanceof Map || Array.isArray(value)) || above.has(value)) return;
    if (above.size > 100) throw new PickleError('dictionaries more than 100 deep');
    above.add(value);
    for (const [key, inner] of value instanceof Map ? value : value.entries())
      visit(inner, path === '' ? String(key) : `${path}.${String(key)}`);
    above.delete(value);
  };
  visit(root, '');
  return tensors;
}
