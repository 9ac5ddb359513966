/** `simans data`, `eval`, `rerank` and `search --run` in real processes, on data that the test generates. */
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { bertShape } from '../../src/encoders/architectures.js';
import { createCrossEncoder } from '../../src/encoders/crossEncoder.js';
import { writeCrossEncoderFolder } from '../../src/encoders/crossEncoderFolder.js';
import { initialParameters } from '../../src/encoders/parameters.js';
import { loadTokenizer } from '../../src/encoders/tokenizer/tokenizer.js';
import { writeBeir, writeJobFile } from '../train/process.js';
import { simans } from './command.js';

const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'simans-data-cli-'));
const at = (...parts: string[]) => path.join(folder, ...parts);
afterAll(() => fs.rmSync(folder, { recursive: true }));
beforeAll(() => {
  writeBeir(at('beir'));
  for (const name of ['a', 'b']) {
    const job = writeJobFile(folder);
    const { code, stderr } = simans(['train', job, '--set', `name=${name}`, '--set', `seed=${name === 'a' ? 1 : 2}`, '--replicas', '1'], {
      cwd: folder,
    });
    expect(code, stderr).toBe(0);
  }
}, 120_000);

const ok = (args: readonly string[]) => {
  const { code, stdout, stderr } = simans(args, { cwd: folder });
  expect(code, stderr).toBe(0);
  return stdout;
};

describe('data', () => {
  test('list names the sets with their licences', () => {
    expect(ok(['data', 'list'])).toContain('scifact (beir)\n    scientific claims');
    expect(JSON.parse(ok(['data', 'list', '--json'])).length).toBeGreaterThan(10);
  });

  test('get asks for the licence, and names what it knows', () => {
    expect(simans(['data', 'get', 'scifact'], { cwd: folder })).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('its licence must be agreed to; read its terms and add --accept'),
    });
    expect(simans(['data', 'get', 'scifakt'])).toMatchObject({ code: 1, stderr: expect.stringContaining('expected one of nq, triviaqa') });
    expect(fs.existsSync(at('data'))).toBe(false);
  });

  test('inspect counts, in words or in the tokens of a model', () => {
    const words = ok(['data', 'inspect', at('beir')]);
    expect(words).toMatch(/beir: beir\n/);
    expect(words).toMatch(/passages +60/);
    expect(words).toContain('mean words');
    const { unit, passages, splits } = JSON.parse(ok(['data', 'inspect', at('beir'), '--json', '--tokenizer', at('jobs/a/tokenizer')]));
    expect([unit, passages.count, Object.keys(splits)]).toEqual(['tokens', 60, ['train', 'dev', 'test']]);
  });

  test('convert writes another format, whole', () => {
    expect(ok(['data', 'convert', at('beir'), at('tevatron'), '--to', 'tevatron'])).toContain('60 passages from beir to tevatron');
    expect(ok(['data', 'inspect', at('tevatron')])).toContain('tevatron: tevatron');
    expect(simans(['data', 'convert', at('beir'), at('tevatron'), '--to', 'beir']).stderr).toContain('found something there already');
  });

  test('convert leaves nothing beside the new folder, where texts are on the disk too', () => {
    const { code, stderr } = simans(['data', 'convert', at('beir'), at('stored'), '--to', 'beir'], {
      env: { SIMANS_TEXTS_IN_MEMORY: '1' },
    });
    expect(code, stderr).toBe(0);
    expect(fs.readdirSync(folder).filter((name) => name.startsWith('stored'))).toEqual(['stored']);
  });
});

describe('what could be known beforehand is refused before anything is read', () => {
  test.each([
    [['eval', 'bm25', 'other', '--data', 'nowhere', '--fuse', '0.3'], 'found 1 weights (0.3) for 2 runs'],
    [['eval', 'bm25', '--data', 'nowhere', '--measures', 'foo@3'], 'unknown measure foo@3'],
    [['mine', 'nowhere', '--to', folder], 'found something there already'],
    [['data', 'convert', folder, folder, '--to', 'beir'], 'found something there already'],
  ])('%j', (args, message) => {
    expect(simans(args)).toMatchObject({ code: 1, stderr: expect.stringContaining(message) });
  });
});

