/** `simans train` as a process of its own, on a small generated BEIR folder. */
import { type ChildProcess, spawn } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { bin } from '../cli/command.js';
import { toyTexts } from './fixtures.js';

const PASSAGES = 60;
const SPLITS = { train: [0, 40], dev: [40, 50], test: [50, 60] } as const;
const HEADER = 'query-id\tcorpus-id\tscore';

const lines = (rows: readonly string[]): string => rows.map((row) => `${row}\n`).join('');

/** 60 passages or more, query i is two words of passage i; of the first 60 40 are train's, 10 dev's, 10 test's. */
export function writeBeir(folder: string, size = PASSAGES): void {
  const { passages, queries } = toyTexts(size);
  fs.mkdirSync(path.join(folder, 'qrels'), { recursive: true });
  fs.writeFileSync(path.join(folder, 'corpus.jsonl'), lines(passages.map((text, i) => JSON.stringify({ _id: `p${i}`, title: '', text }))));
  fs.writeFileSync(path.join(folder, 'queries.jsonl'), lines(queries.map((text, i) => JSON.stringify({ _id: `q${i}`, text }))));
  for (const [split, [begin, end]] of Object.entries(SPLITS)) {
    const judgments = Array.from({ length: end - begin }, (_, i) => `q${begin + i}\tp${begin + i}\t1`);
    fs.writeFileSync(path.join(folder, 'qrels', `${split}.tsv`), lines([HEADER, ...judgments]));
  }
}

/** A job of 12 steps with a refresh every 4 and a checkpoint every 2; one layer, 16 wide, with dropout and averaged weights. */
export function writeJobFile(folder: string): string {
  const file = path.join(folder, 'toy.yaml');
  const job = {
    data: { format: 'beir', path: path.join(folder, 'beir') },
    jobsFolder: path.join(folder, 'jobs'),
    encoder: { init: { layers: 1, width: 16, heads: 2 }, queryTokens: 8, passageTokens: 12, vocabulary: { minFrequency: 1 } },
    sampler: { kind: 'simans', negatives: 2, pool: 10 },
    refresh: { everySteps: 4 },
    train: {
      queriesPerStep: 8,
      steps: 12,
      learningRate: 0.01,
      wordDropout: 0.1,
      averageDecay: 0.9,
      checkpointEverySteps: 2,
      keepCheckpoints: 1,
      replicas: 2,
    },
    eval: { selection: 'mrr@10' },
  };
  fs.writeFileSync(file, JSON.stringify(job)); // JSON is YAML
  return file;
}

export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

interface Started {
  readonly child: ChildProcess;
  readonly ended: Promise<Ended>;
}

/** Starts `simans train`; `ended` waits for it. */
export const startTrain = (file: string, ...flags: string[]): Started => start([file, ...flags], false);

function start(args: readonly string[], detached: boolean): Started {
  const child = spawn(process.execPath, [bin, 'train', ...args], { stdio: ['ignore', 'pipe', 'pipe'], detached });
  let stdout = '';
  let stderr = '';
  child.stdout!.setEncoding('utf8').on('data', (text: string) => (stdout += text));
  child.stderr!.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  const ended = new Promise<Ended>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code, signal) => resolve({ code, signal, stdout, stderr }));
  });
  return { child, ended };
}

export const train = (file: string, ...flags: string[]): Promise<Ended> => startTrain(file, ...flags).ended;

/** Runs `simans train` and sends the signal as soon as `moment` holds; polled every millisecond. */
export function trainUntil(moment: () => boolean, signal: NodeJS.Signals, file: string, ...flags: string[]): Promise<Ended> {
  const started = startTrain(file, ...flags);
  return until(moment, started, () => started.child.kill(signal));
}

/** Kills all processes of the job at once, as a power cut does: by itself a process beside the training outlives it by some milliseconds. */
export function trainUntilPowerCut(moment: () => boolean, file: string, ...flags: string[]): Promise<Ended> {
  const started = start([file, ...flags], true);
  return until(moment, started, () => process.kill(-started.child.pid!, 'SIGKILL'));
}

async function until(moment: () => boolean, { child, ended }: Started, stop: () => void): Promise<Ended> {
  const runs = () => child.exitCode === null && child.signalCode === null;
  try {
    while (runs() && !moment()) await new Promise((resolve) => setTimeout(resolve, 1));
    if (runs()) stop();
  } catch (error) {
    child.kill('SIGKILL');
    throw error;
  }
  return ended;
}

/** Whole lines of a file, 0 where it is absent. */
export function lineCount(file: string): number {
  return fs.existsSync(file) ? fs.readFileSync(file, 'utf8').split('\n').length - 1 : 0;
}

/** Lines of stderr that are the command's own words: not progress. */
export const complaints = (stderr: string): string[] => stderr.split('\n').filter((line) => /^(simans:|\s+at )/.test(line));
