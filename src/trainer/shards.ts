/**
 * An update is cut into shards: neighbours of about as many tokens each, whose gradients add up along a binary tree. How many there are decides
 * the bits of the sum, so who computes them does not: this process one after the other, or several machines at once (cluster/).
 */

import { addGradient, type Differentiable, GradientTree, takeGradient } from '../engine/gradients.ts'
import type { Model } from '../engine/types.ts'

/** Computes shards and adds the sum of their gradients to those of the model in training. */
export interface ShardRunner {
  /** `work` does the forwards and backwards of one shard on the model that it is given. It may be called again for a shard that was lost. */
  run(shards: number, work: (shard: number, model: Differentiable) => Promise<void>): Promise<void>
}

/** Shards of an update where nobody says how many. With more parameters the partial sums would take too much memory. */
const USUAL = 4
const USUAL_PARAMETERS = 32_000_000

/** What trains decides, not the machine: other numbers are other bits. */
export function shardsFor({ parameterCount }: Pick<Model, 'parameterCount'>, asked: number | undefined): number {
  return asked ?? (parameterCount <= USUAL_PARAMETERS ? USUAL : 1)
}

/** Bytes of the partial sums that a process holds beside its gradient. */
export function partialSumBytes({ parameterCount }: Pick<Model, 'parameterCount'>, shards: number): number {
  return shards > 1 ? 4 * parameterCount * (Math.floor(Math.log2(shards)) + 1) : 0
}

/** One shard after the other in this process. */
export function localShards(model: Model): ShardRunner {
  return {
    async run(shards, work) {
      if (shards === 1) return work(0, model)
      const tree = new GradientTree()
      for (let shard = 0; shard < shards; shard++) {
        await work(shard, model)
        tree.add(takeGradient(model))
      }
      addGradient(model, tree.sum()!)
    },
  }
}

/**
 * Cuts neighbours into at most `count` shards at equal shares of their tokens; what is `together` stays in one. None is empty.
 * `tokens`: what an item adds to a forward behind the item before it.
 */
export function cutShards<T>(
  items: readonly T[],
  count: number,
  { together, tokens }: { together(before: T, item: T): boolean; tokens(item: T): number },
): T[][] {
  const total = items.reduce((sum, item) => sum + tokens(item), 0)
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
