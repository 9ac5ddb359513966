/** Seconds of the loop: training, refreshes that it stood still for, checkpoints. */
export const loopSeconds = ({ train = 0, refresh = 0, checkpoint = 0 }: Readonly<Record<string, number>>): number =>
  train + refresh + checkpoint;

/** The share of the loop's time in which training stood still for refreshes. */
export const refreshShare = (seconds: Readonly<Record<string, number>>): number => (seconds.refresh ?? 0) / (loopSeconds(seconds) || 1);

/** Seconds by phase, over all sessions of a job. */
export class Stopwatch {
  private readonly spent: Record<string, number>;
  private readonly calls: Record<string, number> = {};
  private readonly thisSession: Record<string, number> = {};

  constructor(earlier: Record<string, number> = {}) {
    this.spent = { ...earlier };
  }

  async time<T>(phase: string, work: () => T | Promise<T>): Promise<T> {
    const begin = performance.now();
    try {
      return await work();
    } finally {
      const seconds = (performance.now() - begin) / 1000;
      this.spent[phase] = (this.spent[phase] ?? 0) + seconds;
      this.thisSession[phase] = (this.thisSession[phase] ?? 0) + seconds;
      this.calls[phase] = (this.calls[phase] ?? 0) + 1;
    }
  }

  /** Units a second in this session, where each call handles `units`. */
  rate(phase: string, units: number): number {
    return ((this.calls[phase] ?? 0) * units) / (this.thisSession[phase] || 1);
  }

  seconds(): Record<string, number> {
    return { ...this.spent };
  }
}
