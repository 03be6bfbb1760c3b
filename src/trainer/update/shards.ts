/**
 * An update is cut into shards: neighbours of about as many tokens each, whose gradients add up along a binary tree. How many there are decides
 * the bits of the sum, so who computes them does not: this process one after the other, or several machines at once (cluster/).
 */

import { addGradient, type Differentiable, GradientTree, takeGradient } from '../../engine/gradients.ts'
import type { Model } from '../../engine/types.ts'

/** Computes shards and adds the sum of their gradients to those of the model in training. */
export interface ShardRunner {
  /**
   * `work` does the forwards and backwards of one shard on the model that it is given, and says which of these is the last. It may be called again for a
   * shard that was lost.
   */
  run(shards: number, work: (shard: number, model: Differentiable) => Promise<void>): Promise<void>
  /** The model in training has other weights, which work will soon need. */
  updated?(): void
}

/** Into how many shards an update is cut: at most so many, of about so many tokens or more each. */
export interface ShardLimits {
  most: number
  leastTokens: number
}

/** Where nobody says how many. With more parameters partial sums would take too much memory, and of fewer tokens sums would take too much time. */
const USUAL: ShardLimits = { most: 4, leastTokens: 2048 }
const USUAL_PARAMETERS = 32_000_000

/** What trains decides, not the machine: other numbers are other bits. */
export function shardsFor({ parameterCount }: Pick<Model, 'parameterCount'>, asked: number | undefined): ShardLimits {
  if (asked !== undefined) return { most: asked, leastTokens: 1 }
  return parameterCount <= USUAL_PARAMETERS ? USUAL : { most: 1, leastTokens: 1 }
}

/** Bytes of the partial sums that a process holds beside its gradient. */
export function partialSumBytes({ parameterCount }: Pick<Model, 'parameterCount'>, { most }: ShardLimits): number {
  return most > 1 ? 4 * parameterCount * (Math.floor(Math.log2(most)) + 1) : 0
}

/**
 * The most tokens that a shard of an update can have, and so one forward of it. `tokens`: of the update at most. `together`: of what stays in one
 * shard at most.
 */
export function largestShard(tokens: number, { most, leastTokens }: ShardLimits, together: number): number {
  if (most === 1) return tokens
  // An update of almost twice leastTokens is not cut. A shard ends behind what goes over its share.
  const share = Math.max(tokens / most, 2 * leastTokens)
  return Math.min(tokens, Math.ceil(share) + together)
}

/** One shard after the other in this process. */
export function localShards(model: Model): ShardRunner {
  return {
    async run(shards, work) {
      const tree = new GradientTree()
      for (let shard = 0; shard < shards - 1; shard++) {
        await work(shard, model)
        tree.add(takeGradient(model))
      }
      // The last one is added to where it lies: the sum of two is the same either way.
      await work(shards - 1, model)
      for (const sum of tree.sumsBehind()) addGradient(model, sum)
    },
  }
}

/** Cuts neighbours into shards at equal shares of their tokens; what is `together` stays in one. None is empty. */
export function cutShards<T>(
  items: readonly T[],
  { most, leastTokens }: ShardLimits,
  { together, tokens }: { together(before: T, item: T): boolean; tokens(item: T): number },
): T[][] {
  const total = items.reduce((sum, item) => sum + tokens(item), 0)
  const count = Math.max(1, Math.min(most, Math.floor(total / leastTokens)))
  const shards: T[][] = []
  let done = 0
  for (const [i, item] of items.entries()) {
    const stays = i > 0 && together(items[i - 1], item)
    if (shards.length === 0 || (!stays && done * count >= total * shards.length && shards.length < count)) shards.push([])
    shards.at(-1)!.push(item)
    done += tokens(item)
  }
  return shards
}
