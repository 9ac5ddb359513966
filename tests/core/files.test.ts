import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { UserError } from '../../src/core/errors.js';
import {
  appendText,
  bytesOf,
  readJson,
  removeLeftovers,
  sha256,
  writeFileAtomic,
  writeFolderAtomic,
  writeJson,
} from '../../src/core/files.js';

let folder: string;
beforeEach(() => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), 'simans-files-'));
});
afterEach(() => fs.rmSync(folder, { recursive: true }));

const inside = (name: string) => path.join(folder, name);
const everything = () => fs.readdirSync(folder, { recursive: true, encoding: 'utf8' }).sort();

describe('writeFileAtomic', () => {
  it('writes texts and bytes one behind the other, making folders, replacing what was there', () => {
    writeFileAtomic(inside('a/b/c'), 'old, and longer than the new');
    writeFileAtomic(inside('a/b/c'), ['né', Uint8Array.of(0, 255), '']);
    expect(fs.readFileSync(inside('a/b/c'))).toEqual(Buffer.from([0x6e, 0xc3, 0xa9, 0, 255]));
    expect(everything()).toEqual(['a', 'a/b', 'a/b/c']);
  });

  it('writes more parts than a call has arguments, as they come', () => {
    const parts = function* () {
      for (let i = 0; i < 300_000; i++) yield i % 1000 === 7 ? Uint8Array.of(0x2d) : 'né\n';
    };
    writeFileAtomic(inside('many'), parts());
    expect(fs.readFileSync(inside('many'), 'utf8')).toBe([...parts()].map((part) => (typeof part === 'string' ? part : '-')).join(''));
  });

  it('a failure while writing leaves the old file and nothing else', () => {
    writeFileAtomic(inside('a'), 'old');
    const broken = {
      get length(): number {
        throw new Error('disk on fire');
      },
    } as unknown as Uint8Array;
    expect(() => writeFileAtomic(inside('a'), ['new', broken])).toThrow(UserError);
    expect(() => writeFileAtomic(inside('a'), ['new', broken])).toThrow(`cannot write ${inside('a')}: disk on fire`);
    expect(fs.readFileSync(inside('a'), 'utf8')).toBe('old');
    expect(everything()).toEqual(['a']);
  });

  it('a place that cannot be written is a UserError naming it', () => {
    fs.writeFileSync(inside('file'), '');
    expect(() => writeFileAtomic(inside('file/below'), 'x')).toThrow(UserError);
    expect(() => writeFileAtomic(inside('file/below'), 'x')).toThrow(inside('file/below'));
    fs.mkdirSync(inside('taken/full'), { recursive: true });
    expect(() => writeFileAtomic(inside('taken'), 'x')).toThrow(inside('taken'));
    expect(everything()).toEqual(['file', 'taken', 'taken/full']);
  });
});

describe('writeFolderAtomic', () => {
  const fillWith =
    (...names: string[]) =>
    (place: string) =>
      names.forEach((name) => fs.writeFileSync(path.join(place, name), name));

  it('is seen whole, and replaces an older folder altogether', () => {
    writeFolderAtomic(inside('x'), fillWith('old', 'both'));
    writeFolderAtomic(inside('x'), (place) => {
      fillWith('new')(place);
      expect(fs.readdirSync(inside('x')).sort()).toEqual(['both', 'old']); // until the end
    });
    expect(everything()).toEqual(['x', 'x/new']);
  });

  it('a failure while filling leaves the old folder and nothing else', () => {
    writeFolderAtomic(inside('x'), fillWith('old'));
    const fail = (error: Error) => (place: string) => {
      fillWith('new')(place);
      throw error;
    };
    expect(() => writeFolderAtomic(inside('x'), fail(new Error('no space')))).toThrow(`cannot write ${inside('x')}: no space`);
    expect(() => writeFolderAtomic(inside('x'), fail(new UserError('cannot write its part')))).toThrow(
      new UserError('cannot write its part'),
    );
    expect(everything()).toEqual(['x', 'x/old']);
  });

  it('the old folder comes back when the new one cannot take its place', () => {
    writeFolderAtomic(inside('x'), fillWith('old'));
    const { renameSync } = fs;
    const rename = vi.spyOn(fs, 'renameSync').mockImplementation((from, to) => {
      if (rename.mock.calls.length === 2) throw new Error('disk on fire'); // the first sets the old folder aside
      renameSync(from, to);
    });
    expect(() => writeFolderAtomic(inside('x'), fillWith('new'))).toThrow(`cannot write ${inside('x')}: disk on fire`);
    rename.mockRestore();
    expect(everything()).toEqual(['x', 'x/old']);
  });
});

describe('removeLeftovers', () => {
  it('removes half-written files and folders at any depth, and nothing else', () => {
    for (const name of ['a', 'b.tmp-12', 'sub/c.tmp-3456', 'sub/d.tmp-1-older', 'sub/e.tmp', 'x.tmp-5/inner.tmp-6', 'my.tmp-notes']) {
      fs.mkdirSync(path.dirname(inside(name)), { recursive: true });
      fs.writeFileSync(inside(name), '');
    }
    removeLeftovers(folder);
    expect(everything()).toEqual(['a', 'my.tmp-notes', 'sub', 'sub/e.tmp']);
  });
});

describe('small helpers', () => {
  it('JSON comes back; broken or missing files are a UserError with the advice', () => {
    writeJson(inside('x.json'), { a: [1, 'ü'] });
    expect(readJson(inside('x.json'), 'Pray.')).toEqual({ a: [1, 'ü'] });
    fs.truncateSync(inside('x.json'), 5);
    expect(() => readJson(inside('x.json'), 'Pray.')).toThrow(UserError);
    expect(() => readJson(inside('x.json'), 'Pray.')).toThrow(/x\.json: .* expected a whole JSON file\. Pray\./);
    expect(() => readJson(inside('none.json'), 'Pray.')).toThrow(/none\.json: ENOENT/);
  });

  it('appending adds to the end; a closed file is a UserError naming it', () => {
    const descriptor = fs.openSync(inside('log'), 'a');
    appendText(descriptor, inside('log'), 'a\n');
    appendText(descriptor, inside('log'), 'é\n');
    fs.closeSync(descriptor);
    expect(fs.readFileSync(inside('log'), 'utf8')).toBe('a\né\n');
    expect(() => appendText(descriptor, inside('log'), 'x')).toThrow(UserError);
    expect(() => appendText(descriptor, inside('log'), 'x')).toThrow(inside('log'));
  });

  it('sha256 takes more bytes than a call of its library does', () => {
    // sha256sum of 2 GiB and a byte, all zeros
    expect(sha256(new Uint8Array(2 ** 31 + 1))).toBe('b8030a8ab89280935633d8d991da3d9907c0f12e8b6fc3bfc515f4d440872b6e');
  });

  it('sha256 is of the parts joined; bytesOf sees exactly the view', () => {
    expect(sha256('ab', Uint8Array.of(99))).toBe('ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad'); // FIPS 180-2: "abc"
    expect([...bytesOf(Uint16Array.of(1, 2, 3).subarray(1, 2))]).toEqual([2, 0]);
  });
});