describe('eval', () => {
  test('a model, BM25, a run and their fusion on one set; runs and metrics are written, and give the same figures again', () => {
    const stdout = ok([
      'eval',
      'bm25',
      at('jobs/a'),
      '--data',
      at('beir'),
      '--fuse',
      'rrf',
      '--measures',
      'ndcg@10,recall@20',
      '--show',
      '1',
      '--to',
      at('out'),
    ]);
    expect(stdout).toMatch(/beir test, \d+ queries +nDCG@10 +R@20/);
    for (const row of ['bm25', 'a ', 'fused \\(RRF\\)']) expect(stdout).toMatch(new RegExp(`\n${row}`));
    expect(stdout).toContain('nDCG@10 (paired randomisation, Holm)');
    expect(fs.readdirSync(at('out')).sort()).toEqual(['a.trec', 'bm25.trec', 'fused-RRF.trec', 'metrics.json']);
    const figure = (text: string, name: string) => new RegExp(`\n${name} +([\\d.]+)`).exec(text)![1];
    const again = ok([
      'eval',
      at('out/bm25.trec'),
      at('out/a.trec'),
      '--qrels',
      at('beir/qrels/test.tsv'),
      '--measures',
      'ndcg@10,map,rprec',
    ]);
    expect(figure(again, 'bm25')).toBe(figure(stdout, 'bm25'));
    expect(figure(again, 'a')).toBe(figure(stdout, 'a'));
    expect(figure(ok(['eval', at('out/metrics.json')]), 'a')).toBe(figure(stdout, 'a'));
  });

  test('tests that jobs made are compared as they are, seeds together', () => {
    const { result: stored } = { result: JSON.parse(fs.readFileSync(at('jobs/a/eval/test.json'), 'utf8')) };
    const stdout = ok(['eval', at('jobs/a'), at('jobs/b')]);
    expect(stdout).toContain(`a     `);
    expect(stdout).toMatch(/b − a/);
    expect(Object.keys(stored.systems)).toEqual(['bm25', 'untrained', 'trained']);
    expect(ok(['eval', `one=${at('jobs/a')},${at('jobs/b')}`, `two=${at('jobs/b')},${at('jobs/a')}`])).toContain(
      'bootstrap over seeds and queries',
    );
  });

  test('refuses to compare what was judged by other rules', () => {
    ok(['eval', 'bm25', '--data', at('beir'), '--level', '2', '--to', at('level2')]);
    ok(['eval', 'bm25', '--data', at('beir'), '--to', at('level1')]);
    const { code, stderr } = simans(['eval', at('level1/metrics.json'), at('level2/metrics.json')]);
    expect([code, stderr]).toEqual([1, expect.stringContaining('they differ in relevanceLevel 2, there 1')]);
  });

  test('vectors on disk rank as their model does', () => {
    for (const side of ['passage', 'query'] as const) {
      const [file, name] = side === 'passage' ? ['corpus.jsonl', 'passages'] : ['queries.jsonl', 'queries'];
      ok(['encode', at('jobs/a'), at('beir', file), '--to', at('vectors', name), '--side', side]);
    }
    const measured = (what: string) => JSON.parse(ok(['eval', what, '--data', at('beir'), '--measures', 'ndcg@10', '--json'])).systems;
    expect(Object.values(measured(at('vectors')))[0]).toMatchObject({
      means: (Object.values(measured(at('jobs/a')))[0] as { means: object }).means,
    });
    const manifest = at('vectors/queries/encode.json');
    fs.writeFileSync(manifest, fs.readFileSync(manifest, 'utf8').replace('"model": "', '"model": "x'));
    const { code, stderr } = simans(['eval', at('vectors'), '--data', at('beir')]);
    expect([code, stderr]).toEqual([1, expect.stringContaining('found vectors of another model')]);
  });

  test.each([
    [['eval', 'nothing.trec', '--qrels', 'none.txt'], /none\.txt/],
    [['eval', 'bm25'], /found no result/],
    [['eval', 'jobs/a', 'jobs/b', '--fuse', 'rrf', '--level', '2'], /--level, --fuse: found no --data or --qrels to evaluate on/],
    [['eval', 'bm25', '--data', 'x', '--qrels', 'y'], /--qrels and --data are both given/],
    [['eval', 'bm25', '--data', 'beir', '--measures', 'best@3'], /unknown measure best@3/],
    [['eval', 'bm25', '--data', 'beir', '--set', 'train.steps=3'], /expected a key of data/],
    [['eval', 'bm25', '--data', 'beir', '--fuse', 'rrf'], /--fuse is given for one system/],
  ])('%j', (args, message) => {
    const { code, stderr } = simans(args, { cwd: folder });
    expect(code).toBe(1);
    expect(stderr).toMatch(message);
    expect(stderr).not.toContain('internal');
  });
});

