/** What issue 5 asks to be shown of data and evaluation. */
import { execFileSync, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { loadDataConfig } from '../dist/config/load.js';
import { WRITTEN_FORMATS } from '../dist/data/formats/writers.js';
import { loadDataset } from '../dist/data/index.js';
import { Bm25Index, searchBm25 } from '../dist/eval/bm25.js';
import { createJudge } from '../dist/eval/judge.js';
import { evaluateRun } from '../dist/eval/run.js';
import { inTemporaryFolder, ROOT } from './processes.mjs';

/** @typedef {import('./verdicts.mjs').Measured} Measured */

const DATA = process.env.SIMANS_DATA;
const NEEDS_DATA = { note: 'needs SIMANS_DATA, the folder with the real data sets' };
const CLI = path.join(ROOT, 'bin', 'simans.js');

/** What trec_eval and simans both measure. */
const MEASURES = /^(p|recall|success|ndcg|map|mrr|rprec)(@|$)/;

/** Lucene's value for BM25 (k1 .9, b .4, flat index) on SciFact: https://castorini.github.io/pyserini/2cr/beir.html and Anserini's regressions. */
const LUCENE = { ndcg10: 0.6789, recall100: 0.9253, recall1000: 0.9767 };

/** Values of the committed reference runs that differ from ours; trec_eval 9.0.8 itself is run too where TREC_EVAL names it. @returns {Promise<Record<string, Measured>>} */
export async function measureReferences() {
  const { cases } = JSON.parse(fs.readFileSync(path.join(ROOT, 'tests', 'golden', 'eval', 'runs.json'), 'utf8'));
  let [values, different, live] = [0, 0, 0];
  const all = [...cases, ...(await realRuns())];
  for (const reference of all) {
    const rows = asRows(reference);
    for (const level of [1, 2]) {
      const rules = { level, precision: /** @type {const} */ ('float32'), removeSelf: false };
      const expected = process.env.TREC_EVAL ? await trecEval(process.env.TREC_EVAL, reference, level) : reference.trecEval[level];
      if (process.env.TREC_EVAL) live++;
      const measures = Object.keys(expected.all).filter((name) => MEASURES.test(name));
      const ours = evaluateRun(rows.run, rows.split, measures, rows.names, rules);
      rows.split.rows.forEach((row, i) => {
        const query = rows.names.queryId(row);
        for (const measure of measures) {
          values++;
          // trec_eval prints four digits.
          if (!(Math.abs(ours.perQuery[measure][i] - (expected[query]?.[measure] ?? 0)) <= 5.0001e-5)) different++;
          const exact = reference.wrapper?.[level][query]?.[measure];
          if (exact !== undefined && !(Math.abs(ours.perQuery[measure][i] - exact) <= 1e-12)) different++;
        }
      });
    }
  }
  const how =
    live > 0 ? `trec_eval run again on ${live} pairs of run and level` : 'stored values; set TREC_EVAL=path to run trec_eval 9.0.8 again';
  return { 'data.references': { value: different, note: `of ${values} per-query values on ${all.length} runs at two levels; ${how}` } };
}

/** BM25 on SciFact and MedQuAD, and with scores cut to a digit, so that most tie: where trec_eval and the data are at hand. */
async function realRuns() {
  if (!DATA || !process.env.TREC_EVAL) return [];
  const references = [];
  for (const set of ['scifact', 'medquad']) {
    const dataset = await loadDataset(loadDataConfig({ format: 'beir', path: path.join(DATA, set) }), { seed: 42, cacheFolder: '' });
    const { queries, corpus } = dataset;
    const { test } = dataset.splits;
    const run = await searchBm25(Bm25Index.build(corpus, undefined, 'english'), dataset, test.rows, 100);
    /** @param {(score: number) => number} scored */
    const asMap = (scored) =>
      Object.fromEntries(
        Array.from(test.rows, (row, place) => [
          queries.id(row),
          Object.fromEntries(
            Array.from({ length: run.k }, (_, i) => run.passages[place * run.k + i])
              .filter((passage) => passage >= 0)
              .map((passage, i) => [corpus.id(passage), scored(run.scores[place * run.k + i])]),
          ),
        ]),
      );
    const qrels = Object.fromEntries(
      Array.from(test.rows, (row, i) => [
        queries.id(row),
        Object.fromEntries(Array.from(test.judged[i], (passage, j) => [corpus.id(passage), test.grades[i][j]])),
      ]),
    );
    references.push(
      { name: set, qrels, run: asMap((score) => score) },
      { name: `${set}, ties`, qrels, run: asMap((score) => Math.round(score)) },
    );
  }
  return references;
}

/** Writes docs/metrics.md: every measure's mean by trec_eval and by simans, and the largest difference of a query. */
export async function completeMetrics() {
  const program = process.env.TREC_EVAL;
  if (!DATA || !program) throw new Error('needs SIMANS_DATA and TREC_EVAL, the program trec_eval 9.0.8');
  const { cases } = JSON.parse(fs.readFileSync(path.join(ROOT, 'tests', 'golden', 'eval', 'runs.json'), 'utf8'));
  const runs = [...cases, ...(await realRuns())];
  const blocks = [];
  for (const level of [1, 2]) {
    /** @type {Map<string, { means: string[], largest: number }>} */
    const rows = new Map();
    for (const reference of runs) {
      const { run, split, names } = asRows(reference);
      const expected = await trecEval(program, reference, level);
      const measures = Object.keys(expected.all).filter((name) => MEASURES.test(name));
      const ours = evaluateRun(run, split, measures, names, { level, precision: 'float32', removeSelf: false });
      for (const measure of measures) {
        const row = rows.get(measure) ?? { means: [], largest: 0 };
        rows.set(measure, row);
        row.means.push(`${expected.all[measure].toFixed(4)} ${ours.means[measure].toFixed(4)}`);
        split.rows.forEach((query, i) => {
          row.largest = Math.max(row.largest, Math.abs(ours.perQuery[measure][i] - (expected[names.queryId(query)]?.[measure] ?? 0)));
        });
      }
    }
    blocks.push(
      `## trec_eval -c -l ${level}\n\n| | ${runs.map(({ name }) => name).join(' | ')} | largest difference of a query |\n|---|${runs.map(() => '---').join('|')}|---|\n${[...rows].map(([measure, { means, largest }]) => `| ${measure} | ${means.join(' | ')} | ${largest < 5.0001e-5 ? '0 to four digits' : largest.toFixed(4)} |`).join('\n')}`,
    );
  }
  const text = `# Every measure beside trec_eval's

Means over all judged queries: trec_eval 9.0.8's, then simans'. The first five runs are generated (\`scripts/make_eval_golden.py\`): ${cases.map((/** @type {any} */ { name }) => name).join(', ')}; unjudged
documents, negative grades, queries without a ranking. The others are BM25 on SciFact and MedQuAD, as it is and with scores cut to whole numbers, so that most of them tie. trec_eval prints four
digits; to 1e-12 the values equal those of its Python wrapper (\`tests/eval/references.test.ts\`). Made by \`npm run claims -- data --full\` with \`SIMANS_DATA\` and \`TREC_EVAL\` set.

${blocks.join('\n\n')}
`;
  fs.writeFileSync(path.join(ROOT, 'docs', 'metrics.md'), text);
}

/** @param {string} program @param {{ qrels: Record<string, Record<string, number>>, run: Record<string, Record<string, number>> }} reference @param {number} level */
async function trecEval(program, { qrels, run }, level) {
  return inTemporaryFolder(async (folder) => {
    const [judged, ranked] = [path.join(folder, 'qrels'), path.join(folder, 'run')];
    const lines = (
      /** @type {Record<string, Record<string, number>>} */ of,
      /** @type {(q: string, d: string, v: number) => string} */ line,
    ) =>
      Object.entries(of)
        .flatMap(([query, docs]) => Object.entries(docs).map(([doc, value]) => line(query, doc, value)))
        .join('');
    fs.writeFileSync(
      judged,
      lines(qrels, (q, d, v) => `${q} 0 ${d} ${v}\n`),
    );
    fs.writeFileSync(
      ranked,
      lines(run, (q, d, v) => `${q} Q0 ${d} 0 ${v} run\n`),
    );
    const names = /** @type {Record<string, string>} */ ({
      P: 'p',
      recall: 'recall',
      success: 'success',
      ndcg_cut: 'ndcg',
      map_cut: 'map',
    });
    const cut = '1,3,5,10,20,100';
    const wanted = [...Object.keys(names).map((name) => `${name}.${cut}`), 'map', 'ndcg', 'recip_rank', 'Rprec'].flatMap((name) => [
      '-m',
      name,
    ]);
    const out = execFileSync(program, ['-q', '-c', '-l', String(level), ...wanted, judged, ranked], {
      encoding: 'utf8',
      maxBuffer: 1 << 28,
    });
    /** @type {Record<string, Record<string, number>>} */
    const values = {};
    for (const line of out.trim().split('\n')) {
      const [name, query, value] = line.trim().split(/\s+/);
      const [, stem, k] = /^(.*)_(\d+)$/.exec(name) ?? [];
      const ours = stem !== undefined && names[stem] ? `${names[stem]}@${k}` : ({ recip_rank: 'mrr', Rprec: 'rprec' }[name] ?? name);
      values[query] = { ...values[query], [ours]: Number(value) };
    }
    return values;
  });
}

/** @param {{ qrels: Record<string, Record<string, number>>, run: Record<string, Record<string, number>> }} reference */
function asRows({ qrels, run }) {
  const queries = [...new Set([...Object.keys(qrels), ...Object.keys(run)])];
  const passages = [...new Set([...Object.values(qrels), ...Object.values(run)].flatMap(Object.keys))];
  const rowOf = new Map(passages.map((id, row) => [id, row]));
  const k = Math.max(...Object.values(run).map((of) => Object.keys(of).length));
  const ranked = Object.entries(run);
  const ours = {
    k,
    rows: Int32Array.from(ranked, ([query]) => queries.indexOf(query)),
    passages: new Int32Array(ranked.length * k).fill(-1),
    scores: new Float64Array(ranked.length * k),
    whole: true,
  };
  ranked.forEach(([, of], place) =>
    Object.entries(of).forEach(([id, score], i) => {
      ours.passages[place * k + i] = rowOf.get(id) ?? -1;
      ours.scores[place * k + i] = score;
    }),
  );
  const judged = Object.values(qrels).map((of) => Object.entries(of));
  const split = {
    rows: Int32Array.from(Object.keys(qrels), (id) => queries.indexOf(id)),
    positives: [],
    judged: judged.map((pairs) => Int32Array.from(pairs, ([id]) => rowOf.get(id) ?? -1)),
    grades: judged.map((pairs) => Int32Array.from(pairs, ([, grade]) => grade)),
  };
  return {
    run: ours,
    split,
    names: { queryId: (/** @type {number} */ row) => queries[row], passageId: (/** @type {number} */ row) => passages[row] },
  };
}

/** @returns {Promise<Record<string, Measured>>} */
export async function measureBm25() {
  if (!DATA) return { 'data.bm25': NEEDS_DATA };
  const data = loadDataConfig({ format: 'beir', path: path.join(DATA, 'scifact') });
  const dataset = await loadDataset(data, { seed: 42, cacheFolder: '' });
  const { test } = dataset.splits;
  const run = await searchBm25(Bm25Index.build(dataset.corpus, undefined, 'english'), dataset, test.rows, 1000);
  const { means } = createJudge(dataset, { relevanceLevel: 1, answerRule: 'tokens' }).evaluate(run, test, [
    'ndcg@10',
    'recall@100',
    'recall@1000',
  ]);
  const note = `nDCG@10 ${means['ndcg@10'].toFixed(4)} against ${LUCENE.ndcg10}, R@100 ${means['recall@100'].toFixed(4)} against ${LUCENE.recall100}, R@1000 ${means['recall@1000'].toFixed(4)} against ${LUCENE.recall1000}`;
  return { 'data.bm25': { value: Math.abs(means['ndcg@10'] - LUCENE.ndcg10), note } };
}

/** Tests of the named files, by vitest's own count. @param {string[]} files */
function testCounts(files) {
  const { stdout } = spawnSync('npx', ['vitest', 'run', '--reporter=json', ...files], { cwd: ROOT, encoding: 'utf8', maxBuffer: 1 << 26 });
  const { numPassedTests, numFailedTests, testResults } = JSON.parse(stdout.slice(stdout.indexOf('{')));
  return { passed: numPassedTests, failed: numFailedTests, names: testResults.flatMap((/** @type {any} */ file) => file.assertionResults) };
}

/** @returns {Promise<Record<string, Measured>>} */
export async function measureFormats() {
  const { passed, failed } = testCounts(['tests/data/convert.test.ts', 'tests/data/formats.test.ts']);
  return {
    'data.roundtrip': {
      value: failed,
      note: `tests of ${Object.keys(WRITTEN_FORMATS).length} written formats and of every reader: ${passed} passed`,
    },
  };
}

/** @returns {Promise<Record<string, Measured>>} */
export async function measureBadInput() {
  const { names } = testCounts(['tests/data/badInput.test.ts', 'tests/data/get.test.ts']);
  const kinds = names.filter(
    (/** @type {any} */ { ancestorTitles, status }) => /^bad |archives/.test(ancestorTitles[0]) && status === 'passed',
  );
  return {
    'data.badInput': {
      value: kinds.length,
      note: `kinds refused or read as documented; ${names.filter((/** @type {any} */ { status }) => status === 'failed').length} tests failed`,
    },
  };
}

/** Each real data set through inspect and 20 steps of training. @returns {Promise<Record<string, Measured>>} */
export async function measureSets() {
  if (!DATA) return { 'data.sets': NEEDS_DATA };
  const passages = path.join(DATA, 'squad-v1.1-dev', 'passages.tsv.gz');
  const questions = fs.readdirSync(path.join(DATA, 'qa')).map((name) => path.join('qa', name));
  const squadshifts = ['new_wiki', 'amazon', 'reddit'].map((name) => path.join('squadshifts', name));
  const xquad = fs.readdirSync(path.join(DATA, 'xquad')).map((name) => path.join('xquad', name));
  const sets = ['scifact', 'medquad', 'medquad-pages', 'squad-v1.1-dev', ...squadshifts, ...xquad, ...questions];
  /** @type {string[]} */
  const failed = [];
  for (const set of sets) {
    const place = path.join(DATA, set);
    const alone = set.startsWith('qa');
    const inspected = spawnSync(process.execPath, [CLI, 'data', 'inspect', place], { encoding: 'utf8' });
    // Questions without passages are trained on those of SQuAD, labelled by their answers.
    const extra = alone
      ? [`data.corpus=${passages}`, 'data.labels=answers', 'eval.measures=[answer@20]', 'eval.selection=answer@20']
      : ['eval.measures=[recall@20]', 'eval.selection=recall@20'];
    if (set.includes('curatedtrec')) extra.push('eval.answerRule=regex');
    const trained = await inTemporaryFolder(async (folder) => {
      const file = path.join(folder, 'job.yaml');
      fs.writeFileSync(
        file,
        `data: {format: ${alone ? 'dpr' : 'auto'}, path: ${place}}\nencoder: {init: {layers: 1, width: 64, heads: 4}, vocabulary: {size: 4000}, passageTokens: 64}\nsampler: {kind: random, negatives: 1}\nrefresh: {everySteps: 20}\ntrain: {steps: 20, queriesPerStep: 16}\neval: {bm25: false, test: never}\n`,
      );
      const sets = extra.flatMap((one) => ['--set', one]);
      return spawnSync(process.execPath, [CLI, 'train', file, '--set', `jobsFolder=${folder}`, ...sets], { encoding: 'utf8' });
    });
    if (inspected.status !== 0 || trained.status !== 0)
      failed.push(
        `${set}: ${(inspected.stderr + trained.stderr)
          .split('\n')
          .filter((line) => line.startsWith('simans:'))
          .join(' ')}`,
      );
  }
  return {
    'data.sets': {
      value: failed.length,
      note: `of ${sets.length}: inspect, and 20 steps of training${failed.length > 0 ? `; ${failed.join('; ')}` : ''}`,
    },
  };
}

/** A million generated passages: reading, tokenising, caching; then again. @returns {Promise<Record<string, Measured>>} */
export async function measureMillion() {
  const argv = [path.join(ROOT, 'bench', 'corpus.mjs'), '--passages', '1000000', '--json'];
  const { first, second, bytes } = JSON.parse(
    execFileSync(process.execPath, argv, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }),
  );
  const note = `${(bytes / 1e6).toFixed(0)} MB of text; ${first.seconds.toFixed(0)} s: ${Math.round(1e6 / first.seconds).toLocaleString('en')} passages/s read, tokenised and cached`;
  return {
    'data.million.memory': { value: Math.max(first.peakBytes, second.peakBytes) / 1e9, note },
    'data.million.cache': {
      value: second.seconds / first.seconds,
      note: `the second start: ${second.seconds.toFixed(1)} s, ${second.tokenised} passages tokenised`,
    },
  };
}
