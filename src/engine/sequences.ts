/**
 * Which slots of the KV cache a sequence holds, for every engine: bookkeeping on the caller's thread, so that create, fork,
 * join and free are synchronous and no key or value moves.
 *
 * A sequence is a list of runs, half-open ranges of slots in token order, and slots are handed out in pages, so that it lies
 * in few of them: fork copies the list, join concatenates lists, a new token extends the last run. Pages are counted by
 * reference; nothing here is proportional to the number of tokens but in units of pages.
 */

import type { TokenRange } from './types.ts'

/** Tokens a page; the engines lay keys and values out in pages of this size, too (kPage in native/model.h). */
export const cachePage = 16

/** What a sequence holds, or begins with. */
interface Runs {
  /** begin, end, begin, end, …; neighbours that touch are one run. The first `size` entries are in use. */
  runs: Int32Array
  size: number
  /** Tokens. */
  length: number
}

interface Held extends Runs {
  /** Slots tail … tailEnd − 1 of its last page are still its own to append to. */
  tail: number
  tailEnd: number
  /** Tokens of the sequence it was forked from that it does not hold. */
  hidden?: readonly TokenRange[]
}

export class SequenceTable {
  private readonly sequences = new Map<number, Held>()
  /** Runs that touch the page, plus 1 while a sequence may append to it. */
  private readonly pageUses: Int32Array
  private readonly freePages: number[] = []
  private nextId = 1

  /** @param capacity in tokens, rounded down to whole pages */
  constructor(capacity: number) {
    const pages = Math.floor(capacity / cachePage)
    this.pageUses = new Int32Array(pages)
    for (let page = pages - 1; page >= 0; page--) this.freePages.push(page)
  }

  get capacity(): number {
    return this.pageUses.length * cachePage
  }

  /** Tokens in pages that nobody holds. */
  get free(): number {
    return this.freePages.length * cachePage
  }

  /** Slots below which everything in use lies. */
  get extent(): number {
    let pages = this.pageUses.length
    while (pages > 0 && this.pageUses[pages - 1] === 0) pages--
    return pages * cachePage
  }

  exists(id: number): boolean {
    return this.sequences.has(id)
  }

  /** Tokens that a sequence holds. */
  length(id: number): number {
    return this.held(id).length
  }

  runCount(id: number): number {
    return this.held(id).size / 2
  }

  /** Writes begin, end, begin, end, … of the sequence's runs from `at` on. Returns where they end. */
  copyRuns(id: number, to: Int32Array, at: number): number {
    const { runs, size } = this.held(id)
    // Few numbers are copied one by one: a view costs more than they do.
    if (size > 64) to.set(runs.subarray(0, size), at)
    else for (let i = 0; i < size; i++) to[at + i] = runs[i]
    return at + size
  }

  create(): number {
    return this.add({ runs: new Int32Array(8), size: 0, length: 0, tail: 0, tailEnd: 0 })
  }

  /** @param hidden ranges of tokens that the children do not hold, ascending and disjoint */
  fork(id: number, n: number, hidden?: readonly TokenRange[]): number[] {
    const { runs, size, length } = hidden ? without(this.held(id), hidden) : this.held(id)
    return Array.from({ length: n }, () => {
      for (let i = 0; i < size; i += 2) this.enterPages(runs[i], runs[i + 1])
      // Room for a run of its own: a fork is about to be appended to.
      const own = new Int32Array(size + 8)
      own.set(runs.subarray(0, size))
      return this.add({ runs: own, size, length, tail: 0, tailEnd: 0, hidden })
    })
  }

  /** Appends what each child holds beyond the parent and frees the children. False, and nothing done, when a child does not start with the parent's tokens. */
  join(parent: number, children: readonly number[]): boolean {
    const to = this.held(parent)
    const whole = { ...to }
    const starts = children.map((child) => {
      const { hidden } = this.held(child)
      const start = hidden ? without(whole, hidden) : whole
      return { ...start, end: start.size > 0 ? start.runs[start.size - 1] : 0 }
    })
    if (!children.every((child, k) => startsWith(this.held(child), starts[k]))) return false
    for (const [k, child] of children.entries()) {
      const own = this.held(child)
      const { size, length, end } = starts[k]
      if (own.length === length) continue
      // The child's run that goes on where the parent ends, then its own ones.
      if (size > 0) this.push(to, end, own.runs[size - 1])
      for (let i = size; i < own.size; i += 2) this.push(to, own.runs[i], own.runs[i + 1])
    }
    for (const child of children) this.release(child)
    return true
  }

  release(id: number): void {
    const { runs, size, tail, tailEnd } = this.held(id)
    for (let i = 0; i < size; i += 2) {
      for (let page = pageOf(runs[i]); page <= pageOf(runs[i + 1] - 1); page++) this.leavePage(page)
    }
    if (tail < tailEnd) this.leavePage(pageOf(tail))
    this.sequences.delete(id)
  }

  /** Free pages that n more tokens of this sequence take. */
  pagesNeeded(id: number, n: number): number {
    const { tail, tailEnd } = this.held(id)
    return Math.max(0, Math.ceil((n - (tailEnd - tail)) / cachePage))
  }

