/**
 * What k samples of one problem are worth. Each function takes the samples of a single problem and returns a number in
 * [0, 1]; statistics.ts averages them over problems. All of them are exact: nothing here is drawn at random.
 */

/**
 * Unbiased pass@k: the chance that k of the n samples, drawn without putting back, hold a right one; c of n are right.
 * 1 − C(n−c, k) / C(n, k) (Chen et al. 2021, arXiv 2107.03374, figure 3).
 */
export function passAtK(n: number, c: number, k: number): number {
  return 1 - allOfK(n, n - c, k)
}

/**
 * Unbiased pass^k: the chance that k of the n samples, drawn without putting back, are all right; c of n are right.
 * C(c, k) / C(n, k) (Yao et al. 2024, τ-bench, arXiv 2406.12045, section 3).
 */
export function passHatK(n: number, c: number, k: number): number {
  return allOfK(n, c, k)
}

/** C(m, k) / C(n, k): the chance that k of n things are all among m of them. As a product that cannot overflow. */
function allOfK(n: number, m: number, k: number): number {
  if (m < k) return 0
  let all = 1
  for (let i = m + 1; i <= n; i++) all *= 1 - k / i
  return all
}

/**
 * The best of k samples drawn with putting back, in expectation: 1 − (1 − c/n)^k. It is what the bootstrap behind the
 * published Parallel-R1 numbers converges to, and biased low as pass@k: 1 right of 16 gives 0.64, not 1.
 */
export function bestAtK(n: number, c: number, k: number): number {
  return 1 - (1 - c / n) ** k
}

/** Powers of two below n, then n itself: 20 gives 1, 2, 4, 8, 16, 20. */
export function sampleCounts(n: number): number[] {
  const counts: number[] = []
  for (let k = 1; k < n; k *= 2) counts.push(k)
  return n >= 1 ? [...counts, n] : []
}

/** Samples that voted for one answer, and how many of them are right (all or none, unless the grader disagrees with itself). */
export interface Votes {
  size: number
  right: number
}

/** Up to so many samples a problem maj@k is computed for every k: the work grows with their third power. */
export const MAX_VOTERS = 128

/**
 * maj@k for k = 1 … n, as an array with index k (index 0 is unused): the chance that the most frequent answer of k samples, drawn
 * without putting back, is right. Ties are broken evenly; `abstaining` samples give no answer but are drawn like the others.
 * Exact: subsets are counted by the highest vote `top`, in which a group counts `top` (a winner) or less.
 * Throws RangeError beyond {@link MAX_VOTERS} samples.
 */
export function majorityAtEachK(groups: readonly Votes[], abstaining = 0): Float64Array {
  const n = groups.reduce((sum, { size }) => sum + size, abstaining)
  if (n > MAX_VOTERS) throw new RangeError(`maj@k counts subsets of at most ${MAX_VOTERS} samples. Got ${n}. Use majorityOfAll.`)
  const won = new Float64Array(n + 1)
  const largest = groups.reduce((most, { size }) => Math.max(most, size), 0)
  for (let top = 1; top <= largest; top++) {
    const ties = Math.floor(n / top)
    const width = ties + 1
    // ways[z * width + t]: subsets of z samples so far with t groups at `top`; share: the same, each weighted with the sum of its winners' right shares.
    let ways = new Float64Array((n + 1) * width)
    let share = new Float64Array((n + 1) * width)
    ways[0] = 1
    for (const { size, right } of groups) {
      const nextWays = new Float64Array(ways.length)
      const nextShare = new Float64Array(ways.length)
      for (let x = 0; x <= Math.min(size, top); x++) {
        const choose = binomial(size, x)
        const wins = x === top ? 1 : 0
        const rightShare = wins * (right / size)
        for (let z = 0; z + x <= n; z++) {
          for (let t = 0; t + wins <= ties; t++) {
            const from = z * width + t
            if (ways[from] === 0) continue
            const to = (z + x) * width + t + wins
            nextWays[to] += choose * ways[from]
            nextShare[to] += choose * (share[from] + rightShare * ways[from])
          }
        }
      }
      ways = nextWays
      share = nextShare
    }
    for (let silent = 0; silent <= abstaining; silent++) {
      const choose = binomial(abstaining, silent)
      for (let z = 0; z + silent <= n; z++) {
        for (let t = 1; t <= ties; t++) won[z + silent] += (choose * share[z * width + t]) / t
      }
    }
  }
  for (let k = 1; k <= n; k++) won[k] /= binomial(n, k)
  return won
}

/** maj@n: the share of right ones among the answers that most of all samples gave. */
export function majorityOfAll(groups: readonly Votes[]): number {
  const most = groups.reduce((top, { size }) => Math.max(top, size), 0)
  const winners = groups.filter(({ size }) => size === most)
  return most === 0 ? 0 : winners.reduce((sum, { size, right }) => sum + right / size, 0) / winners.length
}

function binomial(n: number, k: number): number {
  let result = 1
  for (let i = 1; i <= Math.min(k, n - k); i++) result = (result * (n - i + 1)) / i
  return result
}
