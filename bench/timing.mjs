/** Seconds that the work takes. @param {() => void | Promise<void>} work */
export async function clock(work) {
  const begin = performance.now();
  await work();
  return (performance.now() - begin) / 1000;
}

/** @param {number[]} values */
export function median(values) {
  const ascending = [...values].sort((a, b) => a - b);
  const middle = ascending.length >> 1;
  return ascending.length % 2 === 1 ? ascending[middle] : (ascending[middle - 1] + ascending[middle]) / 2;
}
