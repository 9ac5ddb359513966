/** faiss-cpu's flat index in a Python process that searches when it is told to: the peer of the exact index. */
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import readline from 'node:readline';
import { bytesOf } from '../dist/core/files.js';

const PROGRAM = `
import sys, time
import numpy as np, faiss
faiss.omp_set_num_threads(1)
passages, queries, width, k = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
read = lambda file: np.fromfile(file, dtype=np.float32).reshape(-1, width)
index, q = faiss.IndexFlatIP(width), read(queries)
index.add(read(passages)); index.search(q[:8], k)
print(faiss.__version__, flush=True)
for _ in sys.stdin:
    begin = time.process_time(); index.search(q, k); print(time.process_time() - begin, flush=True)
`;

/**
 * undefined where there is no such Python, or none with faiss. The vectors go by files in `folder`.
 * @param {string} python @param {string} folder
 * @param {{ queries: import('../dist/index/vectors.js').Vectors, passages: import('../dist/index/vectors.js').Vectors, k: number }} task
 * @returns {Promise<{ version: string, search: () => Promise<number>, end: () => void } | undefined>} `search` takes the seconds that it says
 */
export async function startFaiss(python, folder, { queries, passages, k }) {
  const files = Object.entries({ passages, queries }).map(([name, { values }]) => {
    const file = path.join(folder, name);
    fs.writeFileSync(file, bytesOf(values));
    return file;
  });
  const child = spawn(python, ['-c', PROGRAM, ...files, String(passages.width), String(k)], {
    stdio: ['pipe', 'pipe', 'ignore'],
    env: { ...process.env, OMP_NUM_THREADS: '1' },
  });
  child.on('error', () => {}); // no such program: its lines end
  const lines = readline.createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const said = async () => (await lines.next()).value;
  const version = await said();
  if (version === undefined) return undefined;
  return {
    version,
    search: async () => {
      child.stdin.write('\n');
      return Number(await said());
    },
    end: () => child.stdin.end(),
  };
}
