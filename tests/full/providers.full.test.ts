/** `simans plan --providers`, which encodes with each of them for some seconds. */
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { simans } from '../cli/command.js';
import { writeBeir, writeJobFile } from '../train/process.js';

const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'simans-providers-'));
afterAll(() => fs.rmSync(folder, { recursive: true }));

it('says how fast each provider encodes, or why it does not', () => {
  writeBeir(path.join(folder, 'beir'));
  const { code, stdout, stderr } = simans(['plan', writeJobFile(folder), '--json', '--providers']);
  expect(code, stderr).toBe(0);
  const { encoding } = JSON.parse(stdout) as {
    encoding: { tokens: number; rates: { provider: string; threads: number; rate?: number; whyNot?: string }[] };
  };
  const rates = new Map(encoding.rates.map((one) => [one.provider, one]));
  expect([...rates.keys()]).toEqual(['onnxruntime, fp32', 'onnxruntime, int8', 'tensorflow', 'webgpu', 'wasm', 'cpu']);
  for (const { rate, whyNot } of rates.values()) expect(rate === undefined ? whyNot !== '' : rate > 0).toBe(true);
  expect(rates.get('onnxruntime, fp32')!.rate!).toBeGreaterThan(rates.get('cpu')!.rate!);
});
