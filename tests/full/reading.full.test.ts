/** What of a passage a job reads is what encode, search, eval and mine read for it, each a process of its own. */
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { simans } from '../cli/command.js';
import { writeBeir, writeJobFile } from '../train/process.js';

const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'simans-reading-'));
const at = (...parts: string[]) => path.join(folder, ...parts);
afterAll(() => fs.rmSync(folder, { recursive: true }));

function done(...args: string[]): string {
  const { code, stdout, stderr } = simans(args, { cwd: folder });
  expect(code, stderr).toBe(0);
  return stdout + stderr;
}

function refused(...args: string[]): string {
  const { code, stderr } = simans(args, { cwd: folder });
  expect(code, stderr).toBe(1);
  expect(stderr.trimEnd().split('\n').at(-1)).toMatch(/^simans: /);
  expect(stderr).not.toMatch(/\n\s+at /);
  return stderr;
}

/** The corpus with what `change` makes of each passage; other passages' words are titles. */
function writeCorpus(file: string, change: (passage: { _id: string; title: string; text: string }) => object): void {
  const lines = fs.readFileSync(file, 'utf8').trimEnd().split('\n');
  const passages = lines.map((line) => JSON.parse(line));
  fs.writeFileSync(file, passages.map((passage) => `${JSON.stringify(change(passage))}\n`).join(''));
}

const JOBS = {
  titled: ['data.separator=token'],
  bare: ['data.fields=[text]'],
  windows: ['data.windows={words: 3, stride: 2}'],
} as const;

beforeAll(() => {
  writeBeir(at('beir'));
  const texts = fs.readFileSync(at('beir/corpus.jsonl'), 'utf8').trimEnd().split('\n');
  writeCorpus(at('beir/corpus.jsonl'), (passage) => {
    const other = JSON.parse(texts[(Number(passage._id.slice(1)) + 7) % texts.length]!) as { text: string };
    return { ...passage, title: other.text.split(' ').slice(0, 2).join(' ') };
  });
  const file = writeJobFile(folder);
  for (const [name, sets] of Object.entries(JOBS))
    done('train', file, '--replicas', '1', ...[`name=${name}`, ...sets].flatMap((set) => ['--set', set]));
}, 240_000);

/** Query and passage ids, rank by rank, of the first `ranks` of each query that another run has too. */
function ranking(file: string, ranks: number, of?: string): string[] {
  const lines = (name: string) =>
    fs
      .readFileSync(at(name), 'utf8')
      .trimEnd()
      .split('\n')
      .map((line) => line.split(' '));
  const queries = of === undefined ? undefined : new Set(lines(of).map(([query]) => query));
  return lines(file)
    .filter(([query, , , rank]) => Number(rank) <= ranks && (queries?.has(query) ?? true))
    .map((line) => line.slice(0, 4).join(' '))
    .sort();
}

const encode = (model: string, file: string, to: string, ...flags: string[]) =>
  done('encode', at(model), at(file), '--to', at(to), ...flags);
const run = (where: string, queries: string, to: string, ...flags: string[]) =>
  done('search', at(where), '--queries', at(queries), '--run', at(to), ...flags);

describe('encode', () => {
  test.each([
    ['titled', 'title [SEP] text'],
    ['bare', 'text'],
    ['windows', 'title text, windows of 3 words every 2'],
  ])(
    'reads passages as the job %s does, and its vectors rank as the job',
    (name, policy) => {
      expect(encode(`jobs/${name}`, 'beir/corpus.jsonl', `vectors-${name}/passages`)).toContain(
        `text: ${policy}, as ${at('jobs', name, 'model/simans.json')} says`,
      );
      encode(`jobs/${name}`, 'beir/queries.jsonl', `vectors-${name}/queries`, '--side', 'query');
      run(`vectors-${name}/passages`, `vectors-${name}/queries`, `${name}.vectors.trec`);
      run(`jobs/${name}`, 'beir/queries.jsonl', `${name}.job.trec`);
      const trained = `jobs/${name}/eval/test.trained.trec`;
      expect(ranking(trained, 10)).toHaveLength(100);
      expect(ranking(`${name}.vectors.trec`, 10, trained)).toEqual(ranking(trained, 10));
      expect(ranking(`${name}.job.trec`, 10, trained)).toEqual(ranking(trained, 10));
      done('eval', at(`${name}.job.trec`), '--data', at('beir')); // of documents, not of windows
    },
    120_000,
  );

  test('an exported model takes along what it reads; one written before reads as its job, and any other title and text', () => {
    done('export', at('jobs/titled'), at('exported'));
    const folderOf = ['--to', at('vectors-titled/passages')];
    expect(done('encode', at('exported'), at('beir/corpus.jsonl'), ...folderOf)).toContain('1 were there already');
    for (const model of ['exported', 'jobs/titled/model']) {
      const { reads, ...rest } = JSON.parse(fs.readFileSync(at(model, 'simans.json'), 'utf8'));
      expect(reads).toBe('title [SEP] text');
      fs.writeFileSync(at(model, 'simans.json'), JSON.stringify(rest));
    }
    const said = done('encode', at('jobs/titled'), at('beir/corpus.jsonl'), ...folderOf);
    expect(said).toContain(`text: title [SEP] text, as ${at('jobs/titled/config.yaml')} says`);
    expect(said).toContain('1 were there already');
    expect(encode('exported', 'beir/corpus.jsonl', 'plain')).toContain('text: title text, for');
  }, 120_000);
});

