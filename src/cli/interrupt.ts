/** The first Ctrl-C asks the work to save and stop (the signal aborts), the second ends the process at once; both exit with 130. */
export function interruptSignal(): AbortSignal {
  const controller = new AbortController();
  process.on('SIGINT', () => {
    if (controller.signal.aborted) process.exit(130);
    process.stderr.write('\nsimans: finishing this step and saving; Ctrl-C again stops at once\n');
    controller.abort();
  });
  return controller.signal;
}
