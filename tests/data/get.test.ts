/** Downloads from a local server: resumed, checked, unpacked safely, whole or absent. */
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { create } from 'tar';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { silentReporter } from '../../src/core/reporter.js';
import { getDataset } from '../../src/data/get.js';
import { KNOWN_DATASETS, type KnownDataset } from '../../src/data/registry.js';
import { unpackTar, unpackZip } from '../../src/data/unpack.js';
import { folderOf } from './folder.js';
import { storedZip } from './zip.js';

let server: http.Server;
let base = '';
const content = new Map<string, Buffer>();
const asked: { url: string; range: string | undefined }[] = [];
/** Cuts the answer off after so many bytes, once. */
let cutAfter = Number.POSITIVE_INFINITY;

beforeAll(async () => {
  server = http.createServer((request, response) => {
    const url = request.url!.slice(1);
    const { range } = request.headers;
    asked.push({ url, range });
    const bytes = content.get(url);
    if (!bytes) return void response.writeHead(404).end();
    const begin = range ? Number(/bytes=(\d+)-/.exec(range)![1]) : 0;
    if (begin >= bytes.length && begin > 0) return void response.writeHead(416).end();
    const rest = bytes.subarray(begin);
    response.writeHead(range ? 206 : 200, { 'content-length': rest.length });
    if (cutAfter < rest.length) {
      response.write(rest.subarray(0, cutAfter), () => response.destroy());
      cutAfter = Number.POSITIVE_INFINITY;
    } else response.end(rest);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(() => void server.close());

const md5 = (bytes: Buffer): string => createHash('md5').update(bytes).digest('hex');

function served(files: Record<string, Buffer>, sums: Record<string, string> = {}): KnownDataset {
  for (const [name, bytes] of Object.entries(files)) content.set(name, bytes);
  return {
    name: 'small',
    about: '',
    format: 'beir',
    licence: 'public domain',
    terms: 'none',
    files: Object.entries(files).map(([name, bytes]) => ({ url: `${base}/${name}`, md5: sums[name] ?? md5(bytes), bytes: bytes.length })),
  };
}

describe('getDataset', () => {
  it('unpacks an archive without its lone folder, writes down where it came from, and leaves no download behind', async () => {
    const to = path.join(folderOf({}), 'small');
    const zip = storedZip({ 'small/corpus.jsonl': 'c', 'small/qrels/train.tsv': 'q' });
    await getDataset(served({ 'small.zip': zip }), { to, reporter: silentReporter });
    expect(fs.readdirSync(to).sort()).toEqual(['corpus.jsonl', 'qrels', 'source.json']);
    const source = JSON.parse(fs.readFileSync(path.join(to, 'source.json'), 'utf8'));
    expect(source).toMatchObject({ licence: 'public domain', files: [{ url: `${base}/small.zip`, md5: md5(zip), published: true }] });
    expect(fs.readdirSync(path.dirname(to))).toEqual(['small']);
  });

  it('goes on where the connection broke', async () => {
    const to = path.join(folderOf({}), 'small');
    const dataset = served({ 'big.tsv': Buffer.alloc(300_000, 'line of text\n') });
    cutAfter = 100_000;
    await expect(getDataset(dataset, { to, reporter: silentReporter })).rejects.toThrow(
      /the connection broke after \d+ bytes .*Start again: it goes on from there/,
    );
    expect(fs.existsSync(to)).toBe(false);
    await getDataset(dataset, { to, reporter: silentReporter });
    expect(asked.at(-1)!.range).toMatch(/bytes=\d+-/);
    expect(fs.readFileSync(path.join(to, 'big.tsv')).equals(content.get('big.tsv')!)).toBe(true);
  });

  it('throws a file away whose checksum is another, and takes one without a published sum with a word', async () => {
    const to = path.join(folderOf({}), 'small');
    const bytes = Buffer.from('x\ty\n');
    await expect(getDataset(served({ 'a.tsv': bytes }, { 'a.tsv': '0'.repeat(32) }), { to, reporter: silentReporter })).rejects.toThrow(
      /its MD5 is .*; expected 0{32}/,
    );
    expect(fs.readdirSync(`${to}.download`)).toEqual([]);
    const lines: string[] = [];
    const [file] = served({ 'a.tsv': bytes }).files;
    const dataset = { ...served({ 'a.tsv': bytes }), files: [{ url: file!.url }] };
    await getDataset(dataset, { to, reporter: { ...silentReporter, line: (text) => lines.push(text) } });
    expect(lines.join()).toContain('no checksum is published for it; its SHA-256 is');
  });

  it('says what the server answers', async () => {
    const to = path.join(folderOf({}), 'small');
    const dataset = { ...served({}), files: [{ url: `${base}/nowhere.zip` }] };
    await expect(getDataset(dataset, { to, reporter: silentReporter })).rejects.toThrow(/nowhere\.zip: the server answers 404/);
  });
});

describe('archives that lead out of their folder', () => {
  it.each(['../evil.txt', '/tmp/simans-evil.txt', 'a/../../evil.txt'])('zip with %s', async (name) => {
    const folder = folderOf({ 'bad.zip': storedZip({ [name]: 'x' }) });
    const into = path.join(folder, 'into');
    fs.mkdirSync(into);
    await expect(unpackZip(path.join(folder, 'bad.zip'), into)).rejects.toThrow(/bad\.zip: found/);
    expect(fs.readdirSync(into)).toEqual([]);
    expect(fs.existsSync(path.join(folder, 'evil.txt'))).toBe(false);
  });

  it('tar with a link', async () => {
    const folder = folderOf({ 'in/file.txt': 'x' });
    fs.symlinkSync('/etc', path.join(folder, 'in', 'link'));
    await create({ file: path.join(folder, 'bad.tar'), cwd: path.join(folder, 'in') }, ['link', 'file.txt']);
    fs.mkdirSync(path.join(folder, 'into'));
    await expect(unpackTar(path.join(folder, 'bad.tar'), path.join(folder, 'into'))).rejects.toThrow(/found the link link/);
  });

  it('tar.gz with a lone folder comes up', async () => {
    const folder = folderOf({ 'in/set/collection.tsv': '1\tx\n', 'in/set/qrels.train.tsv': '' });
    await create({ file: path.join(folder, 'a.tar.gz'), gzip: true, cwd: path.join(folder, 'in') }, ['set']);
    const into = path.join(folder, 'into');
    fs.mkdirSync(into);
    await unpackTar(path.join(folder, 'a.tar.gz'), into);
    expect(fs.readdirSync(into).sort()).toEqual(['collection.tsv', 'qrels.train.tsv']);
  });

  it('a truncated archive is refused', async () => {
    const folder = folderOf({ 'cut.zip': storedZip({ 'a.txt': 'text' }).subarray(0, 20) });
    await expect(unpackZip(path.join(folder, 'cut.zip'), folder)).rejects.toThrow(/cut\.zip: found an archive that cannot be unpacked/);
  });
});

describe('the registry', () => {
  it('has the sets of the papers and names each once, with a licence and https', () => {
    const names = KNOWN_DATASETS.map(({ name }) => name);
    expect(new Set(names).size).toBe(names.length);
    for (const name of ['nq', 'triviaqa', 'msmarco-passage', 'msmarco-document', 'scifact']) expect(names).toContain(name);
    for (const { licence, files } of KNOWN_DATASETS) {
      expect(licence).not.toBe('');
      for (const { url, md5 } of files)
        expect([url.startsWith('https://'), md5 === undefined || /^[0-9a-f]{32}$/.test(md5)]).toEqual([true, true]);
    }
  });
});
