/**
 * The claims that are tested, written down before the first run. Those of the paper are of arXiv 2509.07980, and `published` gives its
 * figures: means over four sets in percent where nothing else is said, for Qwen3-4B-Base. The others are controls.
 */

import { type Estimate, meanOfSamples } from '../../src/report/intervals.ts'
import { accuracy, type Column, criticalPath, estimateDifference, type Figure, fewestSamples, firstAndLastOf, type Measured, parallelRatio, passAt, type Traced, totalTokens, within } from './measured.ts' // biome-ignore format: one import a file
import { decide, type Kind, type Verdict } from './rule.ts'

/** Smallest difference that would matter, in shares: two points of accuracy, five of the parallel ratio and of a position. */
const MARGINS = { accuracy: 0.02, ratio: 0.05, position: 0.05 } as const

interface Compared {
  /** Names of arms; `plain` decodes the arm token by token. */
  a: string | { plain: string }
  b: string | { plain: string }
  /** What is compared, from the two columns. */
  figure: (a: Column, b: Column) => Figure
}

interface Followed {
  arm: string
  key: Traced
  /** From the step on at which the reward switches. */
  fromSwitch?: true
  /** 1: the claim says it rises. */
  sign: 1 | -1
}

export interface Claim {
  id: string
  /** One sentence. */
  says: string
  /** What the difference is, in words: `a − b`. */
  measure: string
  published?: string
  by: 'paper' | 'third party' | 'control'
  kind: Kind
  margin: number
  of: Compared | Followed
}

const right = () => accuracy
const forked = () => parallelRatio
const anyOf = (a: Column, b: Column) => passAt(fewestSamples([a, b]))

/** Mean over all responses: within so many tokens the other is asked to answer. */
const meanOf = (column: Column, figure: Figure): number => {
  const values = [...column.bySeed.values()].flatMap((answers) => [...answers.values()].map(figure))
  return Math.ceil(values.reduce((sum, one) => sum + one, 0) / values.length)
}

