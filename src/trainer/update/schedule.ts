/** Learning rate over the steps of a stage: linear warm-up, then constant, linear or cosine to `lrEnd`. */

export type ScheduleKind = 'cosine' | 'linear' | 'constant'

interface Schedule {
  kind: ScheduleKind
  lr: number
  /** Rate that cosine and linear approach at the end of the stage. */
  lrEnd: number
  /** Steps of linear warm-up; the first step already has lr / warmup. */
  warmup: number
}

/** Rate of step `step` (from 0) of a stage of `steps`. */
export function learningRate(schedule: Schedule, step: number, steps: number): number {
  const { kind, lr, lrEnd, warmup } = schedule
  if (step < warmup) return (lr * (step + 1)) / warmup
  if (kind === 'constant') return lr
  const progress = Math.min(1, (step - warmup) / Math.max(1, steps - warmup))
  const share = kind === 'linear' ? 1 - progress : (1 + Math.cos(Math.PI * progress)) / 2
  return lrEnd + (lr - lrEnd) * share
}
