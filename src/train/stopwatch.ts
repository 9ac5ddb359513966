/** Seconds of the loop: training, refreshes that it made or waited for, checkpoints. */
export const loopSeconds = ({ train = 0, refresh = 0, wait = 0, checkpoint = 0 }: Readonly<Record<string, number>>): number =>
  train + refresh + wait + checkpoint;

/** The share of the loop's time in which training stood still for refreshes. */
export const refreshShare = (seconds: Readonly<Record<string, number>>): number =>
  ((seconds.refresh ?? 0) + (seconds.wait ?? 0)) / (loopSeconds(seconds) || 1);

/** Seconds by phase, over all sessions of a job. */
export class Stopwatch {
  private readonly spent: Record<string, number>;
  private readonly calls: Record<string, number> = {};
  private readonly thisSession: Record<string, number> = {};

  constructor(earlier: Record<string, number> = {}) {
    this.spent = { ...earlier };
  }

  async time<T>(phase: string, work: () => T | Promise<T>): Promise<T> {
    return (await this.lap(phase, work)).value;
  }

  /** Also returns the seconds that this call took. */
  async lap<T>(phase: string, work: () => T | Promise<T>): Promise<{ value: T; seconds: number }> {
    const begin = performance.now();
    const spent = () => (performance.now() - begin) / 1000;
    try {
      const value = await work();
      return { value, seconds: spent() };
    } finally {
      const seconds = spent();
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
