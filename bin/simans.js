#!/usr/bin/env node
import fs from 'node:fs';

const main = new URL('../dist/cli/main.js', import.meta.url);

if (Number.parseInt(process.versions.node, 10) < 20) {
  console.error(`simans: Node ${process.versions.node} is too old; install Node 20 or later`);
  process.exit(1);
}
if (!fs.existsSync(main)) {
  console.error('simans: this checkout is not built; run: npm run build');
  process.exit(1);
}
const { run } = await import(main.href);
await run(process.argv.slice(2));
