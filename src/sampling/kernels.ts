/**
 * How a density falls with the distance x from its peak: p ∝ exp(−a · g(x)). Any g that is even, 0 at 0 and never falls with |x| makes a decreasing
 * f(|x|) = exp(−a·g(x)), which is all that the paper asks of f (§4.1).
 */
export const KERNELS = {
  /** A Gaussian of deviation 1/√(2a): the paper's Eq. 4. */
  squared: (x: number): number => x * x,
  /** Laplace: the published MS MARCO script. */
  absolute: (x: number): number => Math.abs(x),
  /** Flat near the peak, steep beyond 1. */
  quartic: (x: number): number => x ** 4,
  /** Squared near the peak, absolute far from it: log cosh x. */
  logCosh: (x: number): number => Math.abs(x) + Math.log1p(Math.exp(-2 * Math.abs(x))) - Math.LN2,
  /** Heavy tails: f = (1 + x²)^(−a). */
  cauchy: (x: number): number => Math.log1p(x * x),
} as const;

export type KernelName = keyof typeof KERNELS;
export const KERNEL_NAMES = Object.keys(KERNELS) as KernelName[];
