import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { cachePage, SequenceTable } from '../../../src/engine/tfjs/sequences.ts'

describe('the table of sequences', () => {
  it('keeps every sequence what a list of tokens would be, and gives all slots back', () => {
    const action = fc.record({
      kind: fc.constantFrom('create', 'fork', 'append', 'join', 'free'),
      which: fc.nat(50),
      count: fc.integer({ min: 1, max: 40 }),
    })
    fc.assert(
      fc.property(fc.array(action, { maxLength: 60 }), (actions) => {
        const table = new SequenceTable(2000)
        expect(table.capacity).toBe(2000 - (2000 % cachePage))
        /** What each sequence holds, as numbers of tokens; and the token that each slot holds. */
        const model = new Map<number, number[]>()
        const held = new Map<number, number>()
        let token = 0
        for (const { kind, which, count } of actions) {
          const ids = [...model.keys()]
          const id = ids[which % Math.max(1, ids.length)]
          if (kind === 'create' || ids.length === 0) model.set(table.create(), [])
          else if (kind === 'free') {
            table.release(id)
            model.delete(id)
          } else if (kind === 'append') append(id, count)
          else {
            const children = table.fork(id, 1 + (count % 4))
            for (const child of children) model.set(child, [...model.get(id)!])
            if (kind === 'fork') continue
            const shared = model.get(id)!.length
            for (const child of children) append(child, count % 20)
            expect(table.join(id, children)).toBe(true)
            model.get(id)!.push(...children.flatMap((child) => model.get(child)!.slice(shared)))
            for (const child of children) model.delete(child)
          }
          for (const [sequence, tokens] of model) expect(table.slots(sequence).map((slot) => held.get(slot))).toEqual(tokens)
        }
        for (const id of model.keys()) table.release(id)
        expect(table.free).toBe(table.capacity)
        expect(table.extent).toBe(0)

        function append(id: number, n: number): void {
          if (table.pagesNeeded(id, n) * cachePage > table.free) return
          const before = table.free
          const needed = table.pagesNeeded(id, n) * cachePage
          table.append(id, n)
          expect(before - table.free).toBeGreaterThanOrEqual(0)
          expect(before - table.free).toBeLessThanOrEqual(needed)
          for (const slot of table.slots(id).slice(-n || table.slots(id).length)) {
            expect(slot).toBeLessThan(table.extent)
            held.set(slot, token)
            model.get(id)!.push(token++)
          }
        }
      }),
      { numRuns: 200, seed: 5 },
    )
  })

  it('does not join what does not start with the parent', () => {
    const table = new SequenceTable(256)
    const [a, b] = [table.create(), table.create()]
    table.append(a, 3)
    table.append(b, 5)
    expect(table.join(a, [b])).toBe(false)
    expect(table.slots(a)).toHaveLength(3)
    expect(table.exists(b)).toBe(true)
  })
})
