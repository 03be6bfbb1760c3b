import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { layoutTrajectory, packLayouts } from '../../src/thinking/layout.ts'
import { branchLength, samePrompt, sharePrompt } from '../../src/thinking/shared-prompt.ts'
import { runsOf, trajectoryFromIds } from '../../src/thinking/trajectory.ts'
import type { AttentionMode, Layout } from '../../src/thinking/types.ts'
import { TOY_TAGS } from './toy-model.ts'
import { idsOf, type Tree, tree, visible } from './trees.ts'

/** The layout of each tree's response to the prompt of the first; sampled tokens and exclusions at random. */
function layoutsOf(trees: readonly Tree[], attention: AttentionMode, coin: () => boolean): Layout[] {
  return trees.map((random, k) => {
    const trajectory = trajectoryFromIds(trees[0].prompt, idsOf(random), TOY_TAGS)
    trajectory.exclusionSets = k % 2 === 0 ? [[2], [2, 62]] : [[61, 2]]
    for (const run of runsOf(trajectory)) {
      run.sampled = run.ids.map(coin)
      run.exclusions = run.ids.map(() => (coin() ? -1 : coin() ? 0 : trajectory.exclusionSets.length - 1))
    }
    return layoutTrajectory(trajectory, attention, { loss: 'sampled' })
  })
}

const trees = fc.array(tree, { minLength: 1, maxLength: 5 })

describe.each(['structured', 'causal'] as const)('a shared prompt, %s attention', (attention) => {
  it('leaves every token what it is, what it sees and in which order, and what it predicts', () => {
    fc.assert(
      fc.property(trees, fc.infiniteStream(fc.boolean()), (group, coins) => {
        const layouts = layoutsOf(group, attention, () => coins.next().value)
        const merged = sharePrompt(layouts)
        const stem = group[0].prompt.length - 1
        expect(merged.ids.length).toBe(layouts.reduce((sum, layout) => sum + layout.ids.length, 0) - (layouts.length - 1) * stem)
        expect(merged.hidden.length).toBe(merged.ids.length * merged.hiddenLevels * 2)
        let start = stem
        let sampled = 0
        for (const layout of layouts) {
          for (let i = stem; i < layout.ids.length; i++) {
            const at = start + i - stem
            expect(merged.ids[at]).toBe(layout.ids[i])
            expect(merged.positions[at]).toBe(layout.positions[i])
            expect(visible(merged, at)).toEqual(visible(layout, i))
            expect(merged.targets[at]).toBe(layout.targets[i])
            if (layout.targets[i]) expect(merged.ids[at + 1]).toBe(layout.ids[i + 1])
            const set = ({ exclusion, exclusionSets }: Layout, t: number) => (exclusion[t] < 0 ? undefined : exclusionSets[exclusion[t]])
            expect(set(merged, at)).toEqual(set(layout, i))
          }
          for (const i of layout.sampledIndex) expect(merged.sampledIndex[sampled++]).toBe(start + i - stem)
          start += branchLength(layout)
        }
        expect(start).toBe(merged.ids.length)
        expect(sampled).toBe(merged.sampledIndex.length)
        for (let i = 0; i < stem; i++) {
          expect([merged.targets[i], merged.exclusion[i]]).toEqual([0, -1])
          expect(visible(merged, i)).toEqual(visible(layouts[0], i))
        }
      }),
      { numRuns: 60 },
    )
  })

  it('gives ranges that the engine takes: ascending, disjoint, before their token', () => {
    fc.assert(
      fc.property(trees, fc.infiniteStream(fc.boolean()), (group, coins) => {
        const { ids, hidden, hiddenLevels } = sharePrompt(layoutsOf(group, attention, () => coins.next().value))
        for (let i = 0; i < ids.length; i++) {
          let end = 0
          for (let level = 0; level < hiddenLevels; level++) {
            const [from, to] = hidden.subarray((i * hiddenLevels + level) * 2)
            if (from === 0 && to === 0) continue
            expect(from).toBeGreaterThanOrEqual(end)
            expect(to).toBeGreaterThan(from)
            expect(to).toBeLessThanOrEqual(i)
            end = to
          }
        }
      }),
      { numRuns: 60 },
    )
  })
})

describe('a shared prompt by hand', () => {
  const lay = (prompt: number[], response: number[]) =>
    layoutTrajectory(trajectoryFromIds(prompt, response, TOY_TAGS), 'structured', { loss: 'response' })

  it('is the example of the file', () => {
    const merged = sharePrompt([lay([20, 21, 22], [30, 31]), lay([20, 21, 22], [40, 41, 42])])
    expect([...merged.ids]).toEqual([20, 21, 22, 30, 31, 22, 40, 41, 42])
    expect([...merged.positions]).toEqual([0, 1, 2, 3, 4, 2, 3, 4, 5])
    expect([...merged.targets]).toEqual([0, 0, 1, 1, 0, 1, 1, 1, 0])
    expect([...merged.sampledIndex]).toEqual([2, 3, 5, 6, 7])
    expect(merged.hiddenLevels).toBe(2)
    expect([...merged.hidden.subarray(5 * 4)]).toEqual(Array(4).fill([2, 5, 0, 0]).flat())
    expect([...merged.hidden.subarray(0, 5 * 4)].every((bound) => bound === 0)).toBe(true)
  })

  it('packs behind other sequences', () => {
    const merged = sharePrompt([lay([20, 21], [30]), lay([20, 21], [40])])
    const { batch, starts } = packLayouts([lay([9], [10, 11]), merged])
    expect([...batch.bounds]).toEqual([0, 3, 8])
    expect([...batch.hidden!.subarray(6 * 4, 7 * 4)]).toEqual([4, 6, 0, 0])
    expect([...merged.sampledIndex].map((i) => batch.ids[starts[1] + i + 1])).toEqual([30, 40])
  })

  it('of one token stands before each response; of one response is its layout', () => {
    const [one, other] = [lay([20], [30, 31]), lay([20], [40])]
    const merged = sharePrompt([one, other])
    expect([...merged.ids]).toEqual([20, 30, 31, 20, 40])
    expect(visible(merged, 3)).toEqual([{ id: 20, position: 0 }])
    expect(sharePrompt([one])).toBe(one)
  })

  it('is one prompt', () => {
    expect(samePrompt(lay([20, 21], [30]), lay([20, 21], [31]))).toBe(true)
    expect(samePrompt(lay([20, 21], [30]), lay([20], [21, 30]))).toBe(false)
    expect(() => sharePrompt([lay([20, 21], [30]), lay([20, 21], [30]), lay([20, 22], [30])])).toThrow(/same ids.*layout 2.*its own/)
  })
})
