/** The command as a user runs it: real processes, exit codes, streams. */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { bin, root, simans } from './command.js';

const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'simans-cli-'));
afterAll(() => fs.rmSync(folder, { recursive: true }));

const VERBS = [
  'train',
  'search',
  'eval',
  'compare',
  'rerank',
  'data',
  'data list',
  'data get',
  'data inspect',
  'data convert',
  'negatives',
  'figure',
  'pilot',
  'lab',
  'mine',
  'plan',
  'profile',
  'encode',
  'index',
  'export',
  'config',
  'doctor',
];

describe('help', () => {
  test.each(VERBS)('%s --help has examples and fits 80 columns', (verb) => {
    const { code, stdout, stderr } = simans([...verb.split(' '), '--help']);
    expect(code).toBe(0);
    expect(stderr).toBe('');
    expect(stdout).toContain(`Examples:\n  simans ${verb}`);
    for (const line of stdout.split('\n')) expect(line.length, line).toBeLessThanOrEqual(80);
  });

  test('simans --help names every verb', () => {
    const { code, stdout } = simans(['--help']);
    expect(code).toBe(0);
    for (const verb of VERBS.filter((one) => !one.includes(' '))) expect(stdout).toContain(`  simans ${verb}`);
  });

  test('simans --version is that of package.json', () => {
    const { version } = JSON.parse(fs.readFileSync(path.join(root, 'package.json'), 'utf8')) as { version: string };
    expect(simans(['--version']).stdout).toBe(`${version}\n`);
  });
});

describe('usage errors exit with 2', () => {
  test.each([
    [[], 'Name a verb'],
    [['trian', 'x.yaml'], 'Did you mean train?'],
    [['train'], 'Not enough non-option arguments: got 0, need at least 1'],
    [['train', 'x.yaml', '--stesp', '3'], 'Unknown argument: stesp'],
    [['train', 'x.yaml', 'y.yaml'], 'Unknown argument: y.yaml'],
    [['train', 'x.yaml', '--set'], 'Not enough arguments following: set'],
    [['search', 'job', '--top', '0'], '--top is 0; expected a whole number of at least 1'],
    [['doctor', '--jsn'], 'Unknown argument: jsn'],
  ])('simans %j', (args, message) => {
    const { code, stdout, stderr } = simans(args);
    expect(code).toBe(2);
    expect(stdout).toBe('');
    expect(stderr).toContain(`simans: ${message}`);
    expect(stderr.trimEnd().split('\n').at(-1)).toBe('simans: see simans --help');
  });
});

describe('the user’s errors exit with 1, a line each, without a stack', () => {
  test('a missing job file', () => {
    const { code, stdout, stderr } = simans(['train', 'nowhere.yaml']);
    expect(code).toBe(1);
    expect(stdout).toBe('');
    expect(stderr).toBe('simans: nowhere.yaml: no such file; write a job file there, or name one such as configs/quickstart.yaml\n');
  });

  test('every problem of a job file and of the flags at once', () => {
    fs.writeFileSync(path.join(folder, 'wrong.yaml'), 'seed: one\ntrain:\n  stpes: 5\n');
    const { code, stderr } = simans(['train', 'wrong.yaml', '--set', 'eval.bm25=maybe', '--backend', 'gpu', '--replicas', '0'], {
      cwd: folder,
    });
    expect(code).toBe(1);
    expect(stderr).toMatchInlineSnapshot(`
      "simans: wrong.yaml:1: seed is "one"; expected a whole number ≥ 0
      simans: --set train.replicas=0: train.replicas is 0; expected auto or a whole number ≥ 1 and ≤ 64
      simans: wrong.yaml:3: train.stpes (5) is not a key; did you mean train.steps?
      simans: --set eval.bm25=maybe: eval.bm25 is "maybe"; expected true or false
      simans: --set backend=gpu: backend is "gpu"; expected one of auto, tensorflow, webgpu, onnx, wasm, cpu (did you mean cpu?)
      "
    `);
  });

  test('--set may be repeated, each with one value, before or after the job file', () => {
    const { stderr } = simans(['train', '--set', 'seed=x', 'wrong.yaml', '--set=eval.bm25=y'], { cwd: folder });
    for (const place of ['--set seed=x', 'wrong.yaml:3', '--set eval.bm25=y']) expect(stderr).toContain(`simans: ${place}: `);
  });

  test('a job that is not there', () => {
    const { code, stderr } = simans(['search', path.join(folder, 'no-job'), 'a', 'query']);
    expect(code).toBe(1);
    expect(stderr).toMatch(/^simans: .*no-job/);
    expect(stderr).not.toMatch(/^\s+at /m);
  });
});

test('an error of ours exits with 70 and shows its stack', () => {
  const broken = "data:text/javascript,import os from 'node:os'; os.availableParallelism = () => { throw new TypeError('broken'); }";
  const { code, stderr } = simans(['doctor'], { env: { NODE_OPTIONS: `--import="${broken}"` } });
  expect(code).toBe(70);
  expect(stderr).toMatch(/^simans: internal: TypeError: broken\n\s+at /);
});

