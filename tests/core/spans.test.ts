import { describe, expect, it } from 'vitest';
import { enterSpan, recordSpans, type Span, span } from '../../src/core/spans.js';

const names = ({ name, calls, children }: Span): unknown => [name, calls, [...children.values()].map(names)];

describe('spans', () => {
  it('nest as they are entered, and are summed up by name', async () => {
    const root = await recordSpans('all', async () => {
      for (let i = 0; i < 3; i++) span('step', () => span('forward', () => span('dense', () => i)));
      span('step', () => span('backward', () => undefined));
      span('dense', () => undefined);
    });
    const step = [
      'step',
      4,
      [
        ['forward', 3, [['dense', 3, []]]],
        ['backward', 1, []],
      ],
    ];
    expect(names(root)).toEqual(['all', 1, [step, ['dense', 1, []]]]);
  });

  it('have the time of what is within them', async () => {
    const root = await recordSpans('all', async () => {
      span('outer', () => {
        span('inner', () => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 20));
      });
    });
    const outer = root.children.get('outer')!;
    const inner = outer.children.get('inner')!;
    expect(inner.seconds).toBeGreaterThan(0.015);
    expect(outer.seconds).toBeGreaterThanOrEqual(inner.seconds);
    expect(root.seconds).toBeGreaterThanOrEqual(outer.seconds);
  });

  it('pass values and errors on; what an error left open is closed', async () => {
    const root = await recordSpans('all', async () => {
      expect(span('value', () => 7)).toBe(7);
      const failing = () => {
        enterSpan('left open');
        throw new Error('mine');
      };
      expect(() => span('failing', failing)).toThrow('mine');
      span('after', () => undefined);
    });
    expect([...root.children.keys()]).toEqual(['value', 'failing', 'after']);
  });

  it('are not recorded unasked, and by one at a time', async () => {
    expect(span('alone', () => 1)).toBe(1);
    await recordSpans('all', async () => {
      await expect(recordSpans('another', async () => {})).rejects.toThrow('recorded already');
    });
    const failed = recordSpans('all', () => Promise.reject(new Error('mine')));
    await expect(failed).rejects.toThrow('mine');
    expect((await recordSpans('again', async () => {})).children.size).toBe(0);
  });
});
