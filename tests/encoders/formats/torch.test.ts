/** Checkpoints made by PyTorch (scripts/make_torch_golden.py), damaged ones, and hostile ones. */
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { UserError } from '../../../src/core/errors.js';
import { PickleError, readPickle } from '../../../src/encoders/formats/pickle.js';
import { readTorchCheckpoint } from '../../../src/encoders/formats/torch.js';
import { damaged } from './damage.js';

const GOLDEN = fileURLToPath(new URL('../../golden/torch/', import.meta.url));
const golden = (name: string) => path.join(GOLDEN, name);
const expected = JSON.parse(fs.readFileSync(golden('expected.json'), 'utf8')) as Record<string, { shape: number[]; values: number[] }>;
const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'simans-torch-'));
const scratch = path.join(folder, 'x.pt');
afterAll(() => fs.rmSync(folder, { recursive: true }));

async function outcome(bytes: Uint8Array): Promise<'tensors' | string> {
  fs.writeFileSync(scratch, bytes);
  try {
    await readTorchCheckpoint(scratch);
    return 'tensors';
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    return error.message;
  }
}

describe.each([
  ['zip.pt', 'model_dict.'],
  ['legacy.bin', 'model_dict.'],
  ['state-dict.bin', ''],
])('%s', (name, prefix) => {
  it.each(Object.keys(expected))('%s', async (tensor) => {
    const found = (await readTorchCheckpoint(golden(name))).get(prefix + tensor)!;
    const { shape, values } = expected[tensor]!;
    expect(found.shape).toEqual(shape);
    expect([...found.values]).toEqual(values.map((value) => (found.values instanceof Float32Array ? Math.fround(value) : value)));
  });

  it('reads what is selected alone', async () => {
    const some = await readTorchCheckpoint(golden(name), { select: (one) => one.endsWith('fp32') });
    expect([...some.keys()]).toEqual([`${prefix}fp32`]);
  });
});

it('nested dictionaries and lists are dotted paths', async () => {
  const names = [...(await readTorchCheckpoint(golden('zip.pt'))).keys()];
  expect(names).toContain('optimizer_dict.state.0.exp_avg');
});

describe('nothing is ever executed', () => {
  const asks = { system: /posix\.system|os\.system/, eval: /eval/, getattr: /getattr|__import__/, nested: /torch\.(serialization\.)?load/ };
  const cases = Object.entries(asks).flatMap(([name, asked]) =>
    [0, 2, 4].map((protocol) => [`hostile-${name}-${protocol}.pt`, asked] as const),
  );
  it.each(cases)('%s', async (name, asked) => {
    await expect(readTorchCheckpoint(golden(name))).rejects.toThrow(UserError);
    await expect(readTorchCheckpoint(golden(name))).rejects.toThrow(asked);
    await expect(readTorchCheckpoint(golden(name))).rejects.toThrow('nothing of it was executed');
    expect(fs.existsSync('executed-by-a-pickle')).toBe(false);
  });

  it.each([
    ['extension registry', Buffer.from([0x82, 1, 0x2e])],
    ['instances of protocol 0', Buffer.from('(ios\nsystem\n.')],
    ['object of a class on the stack', Buffer.from([0x28, 0x6f, 0x2e])],
    ['calling a string', Buffer.from("S'os.system'\n(S'x'\ntR.")],
    ['state for a list', Buffer.from([0x5d, 0x7d, 0x62, 0x2e])],
  ])('%s', (_, bytes) => {
    expect(() => readPickle(bytes, { allowed: new Map(), persistent: () => null })).toThrow(PickleError);
  });
});

describe('damaged files are errors that name the file', () => {
  it('NaN', async () => {
    await expect(readTorchCheckpoint(golden('nan.pt'))).rejects.toThrow(`${golden('nan.pt')}: tensor weight holds NaN at position 1`);
  });

  it('some other file', async () => {
    expect(await outcome(Buffer.from('just some text'))).toContain(scratch);
    expect(await outcome(Buffer.alloc(0))).toContain(scratch);
  });

  it('an absent one', async () => {
    await expect(readTorchCheckpoint(path.join(folder, 'absent.pt'))).rejects.toThrow(UserError);
  });

  it.each(['zip.pt', 'legacy.bin'])('%s cut short anywhere', async (name) => {
    const bytes = fs.readFileSync(golden(name));
    for (let length = 0; length < bytes.length - 1; length += 37) {
      const found = await outcome(bytes.subarray(0, length));
      expect(found === 'tensors' || found.startsWith(scratch), `${length}: ${found}`).toBe(true);
      if (name === 'zip.pt') expect(found).not.toBe('tensors');
    }
  });

  it.each(['zip.pt', 'legacy.bin'])('%s with bytes changed: tensors or an error of ours', async (name) => {
    const bytes = fs.readFileSync(golden(name));
    await fc.assert(
      fc.asyncProperty(damaged(bytes, 4), async (broken) => {
        const found = await outcome(broken);
        expect(found === 'tensors' || found.startsWith(scratch)).toBe(true);
      }),
      { seed: 20221, numRuns: 300 },
    );
  });
});

