/** encode, index, search and mine, each a process of its own, as a cluster runs them. */
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { PGlite } from '@electric-sql/pglite';
import { vector } from '@electric-sql/pglite-pgvector';
import { PGLiteSocketServer } from '@electric-sql/pglite-socket';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { loadHnswLibrary } from '../../src/index/hnsw.js';
import { runAsync, simans } from '../cli/command.js';
import { train, writeBeir, writeJobFile } from '../train/process.js';

const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'simans-vectors-'));
const at = (...parts: string[]) => path.join(folder, ...parts);
afterAll(() => fs.rmSync(folder, { recursive: true }));

function done(...args: string[]): string {
  const { code, stdout, stderr } = simans(args);
  expect(code, stderr).toBe(0);
  return stdout + stderr;
}

function refused(...args: string[]): string {
  const { code, stderr } = simans(args);
  expect(code).toBe(1);
  return stderr;
}

beforeAll(async () => {
  writeBeir(at('beir'));
  const file = writeJobFile(folder);
  for (const name of ['toy', 'other']) {
    const { code, stderr } = await train(file, '--replicas', '1', '--set', `name=${name}`, '--set', `seed=${name.length}`);
    expect(code, stderr).toBe(0);
  }
  done('encode', at('jobs/toy'), at('beir/corpus.jsonl'), '--to', at('passages'), '--shardRows', '25');
  done('encode', at('jobs/toy'), at('beir/queries.jsonl'), '--to', at('queries'), '--side', 'query');
}, 240_000);

const search = (to: string, ...flags: string[]) => [
  'search',
  at('passages'),
  '--queries',
  at('queries'),
  '--run',
  at(to),
  '--top',
  '7',
  ...flags,
];
/** Query and passage ids, rank by rank. */
const ranking = (file: string) =>
  fs
    .readFileSync(at(file), 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => line.split(' ').slice(0, 4).join(' '));

describe('exact', () => {
  test('index checks the shards, search ranks as the job itself does', () => {
    expect(done('index', at('passages'))).toContain('all 3 shards of 60 vectors are whole');
    done(...search('exact.trec'));
    done('search', at('jobs/toy'), '--queries', at('beir/queries.jsonl'), '--run', at('job.trec'), '--top', '7');
    expect(ranking('exact.trec')).toHaveLength(60 * 7);
    expect(ranking('exact.trec')).toEqual(ranking('job.trec'));
  }, 120_000);

  test('query vectors of another model, and passages for queries, are refused', () => {
    done('encode', at('jobs/other'), at('beir/queries.jsonl'), '--to', at('others'), '--side', 'query');
    const flags = ['--run', at('x.trec')];
    expect(refused('search', at('passages'), '--queries', at('others'), ...flags)).toContain('found vectors of another model');
    expect(refused('search', at('passages'), '--queries', at('passages'), ...flags)).toContain(
      'found vectors of the passage side; expected query',
    );
    expect(refused('search', at('passages'), 'a', 'query')).toContain('vectors are searched with vectors');
    expect(refused('search', at('jobs/toy'), 'a', '--index', 'hnsw')).toContain('is no folder of vectors');
    expect(fs.existsSync(at('x.trec'))).toBe(false);
  }, 120_000);

  test('a damaged shard is refused by index and search, naming its file', () => {
    fs.cpSync(at('passages'), at('broken'), { recursive: true });
    const file = at('broken/shard-00001.safetensors');
    fs.truncateSync(file, fs.statSync(file).size - 8);
    expect(refused('index', at('broken'))).toContain(`${file}: missing or damaged`);
    expect(refused('search', at('broken'), '--queries', at('queries'), '--run', at('x.trec'))).toContain(`${file}: missing or damaged`);
    expect(refused('index', at('nowhere'))).toContain('encode them with simans encode');
  }, 120_000);
});

const hnsw = await loadHnswLibrary().then(
  () => true,
  () => false,
);