describe('eval', () => {
  const measured = (...args: string[]) => JSON.parse(done('eval', ...args, '--data', at('beir'), '--measures', 'mrr@10', '--json'));

  test('reads another data set as the job does, and says so', () => {
    const tested = JSON.parse(fs.readFileSync(at('jobs/bare/eval/test.json'), 'utf8'));
    const { policy, systems } = measured(at('jobs/bare'));
    expect(policy).toMatchObject({ text: 'text', corpus: tested.policy.corpus });
    expect(systems.bare.means['mrr@10']).toBeCloseTo(tested.systems.trained.means['mrr@10'], 12);
    expect(measured(at('jobs/windows')).policy.text).toBe('title text, windows of 3 words every 2');
    const said = done('eval', at('jobs/bare'), '--data', at('beir'));
    expect(said).toContain(`text: text, as ${at('jobs/bare/model/simans.json')} says`);
    const set = done('eval', at('jobs/bare'), '--data', at('beir'), '--set', 'data.fields=[title, text]');
    expect(set).toContain(`text: title text, as --set has it (${at('jobs/bare/model/simans.json')}: text)`);
  }, 120_000);

  test('systems that read in different ways are refused, unless --set decides', () => {
    const both = ['eval', at('jobs/bare'), at('jobs/titled'), '--data', at('beir')];
    expect(refused(...both)).toContain(
      `found systems that read passages in different ways, ${at('jobs/bare')} (text) and ${at('jobs/titled')} (title [SEP] text)`,
    );
    done(...both, '--set', 'data.fields=[title, text]', '--set', 'data.separator=space');
  }, 120_000);
});

describe('vectors of other texts', () => {
  test('are refused by mine and eval, as are those of other settings; another precision is said', () => {
    fs.cpSync(at('beir'), at('changed'), { recursive: true });
    writeCorpus(at('changed/corpus.jsonl'), (passage) => ({ ...passage, text: `${passage.text} more` }));
    encode('jobs/bare', 'changed/corpus.jsonl', 'other/passages', '--precision', 'int8');
    encode('jobs/bare', 'beir/queries.jsonl', 'other/queries', '--side', 'query');
    const mine = (...flags: string[]) => ['mine', at('jobs/bare'), '--to', at('mined'), '--vectors', ...flags];
    const otherTexts =
      /encode\.json: found vectors of other texts \(text, SHA-256 \w{12}\); expected those of \S+ \(text, SHA-256 \w{12}\)/;
    expect(refused(...mine(at('other/passages')))).toMatch(otherTexts);
    expect(refused('eval', at('other'), '--data', at('beir'))).toMatch(otherTexts);
    const own = at('vectors-bare/passages');
    expect(refused(...mine(own, '--set', 'encoder.passageTokens=11'))).toContain(
      'found vectors of another maxTokens (12); expected that of',
    );
    expect(refused(...mine(own, '--set', 'encoder.passagePrefix=p '))).toContain('found vectors of another prefix ()');
    expect(run('other/passages', 'other/queries', 'int8.trec')).toContain('encoded in int8, the queries in fp32');
  }, 120_000);
});

test.each([
  ['index/passages.jsonl', ['index/passages.jsonl']],
  ['model/simans.json', ['model']],
  ['index/index.json', ['index', 'model']],
])('search names %s where it is gone', (missing, removed) => {
  const job = at('broken');
  fs.cpSync(at('jobs/bare'), job, { recursive: true });
  for (const part of removed) fs.rmSync(path.join(job, part), { recursive: true });
  expect(refused('search', job, 'a query')).toContain(`${job}: no ${missing}; expected the folder of a finished job`);
  fs.rmSync(job, { recursive: true });
  expect(refused('index', job)).toContain(`${job}: found no encode.json; expected a folder of vectors; encode them with simans encode.`);
});
