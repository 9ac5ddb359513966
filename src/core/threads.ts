/** Where the scripts of worker threads lie. */

/** The compiled script beside a module (its `import.meta.url`); for a module run from TypeScript sources (tests) the one in dist/. */
export function workerScript(name: string, module: string): URL {
  const beside = new URL(name, module);
  return module.endsWith('.ts') ? new URL(beside.href.replace('/src/', '/dist/')) : beside;
}
