/** The hub, imitated by a local server: what it serves and how it fails is set by each test. */
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { silentReporter } from '../../src/core/reporter.js';
import { resolveWeights } from '../../src/encoders/hub.js';

const COMMIT = '0123456789abcdef0123456789abcdef01234567';
const WEIGHTS = Buffer.from(Array.from({ length: 300_000 }, (_, i) => (i * 7919) % 251));
const sha256 = (content: Buffer) => createHash('sha256').update(content).digest('hex');
const gitHash = (content: Buffer) => createHash('sha1').update(`blob ${content.length}\0`).update(content).digest('hex');

interface Hub {
  files: Record<string, Buffer>;
  status: number;
  /** Cuts the connection after that many bytes of a large file. */
  cutAfter: number | undefined;
  damaged: boolean;
  discussions: object[];
  requests: string[];
}

let hub: Hub;
let cache: string;
const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'simans-hub-'));
const server = http.createServer((request, response) => {
  const url = decodeURIComponent(request.url!);
  hub.requests.push(`${url.split('?')[0]} ${request.headers.range ?? ''}`.trim());
  const json = (value: unknown) => response.setHeader('content-type', 'application/json').end(JSON.stringify(value));
  if (hub.status !== 200) return void response.writeHead(hub.status).end('{}');
  if (url.includes('/discussions')) return void json({ discussions: hub.discussions });
  if (url.includes('/revision/')) return void json({ _id: 'x', id: 'org/name', sha: COMMIT, modelId: 'org/name' });
  if (url.includes('/tree/')) {
    return void json(
      Object.entries(hub.files).map(([name, content]) => ({
        type: 'file',
        path: name,
        size: content.length,
        oid: gitHash(content),
        ...(content.length > 1000 && { lfs: { oid: sha256(content), size: content.length, pointerSize: 130 } }),
      })),
    );
  }
  const content = hub.files[url.slice(url.indexOf(COMMIT) + COMMIT.length + 1)]!;
  const from = Number(/bytes=(\d+)-/.exec(request.headers.range ?? '')?.[1] ?? 0);
  response.writeHead(from > 0 ? 206 : 200, { 'content-length': content.length - from });
  const rest = hub.damaged && content.length > 1000 ? Buffer.alloc(content.length - from) : content.subarray(from);
  if (hub.cutAfter === undefined || rest.length < 1000) return void response.end(rest);
  response.write(rest.subarray(0, hub.cutAfter), () => setTimeout(() => response.destroy(), 50));
});

beforeAll(async () => {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
});
afterAll(() => {
  server.close();
  fs.rmSync(folder, { recursive: true });
  for (const name of ['HF_ENDPOINT', 'HF_HUB_CACHE', 'HF_HUB_OFFLINE', 'HF_TOKEN']) delete process.env[name];
});
beforeEach(() => {
  cache = fs.mkdtempSync(path.join(folder, 'cache-'));
  process.env.HF_ENDPOINT = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  process.env.HF_HUB_CACHE = cache;
  delete process.env.HF_HUB_OFFLINE;
  const files = {
    'config.json': Buffer.from('{"model_type": "bert"}'),
    'tokenizer.json': Buffer.from('{}'),
    'model.safetensors': WEIGHTS,
    'pytorch_model.bin': WEIGHTS,
    'README.md': Buffer.from('x'),
    '1_Pooling/config.json': Buffer.from('{}'),
  };
  hub = { files, status: 200, cutAfter: undefined, damaged: false, discussions: [], requests: [] };
});

async function resolve(name = 'org/name'): Promise<{ folder: string; lines: string[] }> {
  const lines: string[] = [];
  const found = await resolveWeights(name, {
    namedBy: 'recipe.ranker.init',
    reporter: { ...silentReporter, line: (text) => lines.push(text) },
  });
  return { folder: found, lines };
}

