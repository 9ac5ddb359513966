/** What the command says of data and checkpoints that it cannot use, and of a full disk: one line, no stack, nothing lost. */
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { expectSameJob } from '../train/jobs.js';
import { complaints, lineCount, train, trainUntil, writeBeir, writeJobFile } from '../train/process.js';

const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'simans-bad-'));
const beir = path.join(folder, 'beir');
const file = writeJobFile(folder);
afterAll(() => fs.rmSync(folder, { recursive: true }));

describe('data', () => {
  const edit = (name: string, change: (lines: string[]) => void) => () => {
    const lines = fs.readFileSync(path.join(beir, name), 'utf8').split('\n');
    change(lines);
    fs.writeFileSync(path.join(beir, name), lines.join('\n'));
  };
  const cases: [string, () => void, string][] = [
    ['a missing corpus', () => fs.rmSync(path.join(beir, 'corpus.jsonl')), `${beir}/corpus.jsonl: found neither this file`],
    [
      'a broken line',
      edit('corpus.jsonl', (lines) => (lines[6] = '{"_id": "p6", "text"')),
      `${beir}/corpus.jsonl:7: found {"_id": "p6", "text"`,
    ],
    [
      'a judgment of an unknown passage',
      edit('qrels/train.tsv', (lines) => (lines[3] = 'q2\tp900\t1')),
      `${beir}/qrels/train.tsv:4: found the passage id "p900"`,
    ],
    [
      'a judgment of an unknown query',
      edit('qrels/dev.tsv', (lines) => (lines[1] = 'q900\tp1\t1')),
      `${beir}/qrels/dev.tsv:2: found the query id "q900"`,
    ],
    [
      'an id given twice',
      edit('queries.jsonl', (lines) => (lines[8] = lines[2]!)),
      `${beir}/queries.jsonl:9: found the query id "q2" again`,
    ],
    [
      'an empty passage',
      edit('corpus.jsonl', (lines) => (lines[4] = '{"_id": "p4", "text": " "}')),
      `${beir}/corpus.jsonl:5: found a passage without text`,
    ],
  ];

  it.each(cases)(
    '%s: one line, naming file and line',
    async (_, spoil, message) => {
      fs.rmSync(beir, { recursive: true, force: true });
      writeBeir(beir);
      spoil();
      const { code, stderr } = await train(file, '--set', 'name=bad-data');
      fs.rmSync(path.join(folder, 'jobs', 'bad-data'), { recursive: true, force: true });
      expect(code).toBe(1);
      expect(stderr.startsWith(`simans: ${message}`), stderr).toBe(true);
      expect(stderr.indexOf('\n')).toBe(stderr.length - 1);
    },
    30_000,
  );
});

describe('checkpoints and the disk', () => {
  const stopped = path.join(folder, 'jobs', 'stopped');
  const reference = path.join(folder, 'jobs', 'reference');

  beforeAll(async () => {
    fs.rmSync(beir, { recursive: true, force: true });
    writeBeir(beir);
    await trainUntil(() => lineCount(path.join(stopped, 'log.jsonl')) >= 5, 'SIGINT', file, '--set', 'name=stopped');
    expect(await train(file, '--set', 'name=reference')).toMatchObject({ code: 0 });
  }, 120_000);

  const lastCheckpoint = (job: string): string =>
    path.join(job, 'checkpoints', fs.readdirSync(path.join(job, 'checkpoints')).sort().at(-1)!);

  /** Writes NaN over the last value of a safetensors file. */
  function poison(place: string): void {
    const bytes = fs.readFileSync(place);
    bytes.writeFloatLE(Number.NaN, bytes.length - 4);
    fs.writeFileSync(place, bytes);
  }

  const spoilings: [string, string, (place: string) => void, RegExp][] = [
    ['NaN among the weights', 'model.safetensors', poison, /tensor \S+ holds NaN at position \d+/],
    [
      'truncated weights',
      'model.safetensors',
      (place) => fs.truncateSync(place, 1000),
      /header of \d+ bytes in a file of 1000|ends at byte \d+/,
    ],
    ['truncated moments', 'optimizer.safetensors', (place) => fs.truncateSync(place, fs.statSync(place).size - 1), /ends at byte \d+/],
    ['a truncated state', 'state.json', (place) => fs.truncateSync(place, 10), /expected a whole JSON file/],
    ['a missing file', 'optimizer.safetensors', (place) => fs.rmSync(place), /no such file/],
  ];

  it.each(spoilings)(
    '%s: one line naming the file; mended, the job goes on',
    async (_, name, spoil, message) => {
      const place = path.join(lastCheckpoint(stopped), name);
      const whole = fs.readFileSync(place);
      spoil(place);
      const { code, stderr } = await train(file, '--set', 'name=stopped', '--resume');
      fs.writeFileSync(place, whole);
      expect(code).toBe(1);
      expect(complaints(stderr)).toEqual([expect.stringMatching(message)]);
      expect(complaints(stderr)[0]).toContain(`simans: ${place}: `);
    },
    30_000,
  );

  it('the job whose checkpoint was mended ends as if nothing had been', async () => {
    expect(await train(file, '--set', 'name=stopped', '--resume')).toMatchObject({ code: 0 });
    expectSameJob(stopped, reference);
  }, 60_000);

  const disk = path.join(folder, 'disk');
  fs.mkdirSync(disk);
  const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=2m', 'tmpfs', disk], { encoding: 'utf8' });
  const why = mounted.status === 0 ? '' : ` (skipped: no small disk could be mounted: ${mounted.stderr?.trim() || mounted.error?.message})`;
  afterAll(() => mounted.status === 0 && spawnSync('umount', [disk]));

  it.skipIf(mounted.status !== 0)(
    `a disk that fills up: one line; with space freed the job ends as if nothing had been${why}`,
    async () => {
      const job = path.join(disk, 'full');
      const filler = path.join(disk, 'filler');
      const flags = ['--set', 'name=full', '--set', `jobsFolder=${disk}`];
      // From the second checkpoint on all space but 24 KiB is taken, again and again: the job frees some by removing old checkpoints.
      const fill = () => {
        if (!fs.existsSync(path.join(job, 'checkpoints', 'step-000004')) && !fs.existsSync(filler)) return false;
        const { bavail, bsize } = fs.statfsSync(disk);
        const surplus = bavail * bsize - 24 * 1024;
        try {
          if (surplus > 0) fs.appendFileSync(filler, new Uint8Array(surplus));
        } catch (error) {
          if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error; // the job took the space first: full all the same
        }
        return false;
      };
      const { code, stderr } = await trainUntil(fill, 'SIGKILL', file, ...flags);
      expect(code).toBe(1);
      expect(complaints(stderr)).toEqual([expect.stringMatching(/^simans: cannot write \S*full\S*: ENOSPC.*Free space/)]);
      expect(fs.readdirSync(path.join(job, 'checkpoints')).filter((name) => name.includes('.tmp-'))).toEqual([]);
      fs.rmSync(filler);
      expect(await train(file, ...flags, '--resume')).toMatchObject({ code: 0 });
      expectSameJob(job, reference);
    },
    60_000,
  );
});