describe('train', () => {
  test('documents in windows are ranked and judged whole', () => {
    ok(['train', at('toy.yaml'), '--set', 'name=windows', '--set', 'data.windows={words: 3, stride: 2}', '--replicas', '1']);
    const result = JSON.parse(fs.readFileSync(at('jobs/windows/eval/test.json'), 'utf8'));
    expect(result.policy.text).toContain('windows of 3 words every 2');
    const ids = fs
      .readFileSync(at('jobs/windows/eval/test.trained.trec'), 'utf8')
      .split('\n')
      .map((line) => line.split(' ')[2]);
    expect(ids.filter((id) => id?.includes('#'))).toEqual([]);
    const byHand = ok([
      'eval',
      at('jobs/windows/eval/test.trained.trec'),
      '--qrels',
      at('beir/qrels/test.tsv'),
      '--measures',
      'recall@10',
      '--json',
    ]);
    const [system] = Object.values(JSON.parse(byHand).systems) as { means: Record<string, number> }[];
    expect(system!.means['recall@10']).toBeCloseTo(result.systems.trained.means['recall@10'], 12);
  });

  test('two sets are mixed', () => {
    ok(['data', 'convert', at('beir'), at('other'), '--to', 'beir']);
    const sets = `data={format: mix, sets: [{path: ${at('beir')}, weight: 3}, {path: ${at('other')}}]}`;
    expect(ok(['train', at('toy.yaml'), '--set', 'name=mixed', '--set', sets, '--replicas', '1'])).toContain(
      'data: beir+other, 120 passages',
    );
    const differing = `data={format: mix, sets: [{path: ${at('beir')}}, {path: ${at('other')}, fields: [text]}]}`;
    expect(simans(['train', at('toy.yaml'), '--set', 'name=no', '--set', differing], { cwd: folder }).stderr).toContain(
      'found sets that differ in fields',
    );
  });

  test('the data’s own negatives are drawn, and asked for in vain where there are none', () => {
    const given = (data: string, name: string) =>
      simans(
        [
          'train',
          at('toy.yaml'),
          '--set',
          `name=${name}`,
          '--set',
          'sampler={kind: given, negatives: 1}',
          '--set',
          `data={format: auto, path: ${data}}`,
          '--replicas',
          '1',
        ],
        { cwd: folder },
      );
    expect(given(at('beir'), 'none').stderr).toContain('found no negatives in the data');
    const lines = fs
      .readFileSync(at('tevatron/train.jsonl'), 'utf8')
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    fs.cpSync(at('tevatron'), at('negatives'), { recursive: true });
    fs.writeFileSync(
      at('negatives/train.jsonl'),
      lines
        .map((record, i) => JSON.stringify({ ...record, negative_passages: lines[(i + 1) % lines.length].positive_passages }))
        .join('\n'),
    );
    const { code, stderr } = given(at('negatives'), 'own');
    expect(code, stderr).toBe(0);
  });
});

describe('runs', () => {
  test('search answers a file of queries into a run file', () => {
    ok(['search', at('jobs/a'), '--queries', at('beir/queries.jsonl'), '--run', at('search.trec'), '--top', '5']);
    const lines = fs.readFileSync(at('search.trec'), 'utf8').trim().split('\n');
    expect(lines[0]).toMatch(/^\S+ Q0 \S+ 1 [\d.-]+ simans$/);
    expect(lines.length % 5).toBe(0);
    ok(['eval', at('search.trec'), '--data', at('beir'), '--measures', 'recall@5']);
  });

  test.each([
    ['jobs/a/model', '12', 1, 'no head of a cross-encoder in it'],
    ['jobs/a', '12', 1, 'found the folder of a job without a finished ranker'],
    ['ranker', '4', 2, '--maxTokens is 4; expected at least 5'],
  ])('rerank refuses %s with %s tokens', (model, maxTokens, code, words) => {
    const flags = ['--data', at('beir'), '--to', at('none.trec'), '--depth', '2', '--maxTokens', maxTokens];
    const result = simans(['rerank', at(model), 'bm25', ...flags], { cwd: folder });
    expect([result.code, result.stderr]).toEqual([code, expect.stringContaining(words)]);
    expect(fs.existsSync(at('none.trec'))).toBe(false);
  });

  test('rerank gives a run in another order, of the same passages', async () => {
    const tokenizerFolder = at('jobs/a/tokenizer');
    const tokenizer = await loadTokenizer(tokenizerFolder);
    const sizes = { layers: 1, width: 16, heads: 2, feedForward: 16, vocabulary: tokenizer.vocabSize, positions: 12 };
    const shape = bertShape(sizes);
    const parameters = initialParameters(createCrossEncoder(shape).specs, 9);
    writeCrossEncoderFolder(at('ranker'), { shape, dropout: { hidden: 0, attention: 0 }, parameters, tokenizer, tokenizerFolder });
    ok(['eval', 'bm25', '--data', at('beir'), '--to', at('first')]);
    ok([
      'rerank',
      at('ranker'),
      at('first/bm25.trec'),
      '--data',
      at('beir'),
      '--to',
      at('reranked.trec'),
      '--depth',
      '4',
      '--maxTokens',
      '12',
    ]);
    const passages = (file: string) => {
      const byQuery = new Map<string, string[]>();
      for (const line of fs.readFileSync(at(file), 'utf8').trim().split('\n')) {
        const [query, , passage] = line.split(' ') as [string, string, string];
        byQuery.set(query, [...(byQuery.get(query) ?? []), passage]);
      }
      return byQuery;
    };
    const [before, after] = [passages('first/bm25.trec'), passages('reranked.trec')];
    for (const [query, ranking] of after) expect([...ranking].sort()).toEqual(before.get(query)!.slice(0, ranking.length).sort());
  });
});
