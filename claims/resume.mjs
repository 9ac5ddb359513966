/** Small jobs killed with SIGKILL at awkward moments and resumed, compared byte by byte with one that was left alone. */
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { BIN, inTemporaryFolder, ROOT } from './processes.mjs';

const SETTINGS = [
  'encoder.init.layers=1',
  'encoder.init.width=32',
  'encoder.init.heads=2',
  'encoder.vocabulary.size=1000',
  'train.queriesPerStep=8',
  'train.steps=18',
  'refresh.everySteps=6',
  'train.checkpointEverySteps=1',
  'train.warmupShare=0',
  'eval.bm25=false',
];

/** What has been seen of a running job. @typedef {{ folder: string, said: string }} Sight */

/** When to kill. @type {Record<string, (sight: Sight) => boolean>} */
const MOMENTS = {
  'a training step': ({ folder }) => stepsLogged(folder) >= 8,
  'a checkpoint being written': ({ folder }) =>
    names(folder, 'checkpoints').some((name) => name.includes('tmp') && !name.includes('step-000000')),
  'a refresh': ({ said }) => said.includes('refresh 2: encode corpus'),
  'the last evaluation': ({ said }) => said.includes('test: trained encoder'),
};

/** What two equal jobs have in common to the last bit. refresh.json and state.json also hold seconds. */
const COMPARED = /^(log\.jsonl|model\/|index\/|eval\/|tokenizer\/|checkpoints\/.*\.safetensors$|refresh-.*\.safetensors$)/;

/** @returns {Promise<Record<string, import('./verdicts.mjs').Measured>>} */
export async function measureResume() {
  return inTemporaryFolder(async (jobs) => {
    await runJob(jobs, 'whole');
    const expected = fingerprints(path.join(jobs, 'whole'));
    /** @type {string[]} */
    const findings = [];
    let differing = 0;
    for (const [number, [moment, reached]] of Object.entries(MOMENTS).entries()) {
      const name = `killed-${number}`;
      await runJob(jobs, name, reached);
      await runJob(jobs, name);
      const differences = differingFiles(expected, fingerprints(path.join(jobs, name)));
      if (differences.length > 0) differing++;
      findings.push(differences.length === 0 ? moment : `${moment} (differ: ${differences.join(', ')})`);
    }
    return {
      'resume.bitExact': { value: differing, note: `${expected.size} files of each job compared; killed in ${findings.join(', ')}` },
    };
  });
}

/**
 * Runs the job from where it stands, to its end or until it is killed.
 * @param {string} jobs @param {string} name @param {(sight: Sight) => boolean} [reached] when to kill
 */
async function runJob(jobs, name, reached) {
  const settings = [...SETTINGS, `jobsFolder=${jobs}`, `name=${name}`].flatMap((setting) => ['--set', setting]);
  const child = spawn(process.execPath, [BIN, 'train', 'configs/quickstart.yaml', '--resume', ...settings], {
    cwd: ROOT,
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const sight = { folder: path.join(jobs, name), said: '' };
  child.stderr.setEncoding('utf8').on('data', (text) => {
    sight.said += text;
    if (reached?.(sight)) child.kill('SIGKILL');
  });
  const watch = reached && setInterval(() => reached(sight) && child.kill('SIGKILL'), 1);
  const code = await new Promise((resolve) => child.on('close', resolve));
  clearInterval(watch);
  if (reached && code === 0) throw new Error(`job ${name} ended before its moment to be killed was seen`);
  if (!reached && code !== 0) throw new Error(`job ${name} ended with ${code}: ${sight.said.trim().split('\n').at(-1)}`);
}

/** SHA-256 by file, of the files that must be equal. @param {string} folder @returns {Map<string, string>} */
function fingerprints(folder) {
  const files = fs
    .readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((file) => COMPARED.test(file) && fs.statSync(path.join(folder, file)).isFile());
  return new Map(
    files.sort().map((file) => [
      file,
      createHash('sha256')
        .update(fs.readFileSync(path.join(folder, file)))
        .digest('hex'),
    ]),
  );
}

/** @param {Map<string, string>} expected @param {Map<string, string>} found */
export function differingFiles(expected, found) {
  return [...new Set([...expected.keys(), ...found.keys()])].filter((file) => expected.get(file) !== found.get(file));
}

/** @param {string} folder */
function stepsLogged(folder) {
  const file = path.join(folder, 'log.jsonl');
  return fs.existsSync(file) ? fs.readFileSync(file, 'utf8').split('\n').length - 1 : 0;
}

/** @param {string[]} parts */
function names(...parts) {
  const folder = path.join(...parts);
  return fs.existsSync(folder) ? fs.readdirSync(folder) : [];
}
