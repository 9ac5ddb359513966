/** A graph of stored vectors, saved beside them: hnsw/graph.usearch, and hnsw/index.json that says what it was built from. */
import fs from 'node:fs';
import path from 'node:path';
import { UserError } from '../core/errors.js';
import { readJson, sha256OfFile, writeJson, writeNewFolder } from '../core/files.js';
import type { Phase } from '../core/reporter.js';
import { HnswGraph, type HnswOptions } from './hnsw.js';
import type { StoredVectors } from './storedVectors.js';

interface GraphManifest {
  readonly generation: string;
  readonly connectivity: number;
  readonly addExpansion: number;
  /** Of the graph's file. */
  readonly sha256: string;
}

const places = (folder: string) => {
  const home = path.join(folder, 'hnsw');
  return { home, graph: path.join(home, 'graph.usearch'), manifest: path.join(home, 'index.json') };
};

/** Whether it had to be built: one of the same vectors and options is kept, any other replaced. */
export async function buildGraph(vectors: StoredVectors, options: HnswOptions, phase: Phase): Promise<boolean> {
  const { home, manifest } = places(vectors.folder);
  const { connectivity, addExpansion } = options;
  const wanted = { generation: vectors.generation(), connectivity, addExpansion };
  if (fs.existsSync(manifest)) {
    const found = readManifest(manifest);
    if (Object.entries(wanted).every(([key, value]) => found[key as keyof GraphManifest] === value)) return false;
  }
  const graph = await HnswGraph.create(vectors.width, options);
  for (let shard = 0; shard < vectors.shards; shard++) await graph.add(vectors.shard(shard), (rows) => phase.update(rows));
  fs.rmSync(home, { recursive: true, force: true });
  await writeNewFolder(home, async (temporary) => {
    const file = path.join(temporary, 'graph.usearch');
    graph.save(file);
    writeJson(path.join(temporary, 'index.json'), { ...wanted, sha256: await sha256OfFile(file) } satisfies GraphManifest);
  });
  return true;
}

/** The saved graph, mapped into memory. One that is absent, damaged or of other vectors is a UserError. */
export async function openGraph(vectors: StoredVectors, { searchExpansion, threads }: Omit<HnswOptions, 'connectivity' | 'addExpansion'>) {
  const { graph: file, manifest } = places(vectors.folder);
  const build = `Build it with: simans index ${vectors.folder} --kind hnsw`;
  if (!fs.existsSync(manifest)) throw new UserError(`${manifest}: no such file; expected a graph of these vectors. ${build}`);
  const { generation, connectivity, addExpansion, sha256 } = readManifest(manifest);
  const own = vectors.generation();
  if (generation !== own)
    throw new UserError(
      `${manifest}: the graph is of other vectors (${generation}); expected those of ${vectors.folder} (${own}). ${build}`,
    );
  // The library trusts what it reads.
  if (!fs.existsSync(file) || (await sha256OfFile(file)) !== sha256)
    throw new UserError(`${file}: missing or damaged; expected the file that was built. Remove ${path.dirname(file)}. ${build}`);
  const graph = await HnswGraph.create(vectors.width, { connectivity, addExpansion, searchExpansion, threads });
  graph.view(file);
  return graph;
}

const readManifest = (file: string) => readJson(file, 'Remove its folder and build the graph again.') as GraphManifest;
