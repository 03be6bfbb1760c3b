/**
 * 95 % intervals for numbers that come in clusters: the samples of one problem are alike, so the problem, not the sample, is what
 * was drawn. Variance is taken between problems (cluster-robust, linearised for ratios).
 */

import { seededRandom } from '../random.ts'

/** A value with its 95 % interval; the bounds are NaN where one problem (or none) leaves nothing to estimate them from. */
export interface Estimate {
  value: number
  low: number
  high: number
  /** Problems it rests on. */
  problems: number
}

const LEVEL = 0.95

/** Mean of one number in [0, 1] a problem. `samples`: how many samples they rest on in all. */
export function shareOfProblems(values: readonly number[], samples: number): Estimate {
  return share(
    values,
    values.map(() => 1),
    samples,
  )
}

/** Share of counted samples: Σ hits / Σ of; one entry of both a problem. A problem with `of` = 0 has no part in it. */
export function shareOfSamples(hits: readonly number[], of: readonly number[]): Estimate {
  return share(
    hits,
    of,
    of.reduce((sum, count) => sum + count, 0),
  )
}

/** Mean of any number over samples: Σ sums / Σ counts, with Student's t of problems − 1 degrees of freedom. */
export function meanOfSamples(sums: readonly number[], counts: readonly number[]): Estimate {
  const { ratio, error, problems } = clusteredRatio(sums, counts)
  const half = studentQuantile(problems - 1) * error
  return { value: ratio, low: ratio - half, high: ratio + half, problems }
}

/** Fewer problems give no interval of a ratio that says anything. */
const FEWEST = 5

/**
 * Ratio of two totals of positive numbers over the same problems: Σ nums / Σ dens. The interval is that of its logarithm (delta method,
 * Student's t), so it stays above 0. With fewer than five problems the bounds are NaN.
 */
export function ratioOfTotals(nums: readonly number[], dens: readonly number[]): Estimate {
  const { ratio, error, problems } = clusteredRatio(nums, dens)
  const factor = problems < FEWEST ? Number.NaN : Math.exp((studentQuantile(problems - 1) * error) / ratio)
  return { value: ratio, low: ratio / factor, high: ratio * factor, problems }
}

/**
 * Wilson's interval with the number of independent samples that would have the variance seen between problems (Franco et al.
 * 2019, doi 10.1093/jssam/smy019), and t for the normal quantile. No variance at all (every problem alike) says no more than one sample a
 * problem would; never more than all samples.
 */
function share(hits: readonly number[], of: readonly number[], samples: number): Estimate {
  const { ratio, error, problems } = clusteredRatio(hits, of)
  // Sums of majorities may pass 1 by a rounding error.
  const p = Math.min(1, Math.max(0, ratio))
  const effective = error > 0 ? Math.min(samples, (p * (1 - p)) / error ** 2) : problems
  return { ...wilson(p, effective, studentQuantile(problems - 1)), problems }
}

/** Wilson's interval of a share `p` of `effective` independent samples; `t` stands for the normal quantile. */
export function wilson(p: number, effective: number, t: number): Pick<Estimate, 'value' | 'low' | 'high'> {
  const t2 = t ** 2
  const middle = (p + t2 / (2 * effective)) / (1 + t2 / effective)
  const half = Math.sqrt(t2 * ((p * (1 - p)) / effective + t2 / (4 * effective ** 2))) / (1 + t2 / effective)
  // Rounding must not push the bound past the value it encloses.
  return { value: p, low: Math.min(p, Math.max(0, middle - half)), high: Math.max(p, Math.min(1, middle + half)) }
}

/** Ratio of sums with its standard error between problems: r_i = num_i − R den_i, SE² = n / (n − 1) Σ r_i² / (Σ den_i)². */
function clusteredRatio(nums: readonly number[], dens: readonly number[]): { ratio: number; error: number; problems: number } {
  let num = 0
  let den = 0
  let problems = 0
  for (let i = 0; i < nums.length; i++) {
    if (dens[i] === 0) continue
    num += nums[i]
    den += dens[i]
    problems++
  }
  const ratio = num / den
  let squares = 0
  for (let i = 0; i < nums.length; i++) if (dens[i] !== 0) squares += (nums[i] - ratio * dens[i]) ** 2
  // What rounding leaves of equal numbers is no variance.
  if (squares < 1e-24 * Math.max(num * num, den * den)) squares = 0
  return { ratio, error: Math.sqrt((squares * problems) / (problems - 1)) / den, problems }
}

const quantiles = new Map<number, number>()

/** t with P(|T| ≤ t) = 0.95 for whole degrees of freedom; NaN below 1. By bisection of the finite series (Abramowitz & Stegun 26.7.3, 26.7.4). */
export function studentQuantile(df: number): number {
  if (!(df >= 1)) return Number.NaN
  const known = quantiles.get(df)
  if (known !== undefined) return known
  let low = 0
  let high = 13 // 12.71 at one degree of freedom
  for (let i = 0; i < 60; i++) {
    const middle = (low + high) / 2
    if (studentWithin(middle, df) < LEVEL) low = middle
    else high = middle
  }
  quantiles.set(df, high)
  return high
}

