/** Models through the command line, in real processes: trained, exported, used as a start again, and for bulk encoding. */
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { writeBeir, writeJobFile } from '../train/process.js';
import { simans } from './command.js';

const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'simans-models-'));
const at = (...parts: string[]) => path.join(folder, ...parts);
afterAll(() => fs.rmSync(folder, { recursive: true }));
let jobFile: string;
beforeAll(() => {
  writeBeir(at('beir'));
  jobFile = writeJobFile(folder);
  const { code, stderr } = simans(['train', jobFile, '--set', 'encoder.towers=separate', '--replicas', '1']);
  expect(code, stderr).toBe(0);
}, 120_000);

describe('export', () => {
  test('writes both towers with ONNX, and a card with data, metrics and configuration', () => {
    const { code, stdout, stderr } = simans(['export', at('jobs/toy'), at('out'), '--onnx', 'fp32', '--onnx', 'int8']);
    expect(code, stderr).toBe(0);
    expect(stdout).toContain('with ONNX fp32, int8');
    for (const file of [
      'query/onnx/model.onnx',
      'passage/onnx/model_quantized.onnx',
      'query/modules.json',
      'passage/tokenizer.json',
      'README.md',
    ])
      expect(fs.existsSync(at('out', file)), file).toBe(true);
    const card = fs.readFileSync(at('out', 'README.md'), 'utf8');
    for (const words of [
      'library_name: sentence-transformers',
      '| data | beir, 60 passages',
      '| trained |',
      'licence',
      'learningRate: 0.01',
    ])
      expect(card).toContain(words);
  });

  test('never writes over a folder', () => {
    const { code, stderr } = simans(['export', at('jobs/toy'), folder]);
    expect([code, stderr]).toEqual([1, expect.stringContaining('exists already')]);
  });
});

describe('a trained model as the start of a job', () => {
  test('begins where the first ended, in the memory of fewer queries, and its towers freeze', () => {
    const sets = [
      'name=second',
      'train.microBatch=3',
      'train.gradientCheckpointing=true',
      'encoder.freeze={embeddings: true}',
      'encoder.towers=separate',
    ];
    const init = `encoder.init={query: ${at('jobs/toy/model/query')}, passage: ${at('jobs/toy/model/passage')}}`;
    const vocabulary = 'encoder.vocabulary={}';
    const { code, stdout, stderr } = simans([
      'train',
      jobFile,
      ...[...sets, init, vocabulary].flatMap((set) => ['--set', set]),
      '--replicas',
      '1',
    ]);
    expect(code, stderr).toBe(0);
    const said = stdout + stderr;
    expect(said).toContain('of them frozen');
    expect(said).toMatch(/GradCache in chunks of \d+ sequences/);
    expect(said).toMatch(/negatives a query in effect/);
    expect(said).toMatch(/memory: training took [\d.]+ GB in the first step/);
    const summaries = ['toy', 'second'].map((name) => JSON.parse(fs.readFileSync(at('jobs', name, 'summary.json'), 'utf8')));
    expect(summaries[1].test.untrained).toEqual(summaries[0].test.trained);
    expect(summaries[1].stepMemoryBytes.predicted).toBeGreaterThan(0);
    // Resuming with other weights in the place of the first is refused.
    fs.rmSync(at('jobs/second/summary.json'));
    fs.copyFileSync(at('jobs/toy/model/query/model.safetensors'), at('jobs/toy/model/passage/model.safetensors'));
    const again = simans(['train', at('jobs/second/config.yaml'), '--resume']);
    expect([again.code, again.stderr]).toEqual([1, expect.stringContaining('have changed since the job was begun')]);
  }, 120_000);
});

describe('encode', () => {
  test('shards are made once, by any number of threads', () => {
    const args = ['encode', at('jobs/toy'), at('beir/corpus.jsonl'), '--to', at('vectors'), '--shardRows', '20'];
    const first = simans([...args, '--threads', '2']);
    expect(first.code, first.stderr).toBe(0);
    expect(fs.readdirSync(at('vectors')).filter((name) => name.endsWith('.safetensors'))).toHaveLength(3);
    expect(simans(args).stdout).toContain('0 shards made, 3 were there already');
  }, 60_000);

  test.each([
    [['--shard', '4/4'], 2, 'expected i/n'],
    [['--threads', '0'], 2, 'at least 1'],
    [['--precision', 'int8', '--engine', 'tensorflow'], 2, 'expected fp32'],
  ])('%s is refused', (flags, code, words) => {
    const result = simans(['encode', at('jobs/toy'), at('beir/corpus.jsonl'), '--to', at('x'), ...flags]);
    expect([result.code, result.stderr]).toEqual([code, expect.stringContaining(words)]);
  });

  test('a missing model is one line', () => {
    const { code, stderr } = simans(['encode', './nowhere', at('beir/corpus.jsonl'), '--to', at('y')]);
    expect([code, stderr.trim().split('\n').length]).toEqual([1, 1]);
    expect(stderr).toContain('no such folder or file, and no hub id');
  });
});
