import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { checkedJoin, checkFork, checkTruncate } from '../../src/engine/checks.ts'
import { ConfigError } from '../../src/engine/errors.ts'
import { cachePage, SequenceTable } from '../../src/engine/sequences.ts'
import type { TokenRange } from '../../src/engine/types.ts'

/** Tokens of a sequence that a fork does not hold: none, one range or two. */
function hiddenIn(length: number, salt: number): TokenRange[] | undefined {
  const cuts = [salt % 7, 1 + (salt % 11), 2 + (salt % 17), 3 + (salt % 29)].map((at) => Math.min(at, length)).sort((a, b) => a - b)
  if (salt % 3 === 0) return undefined
  return salt % 3 === 1
    ? [[cuts[0], cuts[3]]]
    : [
        [cuts[0], cuts[1]],
        [cuts[2], cuts[3]],
      ]
}

function runsOf(table: SequenceTable, id: number): number[] {
  const runs = new Int32Array(2 * table.runCount(id) + 1).fill(-1)
  expect(table.copyRuns(id, runs, 1)).toBe(runs.length)
  return [...runs.subarray(1)]
}

/** The slots of a sequence, one by one; its runs must be as long as they can be. */
function slotsOf(table: SequenceTable, id: number): number[] {
  const runs = runsOf(table, id)
  const slots: number[] = []
  for (let i = 0; i < runs.length; i += 2) {
    expect(runs[i]).toBeLessThan(runs[i + 1])
    if (i > 0) expect(runs[i]).not.toBe(runs[i - 1])
    for (let slot = runs[i]; slot < runs[i + 1]; slot++) slots.push(slot)
  }
  expect(slots).toHaveLength(table.length(id))
  return slots
}

