/** Archives unpacked into a folder; a lone folder at the top of the archive is left out. Nothing is ever written outside the folder. */
import fs from 'node:fs';
import path from 'node:path';
import { pipeline } from 'node:stream/promises';
import { extract } from 'tar';
import { openPromise } from 'yauzl';
import { messageOf, UserError } from '../core/errors.js';

export async function unpackZip(file: string, folder: string): Promise<void> {
  try {
    const zip = await openPromise(file); // refuses names that lead out of the folder
    for await (const entry of zip.eachEntry()) {
      if (!isWithin(folder, entry.fileName)) throw leadsOut(file, entry.fileName);
      const target = path.join(folder, entry.fileName);
      if (entry.fileName.endsWith('/')) continue;
      fs.mkdirSync(path.dirname(target), { recursive: true });
      await pipeline(await zip.openReadStreamPromise(entry), fs.createWriteStream(target));
    }
  } catch (error) {
    throw unreadable(file, error);
  }
  liftLoneFolder(folder);
}

export async function unpackTar(file: string, folder: string): Promise<void> {
  let offence: UserError | undefined; // thrown afterwards: within the filter it would stop nothing
  try {
    await extract({
      file,
      cwd: folder,
      strict: true,
      filter: (name, entry) => {
        // Links could lead out of the folder, and data sets have none.
        if ('type' in entry && /Link/.test(String(entry.type)))
          offence ??= new UserError(`${file}: found the link ${name}; expected files and folders alone; do not unpack it.`);
        else if (!isWithin(folder, name)) offence ??= leadsOut(file, name);
        return offence === undefined;
      },
    });
  } catch (error) {
    throw unreadable(file, error);
  }
  if (offence) throw offence;
  liftLoneFolder(folder);
}

const isWithin = (folder: string, name: string): boolean =>
  !path.isAbsolute(name) && !path.relative(folder, path.resolve(folder, name)).startsWith('..');

const leadsOut = (file: string, name: string): UserError =>
  new UserError(`${file}: found the name ${JSON.stringify(name)}, which leads out of the folder; expected names within; do not unpack it.`);

function unreadable(file: string, error: unknown): UserError {
  if (error instanceof UserError) return error;
  return new UserError(`${file}: found an archive that cannot be unpacked (${messageOf(error)}); expected a whole one; get it again.`);
}

/** What the archive keeps in one folder of its own comes up to `folder`, beside what was there. */
function liftLoneFolder(folder: string): void {
  const folders = fs.readdirSync(folder, { withFileTypes: true }).filter((entry) => entry.isDirectory() && entry.name !== 'qrels');
  const [lone, ...others] = folders;
  if (!lone || others.length > 0 || fs.readdirSync(folder).length > 1) return;
  const inner = path.join(folder, lone.name);
  for (const name of fs.readdirSync(inner)) fs.renameSync(path.join(inner, name), path.join(folder, name));
  fs.rmdirSync(inner);
}
