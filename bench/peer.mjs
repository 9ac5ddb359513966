/** Other programs to measure against: a Python process (bench/peers/) that answers line by line, so that both take turns on the same machine. */
import { spawn } from 'node:child_process';
import path from 'node:path';
import readline from 'node:readline';
import { fileURLToPath } from 'node:url';

/**
 * @typedef {object} Peer
 * @property {string} version its libraries
 * @property {(line: string) => Promise<any>} ask sends a line and parses the answer
 * @property {() => void} end
 */

/** Where Python is looked for. */
export const PYTHON = process.env.SIMANS_PYTHON ?? 'python3';

/**
 * undefined where there is no such Python, or it lacks what the program imports.
 * @param {string} program a file of bench/peers/
 * @param {readonly string[]} args
 * @param {{ threads?: number, python?: string }} [options] threads of OpenMP and its like
 * @returns {Promise<Peer | undefined>}
 */
export async function startPeer(program, args, { threads = 1, python = PYTHON } = {}) {
  const file = path.join(path.dirname(fileURLToPath(import.meta.url)), 'peers', program);
  const limits = Object.fromEntries(['OMP_NUM_THREADS', 'MKL_NUM_THREADS', 'RAYON_NUM_THREADS'].map((name) => [name, String(threads)]));
  const child = spawn(python, [file, ...args], {
    stdio: ['pipe', 'pipe', process.env.SIMANS_PEER_ERRORS ? 'inherit' : 'ignore'],
    env: { ...process.env, ...limits, HF_HUB_OFFLINE: '1', TOKENIZERS_PARALLELISM: threads > 1 ? 'true' : 'false' },
  });
  child.on('error', () => {}); // no such program: its lines end
  const lines = readline.createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const said = async () => {
    const { value } = await lines.next();
    return value === undefined ? undefined : JSON.parse(value);
  };
  const first = await said();
  if (first === undefined) return undefined;
  return {
    version: first.version,
    ask: async (line) => {
      child.stdin.write(`${line}\n`);
      const answer = await said();
      if (answer === undefined) throw new Error(`${program} ended at "${line}"; SIMANS_PEER_ERRORS=1 shows its words`);
      return answer;
    },
    end: () => child.stdin.end(),
  };
}
