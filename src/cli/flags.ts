/** Checks of flags that several verbs have. */

/** For yargs' check: true where each of the flags is a whole number of at least 1, otherwise what is wrong with the first that is not. */
export function wholeNumbers(flags: Readonly<Record<string, number>>): true | string {
  for (const [name, value] of Object.entries(flags))
    if (!Number.isInteger(value) || value < 1) return `--${name} is ${value}; expected a whole number of at least 1`;
  return true;
}

/** The same for the kind of an index, and the name of an engine's tables. */
export function indexKind(flag: string, kind: string, name: string): true | string {
  if (!['exact', 'hnsw', 'engine'].includes(kind)) return `--${flag} is ${kind}; expected one of exact, hnsw, engine`;
  return /^[a-z][a-z0-9_]{0,30}$/.test(name) || `--name is ${name}; expected at most 31 small letters, digits and _, a letter first`;
}
