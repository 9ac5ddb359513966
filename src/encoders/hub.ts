/**
 * Models of the Hugging Face hub as folders on this machine, in the cache that Hugging Face's own tools use (models--org--name/{blobs, refs, snapshots}).
 * What the hub has is asked through its client library; the library's download neither resumes nor checks, so files are fetched here.
 */
import fs from 'node:fs';
import path from 'node:path';
import { getHFHubCachePath, getRepoFolderName, HubApiError, type ListFileEntry, listFiles, modelInfo } from '@huggingface/hub';
import { messageOf, UserError } from '../core/errors.js';
import { writeFileAtomic } from '../core/files.js';
import type { Reporter } from '../core/reporter.js';
import { downloadBlob } from './hubDownload.js';

/** Who asks for a model. */
export interface Asked {
  /** The key of the job file that names it, or what a verb calls it: what messages say to check. */
  readonly namedBy: string;
  readonly reporter: Reporter;
}

const HUB_ID = /^[\w.-]+(\/[\w.-]+)?(@[\w./-]+)?$/;
const WEIGHT_FILE = /\.(pt|pth|pkl|bin|safetensors|onnx|ckpt)$/;
/** What belongs to an encoder, weights aside. */
const COMPANIONS =
  /^(config|tokenizer|tokenizer_config|special_tokens_map|vocab|modules|config_sentence_transformers|sentence_bert_config)\.json$|^(vocab|merges)\.txt$|\.model$|^\d_\w+\/(config\.json|model\.safetensors|pytorch_model\.bin)$/;
/** Weights by preference: the first kind that the model has is taken. */
const WEIGHTS = [
  /^model(-\d+-of-\d+)?\.safetensors(\.index\.json)?$/,
  /^pytorch_model(-\d+-of-\d+)?\.bin(\.index\.json)?$/,
  /^onnx\/model\.onnx$/,
];

/** The folder, or the file, on this machine of what is named as weights: a path as it is, a hub id (org/name, org/name@revision) by downloading what is not there yet. */
export async function resolveWeights(name: string, asked: Asked): Promise<string> {
  const { namedBy, reporter } = asked;
  if (fs.existsSync(name)) return name;
  const { id, revision, cache } = hubPlace(name, namedBy);
  if (process.env.HF_HUB_OFFLINE === '1') return fromCache(name, cache, revision, 'HF_HUB_OFFLINE is 1', asked);
  try {
    return await download(id, revision, cache, reporter);
  } catch (error) {
    if (error instanceof UserError) throw error;
    if (error instanceof HubApiError) throw refusal(name, error, namedBy);
    // Neither an answer of the hub nor ours: it cannot be reached.
    return fromCache(name, cache, revision, `the hub cannot be reached (${reasonOf(error)})`, asked);
  }
}

/** The same without asking the hub: undefined where the cache does not have it. */
export function localWeights(name: string, namedBy: Asked['namedBy']): string | undefined {
  if (fs.existsSync(name)) return name;
  const { cache, revision } = hubPlace(name, namedBy);
  const folder = snapshotOf(cache, revision);
  return fs.existsSync(folder) ? folder : undefined;
}

/** The id, without a revision, of what is named as weights; undefined for a place on this machine. */
export const hubIdOf = (name: string): string | undefined => (fs.existsSync(name) || !HUB_ID.test(name) ? undefined : name.split('@')[0]!);

/** What a hub id names, and its place in the cache. Throws a UserError for what can be none. */
function hubPlace(name: string, namedBy: string): { id: string; revision: string; cache: string } {
  if (WEIGHT_FILE.test(name)) throw new UserError(`${name}: no such file; expected one of weights. Check ${namedBy}.`);
  if (!HUB_ID.test(name) || name.startsWith('.'))
    throw new UserError(`${name}: no such folder or file, and no hub id (org/name or org/name@revision) either. Check ${namedBy}.`);
  const [id, revision = 'main'] = name.split('@') as [string, string?];
  return { id, revision, cache: path.join(getHFHubCachePath(), getRepoFolderName({ name: id, type: 'model' })) };
}

/** The folder of a revision in the cache, where it is there. */
function snapshotOf(cache: string, revision: string): string {
  const reference = path.join(cache, 'refs', revision);
  return path.join(cache, 'snapshots', fs.existsSync(reference) ? fs.readFileSync(reference, 'utf8').trim() : revision);
}

const hubUrl = (): string => (process.env.HF_ENDPOINT ?? 'https://huggingface.co').replace(/\/$/, '');
const credentials = () => (process.env.HF_TOKEN ? { accessToken: process.env.HF_TOKEN } : {});
const reasonOf = (error: unknown): string => messageOf((error as { cause?: unknown }).cause ?? error);

