/** The shards of an update on the workers of a crew: forwards and backwards run there, losses here. */

import { type Differentiable, GradientTree } from '../engine/gradients.ts'
import { Arrival, partsOf } from '../engine/parts.ts'
import type { BackwardOptions, ForwardResult, Model } from '../engine/types.ts'
import { type ArrayNote, numbersOf, packArrays, unpackArrays } from './arrays.ts'
import type { Crew, Member } from './crew.ts'

/** What accumulate (trainer/update/micro-batches.ts) asks of who computes shards. */
interface ClusterShards {
  run(shards: number, work: (shard: number, model: Differentiable) => Promise<void>): Promise<void>
}

/** Gradients are added to those of `model`, whose weights the workers compute with. */
export function clusterShards(crew: Crew, model: Model): ClusterShards {
  return {
    async run(shards, work) {
      const weights = crew.publish(model)
      const size = shardsOfTask(shards, crew.workers)
      const tasks = Math.ceil(shards / size)
      const sums = new TaskSums(model, tasks)
      await Promise.all(
        Array.from({ length: tasks }, (_, task) => {
          const first = task * size
          const end = Math.min(shards, first + size)
          return new Promise<void>((resolve, reject) =>
            crew.submit({
              size: 1,
              alone: true,
              fail: reject,
              run: async (member) => {
                const remote = new RemoteTask(crew, member, weights, {
                  shards: end - first,
                  parts: sums.parts,
                  take: (part, numbers) => sums.take({ task, shards: end - first, part }, numbers),
                })
                for (let shard = first; shard < end; shard++) {
                  await work(shard, remote)
                  await remote.endShard()
                }
                resolve()
              },
            }),
          )
        }),
      )
    },
  }
}

/** Shards that a worker adds up before anything travels: whole nodes of the tree, as large as leave every worker one. */
function shardsOfTask(shards: number, workers: number): number {
  let size = 1
  while (size * 2 * workers <= shards) size *= 2
  return size
}

/**
 * Sums of tasks, which come in parts and in any order. Those of one part are added along the tree as they come; a parameter is added to the model's
 * gradient when all of it is there.
 */
class TaskSums {
  readonly #tasks: number
  readonly #arrival: Arrival
  /** Of each part: the sum of the first tasks, how many they are, and what came before its turn. */
  readonly #parts: { tree: GradientTree; tasks: number; early: Map<number, { numbers: Float32Array; shards: number }> }[]

  constructor(model: Model, tasks: number) {
    this.#tasks = tasks
    this.#arrival = new Arrival(model, (name, values) => model.accumulate(name, values))
    this.#parts = partsOf(model).map(() => ({ tree: new GradientTree(), tasks: 0, early: new Map() }))
  }

  get parts(): number {
    return this.#parts.length
  }

  /** `shards`: how many the task is the sum of. What a worker that was lost had sent comes again, and changes nothing. */
  take({ task, shards, part }: { task: number; shards: number; part: number }, numbers: Float32Array): void {
    const sum = this.#parts[part]
    if (task < sum.tasks) return
    sum.early.set(task, { numbers, shards })
    for (let next = sum.early.get(sum.tasks); next; next = sum.early.get(sum.tasks)) {
      sum.early.delete(sum.tasks++)
      sum.tree.add(next.numbers, next.shards)
    }
    if (sum.tasks === this.#tasks) this.#arrival.take(part, sum.tree.sum()!)
  }
}

/** Shards of a task, parts of a gradient, and who takes them. */
interface TaskCut {
  shards: number
  parts: number
  take(part: number, numbers: Float32Array): void
}

/** The model of a worker while it computes one task. */
class RemoteTask implements Differentiable {
  readonly #crew: Crew
  readonly #member: Member
  readonly #weights: string
  readonly #name: string
  readonly #cut: TaskCut
  #shard = 0
  #step = 0
  /** All parts of the sum: under way from the beginning of the last backward. */
  #sum: Promise<unknown> | undefined

  constructor(crew: Crew, member: Member, weights: string, cut: TaskCut) {
    this.#crew = crew
    this.#member = member
    this.#weights = weights
    this.#cut = cut
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

  async backward(slopes: Float32Array, entropySlopes?: Float32Array, { last }: BackwardOptions = {}): Promise<void> {
    const { notes, payload } = packArrays({ slopes, entropySlopes })
    const ends = last && this.#shard === this.#cut.shards - 1
    const call = { op: 'backward', task: this.#name, step: this.#next(), ...(ends && { last: true as const }), arrays: notes } as const
    const done = this.#crew.call(this.#member, call, { payload })
    if (ends) {
      this.#sum = Promise.all(Array.from({ length: this.#cut.parts }, (_, part) => this.#part(part)))
      // Where the backward fails nobody waits for it.
      this.#sum.catch(() => {})
    }
    await done
  }

  /** After all forwards and backwards of a shard, the last of which was said to be it. */
  async endShard(): Promise<void> {
    if (++this.#shard < this.#cut.shards) {
      await this.#crew.call(this.#member, { op: 'shard', task: this.#name, step: this.#next() })
      return
    }
    const began = performance.now()
    await this.#sum
    this.#crew.waited(began)
  }

  async #part(part: number): Promise<void> {
    const { payload } = await this.#crew.call(this.#member, { op: 'gradient', task: this.#name, part })
    this.#cut.take(part, numbersOf(payload))
  }

  #next(): number {
    return this.#step++
  }
}
