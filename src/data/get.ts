/** Downloads a known data set: resumed, checked, unpacked, whole or absent. */
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { downloadTo, HttpError } from '../core/download.js';
import { messageOf, UserError } from '../core/errors.js';
import { sha256OfFile, writeJson, writeNewFolder } from '../core/files.js';
import type { Reporter } from '../core/reporter.js';
import type { KnownDataset, RemoteFile } from './registry.js';
import { unpackTar, unpackZip } from './unpack.js';

export interface GetOptions {
  /** The folder that the data set becomes. */
  readonly to: string;
  readonly reporter: Reporter;
}

/** Downloads lie in `to`.download until all are there; then `to` appears. */
export async function getDataset(dataset: KnownDataset, { to, reporter }: GetOptions): Promise<void> {
  if (fs.existsSync(to))
    throw new UserError(`${to}: found something there already; expected a new folder; choose another with --to, or remove it.`);
  const downloads = `${to}.download`;
  fs.mkdirSync(downloads, { recursive: true });
  refuseFullDisk(dataset, downloads);
  const got: { url: string; md5: string; sha256: string; bytes: number; published: boolean }[] = [];
  for (const file of dataset.files) got.push(await getFile(file, downloads, reporter));
  await writeNewFolder(to, async (temporary) => {
    for (const file of dataset.files) await place(path.join(downloads, nameOf(file)), temporary, reporter);
    writeJson(path.join(temporary, 'source.json'), { name: dataset.name, licence: dataset.licence, terms: dataset.terms, files: got });
  });
  fs.rmSync(downloads, { recursive: true });
}

const nameOf = ({ url, as }: RemoteFile): string => as ?? path.posix.basename(new URL(url).pathname);

async function getFile(file: RemoteFile, folder: string, reporter: Reporter) {
  const { url, md5, bytes } = file;
  const target = path.join(folder, nameOf(file));
  const incomplete = `${target}.incomplete`;
  if (!fs.existsSync(target)) {
    const phase = reporter.phase(`download ${nameOf(file)}`, Math.ceil((bytes ?? 0) / 1e6), 'MB');
    try {
      await downloadTo(url, incomplete, { onBytes: (done) => phase.update(Math.floor(done / 1e6)) });
    } catch (error) {
      if (error instanceof UserError) throw error;
      if (error instanceof HttpError)
        throw new UserError(`${error.message}. Look whether it has moved; what was downloaded is kept in ${folder}.`);
      const reason = messageOf((error as { cause?: unknown }).cause ?? error);
      throw new UserError(`${url}: cannot be reached (${reason}). Try again where it can; what was downloaded is kept in ${folder}.`);
    } finally {
      phase.end();
    }
  }
  const whole = fs.existsSync(target) ? target : incomplete;
  const found = await md5Of(whole);
  if (md5 !== undefined && found !== md5) {
    fs.rmSync(whole);
    throw new UserError(`${url}: its MD5 is ${found}; expected ${md5}. It was damaged on the way: start again.`);
  }
  const sha256 = await sha256OfFile(whole);
  if (md5 === undefined) reporter.line(`${nameOf(file)}: no checksum is published for it; its SHA-256 is ${sha256}`);
  if (whole === incomplete) fs.renameSync(incomplete, target);
  return { url, md5: found, sha256, bytes: fs.statSync(target).size, published: md5 !== undefined };
}

/** Archives are unpacked, everything else is moved. */
async function place(file: string, folder: string, reporter: Reporter): Promise<void> {
  const name = path.basename(file);
  if (name.endsWith('.zip')) await unpackZip(file, folder);
  else if (/\.(tar\.gz|tgz|tar)$/.test(name)) await unpackTar(file, folder);
  else {
    fs.renameSync(file, path.join(folder, name));
    return;
  }
  reporter.line(`${name}: unpacked`);
}

async function md5Of(file: string): Promise<string> {
  const hash = createHash('md5');
  for await (const part of fs.createReadStream(file, { highWaterMark: 1 << 22 })) hash.update(part as Buffer);
  return hash.digest('hex');
}

function refuseFullDisk({ files, name }: KnownDataset, folder: string): void {
  const needed = files.reduce((sum, { bytes = 0 }) => sum + bytes, 0);
  const { bavail, bsize } = fs.statfsSync(folder);
  if (needed > bavail * bsize)
    throw new UserError(
      `${name}: needs ${(needed / 1e9).toFixed(1)} GB to download; found ${((bavail * bsize) / 1e9).toFixed(1)} GB free at ${folder}. Free space or choose another disk with --to.`,
    );
}
