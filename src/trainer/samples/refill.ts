/**
 * Dynamic sampling (DAPO, arXiv 2503.14476, section 3.2): where groups of a step do not teach, further prompts are sampled in their place. Which
 * ones is a function of the step and of what was sampled in it, so nothing has to be remembered from step to step.
 */

import { permutation } from '../../random.ts'

interface Refill<Group> {
  /** Rows of the suite. */
  size: number
  /** Groups that shall teach. */
  goal: number
  /** Rounds behind the first at most. */
  rounds: number
  /** Where the further prompts are drawn from: seed, stage and step. */
  address: readonly (string | number)[]
  /** Groups of these rows; `before` is how many groups the step has already. */
  sample(indices: readonly number[], before: number): Promise<Group[]>
  /** How many of all groups so far teach. */
  teaching(groups: readonly Group[]): number
}

interface Sampled<Group> {
  indices: number[]
  groups: Group[]
  /** Rounds behind the first. */
  rounds: number
}

/** Samples the rows `first`, then as many further ones as groups are missing, until enough teach, all rounds are used or no row is left. */
export async function sampleRefilled<Group>(first: readonly number[], refill: Refill<Group>): Promise<Sampled<Group>> {
  const { size, goal, address, sample, teaching } = refill
  const indices = [...first]
  const groups = await sample(first, 0)
  for (let rounds = 0; ; rounds++) {
    const missing = rounds < refill.rounds ? goal - teaching(groups) : 0
    const next = missing > 0 ? furtherIndices(size, missing, indices, address) : []
    if (next.length === 0) return { indices, groups, rounds }
    groups.push(...(await sample(next, groups.length)))
    indices.push(...next)
  }
}

/** At most `count` indices below `size` that are not `taken`, in an order that depends on `address` alone. */
function furtherIndices(size: number, count: number, taken: readonly number[], address: readonly (string | number)[]): number[] {
  const known = new Set(taken)
  const left = permutation(size, ...address, 'refill').filter((index) => !known.has(index))
  return Array.from(left.subarray(0, count))
}