describe('a hub id', () => {
  it('becomes a snapshot in Hugging Face’s cache, with what an encoder needs and no more', async () => {
    const { folder: found } = await resolve();
    expect(found).toBe(path.join(cache, 'models--org--name', 'snapshots', COMMIT));
    const names = fs.readdirSync(found, { recursive: true, encoding: 'utf8' }).filter((name) => name.includes('.'));
    expect(names.sort()).toEqual(['1_Pooling/config.json', 'config.json', 'model.safetensors', 'tokenizer.json']);
    expect(fs.readFileSync(path.join(found, 'model.safetensors')).equals(WEIGHTS)).toBe(true);
    expect(fs.readFileSync(path.join(cache, 'models--org--name', 'refs', 'main'), 'utf8')).toBe(COMMIT);
  });

  it('is downloaded once', async () => {
    await resolve();
    hub.requests = [];
    await resolve();
    expect(hub.requests.filter((request) => request.includes('/resolve/'))).toEqual([]);
  });

  it('goes on where the connection was cut', async () => {
    hub.cutAfter = 100_000;
    await expect(resolve()).rejects.toThrow(/broke after \d+ bytes.*goes on from there/);
    hub.cutAfter = undefined;
    const { folder: found } = await resolve();
    expect(hub.requests.some((request) => / bytes=[1-9]\d*-$/.test(request))).toBe(true);
    expect(fs.readFileSync(path.join(found, 'model.safetensors')).equals(WEIGHTS)).toBe(true);
  });

  it('damaged on the way is refused and not kept', async () => {
    hub.damaged = true;
    await expect(resolve()).rejects.toThrow(/its hash is .* expected/);
    expect(fs.readdirSync(path.join(cache, 'models--org--name', 'blobs')).filter((name) => name.includes(sha256(WEIGHTS)))).toEqual([]);
  });

  it('with a revision asks for that', async () => {
    await resolve('org/name@refs/pr/3');
    expect(hub.requests[0]).toContain('/revision/refs/pr/3');
  });

  it('without safetensors takes PyTorch’s file, and offers the hub’s conversion', async () => {
    delete hub.files['model.safetensors'];
    hub.discussions = [{ num: 7, title: 'Adding `safetensors` variant of this model', isPullRequest: true, status: 'open' }];
    const { folder: found, lines } = await resolve();
    expect(fs.existsSync(path.join(found, 'pytorch_model.bin'))).toBe(true);
    expect(lines.join()).toContain('org/name@refs/pr/7');
  });

  it('that is sharded brings all shards', async () => {
    delete hub.files['model.safetensors'];
    for (const name of ['model.safetensors.index.json', 'model-00001-of-00002.safetensors', 'model-00002-of-00002.safetensors'])
      hub.files[name] = Buffer.from(name);
    const { folder: found } = await resolve();
    expect(fs.readdirSync(found).filter((name) => name.includes('safetensors'))).toHaveLength(3);
  });

  it.each([
    [404, 'org/name: no such folder here, and as a hub id: the hub answers 404: no such model or revision. Check recipe.ranker.init.'],
    [401, 'Check recipe.ranker.init, or accept the model’s terms on the hub and set HF_TOKEN.'],
    [503, 'Try again later'],
  ])('answered with %i is one line', async (status, words) => {
    hub.status = status;
    await expect(resolve()).rejects.toThrow(words);
  });
});

describe('without the hub', () => {
  it('the cache serves, and that is said', async () => {
    const { folder: found } = await resolve();
    process.env.HF_HUB_OFFLINE = '1';
    expect(await resolve()).toMatchObject({ folder: found, lines: [expect.stringContaining('taken from the cache')] });
    delete process.env.HF_HUB_OFFLINE;
    process.env.HF_ENDPOINT = 'http://127.0.0.1:9';
    expect((await resolve()).lines[0]).toContain('the hub cannot be reached');
  });

  it('what the cache lacks is an error that names it', async () => {
    process.env.HF_HUB_OFFLINE = '1';
    await expect(resolve()).rejects.toThrow(`${path.join(cache, 'models--org--name')} does not have it. Check recipe.ranker.init,`);
  });
});

it('a path stays a path, and neither path nor id is an error of both readings', async () => {
  expect((await resolve(folder)).folder).toBe(folder);
  await expect(resolve('./no/such/folder')).rejects.toThrow(/no such folder or file, and no hub id .* Check recipe\.ranker\.init\.$/);
});

it.each(['pt', 'pth', 'pkl', 'bin', 'safetensors', 'onnx', 'ckpt'])('a missing file of weights, .%s, is no hub id', async (ending) => {
  await expect(resolve(`org/name.${ending}`)).rejects.toThrow(`org/name.${ending}: no such file; expected one of weights. Check recipe`);
  expect(hub.requests).toEqual([]);
});
