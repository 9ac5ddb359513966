/** The Reporter of the command line: bars on a terminal, plain lines in logs. Lines go to stdout, bars and progress to stderr. */
import { MultiBar, type Params, type SingleBar } from 'cli-progress';
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
    phase: (name, total, unit) => plainPhase({ name, total, unit, begun: now() }, (text) => stderr.write(`${text}\n`), now),
  };
}

/** Seconds between lines, unless a tenth of the work was done meanwhile; never two within one second. */
const LINE_SECONDS = 10;

function plainPhase(work: Work, print: (text: string) => void, now: () => number): Phase {
  const progress = { done: 0, printedDone: 0, printedAt: work.begun };
  print(`${work.name}: ${grouped(work.total)} ${work.unit}`);
  return {
    update(done, figures = {}) {
      progress.done = done;
      const seconds = (now() - progress.printedAt) / 1000;
      const tenth = done - progress.printedDone >= work.total / 10 && seconds >= 1;
      if (done >= work.total || (seconds < LINE_SECONDS && !tenth)) return;
      progress.printedDone = done;
      progress.printedAt = now();
      print(`${work.name}: ${figureText(work, done, figures, now())}`);
    },
    end: (summary) => print(endLine(work, progress.done, summary, now())),
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
    const work: Work = { name, total, unit, begun: now() };
    bars ??= new MultiBar({
      stream: stderr as NodeJS.WritableStream,
      clearOnComplete: true,
      gracefulExit: false, // it would take SIGINT and SIGTERM from cli/interrupt.ts
      fps: 5,
      format: barLine(stderr, now),
    });
    running += 1;
    const bar: SingleBar = bars.create(total, 0, { work, figures: {} });
    let latest = 0;
    return {
      update(done, figures = {}) {
        latest = done;
        bar.update(done, { work, figures });
      },
      end(summary) {
        bars!.remove(bar);
        print(endLine(work, latest, summary, now()));
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

interface Work {
  readonly name: string;
  readonly total: number;
  readonly unit: string;
  /** Milliseconds. */
  readonly begun: number;
}

function barLine(stderr: Output, now: () => number) {
  return (_options: unknown, { value, progress }: Params, { work, figures }: { work: Work; figures: Figures }): string => {
    const width = 20;
    const full = Math.round(Math.min(1, progress) * width);
    const line = `${work.name} ${'█'.repeat(full)}${'░'.repeat(width - full)} ${figureText(work, value, figures, now())}`;
    return line.slice(0, (stderr.columns ?? 80) - 1);
  };
}

/** '120/1,000 steps, 6.61/s, 2 min 13 s left, loss 1.234' */
function figureText(work: Work, done: number, figures: Figures, at: number): string {
  const rate = done / Math.max(1e-3, (at - work.begun) / 1000);
  const pace = done > 0 ? [`${significant(rate)}/s`, `${duration((work.total - done) / rate)} left`] : [];
  const extra = Object.entries(figures).map(([name, figure]) => `${name} ${typeof figure === 'number' ? significant(figure) : figure}`);
  return [`${grouped(done)}/${grouped(work.total)} ${work.unit}`, ...pace, ...extra].join(', ');
}

function endLine({ name, total, unit, begun }: Work, done: number, summary: string | undefined, at: number): string {
  const amount = done < total ? `${grouped(done)} of ${grouped(total)}` : grouped(total);
  return `${name}: ${amount} ${unit} in ${duration((at - begun) / 1000)}${summary === undefined ? '' : `; ${summary}`}`;
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
