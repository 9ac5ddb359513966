/**
 * The settings of the paper's four data sets, as the paper prints them, and as the published scripts run. The scripts add b where the paper subtracts it
 * (NQ's b = 1 is −1 here), and MS MARCO passages have neither the square nor a nor b. Sources: the paper, §5 and Table 6; its code's scripts.
 */
export interface Preset {
  readonly a: number;
  readonly b: number;
  readonly kernel: 'squared' | 'absolute';
  /** K. */
  readonly pool: number;
  /** m. */
  readonly negatives: number;
}

const paper: Preset = { a: 0.5, b: 0, kernel: 'squared', pool: 100, negatives: 15 };

export const PRESETS: Readonly<Record<'paper' | 'simxns', Readonly<Record<'nq' | 'tq' | 'ms-pas' | 'ms-doc', Preset>>>> = {
  paper: { nq: paper, tq: paper, 'ms-pas': paper, 'ms-doc': paper },
  simxns: {
    nq: { ...paper, b: -1 },
    tq: paper,
    'ms-pas': { ...paper, a: 3, kernel: 'absolute', pool: 200 },
    'ms-doc': { ...paper, pool: 200 },
  },
};

interface Presettable {
  readonly preset: 'none' | keyof (typeof PRESETS)['paper'];
  readonly compat: keyof typeof PRESETS;
}

/** What the sampler's preset says; undefined without one. */
export function presetOf(sampler: object): Preset | undefined {
  const { preset = 'none', compat = 'paper' } = sampler as Partial<Presettable>;
  return preset === 'none' ? undefined : PRESETS[compat][preset];
}

/** With the numbers of its sampler's preset, where that has one. */
export const withSamplerPreset = <C extends { readonly sampler: object }>(config: C): C => ({
  ...config,
  sampler: { ...config.sampler, ...presetOf(config.sampler) },
});
