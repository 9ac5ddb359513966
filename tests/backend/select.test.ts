import { describe, expect, it } from 'vitest';
import { probeBackends, selectBackend, tf } from '../../src/backend/index.js';
import { UserError } from '../../src/core/errors.js';

const probes = await probeBackends();
const usable = probes.filter((probe) => probe.usable);
const unusable = probes.filter((probe) => !probe.usable);

describe('probeBackends', () => {
  it('names each backend once and gives a version or a reason', () => {
    expect(probes.map(({ name }) => name)).toEqual(['tensorflow', 'webgpu', 'onnx', 'wasm', 'cpu']);
    for (const probe of usable) expect(probe.version).toMatch(/^\d+\.\d+\.\d+/);
    for (const probe of unusable) expect(probe.whyNot).toMatch(/npm install/);
  });

  it('leaves the active backend active', async () => {
    await tf.setBackend('cpu');
    await probeBackends();
    expect(tf.getBackend()).toBe('cpu');
  });
});

describe('selectBackend', () => {
  it.each(usable)('makes $name active when asked for', async ({ name }) => {
    const report = await selectBackend(name);
    expect(report).toMatchObject({ name, why: 'asked for' });
    expect(report.gflops).toBeGreaterThan(0);
    expect(tf.getBackend()).toBe(name);
  });

  it.each(unusable)('refuses $name, which cannot start here, with what to do', async ({ name, whyNot }) => {
    const refusal = selectBackend(name);
    await expect(refusal).rejects.toThrow(UserError);
    await expect(refusal).rejects.toThrow(whyNot);
  });

  it('takes for auto the first usable in the order of preference, and says why none before it', async () => {
    const find = (name: string) => probes.find((probe) => probe.name === name)!;
    const gpu = ['tensorflow', 'webgpu'].find((name) => find(name).usable && find(name).accelerated);
    const expected = gpu ?? ['onnx', 'tensorflow', 'wasm', 'cpu'].find((name) => find(name).usable);
    const before = tf.memory().numTensors;
    const report = await selectBackend('auto');
    expect(report.name).toBe(expected);
    if (!gpu) expect(report.why).toMatch(/tensorflow not taken: .*; webgpu not taken: /);
    expect(tf.memory().numTensors).toBe(before);
  });
});
