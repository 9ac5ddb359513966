import { stripVTControlCharacters } from 'node:util';
import { expect, test } from 'vitest';
import { createTerminalReporter } from '../../src/report/terminal.js';

/** A reporter whose outputs are kept, with a clock that the test moves. */
function reporterOn({ isTTY, columns }: { isTTY: boolean; columns?: number }) {
  const clock = { ms: 0 };
  const written = { stdout: '', stderr: '' };
  const output = (name: 'stdout' | 'stderr') => ({
    isTTY,
    ...(columns !== undefined && { columns }),
    write: (text: string) => {
      written[name] += text;
      return true;
    },
  });
  const reporter = createTerminalReporter({ stdout: output('stdout'), stderr: output('stderr'), now: () => clock.ms });
  return { reporter, clock, written };
}

test('without a terminal: a line at the start, at times, and at the end', () => {
  const { reporter, clock, written } = reporterOn({ isTTY: false });
  const phase = reporter.phase('train', 2000, 'steps');
  for (let step = 1; step <= 2000; step++) {
    clock.ms += 20;
    phase.update(step, { loss: 4 / step, rate: 'rising' });
  }
  phase.end('loss 0.002');
  reporter.line('done');
  expect(written.stdout).toBe('done\n');
  expect(written.stderr).toMatchInlineSnapshot(`
    "train: 2,000 steps
    train: 200/2,000 steps, 50.0/s, 36 s left, loss 0.0200, rate rising
    train: 400/2,000 steps, 50.0/s, 32 s left, loss 0.0100, rate rising
    train: 600/2,000 steps, 50.0/s, 28 s left, loss 0.00667, rate rising
    train: 800/2,000 steps, 50.0/s, 24 s left, loss 0.00500, rate rising
    train: 1,000/2,000 steps, 50.0/s, 20 s left, loss 0.00400, rate rising
    train: 1,200/2,000 steps, 50.0/s, 16 s left, loss 0.00333, rate rising
    train: 1,400/2,000 steps, 50.0/s, 12 s left, loss 0.00286, rate rising
    train: 1,600/2,000 steps, 50.0/s, 8.0 s left, loss 0.00250, rate rising
    train: 1,800/2,000 steps, 50.0/s, 4.0 s left, loss 0.00222, rate rising
    train: 2,000 steps in 40 s; loss 0.002
    "
  `);
});

test('without a terminal: slow work is heard of every ten seconds', () => {
  const { reporter, clock, written } = reporterOn({ isTTY: false });
  const phase = reporter.phase('encode', 100_000, 'passages');
  for (let done = 100; done <= 1000; done += 100) {
    clock.ms += 6000;
    phase.update(done);
  }
  phase.end();
  const lines = written.stderr.trimEnd().split('\n');
  expect(lines).toHaveLength(1 + 5 + 1);
  expect(lines[1]).toBe('encode: 200/100,000 passages, 16.7/s, 1 h 39 min left');
  expect(lines.at(-1)).toBe('encode: 1,000 of 100,000 passages in 1 min 0 s');
});

test('the pace of a phase that begins in the middle counts from there', () => {
  const { reporter, clock, written } = reporterOn({ isTTY: false });
  const phase = reporter.phase('train', 1000, 'steps');
  phase.update(500);
  clock.ms += 20_000;
  phase.update(600);
  expect(written.stderr.trimEnd().split('\n').at(-1)).toBe('train: 600/1,000 steps, 5.00/s, 1 min 20 s left');
});

test('without a terminal: quick work is two lines', () => {
  const { reporter, clock, written } = reporterOn({ isTTY: false });
  const phase = reporter.phase('search', 50, 'queries');
  for (let done = 1; done <= 50; done++) {
    clock.ms += 10;
    phase.update(done);
  }
  phase.end();
  expect(written.stderr).toBe('search: 50 queries\nsearch: 50 queries in 0.5 s\n');
});

test('on a terminal: signals are left to the command', () => {
  const { reporter } = reporterOn({ isTTY: true });
  const listeners = process.listenerCount('SIGINT') + process.listenerCount('SIGTERM');
  const phase = reporter.phase('train', 10, 'steps');
  expect(process.listenerCount('SIGINT') + process.listenerCount('SIGTERM')).toBe(listeners);
  phase.end();
});

test('on a terminal: bars within the columns, lines between them, no bar left over', () => {
  const { reporter, clock, written } = reporterOn({ isTTY: true, columns: 50 });
  const train = reporter.phase('train', 10, 'steps');
  train.update(0);
  clock.ms += 1000;
  train.update(5, { loss: 1.23456 });
  const inner = reporter.phase('refresh', 4, 'shards');
  inner.update(4);
  inner.end('recall@10 0.5');
  reporter.line('between');
  train.update(10);
  train.end();
  reporter.line('after');
  const text = stripVTControlCharacters(written.stderr);
  expect(text).toContain('train ██████████░░░░░░░░░░ 5/10 steps, 5.00/s, 1.');
  expect(text).toContain('refresh: 4 shards in 0.0 s; recall@10 0.5\n');
  expect(text).toContain('between\n');
  for (const line of text.split(/[\r\n]/)) expect(line.length).toBeLessThan(50);
  expect(text.trimEnd().endsWith('train: 10 steps in 1.0 s\nafter')).toBe(true);
});