describe.skipIf(!hnsw)('hnsw (with usearch)', () => {
  test('a saved graph is searched; one of other vectors, or damaged, is refused', () => {
    expect(refused(...search('graph.trec', '--index', 'hnsw'))).toContain('expected a graph of these vectors. Build it with: simans index');
    expect(done('index', at('passages'), '--kind', 'hnsw')).toContain('a graph of 60 vectors\n');
    expect(done('index', at('passages'), '--kind', 'hnsw')).toContain('was there already');
    done(...search('graph.trec', '--index', 'hnsw'));
    const [found, exact] = [ranking('graph.trec'), new Set(ranking('exact.trec'))];
    expect(found).toHaveLength(exact.size);
    expect(found.filter((line) => exact.has(line)).length).toBeGreaterThan(0.98 * exact.size); // a graph may miss one in a hundred
    done('encode', at('jobs/other'), at('beir/corpus.jsonl'), '--to', at('otherPassages'), '--shardRows', '25');
    fs.cpSync(at('passages/hnsw'), at('otherPassages/hnsw'), { recursive: true });
    const others = ['search', at('otherPassages'), '--queries', at('others'), '--run', at('x.trec'), '--index', 'hnsw'];
    expect(refused(...others)).toContain('the graph is of other vectors');
    const graph = at('passages/hnsw/graph.usearch');
    const bytes = fs.readFileSync(graph);
    bytes[bytes.length - 9]! ^= 1;
    fs.writeFileSync(graph, bytes);
    expect(refused(...search('x.trec', '--index', 'hnsw'))).toContain(`${graph}: missing or damaged`);
  }, 240_000);
});

describe('engine', () => {
  test('shards are loaded into two servers and searched there; what is not loaded is refused', async () => {
    const databases = [await PGlite.create({ extensions: { vector } }), await PGlite.create({ extensions: { vector } })];
    const servers = databases.map((db) => new PGLiteSocketServer({ db, port: 0, maxConnections: 8 }));
    for (const server of servers) await server.start();
    const urls = servers.map((server) => `postgresql://postgres:secret@${server.getServerConn()}/postgres`).join(' ');
    // Not spawnSync: the servers live in this process.
    const run = (...args: string[]) => runAsync(args, { SIMANS_PGVECTOR: urls });
    const flags = ['--name', 'toy'];
    expect((await run(...search('engine.trec', '--index', 'engine', ...flags))).stderr).toContain('does not hold these vectors');
    const loaded = await run('index', at('passages'), '--kind', 'engine', ...flags);
    expect(loaded.stdout + loaded.stderr).toContain('60 vectors loaded');
    expect((await run('index', at('passages'), '--kind', 'engine', ...flags)).stdout).toContain('were there already');
    const searched = await run(...search('engine.trec', '--index', 'engine', ...flags));
    expect(searched.code, searched.stderr).toBe(0);
    expect(ranking('engine.trec')).toEqual(ranking('exact.trec'));
    for (const server of servers) await server.stop();
    for (const db of databases) await db.close();
  }, 240_000);
});

describe('mine', () => {
  test('draws from stored vectors as from those it encodes, and refuses another model’s', () => {
    done('mine', at('jobs/toy'), '--to', at('mined'));
    done('mine', at('jobs/toy'), '--to', at('minedStored'), '--vectors', at('passages'));
    const files = fs.readdirSync(at('mined'));
    expect(files.length).toBeGreaterThan(0);
    for (const file of files)
      expect(fs.readFileSync(at('minedStored', file), 'utf8'), file).toBe(fs.readFileSync(at('mined', file), 'utf8'));
    const source = ['--set', `sampler.source=${at('exact.trec')}`, '--set', 'sampler.sourceShare=1'];
    const said = done('mine', at('jobs/toy'), '--to', at('minedRun'), '--vectors', at('passages'), ...source);
    expect(said).not.toMatch(/encode corpus|mine: search/);
    expect(fs.readdirSync(at('minedRun'))).toEqual(files);
    expect(refused('mine', at('jobs/other'), '--to', at('x'), '--vectors', at('passages'))).toContain('found vectors of another model');
  }, 240_000);
});
