/** What the responses of a probe say of the metrics of a suite: their spread, which never vary, which say the same. */

import type { Rollout } from '../samples/rollouts.ts'

interface MetricSummary {
  name: string
  mean: number
  /** Population standard deviation. */
  std: number
  min: number
  max: number
}

export function summarize(rollouts: readonly Rollout[]): MetricSummary[] {
  return namesOf(rollouts).map((name) => ({ name, ...spreadOf(rollouts.flatMap(({ metrics }) => metrics[name] ?? [])) }))
}

export function spreadOf(values: readonly number[]): Omit<MetricSummary, 'name'> {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length
  const std = Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length)
  return {
    mean,
    std,
    min: values.reduce((a, b) => Math.min(a, b), Number.POSITIVE_INFINITY),
    max: values.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY),
  }
}

/** Pairs of metrics whose correlation over the responses that have both is at least `bound`, either way. Constant ones have none. */
export function correlated(rollouts: readonly Rollout[], bound: number): { a: string; b: string; correlation: number }[] {
  const names = namesOf(rollouts)
  return names.flatMap((a, i) =>
    names.slice(i + 1).flatMap((b) => {
      const correlation = correlationOf(rollouts, a, b)
      return Math.abs(correlation) >= bound ? [{ a, b, correlation }] : []
    }),
  )
}

/** Pearson's; NaN where one does not vary. */
function correlationOf(rollouts: readonly Rollout[], a: string, b: string): number {
  const both = rollouts.filter(({ metrics }) => metrics[a] !== undefined && metrics[b] !== undefined).map(({ metrics }) => metrics)
  const left = spreadOf(both.map((metrics) => metrics[a]))
  const right = spreadOf(both.map((metrics) => metrics[b]))
  const covariance = both.reduce((sum, metrics) => sum + (metrics[a] - left.mean) * (metrics[b] - right.mean), 0) / both.length
  return covariance / (left.std * right.std)
}

/** Metric names in the order in which they are first seen. */
export function namesOf(rollouts: readonly Rollout[]): string[] {
  return [...new Set(rollouts.flatMap(({ metrics }) => Object.keys(metrics)))]
}
