/**
 * 95 % intervals over problems and seeds at once. Every seed trained a model of its own, and all of them answered the same problems: the value
 * of seed s on problem p is µ + S_s + P_p + E_sp, with seeds and problems both drawn. Readers and cases of diagnostic studies cross in the same
 * way, so the variance and its degrees of freedom are theirs (Hillis 2007, doi 10.1002/sim.2532): mean squares of seeds, problems and the rest give
 * the variance of the mean, (MS_S + max(MS_P − MS_E, 0)) / (n_S n_P), and t has as many degrees of freedom as the share that seeds have in it
 * leaves. A percentile bootstrap over three seeds would be too narrow (docs/statistics.md).
 */

import { type Estimate, studentQuantile, wilson } from './intervals.ts'

/** A value over problems and seeds. The bounds are NaN with fewer than two of either. */
export interface CrossedEstimate extends Estimate {
  seeds: number
}

/** One value a problem, in the same order for every seed. */
export type BySeed = readonly (readonly number[])[]

/** Mean of any number. */
export function crossedMean(values: BySeed): CrossedEstimate {
  const { value, error, t, problems, seeds } = crossed(values)
  return { value, low: value - t * error, high: value + t * error, problems, seeds }
}

/**
 * Mean of numbers in [0, 1], with Wilson's interval of as many independent samples as have this variance (intervals.ts). `samples`: how many they
 * rest on in all.
 */
export function crossedShare(values: BySeed, samples: number): CrossedEstimate {
  const { value, error, t, problems, seeds } = crossed(values)
  const p = Math.min(1, Math.max(0, value))
  const effective = error > 0 ? Math.min(samples, (p * (1 - p)) / error ** 2) : problems
  return { ...wilson(p, effective, t), problems, seeds }
}

/**
 * Mean of a − b, of numbers in [0, 1], paired by problem and seed. Where no difference differs from another, as where nothing is right on either
 * side, the interval is no narrower than Wilson's is for as many problems that are all alike.
 */
export function crossedDifference(a: BySeed, b: BySeed): CrossedEstimate {
  const { value, error, t, problems, seeds } = crossed(a.map((row, s) => row.map((one, p) => one - b[s][p])))
  const half = error > 0 ? t * error : t ** 2 / (problems + t ** 2)
  return { value, low: Math.max(-1, value - half), high: Math.min(1, value + half), problems, seeds }
}

function crossed(values: BySeed): { value: number; error: number; t: number; problems: number; seeds: number } {
  const seeds = values.length
  const problems = values[0]?.length ?? 0
  const cells = seeds * problems
  const ofSeed = values.map((row) => row.reduce((sum, one) => sum + one, 0) / problems)
  const ofProblem = Array.from({ length: problems }, (_, p) => values.reduce((sum, row) => sum + row[p], 0) / seeds)
  const value = ofSeed.reduce((sum, one) => sum + one, 0) / seeds
  if (seeds < 2 || problems < 2) return { value, error: Number.NaN, t: Number.NaN, problems, seeds }
  const squares = (means: readonly number[]) => means.reduce((sum, one) => sum + (one - value) ** 2, 0)
  const rest = values.reduce((sum, row, s) => sum + row.reduce((own, one, p) => own + (one - ofSeed[s] - ofProblem[p] + value) ** 2, 0), 0)
  const bySeed = (problems * squares(ofSeed)) / (seeds - 1)
  const byProblem = (seeds * squares(ofProblem)) / (problems - 1)
  const byBoth = rest / ((seeds - 1) * (problems - 1))
  const variance = bySeed + Math.max(byProblem - byBoth, 0)
  // What rounding leaves of equal numbers is no variance.
  if (variance * cells < 1e-24 * Math.max(1, value ** 2)) return { value, error: 0, t: studentQuantile(problems - 1), problems, seeds }
  // Problems alone would leave problems − 1; whole degrees, the wider way.
  const freedom = Math.max(seeds - 1, Math.min(problems - 1, Math.floor((variance / bySeed) ** 2 * (seeds - 1))))
  return { value, error: Math.sqrt(variance / cells), t: studentQuantile(freedom), problems, seeds }
}
