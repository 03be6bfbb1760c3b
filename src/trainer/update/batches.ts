/**
 * Which samples make an update, and how an update is cut into forwards. Both are pure functions of seed, lengths and
 * step: the step number of a stage is the whole data cursor.
 */

import { permutation } from '../../random.ts'

/** Updates of one epoch over samples of the given lengths (tokens): as few as keep the mean at or below `batchTokens`. */
function updatesPerEpoch(lengths: ArrayLike<number>, batchTokens: number): number {
  return Math.max(1, Math.min(lengths.length, Math.ceil(total(lengths) / batchTokens)))
}

/**
 * The samples of update `step` (from 0, counted through all epochs), in the order of the seeded permutation of their
 * epoch. An epoch is cut at equal shares of its tokens, so there is no small rest at its end.
 */
export class EpochPlan {
  readonly updates: number
  private readonly lengths: ArrayLike<number>
  private readonly address: readonly (string | number)[]
  private epoch = -1
  private order: Int32Array = new Int32Array(0)
  /** First place in `order` of every update, then the number of samples. */
  private cuts: number[] = []

  constructor(lengths: ArrayLike<number>, batchTokens: number, ...address: readonly (string | number)[]) {
    this.lengths = lengths
    this.updates = updatesPerEpoch(lengths, batchTokens)
    this.address = address
  }

  samples(step: number): Int32Array {
    const epoch = Math.floor(step / this.updates)
    if (epoch !== this.epoch) this.turnTo(epoch)
    const update = step % this.updates
    return this.order.subarray(this.cuts[update], this.cuts[update + 1])
  }

  private turnTo(epoch: number): void {
    this.order = permutation(this.lengths.length, ...this.address, 'epoch', epoch)
    this.cuts = [0]
    const share = total(this.lengths) / this.updates
    let tokens = 0
    for (let place = 0; place < this.order.length; place++) {
      tokens += this.lengths[this.order[place]]
      const full = tokens >= share * this.cuts.length
      const left = this.order.length - place - 1
      const missing = this.updates - this.cuts.length
      // Every update gets a sample: cut early when only as many samples are left as updates are missing.
      if (missing > 0 && (full || left === missing)) this.cuts.push(place + 1)
    }
    this.cuts.push(this.order.length)
    this.epoch = epoch
  }
}

/** `count` indices below `size` for step `step` out of an endless row of seeded permutations, none skipped at their ends. */
export function drawIndices(size: number, count: number, step: number, ...address: readonly (string | number)[]): number[] {
  const drawn: number[] = []
  let order: Int32Array | undefined
  let epoch = -1
  for (let place = step * count; place < (step + 1) * count; place++) {
    const at = Math.floor(place / size)
    if (at !== epoch || !order) {
      epoch = at
      order = permutation(size, ...address, 'epoch', at)
    }
    drawn.push(order[place % size])
  }
  return drawn
}

/**
 * Cuts items into packs of at most `budget` tokens, in order; an item above the budget stands alone. `length` is what an item
 * adds behind `before`, the one before it in its pack; undefined for the first of a pack.
 */
export function packByBudget<T>(items: readonly T[], length: (item: T, before?: T) => number, budget: number): T[][] {
  const packs: T[][] = []
  let tokens = 0
  for (const item of items) {
    const pack = packs.at(-1)
    const more = pack ? length(item, pack.at(-1)) : 0
    if (pack && tokens + more <= budget) {
      pack.push(item)
      tokens += more
    } else {
      packs.push([item])
      tokens = length(item)
    }
  }
  return packs
}

/** Groups of neighbours that are `alike`, in order. */
export function groupNeighbours<T>(items: readonly T[], alike: (before: T, item: T) => boolean): T[][] {
  const groups: T[][] = []
  for (const item of items) {
    const last = groups.at(-1)
    if (last && alike(last[last.length - 1], item)) last.push(item)
    else groups.push([item])
  }
  return groups
}

/** Cuts items into `count` parts whose sizes differ by one at most; empty ones are left out. */
export function splitEvenly<T>(items: readonly T[], count: number): T[][] {
  const parts: T[][] = []
  for (let k = 0; k < count; k++) {
    const part = items.slice(Math.floor((k * items.length) / count), Math.floor(((k + 1) * items.length) / count))
    if (part.length > 0) parts.push(part)
  }
  return parts
}

function total(lengths: ArrayLike<number>): number {
  let sum = 0
  for (let i = 0; i < lengths.length; i++) sum += lengths[i]
  return sum
}
