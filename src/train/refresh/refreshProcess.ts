/** The process beside a job that makes its refreshes from checkpoints: `node refreshProcess.js FOLDER PARENT`, started by backgroundRefresh.ts. */
import os from 'node:os';
import path from 'node:path';
import { Worker } from 'node:worker_threads';
import { selectBackend } from '../../backend/index.js';
import { loadConfig } from '../../config/load.js';
import { failureOf } from '../../core/errors.js';
import { type Reporter, silentReporter } from '../../core/reporter.js';
import { loadModel, readState } from '../folder/checkpoint.js';
import { bindInputs } from '../folder/inputs.js';
import { requireSameData } from '../folder/jobFolder.js';
import { openMaking, openReplicas, tokenise } from '../job.js';
import { prepareEncoder } from '../prepareEncoder.js';
import { NO_STEP } from '../step/sharedMemory.js';
import { loopSeconds } from '../stopwatch.js';
import { openData } from '../trainData.js';
import { type RefreshContext, refresh } from './refresh.js';
import { readRefreshes } from './refreshFolder.js';
import type { RefreshReply, RefreshRequest } from './refreshMessages.js';
import { servedSteps } from './refreshSchedule.js';

const [folder, parent] = process.argv.slice(2) as [string, string];
const reply = (message: RefreshReply) => process.send!(message);

/** Everything is told to the job's own reporter. */
const reporter: Reporter = {
  line: (text) => reply({ kind: 'line', text }),
  phase: (name, total, unit) => {
    const phase = ++phases;
    reply({ kind: 'begin', phase, name, total, unit });
    return {
      update: (done) => reply({ kind: 'update', phase, done }),
      end: (summary) => reply({ kind: 'end', phase, summary }),
    };
  },
};
let phases = 0;
let opened: Promise<RefreshContext> | undefined;

/** The job as it was begun: its folder says how. What it said of its data when it began is not said again. */
async function open(): Promise<RefreshContext> {
  const begun = { ...loadConfig(path.join(folder, 'config.yaml')), jobsFolder: path.dirname(folder) };
  const { name: backend } = await selectBackend(begun.backend, begun.train.precision);
  const { config, dataset, judge } = await openData(begun, silentReporter, { job: folder });
  requireSameData(folder, dataset);
  const { tokenizer, shape } = await prepareEncoder(folder, config, dataset, silentReporter);
  const settings = { replicas: Number(config.train.replicas), ...NO_STEP };
  const replicas = await openReplicas(config, backend, shape, settings, tokenizer, tokenise(config, dataset, tokenizer, silentReporter));
  const making = await openMaking(config, folder, dataset, judge, silentReporter);
  await bindInputs(folder, config, making);
  return { config, folder, dataset, tokenizer, replicas, reporter, judge, making };
}

async function make({ step }: RefreshRequest): Promise<void> {
  opened ??= open();
  const context = await opened;
  const parameters = loadModel(folder, context.replicas.first.encoder.specs, step);
  context.replicas.assign(parameters);
  const { seconds, refreshes = [] } = readState(folder, step);
  const before = readRefreshes(folder, refreshes, step);
  await refresh(context, parameters, { step, ...servedSteps(context.config, step), seconds: loopSeconds(seconds), before });
  reply({ kind: 'done' });
}

os.setPriority(os.constants.priority.PRIORITY_BELOW_NORMAL); // it takes what training leaves, and while that waits, all
new Worker(new URL('./parentWatch.js', import.meta.url), { workerData: Number(parent) }).unref();
process.on('disconnect', () => process.exit());
process.on('message', (request: RefreshRequest) => {
  make(request).catch((error: Error) => reply({ kind: 'failed', ...failureOf(error) }));
});