/** P(|T| ≤ t). */
function studentWithin(t: number, df: number): number {
  const angle = Math.atan(t / Math.sqrt(df))
  const cos = Math.cos(angle)
  const odd = df % 2 === 1
  let sum = 0
  let term = odd ? cos : 1
  for (let power = odd ? 1 : 0; power <= df - 2; power += 2) {
    sum += term
    term *= (cos * cos * (power + 1)) / (power + 2)
  }
  return odd ? (2 / Math.PI) * (angle + Math.sin(angle) * sum) : Math.sin(angle) * sum
}

/** Difference of two columns on the same problems. */
export interface Difference extends Estimate {
  /** Two-sided. */
  p: number
}

const CHUNK = 100_000

/**
 * Paired bootstrap over problems: `differences` holds one list a metric, all over the same problems. Each resample draws problems with
 * putting back, the same for every metric. Interval: percentiles of the resampled means. p: how often the resampled mean lies as far from
 * the observed mean as that lies from 0 (Efron & Tibshirani 1993, §16.4), never below 1 / (resamples + 1), nor below what flipping signs could give at
 * best, 2^(1 − m) for m differences other than 0: equal differences on three problems prove little. Gives way to other work every few milliseconds.
 */
export async function pairedBootstrap(
  differences: readonly (readonly number[])[],
  { seed, resamples = 10_000 }: { seed: number; resamples?: number },
): Promise<Difference[]> {
  const random = seededRandom(seed)
  const problems = differences[0]?.length ?? 0
  const columns = differences.map((values) => Float64Array.from(values))
  const means = columns.map(mean)
  const drawn = columns.map(() => new Float64Array(resamples))
  const picks = new Uint32Array(problems)
  let work = 0
  for (let b = 0; b < resamples; b++) {
    for (let i = 0; i < problems; i++) picks[i] = Math.floor(random() * problems)
    for (let m = 0; m < columns.length; m++) {
      const column = columns[m]
      let sum = 0
      for (let i = 0; i < problems; i++) sum += column[picks[i]]
      drawn[m][b] = sum / problems
    }
    work += problems * (columns.length + 1)
    if (work > 10 * CHUNK) {
      work = 0
      await new Promise((resolve) => setImmediate(resolve))
    }
  }
  return drawn.map((values, m) => {
    const value = means[m]
    if (problems < 2) return { value, low: Number.NaN, high: Number.NaN, p: Number.NaN, problems }
    // Sums of the same numbers in another order differ in the last bits.
    const far = Math.abs(value) - 1e-12
    const extreme = values.reduce((count, other) => count + (Math.abs(other - value) >= far ? 1 : 0), 0)
    const differing = columns[m].filter((difference) => difference !== 0).length
    values.sort()
    return {
      value,
      low: quantile(values, (1 - LEVEL) / 2),
      high: quantile(values, (1 + LEVEL) / 2),
      p: Math.min(1, Math.max((extreme + 1) / (resamples + 1), 2 ** (1 - differing))),
      problems,
    }
  })
}

/** Exact McNemar test, two-sided: of the problems that one side alone got right, `onlyA` and `onlyB`, is the split a fair coin's? */
export function mcnemar(onlyA: number, onlyB: number): number {
  const n = onlyA + onlyB
  let log = -n * Math.LN2
  let tail = 0
  for (let i = 0; i <= Math.min(onlyA, onlyB); i++) {
    tail += Math.exp(log)
    log += Math.log(n - i) - Math.log(i + 1)
  }
  return Math.min(1, 2 * tail)
}

/** Holm's step-down correction: p-values of several comparisons, in their order, at a common error rate. NaN stays and is not counted. */
export function holm(ps: readonly number[]): number[] {
  const order = ps.map((p, i) => ({ p, i })).filter(({ p }) => !Number.isNaN(p))
  order.sort((a, b) => a.p - b.p)
  const corrected = ps.map(() => Number.NaN)
  let most = 0
  order.forEach(({ p, i }, rank) => {
    most = Math.max(most, Math.min(1, p * (order.length - rank)))
    corrected[i] = most
  })
  return corrected
}

/** Linear between order statistics, as numpy's default; `sorted` ascending and not empty. */
export function quantile(sorted: ArrayLike<number>, share: number): number {
  const at = share * (sorted.length - 1)
  const below = Math.floor(at)
  const above = Math.min(below + 1, sorted.length - 1)
  return sorted[below] + (at - below) * (sorted[above] - sorted[below])
}

export function mean(values: ArrayLike<number>): number {
  let sum = 0
  for (let i = 0; i < values.length; i++) sum += values[i]
  return sum / values.length
}