export const CLAIMS: readonly Claim[] = [
  { id: 'rl', by: 'paper', says: 'RL adds to the cold start of the parallel form', measure: 'accuracy, S1 − SFT only', published: '36.0 → 46.6', kind: 'greater', margin: MARGINS.accuracy, of: { a: 's1', b: 'sft-parallel', figure: right } },
  { id: 'parallel', by: 'paper', says: 'Under the same reward, parallel RL is more accurate than sequential RL', measure: 'accuracy, S1 − sequential', published: '46.6 against 45.1', kind: 'greater', margin: MARGINS.accuracy, of: { a: 's1', b: 'sequential', figure: right } },
  { id: 'parallel-curriculum', by: 'paper', says: 'Parallel RL with its curriculum is more accurate than sequential RL', measure: 'accuracy, curriculum − sequential', published: '48.9 against 45.1', kind: 'greater', margin: MARGINS.accuracy, of: { a: 'curriculum', b: 'sequential', figure: right } },
  { id: 'curriculum', by: 'paper', says: 'With causal attention, RL on easy problems first adds accuracy', measure: 'accuracy, curriculum − S1', published: '48.9 against 46.6', kind: 'greater', margin: MARGINS.accuracy, of: { a: 'curriculum', b: 's1', figure: right } },
  { id: 'alternating', by: 'paper', says: 'The alternating reward is about as accurate as accuracy alone', measure: 'accuracy, S2 − S1', published: '46.8 against 47.1', kind: 'alike', margin: MARGINS.accuracy, of: { a: 's2', b: 's1', figure: right } },
  { id: 'ratio', by: 'paper', says: 'The alternating reward keeps parallel thinking in use', measure: 'parallel ratio, S2 − S1', published: '63.0 % against 13.6 %', kind: 'greater', margin: MARGINS.ratio, of: { a: 's2', b: 's1', figure: forked } },
  { id: 'decay', by: 'paper', says: 'Under accuracy alone parallel thinking is used less and less', measure: 'parallel ratio, SFT only − S1', published: '95.6 % → 27.3 %', kind: 'greater', margin: MARGINS.ratio, of: { a: 'sft-parallel', b: 's1', figure: forked } },
  { id: 'any', by: 'paper', says: 'Parallel RL finds a right answer in several tries more often', measure: 'pass@k, S2 − sequential', published: '42.2 against 32.4 (AIME25, k = 16)', kind: 'greater', margin: MARGINS.accuracy, of: { a: 's2', b: 'sequential', figure: anyOf } },
  { id: 'scaffold', by: 'paper', says: 'Parallel thinking as a scaffold ends above sequential RL', measure: 'accuracy, scaffold − sequential', published: '+42.9 % relative (AIME25, at its peak)', kind: 'greater', margin: MARGINS.accuracy, of: { a: 'scaffold', b: 'sequential', figure: right } },
  { id: 'scaffold-ratio', by: 'paper', says: 'Once the scaffold goes, blocks are used less', measure: 'parallel ratio of the rollouts behind the switch, first − last tenth', kind: 'greater', margin: MARGINS.ratio, of: { arm: 'scaffold', key: 'parallelRatio', fromSwitch: true, sign: -1 } },
  { id: 'position', by: 'paper', says: 'During RL blocks move towards the end of the response', measure: 'relative position of blocks in S1, last − first tenth of the steps', kind: 'greater', margin: MARGINS.position, of: { arm: 's1', key: 'kept.position', sign: 1 } },
  { id: 'plain', by: 'third party', says: 'Decoded sequentially, the parallel checkpoint is about as accurate as forked', measure: 'accuracy, S1 forked − S1 decoded sequentially', published: '62.3 against 65.2 (AMC23), 82.0 against 82.0 (MATH)', kind: 'alike', margin: MARGINS.accuracy, of: { a: 's1', b: { plain: 's1' }, figure: right } },
  { id: 'strict', by: 'control', says: 'A reward that asks for a block keeps blocks in use', measure: 'parallel ratio, strict − S1', kind: 'greater', margin: MARGINS.ratio, of: { a: 'strict', b: 's1', figure: forked } },
  { id: 'tags', by: 'control', says: 'The fork is worth more than the texts it was taught with', measure: 'accuracy, S1 − tag-free', kind: 'greater', margin: MARGINS.accuracy, of: { a: 's1', b: 'tag-free', figure: right } },
  { id: 'chain', by: 'control', says: 'At an equal critical path parallel RL is ahead', measure: 'accuracy within the mean critical path of S1, S1 − sequential', kind: 'greater', margin: MARGINS.accuracy, of: { a: 's1', b: 'sequential', figure: (a) => within('critical', meanOf(a, criticalPath)) } },
  { id: 'work', by: 'control', says: 'At equal total tokens parallel RL is ahead', measure: 'accuracy within the mean total tokens of S1, S1 − sequential', kind: 'greater', margin: MARGINS.accuracy, of: { a: 's1', b: 'sequential', figure: (a) => within('total', meanOf(a, totalTokens)) } },
] // biome-ignore format: a claim a line

export interface Decided {
  claim: Claim
  /** Absent where an arm was not run. */
  estimate?: Estimate & { seeds: number }
  verdict: Verdict
}

/** Every claim with its difference and its verdict. */
export function decideClaims(measured: Measured, claims: readonly Claim[] = CLAIMS): Decided[] {
  return claims.map((claim) => {
    const estimate = 'arm' in claim.of ? follow(measured, claim.of) : compare(measured, claim.of)
    return { claim, estimate, verdict: decide(claim.kind, estimate, claim.margin) }
  })
}

function compare({ columns }: Measured, { a, b, figure }: Compared): Decided['estimate'] {
  const find = (name: Compared['a']): Column | undefined =>
    typeof name === 'string'
      ? columns.find(({ arm, plain }) => arm.name === name && !plain)
      : columns.find(({ arm, plain }) => arm.name === name.plain && plain)
  const [left, right] = [find(a), find(b)]
  if (!left || !right || left.bySeed.size === 0 || right.bySeed.size === 0) return undefined
  return estimateDifference(left, right, figure(left, right))
}

/** A seed is one run here: every step samples other problems. */
function follow({ trained }: Measured, { arm, key, fromSwitch, sign }: Followed): Decided['estimate'] {
  const found = trained.find((one) => one.arm.name === arm)
  if (!found) return undefined
  const spans = firstAndLastOf(found, key, fromSwitch ? found.switchAfter : 0)
  if (spans.length === 0) return undefined
  const differences = spans.map(({ first, last }) => sign * (last - first))
  return { ...meanOfSamples(differences, differences.map(() => 1)), seeds: spans.length } // biome-ignore format: one thought
}
