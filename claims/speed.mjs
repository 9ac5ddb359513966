/** What issue 9 asks to be shown of the speed. The parts that take long are stored in results/speed/, made by speedCells.mjs. */
import { MIXED } from '../bench/shapes.mjs';
import { median } from '../bench/timing.mjs';
import { meanOf } from '../dist/sampling/statistics.js';
import { benchmark } from './processes.mjs';
import { BLOCKS, storedBlocks, storedRecall, storedStarts } from './speedCells.mjs';
import { unmeasured } from './verdicts.mjs';

/** @typedef {import('./verdicts.mjs').Measured} Measured */
/** @typedef {import('../bench/step.mjs').StepTiming} StepTiming */
/** @typedef {import('./speedCells.mjs').Pooling} Pooling */

const NO_PEER = 'no Python with the peer (SIMANS_PYTHON names one)';

/** The training steps beside PyTorch and the limit; a target is met by either. @returns {Promise<Record<string, Measured>>} */
export async function measureSteps() {
  const mini = /** @type {StepTiming} */ (benchmark('step.mjs', '--json', '--shape', 'MiniLM-L6 16×64', '--equal', '10'));
  const base = /** @type {StepTiming} */ (benchmark('step.mjs', '--json', '--shape', 'BERT-base 8×64', '--equal', '10', '--repeats', '5'));
  if (!mini.peer || !base.peer || !mini.limit || !base.limit)
    return unmeasured('speed', ['stepMinilm', 'stepBertBase', 'loss', 'gradient'], NO_PEER);
  const whole = mini.peer.step / mini.step;
  const backward = base.peer.gradient / base.gradient;
  const most = (/** @type {'loss' | 'gradient'} */ what) =>
    Math.max(mini.difference?.[what] ?? Number.NaN, base.difference?.[what] ?? Number.NaN);
  const states = `${mini.difference?.states} states of MiniLM, ${base.difference?.states} of BERT-base`;
  return {
    'speed.stepMinilm': { value: Math.max(whole / 1.2, mini.limit / mini.step / 0.85), note: stepNote(mini) },
    'speed.stepBertBase': { value: Math.max(backward, base.limit / base.gradient / 0.75), note: stepNote(base) },
    'speed.loss': { value: most('loss'), note: states },
    'speed.gradient': { value: most('gradient'), note: states },
  };
}

/** Steps of texts as they come, beside PyTorch padded to the longest of each side. @returns {Promise<Record<string, Measured>>} */
export async function measureMixed() {
  const [mini, base] = Object.keys(MIXED).map((shape) => /** @type {StepTiming} */ (benchmark('step.mjs', '--json', '--shape', shape)));
  if (!mini.peer || !base.peer) return unmeasured('speed', ['mixedMinilm', 'mixedBertBase'], NO_PEER);
  return {
    'speed.mixedMinilm': { value: mini.peer.step / mini.step, note: mixedNote(mini) },
    'speed.mixedBertBase': { value: base.peer.step / base.step, note: mixedNote(base) },
  };
}

/** How far what `simans plan` predicts of a step's memory is from what it takes. @returns {Promise<Record<string, Measured>>} */
export async function measureStepMemory() {
  const rows = /** @type {import('../bench/memory.mjs').StepMemory[]} */ (benchmark('memory.mjs', '--json'));
  const furthest = (/** @type {boolean} */ mixed) => {
    const ratios = rows
      .filter(({ shape }) => Object.hasOwn(MIXED, shape) === mixed)
      .map(({ predicted, measured }) => predicted / measured)
      .sort((a, b) => a - b);
    const note = `predicted ÷ measured ${ratios[0].toFixed(2)} to ${ratios.at(-1)?.toFixed(2)}, ${ratios.length} steps on one replica and on two`;
    return { value: Math.max(...ratios.map((ratio) => Math.abs(ratio - 1))), note };
  };
  return { 'speed.memoryPlan': furthest(false), 'speed.memoryPlanMixed': furthest(true) };
}

/** @param {StepTiming} timing */
function mixedNote({ step, peer, repeats }) {
  return `${step.toFixed(2)} s against ${peer?.step.toFixed(2)}, ${peer?.version}; medians of ${repeats} in turns`;
}

/** @param {StepTiming} timing */
function stepNote({ gradient, step, limit = Number.NaN, peer, peakMemoryBytes, repeats }) {
  const { gradient: theirs = Number.NaN, step: theirStep = Number.NaN, version, peakMemoryBytes: theirPeak = Number.NaN } = peer ?? {};
  const parts = [
    `forward and backward ${gradient.toFixed(3)} s against ${theirs.toFixed(3)} (${(theirs / gradient).toFixed(2)} ×), ${(limit / gradient).toFixed(2)} of the limit`,
    `with AdamW ${step.toFixed(3)} s against ${theirStep.toFixed(3)} (${(theirStep / step).toFixed(2)} ×), ${(limit / step).toFixed(2)} of the limit`,
    `peak ${(peakMemoryBytes / 1e9).toFixed(1)} GB against ${(theirPeak / 1e9).toFixed(1)}`,
    `${version}; medians of ${repeats} in turns`,
  ];
  return parts.join('; ');
}

