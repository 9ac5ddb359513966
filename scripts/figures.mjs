/**
 * Makes docs/figures/NAME.svg again from finished jobs: `node scripts/figures.mjs jobs/quickstart jobs/wordnet`.
 * Needs dist/ (npm run build).
 */
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { curveSvg } from '../dist/report/curve.js';

const figures = fileURLToPath(new URL('../docs/figures', import.meta.url));
const jobs = process.argv.slice(2);
if (jobs.length === 0) {
  console.error('figures: no job named; run: node scripts/figures.mjs jobs/quickstart jobs/wordnet');
  process.exit(64);
}
fs.mkdirSync(figures, { recursive: true });
for (const job of jobs) {
  const summary = JSON.parse(fs.readFileSync(path.join(job, 'summary.json'), 'utf8'));
  const file = path.join(figures, `${summary.name}.svg`);
  fs.writeFileSync(file, curveSvg(summary));
  console.log(path.relative('', file));
}
