/**
 * Which slots of the KV cache a sequence holds: bookkeeping on the caller's thread, so that create, fork, join and free are
 * synchronous and no key or value moves. Fork copies a list of slots, join concatenates lists; slots are counted by
 * reference and handed out in pages, as in the native engine.
 */

/** Tokens a page. */
export const cachePage = 16

interface Held {
  slots: number[]
  /** Slots tail … tailEnd − 1 of its last page are still its own to append to. */
  tail: number
  tailEnd: number
}

export class SequenceTable {
  private readonly sequences = new Map<number, Held>()
  private readonly slotUses: Int32Array
  /** Slots in use, plus 1 while a sequence may append to the page. */
  private readonly pageUses: Int32Array
  private readonly freePages: number[] = []
  private nextId = 1

  /** @param capacity in tokens, rounded down to whole pages */
  constructor(capacity: number) {
    const pages = Math.floor(capacity / cachePage)
    this.slotUses = new Int32Array(pages * cachePage)
    this.pageUses = new Int32Array(pages)
    for (let page = pages - 1; page >= 0; page--) this.freePages.push(page)
  }

  get capacity(): number {
    return this.slotUses.length
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

  slots(id: number): readonly number[] {
    return this.held(id).slots
  }

  create(): number {
    const id = this.nextId++
    this.sequences.set(id, { slots: [], tail: 0, tailEnd: 0 })
    return id
  }

  fork(id: number, n: number): number[] {
    const { slots } = this.held(id)
    return Array.from({ length: n }, () => {
      const child = this.create()
      this.held(child).slots = [...slots]
      for (const slot of slots) this.retain(slot)
      return child
    })
  }

  /** Appends what each child holds beyond the parent and frees the children. False, and nothing done, when a child does not start with the parent's tokens. */
  join(parent: number, children: readonly number[]): boolean {
    const { slots } = this.held(parent)
    const shared = slots.length
    const beyond: number[] = []
    for (const child of children) {
      const own = this.held(child).slots
      if (own.length < shared || slots.some((slot, i) => own[i] !== slot)) return false
      for (let i = shared; i < own.length; i++) beyond.push(own[i])
    }
    for (const slot of beyond) {
      this.retain(slot)
      slots.push(slot)
    }
    for (const child of children) this.release(child)
    return true
  }

  release(id: number): void {
    const { slots, tail, tailEnd } = this.held(id)
    for (const slot of slots) {
      if (--this.slotUses[slot] === 0) this.leavePage(slot)
    }
    if (tail < tailEnd) this.leavePage(tail)
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
    for (let i = 0; i < n; i++) {
      if (held.tail === held.tailEnd) {
        const page = this.freePages.pop()!
        this.pageUses[page] = 1
        held.tail = page * cachePage
        held.tailEnd = held.tail + cachePage
      }
      const slot = held.tail++
      this.retain(slot)
      held.slots.push(slot)
      if (held.tail === held.tailEnd) {
        this.leavePage(slot)
        held.tail = held.tailEnd = 0
      }
    }
  }

  private held(id: number): Held {
    return this.sequences.get(id)!
  }

  private retain(slot: number): void {
    if (this.slotUses[slot]++ === 0) this.pageUses[Math.floor(slot / cachePage)]++
  }

  private leavePage(slot: number): void {
    const page = Math.floor(slot / cachePage)
    if (--this.pageUses[page] === 0) this.freePages.push(page)
  }
}