/** A legacy checkpoint whose object is the pickle given: protocol 2 throughout. */
function legacy(object: Buffer, keys: Buffer, storages: Buffer): Buffer {
  const magic = Buffer.from('80028a0a6cfc9c46f9206aa850192e', 'hex');
  const protocol = Buffer.from('80024de9032e', 'hex');
  const system = Buffer.from('80027d58 0d000000 6c6974746c655f656e6469616e 88732e'.replaceAll(' ', ''), 'hex');
  return Buffer.concat([magic, protocol, system, object, keys, storages]);
}

const text = (value: string) => Buffer.concat([Buffer.from([0x58, value.length, 0, 0, 0]), Buffer.from(value)]);
const int = (value: number) => Buffer.from([0x4b, value]);

/** {'x': _rebuild_tensor_v2(LongStorage of one value, 0, shape, stride 0)} */
const viewOf = (shape: Buffer) =>
  Buffer.concat([
    Buffer.from([0x80, 2, 0x7d]),
    text('x'),
    Buffer.from('ctorch._utils\n_rebuild_tensor_v2\n(('),
    text('storage'),
    Buffer.from('ctorch\nLongStorage\n'),
    text('0'),
    text('cpu'),
    int(1),
    Buffer.from('NtQ'),
    int(0),
    shape,
    int(0),
    Buffer.from([0x85, 0x74, 0x52, 0x73, 0x2e]),
  ]);
const keys = Buffer.concat([Buffer.from([0x80, 2, 0x5d]), text('0'), Buffer.from([0x61, 0x2e])]);
const storage = (value: bigint) => {
  const bytes = Buffer.alloc(16);
  bytes.writeBigInt64LE(1n);
  bytes.writeBigInt64LE(value, 8);
  return bytes;
};

describe('small files that ask for much', () => {
  it('a legacy file made by hand is read', async () => {
    fs.writeFileSync(scratch, legacy(viewOf(Buffer.concat([int(3), Buffer.from([0x85])])), keys, storage(5n)));
    expect((await readTorchCheckpoint(scratch)).get('x')).toEqual({ name: 'x', shape: [3], values: Int32Array.of(5, 5, 5) });
  });

  it('one value repeated to gigabytes is refused', async () => {
    const billion = Buffer.concat([Buffer.from([0x4a, 0, 0, 0, 0x40]), Buffer.from([0x85])]);
    expect(await outcome(legacy(viewOf(billion), keys, storage(5n)))).toContain('reaches beyond its storage');
  });

  it('a whole number beyond 32 bits is refused, not wrapped', async () => {
    expect(await outcome(legacy(viewOf(Buffer.concat([int(1), Buffer.from([0x85])])), keys, storage(2n ** 31n)))).toContain(
      'beyond 32 bits',
    );
  });

  it('dictionaries that share parts on many levels end soon', async () => {
    // {a: x, b: x} where x is the level below: 2^40 paths in 41 dictionaries.
    const level = (i: number) =>
      Buffer.concat([Buffer.from([0x7d, 0x71, i + 1]), text('a'), Buffer.from([0x68, i, 0x73]), text('b'), Buffer.from([0x68, i, 0x73])]);
    const levels = Array.from({ length: 40 }, (_, i) => Buffer.concat([level(i)]));
    const object = Buffer.concat([Buffer.from([0x80, 2, 0x7d, 0x71, 0]), ...levels, Buffer.from([0x2e])]);
    const empty = Buffer.from([0x80, 2, 0x5d, 0x2e]);
    expect(await outcome(legacy(object, empty, Buffer.alloc(0)))).toContain('more than 1000000 entries');
  });
});

it('random bytes are a value or a PickleError', () =>
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      try {
        readPickle(Buffer.from(bytes), { allowed: new Map(), persistent: () => null });
      } catch (error) {
        expect(error).toBeInstanceOf(PickleError);
      }
    }),
    { seed: 20221, numRuns: 5000 },
  ));

it('a hostile length allocates nothing', () => {
  for (const bytes of [
    [0x58, 0xff, 0xff, 0xff, 0xff],
    [0x8e, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f],
    [0x8b, 0xff, 0xff, 0xff, 0x7f],
    [0x54, 0xff, 0xff, 0xff, 0xff],
  ])
    expect(() => readPickle(Buffer.from(bytes), { allowed: new Map(), persistent: () => null })).toThrow(PickleError);
});