/** The stored blocks of 20,000 passages. @returns {Promise<Record<string, Measured>>} */
export async function measureEncoding() {
  /** @type {Record<string, Measured>} */
  const found = {};
  for (const pooling of /** @type {Pooling[]} */ (['cls', 'mean'])) {
    const blocks = storedBlocks(pooling);
    const ids = { fp32: `speed.encode.${pooling}`, int8: `speed.encodeInt8.${pooling}` };
    for (const precision of /** @type {const} */ (['fp32', 'int8'])) {
      const ratios = blocks.map(({ seconds }) => seconds.peer / seconds[precision]).sort((a, b) => a - b);
      const rate =
        blocks.reduce((sum, { passages }) => sum + passages, 0) / blocks.reduce((sum, { seconds }) => sum + seconds[precision], 0);
      found[ids[precision]] =
        blocks.length < BLOCKS[pooling].length
          ? { note: `${blocks.length} of ${BLOCKS[pooling].length} blocks stored; npm run claims -- speed --full makes the others` }
          : {
              value: median(ratios),
              note: `${rate.toFixed(1)} passages/s; ${blocks.length} blocks of ${blocks[0].passages} in turns, ${ratios[0].toFixed(2)} to ${ratios.at(-1)?.toFixed(2)}; ${blocks[0].version}; ${blocks[0].cpu}, commit ${blocks[0].commit.slice(0, 7)}`,
            };
    }
  }
  return { ...found, 'speed.int8Recall': recallLoss() };
}

/** The largest loss of R@100 by int8, in points. @returns {Measured} */
function recallLoss() {
  const cell = storedRecall();
  if (!cell) return { note: 'not stored; npm run claims -- speed --full makes it' };
  const mean = (/** @type {number[]} */ values) => 100 * meanOf(values);
  const sets = Object.entries(cell.recall).map(([set, { fp32, int8 }]) => ({ set, fp32: mean(fp32), int8: mean(int8) }));
  const note = sets.map(({ set, fp32, int8 }) => `${set}: ${fp32.toFixed(2)} in fp32, ${int8.toFixed(2)} in int8`).join('; ');
  return {
    value: Math.max(...sets.map(({ fp32, int8 }) => fp32 - int8)),
    note: `${note}; ${cell.pooling} pooling, commit ${cell.commit.slice(0, 7)}`,
  };
}

/** @returns {Promise<Record<string, Measured>>} */
export async function measureRefresh() {
  const found = benchmark('refresh.mjs', '--json');
  const own = `${found.passages} passages, ${found.queries} queries: ${found.seconds.toFixed(1)} s, peak ${(found.peakMemoryBytes / 1e9).toFixed(1)} GB`;
  const share = {
    value: (100 * found.tokenising) / found.seconds,
    note: `of a job that is one refresh: ${found.tokenising.toFixed(1)} s of ${own}`,
  };
  if (!found.peer) return { 'speed.refresh': { note: `${own}; ${NO_PEER}` }, 'speed.tokeniseShare': share };
  const { encoding, searching, version } = found.peer;
  const peer = `${encoding.toFixed(1)} + ${searching.toFixed(1)} s by ${version}`;
  const alike = `${(100 * found.alike).toFixed(2)} % of the pools' first 100 among its 200`;
  return { 'speed.refresh': { value: found.overPeer, note: `${own}; ${peer}; ${alike}` }, 'speed.tokeniseShare': share };
}

/** @returns {Promise<Record<string, Measured>>} */
export async function measureTokenising() {
  const { texts, own, peer, version, overPeer, alike } = benchmark('tokenise.mjs', '--json');
  const note = `${texts} passages, ${(own / 1e6).toFixed(2)} M tokens/s on a thread`;
  if (!peer) return { 'speed.tokenise': { note: `${note}; ${NO_PEER}` } };
  if (!alike) return { 'speed.tokenise': { value: 0, note: `the ids differ from those of ${version}` } };
  return { 'speed.tokenise': { value: overPeer, note: `${note}, ${(peer / 1e6).toFixed(2)} by ${version}; the same ids` } };
}

/** `npm start` before this work and after it. @returns {Promise<Record<string, Measured>>} */
export async function measureStarts() {
  const { before, now } = storedStarts();
  if (before.length === 0 || before.length !== now.length)
    return unmeasured('speed', ['start', 'startMetric'], 'not stored; npm run claims -- speed --full makes it');
  const [was, is] = [before, now].map((cells) => meanOf(cells.map(({ seconds }) => seconds)));
  const metrics = [before, now].map((cells) => cells.map(({ test }) => test['recall@10']));
  const shown = metrics.map((values) => values.map((value) => value.toFixed(4)).join(', '));
  return {
    'speed.start': {
      value: was / is,
      note: `${was.toFixed(0)} s at ${before[0].commit.slice(0, 7)}, ${is.toFixed(0)} s at ${now[0].commit.slice(0, 7)}; means of seeds ${now.map(({ seed }) => seed).join(', ')}, in turns`,
    },
    'speed.startMetric': {
      value: meanOf(metrics[0]) - meanOf(metrics[1]),
      note: `R@10 on test by seed: ${shown[0]} before; ${shown[1]} now`,
    },
  };
}
