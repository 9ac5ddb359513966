/** What long work tells its watcher. The terminal's implementation is report/terminal.ts; rooms only know this interface. */
export interface Reporter {
  /** Begins a phase of `total` units (queries, passages, steps …); the bar shows rate and time left. */
  phase(name: string, total: number, unit: string): Phase;
  /** One line of plain text. */
  line(text: string): void;
}

export interface Phase {
  /** `done` units so far, with figures to show beside the bar, such as {loss: 1.234}. Cheap: drawn a few times a second at most. */
  update(done: number, figures?: Record<string, number | string>): void;
  /** Ends the phase with an optional summary in place of the bar. */
  end(summary?: string): void;
}

export const silentReporter: Reporter = {
  phase: () => ({ update() {}, end() {} }),
  line() {},
};