  /** Gives a sequence slots for n more tokens; the caller has checked that they fit. */
  append(id: number, n: number): void {
    const held = this.held(id)
    for (let left = n; left > 0; ) {
      if (held.tail === held.tailEnd) {
        const page = this.freePages.pop()!
        this.pageUses[page] = 1
        held.tail = page * cachePage
        held.tailEnd = held.tail + cachePage
      }
      const take = Math.min(left, held.tailEnd - held.tail)
      this.push(held, held.tail, held.tail + take)
      held.tail += take
      left -= take
      if (held.tail === held.tailEnd) {
        this.leavePage(pageOf(held.tail - 1))
        held.tail = held.tailEnd = 0
      }
    }
  }

  /** Takes back the last n tokens of a sequence, as many as it holds at most. Their slots are free again unless another sequence holds their page, too. */
  truncate(id: number, n: number): void {
    const held = this.held(id)
    const { runs } = held
    for (let left = n; left > 0; ) {
      const [begin, end] = [runs[held.size - 2], runs[held.size - 1]]
      const cut = Math.max(begin, end - left)
      left -= end - cut
      held.length -= end - cut
      if (cut === begin) held.size -= 2
      else runs[held.size - 1] = cut
      this.leaveEmptyTail(held)
      // The highest first: the lowest is handed out next.
      for (let page = pageOf(end - 1); page >= (cut === begin ? pageOf(begin) : pageOf(cut - 1) + 1); page--) this.leavePage(page)
      this.reopen(held, pageOf(cut === begin ? begin : cut - 1))
    }
  }

  /** Gives back a last page of which the sequence holds nothing any more. */
  private leaveEmptyTail(held: Held): void {
    if (held.tail === held.tailEnd || this.within(held, pageOf(held.tail)).uses > 0) return
    this.leavePage(pageOf(held.tail))
    held.tail = held.tailEnd = 0
  }

  /** Lets a sequence append behind what it holds of a page again, where it is the only one that holds any of it. */
  private reopen(held: Held, page: number): void {
    const open = held.tail < held.tailEnd
    const here = open && pageOf(held.tail) === page
    const { uses, end } = this.within(held, page)
    if (uses === 0 || (open && !here) || uses + (here ? 1 : 0) !== this.pageUses[page]) return
    const pageEnd = (page + 1) * cachePage
    if (end === pageEnd) return
    if (!here) this.pageUses[page]++
    held.tail = end
    held.tailEnd = pageEnd
  }

  /** Runs of a sequence that touch a page, and the end of what they hold of it. */
  private within({ runs, size }: Held, page: number): { uses: number; end: number } {
    const [first, last] = [page * cachePage, (page + 1) * cachePage]
    let [uses, end] = [0, first]
    for (let i = 0; i < size; i += 2) {
      if (runs[i] >= last || runs[i + 1] <= first) continue
      uses++
      end = Math.max(end, Math.min(runs[i + 1], last))
    }
    return { uses, end }
  }

  private add(held: Held): number {
    this.sequences.set(this.nextId, held)
    return this.nextId++
  }

  private held(id: number): Held {
    return this.sequences.get(id)!
  }

  /** Slots behind what a sequence holds. */
  private push(held: Held, begin: number, end: number): void {
    if (begin === end) return
    held.length += end - begin
    if (held.size > 0 && held.runs[held.size - 1] === begin) {
      held.runs[held.size - 1] = end
      // The page that the run ended in is counted already.
      this.enterPages(Math.ceil(begin / cachePage) * cachePage, end)
      return
    }
    if (held.size === held.runs.length) {
      const larger = new Int32Array(2 * held.size)
      larger.set(held.runs)
      held.runs = larger
    }
    held.runs[held.size++] = begin
    held.runs[held.size++] = end
    this.enterPages(begin, end)
  }

  private enterPages(begin: number, end: number): void {
    for (let page = pageOf(begin); page <= pageOf(end - 1); page++) this.pageUses[page]++
  }

  private leavePage(page: number): void {
    if (--this.pageUses[page] === 0) this.freePages.push(page)
  }
}

function pageOf(slot: number): number {
  return Math.floor(slot / cachePage)
}

/** Runs less ranges of their tokens. */
function without({ runs, size }: Runs, hidden: readonly TokenRange[]): Runs {
  const left: number[] = []
  let length = 0
  const keep = (begin: number, end: number): void => {
    if (begin >= end) return
    length += end - begin
    if (left.at(-1) === begin) left[left.length - 1] = end
    else left.push(begin, end)
  }
  for (let i = 0, token = 0; i < size; token += runs[i + 1] - runs[i], i += 2) {
    let begin = runs[i]
    for (const [from, to] of hidden) {
      const [first, last] = [runs[i] + from - token, runs[i] + to - token]
      if (last <= begin || first >= runs[i + 1]) continue
      keep(begin, first)
      begin = Math.min(last, runs[i + 1])
    }
    keep(begin, runs[i + 1])
  }
  return { runs: Int32Array.from(left), size: left.length, length }
}

/** Runs of a list are as long as they can be: those of a longer list differ from its prefix's in the end of the last one. */
function startsWith(list: Runs, prefix: Runs): boolean {
  const { size } = prefix
  if (size === 0) return true
  if (list.size < size || list.runs[size - 1] < prefix.runs[size - 1]) return false
  for (let i = 0; i < size - 1; i++) if (list.runs[i] !== prefix.runs[i]) return false
  return true
}
