/** The shards of an update on the workers of a crew: forwards and backwards run there, losses here. */

import { addGradient, type Differentiable, GradientTree } from '../engine/gradients.ts'
import type { ForwardResult, Model } from '../engine/types.ts'
import { type ArrayNote, packArrays, unpackArrays } from './arrays.ts'
import type { Crew, Member } from './crew.ts'

/** What accumulate (trainer/micro-batches.ts) asks of who computes shards. */
export interface ClusterShards {
  run(shards: number, work: (shard: number, model: Differentiable) => Promise<void>): Promise<void>
}

/** Gradients are added to those of `model`, whose weights the workers compute with. */
export function clusterShards(crew: Crew, model: Model): ClusterShards {
  return {
    async run(shards, work) {
      const weights = await crew.publish(model)
      const size = shardsOfTask(shards, crew.workers)
      const tasks = Math.ceil(shards / size)
      const sums = await Promise.all(
        Array.from({ length: tasks }, (_, task) => {
          const first = task * size
          const end = Math.min(shards, first + size)
          return new Promise<Float32Array>((resolve, reject) =>
            crew.submit({
              size: 1,
              alone: true,
              fail: reject,
              run: async (member) => {
                const remote = new RemoteTask(crew, member, weights)
                for (let shard = first; shard < end; shard++) {
                  await work(shard, remote)
                  await remote.endShard()
                }
                resolve(await remote.gradient())
              },
            }),
          )
        }),
      )
      const tree = new GradientTree()
      for (const [task, sum] of sums.entries()) tree.add(sum, Math.min(size, shards - task * size))
      addGradient(model, tree.sum()!)
    },
  }
}

/** Shards that a worker adds up before anything travels: whole nodes of the tree, as large as leave every worker one. */
function shardsOfTask(shards: number, workers: number): number {
  let size = 1
  while (size * 2 * workers <= shards) size *= 2
  return size
}

/** The model of a worker while it computes one task. */
class RemoteTask implements Differentiable {
  readonly #crew: Crew
  readonly #member: Member
  readonly #weights: string
  readonly #name: string
  #step = 0

  constructor(crew: Crew, member: Member, weights: string) {
    this.#crew = crew
    this.#member = member
    this.#weights = weights
    this.#name = crew.name('task')
  }

  async forward(...[batch, options = {}]: Parameters<Model['forward']>): Promise<ForwardResult> {
    const { ids, positions, bounds, hidden, targets, exclusion, ...rest } = batch
    const { notes, payload } = packArrays({ ids, positions, bounds, hidden, targets, exclusion })
    const reply = await this.#crew.call(
      this.#member,
      { op: 'forward', weights: this.#weights, task: this.#name, step: this.#next(), batch: rest, options, arrays: notes },
      { payload, weights: this.#weights },
    )
    return unpackArrays(reply.header.arrays as ArrayNote[], reply.payload) as unknown as ForwardResult
  }

  async backward(slopes: Float32Array, entropySlopes?: Float32Array): Promise<void> {
    const { notes, payload } = packArrays({ slopes, entropySlopes })
    await this.#crew.call(this.#member, { op: 'backward', task: this.#name, step: this.#next(), arrays: notes }, { payload })
  }

  async endShard(): Promise<void> {
    await this.#crew.call(this.#member, { op: 'shard', task: this.#name, step: this.#next() })
  }

  async gradient(): Promise<Float32Array> {
    const { payload } = await this.#crew.call(this.#member, { op: 'gradient', task: this.#name, step: this.#next() })
    const { sum } = unpackArrays([{ name: 'sum', type: 'Float32Array', length: payload.length / 4 }], payload)
    return sum as Float32Array
  }

  #next(): number {
    return this.#step++
  }
}