test('config prints every section, without colours', () => {
  const { code, stdout } = simans(['config']);
  expect(code).toBe(0);
  for (const key of ['name:', 'train.steps:', 'sampler.kind: simans', 'encoder.init.width:', 'backend: auto'])
    expect(stdout).toContain(key);
  expect(stdout).not.toContain('\u001B');
});

test('a reader that closes early ends the command quietly', () => {
  const { status, stdout, stderr } = spawnSync('bash', ['-o', 'pipefail', '-c', `"${process.execPath}" "${bin}" config | head -n 1`], {
    encoding: 'utf8',
  });
  expect({ status, stdout, stderr }).toEqual({ status: 0, stdout: 'extends: [files]\n', stderr: '' });
});

test.skipIf(!fs.existsSync('/dev/full'))('output that cannot be written is an error', () => {
  const { status, stderr } = spawnSync('sh', ['-c', `"${process.execPath}" "${bin}" config > /dev/full`], { encoding: 'utf8' });
  expect({ status, stderr }).toEqual({ status: 1, stderr: expect.stringMatching(/^simans: cannot write to standard output: ENOSPC.*\n$/) });
});

test('doctor --json says whether training can run, and exits accordingly', () => {
  const { code, stdout } = simans(['doctor', '--json']);
  const findings = JSON.parse(stdout);
  expect(findings.node).toEqual({ version: process.versions.node, supported: true });
  expect(findings.backends.map(({ name }: { name: string }) => name)).toContain('cpu');
  expect(findings.indexes.map(({ package: name }: { package: string }) => name)).toEqual(['usearch', 'pg', '@zilliz/milvus2-sdk-node']);
  expect(findings.cores).toBeGreaterThanOrEqual(1);
  expect(code).toBe(findings.canTrain ? 0 : 1);
});

test('doctor for people names every backend and the tokenizer', () => {
  const { stdout } = simans(['doctor']);
  for (const name of ['Node', 'backend onnx', 'backend cpu', 'tokenizer', 'cores', 'memory', 'disk'])
    expect(stdout).toContain(`  ${name} `);
});

test('a checkout that is not built says what to run', () => {
  fs.mkdirSync(path.join(folder, 'bin'));
  fs.copyFileSync(bin, path.join(folder, 'bin', 'simans.js'));
  fs.writeFileSync(path.join(folder, 'package.json'), '{"type": "module"}');
  const { status, stderr } = spawnSync(process.execPath, [path.join(folder, 'bin', 'simans.js')], { encoding: 'utf8' });
  expect({ status, stderr }).toEqual({ status: 1, stderr: 'simans: this checkout is not built; run: npm run build\n' });
});

test('Ctrl-C asks the work to stop, a second one ends it with 130', async () => {
  const script = `import { interruptSignal } from ${JSON.stringify(new URL('../../dist/cli/interrupt.js', import.meta.url).href)};
    const signal = interruptSignal();
    signal.addEventListener('abort', () => console.log('stopping'));
    setInterval(() => {}, 1000);
    console.log('working');`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', script]);
  const said: string[] = [];
  child.stdout.on('data', (data) => {
    said.push(String(data).trim());
    child.kill('SIGINT');
  });
  const [code] = await once(child, 'exit');
  expect(said).toEqual(['working', 'stopping']);
  expect(code).toBe(130);
});

test('check-imports finds arrows that point right, tensors, yargs and Math.random', () => {
  const files = {
    'src/core/a.ts': '',
    'src/eval/b.ts': "import '../index/c.js';\n",
    'src/index/c.ts': "import type { tf } from '../backend/tf.js';\nimport '../backend/tf.js';\nimport 'yargs';\n",
    'src/backend/tf.ts': "export * from '@tensorflow/tfjs';\nimport '../core/a.js';\nimport '../config/d.js';\n",
    'src/config/d.ts': `export const x = Math.${'random'}();\nawait import('../cli/e.js');\nimport '../core/none.js';\n`,
    'src/cli/e.ts': "import '../eval/b.js';\nimport 'yargs';\n",
  };
  const place = path.join(folder, 'arrows');
  for (const [name, text] of Object.entries(files)) {
    fs.mkdirSync(path.dirname(path.join(place, name)), { recursive: true });
    fs.writeFileSync(path.join(place, name), text);
  }
  const { status, stdout } = spawnSync(process.execPath, ['scripts/check-imports.mjs', place], { cwd: root, encoding: 'utf8' });
  expect(status).toBe(1);
  expect(stdout).toMatchInlineSnapshot(`
    "src/backend/tf.ts:3: backend/ must not import config/ (../config/d.js)
    src/config/d.ts:2: config/ must not import cli/ (../cli/e.js)
    src/config/d.ts:3: ../core/none.js is no file of src/ (relative imports end in .js)
    src/index/c.ts:3: yargs is for cli/ alone
    src/backend/tf.ts:1: eval/ reaches @tensorflow/tfjs: eval/b.ts → index/c.ts → backend/tf.ts
    src/config/d.ts:1: use core/random.ts, not Math.random
    imports of 6 files: 6 offences
    "
  `);
});
