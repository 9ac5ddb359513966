/** How numbers are printed. */

const NAMES: Readonly<Record<string, string>> = {
  recall: 'R',
  mrr: 'MRR',
  ndcg: 'nDCG',
  ndcgExp: 'nDCG-exp',
  map: 'MAP',
  p: 'P',
  rprec: 'R-prec',
};

/** 'recall@10' → 'R@10' */
export function measureLabel(measure: string): string {
  const [name, cutoff] = measure.split('@');
  return [NAMES[name] ?? name, ...(cutoff ? [cutoff] : [])].join('@');
}

/** Four digits behind the point; differences with their sign. */
export const figure = (value: number): string => value.toFixed(4);
export const signedFigure = (value: number): string => `${value < 0 ? '−' : '+'}${figure(Math.abs(value))}`;

/** 1234567890 → '1.23 GB'; a GB is 10⁹ bytes. */
export const gigabytes = (bytes: number): string => `${(bytes / 1e9).toFixed(2)} GB`;

/** '41.3 s', '203 s' */
export const secondsText = (seconds: number): string => `${seconds < 99.95 ? seconds.toFixed(1) : seconds.toFixed(0)} s`;
