/** The Reporter of the command line: bars on a terminal, plain lines in logs. Lines go to stdout, bars and progress to stderr. */
import { MultiBar, type SingleBar } from 'cli-progress';
import type { Phase, Reporter } from '../core/reporter.js';

type Figures = Record<string, number | string>;

interface Output {
  readonly isTTY?: boolean;
  readonly columns?: number;
  write(text: string): unknown;
}

interface TerminalOptions {
  readonly stdout?: Output;
  readonly stderr?: Output;
  /** Milliseconds, for tests. */
  readonly now?: () => number;
}

/** Bars where stdout and stderr are both terminals, otherwise a line at the start, about every 10 s or 10 %, and at the end of a phase. */
export function createTerminalReporter({
  stdout = process.stdout,
  stderr = process.stderr,
  now = Date.now,
}: TerminalOptions = {}): Reporter {
  return stdout.isTTY === true && stderr.isTTY === true ? barReporter(stderr, now) : plainReporter(stdout, stderr, now);
}

function plainReporter(stdout: Output, stderr: Output, now: () => number): Reporter {
  return {
    line: (text) => void stdout.write(`${text}\n`),
    phase: (name, total, unit) => plainPhase({ name, total, unit }, (text) => stderr.write(`${text}\n`), now),
  };
}

/** Seconds between lines, unless a tenth of the work was done meanwhile; never two within one second. */
const LINE_SECONDS = 10;

function plainPhase(work: Work, print: (text: string) => void, now: () => number): Phase {
  const progress = new Progress(work, now);
  let printed = { done: 0, at: now() };
  print(`${work.name}: ${grouped(work.total)} ${work.unit}`);
  return {
    update(done, figures = {}) {
      progress.reach(done);
      const seconds = (now() - printed.at) / 1000;
      const tenth = done - printed.done >= work.total / 10 && seconds >= 1;
      if (done >= work.total || (seconds < LINE_SECONDS && !tenth)) return;
      printed = { done, at: now() };
      print(`${work.name}: ${progress.text(figures)}`);
    },
    end: (summary) => print(progress.endLine(summary)),
  };
}

/** One MultiBar while phases run, so that nested phases and lines between keep their places. */
function barReporter(stderr: Output, now: () => number): Reporter {
  let bars: MultiBar | undefined;
  let running = 0;
  const print = (text: string) => {
    if (bars === undefined) stderr.write(`${text}\n`);
    else bars.log(`${text}\n`);
  };
  const phase = (name: string, total: number, unit: string): Phase => {
    const progress = new Progress({ name, total, unit }, now);
    bars ??= new MultiBar({
      stream: stderr as NodeJS.WritableStream,
      clearOnComplete: true,
      gracefulExit: false, // it would take SIGINT and SIGTERM from cli/interrupt.ts
      fps: 5,
      format: (_options, { progress: share }, { text }: { text: string }) => barLine(name, share, text, stderr.columns ?? 80),
    });
    running += 1;
    const bar: SingleBar = bars.create(total, 0, { text: '' });
    return {
      update(done, figures = {}) {
        progress.reach(done);
        bar.update(done, { text: progress.text(figures) });
      },
      end(summary) {
        bars!.remove(bar);
        print(progress.endLine(summary));
        running -= 1;
        if (running > 0) return;
        bars!.update();
        bars!.stop();
        bars = undefined;
      },
    };
  };
  return { line: print, phase };
}

function barLine(name: string, share: number, text: string, columns: number): string {
  const width = 20;
  const full = Math.round(Math.min(1, share) * width);
  return `${name} ${'█'.repeat(full)}${'░'.repeat(width - full)} ${text}`.slice(0, columns - 1);
}

interface Work {
  readonly name: string;
  readonly total: number;
  readonly unit: string;
}

/** How far a phase is. The pace counts from the first update: a resumed phase begins in the middle, and starting up is not the work. */
class Progress {
  private readonly begun: number;
  private first: { done: number; at: number } | undefined;
  private done = 0;

  constructor(
    private readonly work: Work,
    private readonly now: () => number,
  ) {
    this.begun = now();
  }

  reach(done: number): void {
    this.done = done;
    this.first ??= { done, at: this.now() };
  }

  /** '120/1,000 steps, 6.61/s, 2 min 13 s left, loss 1.234' */
  text(figures: Figures): string {
    const { total, unit } = this.work;
    const first = this.first ?? { done: 0, at: this.begun };
    const rate = (this.done - first.done) / ((this.now() - first.at) / 1000);
    const pace =
      rate > 0 && Number.isFinite(rate)
        ? [`${rate >= 1000 ? grouped(Math.round(rate)) : rate.toPrecision(3)}/s`, `${duration((total - this.done) / rate)} left`]
        : [];
    const extra = Object.entries(figures).map(([name, figure]) => `${name} ${typeof figure === 'number' ? significant(figure) : figure}`);
    return [`${grouped(this.done)}/${grouped(total)} ${unit}`, ...pace, ...extra].join(', ');
  }

  endLine(summary: string | undefined): string {
    const { name, total, unit } = this.work;
    const amount = this.done < total ? `${grouped(this.done)} of ${grouped(total)}` : grouped(total);
    return `${name}: ${amount} ${unit} in ${duration((this.now() - this.begun) / 1000)}${summary === undefined ? '' : `; ${summary}`}`;
  }
}

/** '0.4 s', '52 s', '2 min 13 s', '3 h 20 min'. */
function duration(seconds: number): string {
  const whole = Math.round(seconds);
  if (seconds < 9.95) return `${seconds.toFixed(1)} s`;
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`;
}

const grouped = (n: number): string => n.toLocaleString('en-US');

const significant = (n: number): string => (Number.isInteger(n) ? String(n) : Math.abs(n) >= 1000 ? n.toFixed(0) : n.toPrecision(3));