/** What could be a path as well is said to be none here. */
const asHubId = (name: string): string => `${name}: no such folder here, and as a hub id`;

function fromCache(name: string, cache: string, revision: string, why: string, { namedBy, reporter }: Asked): string {
  const folder = snapshotOf(cache, revision);
  if (fs.existsSync(folder)) {
    reporter.line(`${name}: ${why}; taken from the cache, ${folder}`);
    return folder;
  }
  throw new UserError(
    `${asHubId(name)}: ${why}, and ${cache} does not have it. Check ${namedBy}, or fetch it where the hub can be reached and name its folder.`,
  );
}

function refusal(name: string, { statusCode, message }: HubApiError, namedBy: string): UserError {
  if (statusCode === 401 || statusCode === 403)
    return new UserError(
      `${asHubId(name)}: the hub answers ${statusCode}: no such model, or a private or gated one. Check ${namedBy}, or accept the model’s terms on the hub and set HF_TOKEN.`,
    );
  if (statusCode === 404) return new UserError(`${asHubId(name)}: the hub answers 404: no such model or revision. Check ${namedBy}.`);
  return new UserError(`${asHubId(name)}: the hub answers ${statusCode} (${message}). Try again later; what was downloaded is kept.`);
}

/** Downloads what is missing of a revision and returns the folder of its snapshot. */
async function download(id: string, revision: string, cache: string, reporter: Reporter): Promise<string> {
  const hub = { hubUrl: hubUrl(), ...credentials() };
  const { sha: commit } = await modelInfo({ name: id, revision, additionalFields: ['sha'], ...hub });
  const snapshot = path.join(cache, 'snapshots', commit);
  const files: ListFileEntry[] = [];
  for await (const file of listFiles({ repo: id, revision: commit, recursive: true, ...hub })) if (file.type === 'file') files.push(file);
  const wanted = await chosen(id, revision, files, reporter);
  const missing = wanted.filter((file) => !fs.existsSync(path.join(snapshot, file.path)));
  const bytes = missing.reduce((sum, { size }) => sum + size, 0);
  const phase = missing.length > 0 ? reporter.phase(`download ${id}`, Math.ceil(bytes / 1e6), 'MB') : undefined;
  let done = 0;
  for (const file of missing) {
    const blob = path.join(cache, 'blobs', file.lfs?.oid ?? file.oid!);
    const url = `${hub.hubUrl}/${id}/resolve/${commit}/${file.path}`;
    if (!fs.existsSync(blob)) await downloadBlob({ url, blob, file, onBytes: (got) => phase?.update(Math.floor((done + got) / 1e6)) });
    const link = path.join(snapshot, file.path);
    fs.mkdirSync(path.dirname(link), { recursive: true });
    fs.symlinkSync(path.relative(path.dirname(link), blob), link);
    done += file.size;
  }
  phase?.end();
  if (revision !== commit) writeFileAtomic(path.join(cache, 'refs', revision), commit);
  return snapshot;
}

/** The files of an encoder. Where there is no safetensors at main, the hub's conversion is offered. */
async function chosen(id: string, revision: string, files: ListFileEntry[], reporter: Reporter): Promise<ListFileEntry[]> {
  const kind = WEIGHTS.findIndex((pattern) => files.some((file) => pattern.test(file.path)));
  if (kind < 0)
    throw new UserError(`${id}@${revision}: no model.safetensors, pytorch_model.bin or onnx/model.onnx in it. Take another model.`);
  if (kind > 0 && revision === 'main') {
    const conversion = await conversionOf(id);
    if (conversion) reporter.line(`${id} has no safetensors at main; the hub's conversion is ${id}@${conversion}: name that to use it`);
  }
  return files.filter((file) => COMPANIONS.test(file.path) || WEIGHTS[kind]!.test(file.path));
}

/** The open pull request of the hub's conversion bot, as a revision. */
async function conversionOf(id: string): Promise<string | undefined> {
  const { accessToken } = credentials() as { accessToken?: string };
  const response = await fetch(`${hubUrl()}/api/models/${id}/discussions`, {
    headers: accessToken ? { Authorization: `Bearer ${accessToken}` } : {},
  });
  if (!response.ok) return undefined;
  const { discussions = [] } = (await response.json()) as {
    discussions?: { num: number; title: string; isPullRequest: boolean; status: string }[];
  };
  const found = discussions.find(({ title, isPullRequest, status }) => isPullRequest && status === 'open' && /safetensors/i.test(title));
  return found && `refs/pr/${found.num}`;
}
