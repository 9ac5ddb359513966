/** What issue 8 asks to be shown of the recipes. */
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import zlib from 'node:zlib';
import { selectBackend } from '../dist/backend/index.js';
import { silentReporter } from '../dist/core/reporter.js';
import { bertShape } from '../dist/encoders/architectures.js';
import { createCrossEncoder } from '../dist/encoders/crossEncoder.js';
import { writeCrossEncoderFolder } from '../dist/encoders/crossEncoderFolder.js';
import { openPairScorer } from '../dist/encoders/pairScorer.js';
import { initialParameters } from '../dist/encoders/parameters.js';
import { loadTokenizer } from '../dist/encoders/tokenizer/tokenizer.js';
import { textOf } from '../tests/encoders/tokenizer/texts.mjs';
import { inTemporaryFolder, ROOT } from './processes.mjs';
import { testCounts } from './sampling.mjs';

/** @typedef {Record<string, import('./verdicts.mjs').Measured>} Figures */
/** @typedef {import('../dist/encoders/transformer.js').TransformerShape} TransformerShape */

const PAIRS = 40;
const MOST_TOKENS = 48;

/** The families with the tokenizer that each is written with, and what differs from BERT's shape. @type {[string, string, Partial<TransformerShape>][]} */
const RANKERS = [
  ['bert', 'bert-uncased', {}],
  ['ernie', 'bert-uncased', { tokenTypes: 4, taskTypes: 3, activation: 'relu' }],
  ['roberta', 'roberta', { tokenTypes: 1, firstPosition: 2, epsilon: 1e-5 }],
  ['xlm-roberta', 'xlm-roberta', { tokenTypes: 1, firstPosition: 2, epsilon: 1e-5 }],
  ['distilbert', 'bert-uncased', { tokenTypes: 0 }],
  ['electra', 'bert-uncased', { embeddingWidth: 16 }],
];

/** Each recipe's step against PyTorch's in double precision. @returns {Promise<Figures>} */
export async function measureGoldenSteps() {
  return { 'recipes.goldenSteps': largestDifference(['tests/train/goldenSteps.test.ts'], 'the loss, or the gradient of a parameter') };
}

/** Two replicas against one. @returns {Promise<Figures>} */
export async function measureCrossBatch() {
  const files = ['--config', 'vitest.full.config.ts', 'tests/full/crossBatch.full.test.ts'];
  return { 'recipes.crossBatch': largestDifference(files, 'MiniLM’s layers: loss, gradient, a ranker’s scores') };
}

/** The largest relative difference that the tests report. @param {string[]} files @param {string} of @returns {import('./verdicts.mjs').Measured} */
function largestDifference(files, of) {
  const { passed, failed, difference } = testCounts(files);
  if (failed > 0 || difference === undefined) throw new Error(`${failed} tests failed; largest difference ${difference}`);
  return { value: difference, note: `relative; ${of}; ${passed} tests passed` };
}

/** Rankers written as folders: the scores of pairs of texts by transformers and by sentence-transformers' CrossEncoder against ours. @returns {Promise<Figures>} */
export async function measureRankerFolder() {
  const python = process.env.SIMANS_PYTHON;
  if (!python) return { 'recipes.rankerFolder': { note: 'SIMANS_PYTHON names no Python with sentence-transformers' } };
  await selectBackend('onnx');
  const texts = Array.from({ length: 3 * PAIRS }, (_, i) => textOf(i)).filter((text) => !text.includes('<pad>')); // RoBERTa gives that no position
  const pairs = Array.from({ length: PAIRS }, (_, i) => /** @type {const} */ ([texts[2 * i], texts[2 * i + 1]]));
  return inTemporaryFolder(async (home) => {
    fs.writeFileSync(path.join(home, 'pairs.json'), JSON.stringify(pairs));
    const folders = RANKERS.map(([architecture]) => path.join(home, architecture));
    /** @type {number[][]} */
    const ours = [];
    for (const ranker of RANKERS) ours.push(await scoresOfWritten(home, ranker, pairs));
    const script = path.join(ROOT, 'scripts', 'score_pairs.py');
    const answer = execFileSync(python, [script, path.join(home, 'pairs.json'), String(MOST_TOKENS), ...folders], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    /** @type {{ versions: string, scores: Record<string, Record<string, number[]>> }} */
    const { versions, scores } = JSON.parse(answer);
    const differences = RANKERS.map(([architecture], i) => {
      const theirs = Object.values(scores[folders[i]]);
      const difference = Math.max(...theirs.flatMap((list) => list.map((score, pair) => Math.abs(score - ours[i][pair]))));
      return { architecture, difference };
    });
    return {
      'recipes.rankerFolder': {
        value: Math.max(...differences.map(({ difference }) => difference)),
        note: `${differences.map(({ architecture, difference }) => `${architecture} ${difference.toExponential(1)}`).join(', ')}; ${PAIRS} pairs of texts; ${versions}`,
      },
    };
  });
}

/** Writes a ranker with random weights, and our scores of it. @param {string} home @param {typeof RANKERS[number]} ranker @param {readonly (readonly [string, string])[]} pairs */
async function scoresOfWritten(home, [architecture, tokenizerName, part], pairs) {
  const tokenizerFolder = path.join(home, `${tokenizerName}-tokenizer`);
  fs.mkdirSync(tokenizerFolder, { recursive: true });
  const packed = fs.readFileSync(path.join(ROOT, 'tests', 'golden', 'tokenizers', `${tokenizerName}.json.gz`));
  fs.writeFileSync(path.join(tokenizerFolder, 'tokenizer.json'), zlib.gunzipSync(packed));
  const tokenizer = await loadTokenizer(tokenizerFolder);
  const sizes = { layers: 2, width: 32, heads: 4, feedForward: 64, vocabulary: tokenizer.vocabSize, positions: MOST_TOKENS + 2 };
  const shape = /** @type {TransformerShape} */ ({ ...bertShape(sizes), architecture, ...part });
  const parameters = initialParameters(createCrossEncoder(shape).specs, 5);
  const folder = path.join(home, architecture);
  writeCrossEncoderFolder(folder, { shape, dropout: { hidden: 0.1, attention: 0.1 }, parameters, tokenizer, tokenizerFolder });
  const scorer = await openPairScorer(folder, MOST_TOKENS, { namedBy: 'the ranker', reporter: silentReporter });
  /** @type {number[]} */
  const scores = [];
  for (const [first, second] of pairs) scores.push((await scorer.score(first, [second]))[0]);
  scorer.dispose();
  return scores;
}