describe('the table of sequences', () => {
  it('keeps every sequence what a list of tokens would be, and gives all slots back', () => {
    const action = fc.record({
      kind: fc.constantFrom('create', 'fork', 'step', 'join', 'nest', 'truncate', 'free'),
      which: fc.nat(50),
      count: fc.integer({ min: 1, max: 40 }),
    })
    fc.assert(
      fc.property(fc.array(action, { maxLength: 60 }), (actions) => {
        const table = new SequenceTable(2000)
        expect(table.capacity).toBe(2000 - (2000 % cachePage))
        /** What each sequence holds, as numbers of tokens; and the token that was last put into each slot. */
        const model = new Map<number, number[]>()
        const stored = new Map<number, number>()
        let token = 0
        for (const { kind, which, count } of actions) {
          const ids = [...model.keys()]
          const id = ids[which % Math.max(1, ids.length)]
          if (kind === 'create' || ids.length === 0) model.set(table.create(), [])
          else if (kind === 'free') free(id)
          // Several sequences in turn, as in a step: their pages lie between each other.
          else if (kind === 'step') for (const [i, other] of ids.slice(which % ids.length).entries()) append(other, 1 + ((count + i) % 3))
          else if (kind === 'truncate') truncate(id, count)
          else if (kind === 'fork') fork(id, 1 + (count % 4), hiddenIn(model.get(id)!.length, count))
          else join(id, count, kind === 'nest')
          check()
        }
        for (const id of [...model.keys()]) free(id)
        expect(table.free).toBe(table.capacity)
        expect(table.extent).toBe(0)

        function check(): void {
          const pages = new Set<number>()
          for (const [id, tokens] of model) {
            const slots = slotsOf(table, id)
            // A slot given to two sequences that do not share the token would hold the later one's.
            expect(slots.map((slot) => stored.get(slot))).toEqual(tokens)
            for (const slot of slots) {
              pages.add(Math.floor(slot / cachePage))
              expect(slot).toBeLessThan(table.extent)
            }
          }
          // None is leaked: what is not free is in use, or the rest of a page that its sequence may still append to.
          expect(table.capacity - table.free).toBeGreaterThanOrEqual(pages.size * cachePage)
          expect(table.capacity - table.free).toBeLessThanOrEqual((pages.size + model.size) * cachePage)
        }
        function append(id: number, n: number): void {
          const [needed, before] = [table.pagesNeeded(id, n) * cachePage, table.free]
          if (needed > before) return
          table.append(id, n)
          expect(before - table.free).toBeGreaterThanOrEqual(needed === 0 ? 0 : needed - cachePage)
          expect(before - table.free).toBeLessThanOrEqual(needed)
          for (const slot of slotsOf(table, id).slice(table.length(id) - n)) {
            stored.set(slot, token)
            model.get(id)!.push(token++)
          }
        }
        function fork(id: number, n: number, hidden?: TokenRange[]): number[] {
          const before = table.free
          const children = table.fork(id, n, hidden)
          const held = model.get(id)!.filter((_, i) => !hidden?.some(([from, to]) => i >= from && i < to))
          for (const child of children) model.set(child, [...held])
          expect(table.free).toBe(before)
          return children
        }
        function join(id: number, count: number, nested: boolean): void {
          const { length } = model.get(id)!
          // Each child holds another part of the parent.
          const children = Array.from({ length: 1 + (count % 4) }, (_, k) => fork(id, 1, hiddenIn(length, count + 11 * k))[0])
          const shared = children.map((child) => model.get(child)!.length)
          for (const child of children) append(child, count % 20)
          if (nested) {
            join(children[0], count + 7, false)
            // Behind the grandchildren, in the page that it had begun.
            append(children[0], 2)
          }
          expect(table.join(id, children)).toBe(true)
          model.get(id)!.push(...children.flatMap((child, k) => model.get(child)!.slice(shared[k])))
          for (const child of children) {
            model.delete(child)
            expect(table.exists(child)).toBe(false)
          }
        }
        function truncate(id: number, n: number): void {
          const [kept, before] = [model.get(id)!, table.free]
          const taken = Math.min(n, kept.length)
          table.truncate(id, taken)
          kept.splice(kept.length - taken)
          expect(table.free).toBeGreaterThanOrEqual(before)
        }
        function free(id: number): void {
          table.release(id)
          model.delete(id)
          expect(table.exists(id)).toBe(false)
        }
      }),
      { numRuns: 300, seed: 5 },
    )
  })

  it('lies in few runs, and hands out the lowest pages first', () => {
    const table = new SequenceTable(256)
    const [a, b] = [table.create(), table.create()]
    table.append(a, 3)
    table.append(b, 20)
    table.append(a, 14)
    expect(runsOf(table, a)).toEqual([0, 16, 48, 49])
    expect(runsOf(table, b)).toEqual([16, 36])
    table.release(b)
    table.append(a, 16)
    expect(runsOf(table, a)).toEqual([0, 16, 48, 64, 32, 33])
    expect(table.extent).toBe(64)
  })

  it('takes tokens back: what comes instead lies where they lay, unless a fork holds them', () => {
    const table = new SequenceTable(256)
    const a = table.create()
    table.append(a, 15)
    const before = table.free
    for (const drafts of [1, 2, 30, 7]) {
      table.append(a, 1 + drafts)
      table.truncate(a, drafts + 1)
      expect(table.free).toBe(before)
      expect(runsOf(table, a)).toEqual([0, 15])
    }
    table.append(a, 4)
    const [child] = table.fork(a, 1)
    table.truncate(a, 2)
    table.append(a, 2)
    expect(runsOf(table, child)).toEqual([0, 19])
    expect(runsOf(table, a)).toEqual([0, 17, 19, 21])
    table.truncate(a, 21)
    table.release(a)
    table.truncate(child, 18)
    table.append(child, 1)
    expect(runsOf(table, child)).toEqual([0, 2])
    expect(table.free).toBe(240)
    for (const wrong of [-1, 3, 0.5, Number.NaN]) expect(() => checkTruncate(table, child, wrong)).toThrow(/0 to 2 tokens/)
    expect(() => checkTruncate(table, a, 0)).toThrow(/does not exist/)
  })

  it('forks without some tokens, and joins what a child holds beyond the others', () => {
    const table = new SequenceTable(256)
    const parent = table.create()
    table.append(parent, 20)
    const [first] = table.fork(parent, 1, [[12, 18]])
    const [second] = table.fork(parent, 1, [
      [4, 12],
      [18, 20],
    ])
    expect(runsOf(table, first)).toEqual([0, 12, 18, 20])
    expect(runsOf(table, second)).toEqual([0, 4, 12, 18])
    table.append(first, 2)
    table.append(second, 1)
    expect(table.join(parent, [first, second])).toBe(true)
    expect(runsOf(table, parent)).toEqual([0, 20, 32, 34, 48, 49])
    expect(table.length(parent)).toBe(23)
    table.release(parent)
    expect(table.free).toBe(256)
    for (const wrong of [
      [[3, 2]],
      [
        [0, 4],
        [3, 5],
      ],
      [[0, 9]],
      [[0.5, 2]],
      [[-1, 2]],
    ] as TokenRange[][]) {
      expect(() => checkFork(1, 8, wrong)).toThrow(/Hidden range .* of a fork must lie within its 8 tokens/)
    }
  })

  it('does not join what does not start with the parent', () => {
    const table = new SequenceTable(256)
    const [a, b] = [table.create(), table.create()]
    table.append(a, 3)
    table.append(b, 5)
    expect(table.join(a, [b])).toBe(false)
    const [child] = table.fork(a, 1)
    table.append(child, 2)
    table.append(a, 1)
    expect(() => checkedJoin(table, a, [child])).toThrow(ConfigError)
    expect([table.length(a), table.length(b), table.length(child)]).toEqual([4, 5, 5])
  })
})
