/** Learning rate of a step, as a pure function. */
export interface Schedule {
  readonly learningRate: number;
  readonly warmupShare: number;
  readonly decay: 'linear' | 'cosine';
  readonly steps: number;
}

/** Linear warm-up over the first share of the steps, then linear or cosine decay to 0 at the end; steps count from 0. */
export function learningRateAt(step: number, schedule: Schedule): number {
  const warmup = Math.round(schedule.warmupShare * schedule.steps);
  if (step < warmup) return schedule.learningRate * ((step + 1) / warmup);
  const progress = (step - warmup) / Math.max(1, schedule.steps - warmup);
  switch (schedule.decay) {
    case 'linear':
      return schedule.learningRate * (1 - progress);
    case 'cosine':
      return schedule.learningRate * 0.5 * (1 + Math.cos(Math.PI * progress));
    default:
      throw new Error(`internal: decay ${schedule.decay satisfies never}`);
  }
}
