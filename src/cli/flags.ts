/** Checks of flags that several verbs have. */

/** For yargs' check: true where each of the flags is a whole number of at least 1, otherwise what is wrong with the first that is not. */
export function wholeNumbers(flags: Readonly<Record<string, number>>): true | string {
  for (const [name, value] of Object.entries(flags))
    if (!Number.isInteger(value) || value < 1) return `--${name} is ${value}; expected a whole number of at least 1`;
  return true;
}
