import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { layoutTrajectory, packLayouts } from '../../src/thinking/layout.ts'
import { sharePrompt } from '../../src/thinking/shared-prompt.ts'
import { responseIds, runsOf, trajectoryCounts, trajectoryFromIds } from '../../src/thinking/trajectory.ts'
import type { AttentionMode } from '../../src/thinking/types.ts'
import { OUTLINED, type OutlinedTree, outlinedIds, outlinedTree } from './outlined.ts'
import { pairs, visible } from './trees.ts'

const T = OUTLINED

interface Token {
  id: number
  position: number
  sees: Token[]
}

/** The definition, written without layouts: the response grows token by token, each with the context it would have had when sampled. */
function defined({ prompt, text, blocks, outlines }: OutlinedTree, attention: AttentionMode): Token[] {
  const seen: Token[] = []
  const response: Token[] = []
  const grow = (context: Token[], id: number, position: number): Token => {
    const token = { id, position, sees: [...context] }
    context.push(token)
    return token
  }
  for (const id of prompt) grow(seen, id, seen.length)
  let position = prompt.length
  const say = (...ids: number[]): Token[] => {
    const tokens = ids.map((id) => grow(seen, id, position++))
    response.push(...tokens)
    return tokens
  }
  say(...text)
  for (const [b, { paths, summary, after }] of blocks.entries()) {
    say(T.parallel)
    const before = [...seen]
    const plans = outlines[b].map((each) => say(T.outline, ...each, T.outlineEnd))
    const base = position
    const stretches = paths.map((each, k) => {
      const context = [...before, ...(plans[k] ?? [])]
      return [T.path, ...each, T.pathEnd].map((id, i) => grow(context, id, base + i))
    })
    // What ends the plan was drawn where all of it is seen.
    if (plans.length > 0) stretches[0][0].sees = [...seen]
    response.push(...stretches.flat())
    if (attention === 'structured') {
      seen.push(...stretches.flat())
      position = base + Math.max(...stretches.map((stretch) => stretch.length))
    } else for (const token of stretches.flat()) grow(seen, token.id, position++)
    say(T.parallelEnd, 8, T.summary, ...summary, T.summaryEnd, ...after)
  }
  say(1)
  return response
}

describe.each(['structured', 'causal'] as const)('layout with outlines, %s attention', (attention) => {
  it('gives every token of the response its definition: id, position and context', () => {
    let planned = 0
    fc.assert(
      fc.property(outlinedTree, (random) => {
        const trajectory = trajectoryFromIds(random.prompt, outlinedIds(random), T)
        const layout = layoutTrajectory(trajectory, attention, { loss: 'response' })
        const response = defined(random, attention)
        expect(responseIds(trajectory)).toEqual(response.map(({ id }) => id))
        const firsts = new Set<number>()
        let at = 0
        for (const segment of trajectory.segments) {
          if (segment.kind === 'block' && segment.outlines) {
            planned++
            // The `<Path>` that ends the plan.
            firsts.add(at + [segment.open, ...segment.outlines].reduce((sum, { ids }) => sum + ids.length, 0))
          }
          at += (segment.kind === 'text' ? [segment.tokens] : runsOf({ ...trajectory, segments: [segment] })).reduce(
            (sum, { ids }) => sum + ids.length,
            0,
          )
        }
        response.forEach(({ id, position, sees }, k) => {
          const i = layout.sampledIndex[k]
          expect(layout.ids[i + 1]).toBe(id)
          // Other tags that the decoder writes are predicted from the tag before them, see layout.ts.
          if ((id === T.path && !firsts.has(k)) || id === T.parallelEnd) return
          expect(pairs(visible(layout, i))).toBe(pairs(sees))
          expect(layout.positions[i]).toBe(position - 1)
        })
        expect(layout.targets.reduce((sum, target) => sum + target, 0)).toBe(response.length)
        for (let i = 0; i < layout.ids.length; i++) {
          for (let level = 0; level < layout.hiddenLevels; level++) {
            expect(layout.hidden[(i * layout.hiddenLevels + level) * 2 + 1]).toBeLessThanOrEqual(i)
          }
        }
      }),
      { numRuns: 60, seed: 3 },
    )
    expect(planned).toBeGreaterThan(30)
  })

  it('is packed with others and shares a prompt with them, and each token sees what it sees alone', () => {
    fc.assert(
      fc.property(fc.array(outlinedTree, { minLength: 2, maxLength: 4 }), (trees) => {
        const layouts = trees.map((random) =>
          layoutTrajectory(trajectoryFromIds([20, 21, 22], outlinedIds(random), T), attention, { loss: 'sampled' }),
        )
        const { batch, starts } = packLayouts(layouts)
        const merged = sharePrompt(layouts)
        const whole = { ...merged, ids: batch.ids, positions: batch.positions, hidden: batch.hidden!, hiddenLevels: batch.hiddenLevels! }
        let shared = 0
        for (const [k, layout] of layouts.entries()) {
          for (const i of layout.sampledIndex) {
            const own = pairs(visible(layout, i))
            const before = pairs(visible(whole, starts[k] + i).slice(starts[k]))
            // The batch bounds sequences by itself: what lies before the start is another's.
            expect(before).toBe(own)
            expect(pairs(visible(merged, merged.sampledIndex[shared++]))).toBe(own)
          }
        }
      }),
      { numRuns: 12, seed: 4 },
    )
  })
})

describe('layout with outlines by hand', () => {
  // p p <Parallel> <Outline> u </Outline> <Outline> v </Outline> <Path> a b </Path> <Path> c </Path> </Parallel> \n <Summary> s </Summary>
  const response = [2, 62, 30, 63, 62, 31, 63, 4, 10, 11, 5, 4, 12, 5, 3, 8, 6, 13, 7]
  const trajectory = trajectoryFromIds([20, 21], response, T)
  const hiddenOf = (layout: ReturnType<typeof layoutTrajectory>, i: number): number[] => [...layout.hidden.slice(4 * i, 4 * i + 4)]

  it('structured: the example of layout.ts', () => {
    const layout = layoutTrajectory(trajectory, 'structured', { loss: 'sampled' })
    expect([...layout.positions]).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 9, 10, 11, 13, 14, 15, 16, 17])
    expect(layout.hiddenLevels).toBe(2)
    // Path 1 does not see the second outline, path 2 neither the first one nor path 1.
    expect(hiddenOf(layout, 10)).toEqual([6, 9, 0, 0])
    expect(hiddenOf(layout, 14)).toEqual([3, 6, 9, 13])
    for (const i of [0, 8, 16, 20]) expect(hiddenOf(layout, i)).toEqual([0, 0, 0, 0])
  })

  it('causal: both paths have a copy behind the trunk', () => {
    const layout = layoutTrajectory(trajectory, 'causal', { loss: 'response' })
    expect([...layout.ids]).toEqual([20, 21, ...response, 4, 10, 11, 5, 4, 12, 5])
    expect([...layout.positions.slice(21)]).toEqual([9, 10, 11, 12, 9, 10, 11])
    expect(hiddenOf(layout, 21)).toEqual([6, 21, 0, 0])
    expect(hiddenOf(layout, 25)).toEqual([3, 6, 9, 25])
    const targets = [...layout.targets].flatMap((target, i) => (target ? [i] : []))
    // The trunk predicts `<Path>` of both, and nothing behind it.
    expect(targets.filter((i) => i >= 8 && i < 15)).toEqual([8, 12])
    expect(targets.filter((i) => i > 20)).toEqual([21, 22, 23, 25, 26])
  })

  it('causal: an only path has seen the trunk, and needs no copy', () => {
    const only = trajectoryFromIds([20], [2, 62, 30, 63, 4, 10, 5, 3, 8, 6, 13, 7], T)
    const layout = layoutTrajectory(only, 'causal', { loss: 'response' })
    expect([layout.ids.length, layout.hiddenLevels]).toEqual([13, 1])
    expect(layout.hidden.every((bound) => bound === 0)).toBe(true)
  })

  it('counts outlines on the longest chain', () => {
    expect(trajectoryCounts(trajectory)).toEqual({
      total: 19,
      criticalPath: 16,
      blocks: [{ outlines: [3, 3], paths: [4, 3], summary: 3 }],
    })
  })

  it('is refused where outlines and paths are not as many, or the model has no tags for them', () => {
    expect(() => trajectoryFromIds([20], [2, 62, 30, 63, 4, 10, 5, 4, 11, 5, 3, 8, 6, 12, 7], T)).toThrow(/rule outline-count at token 0/)
    const { outline: _, outlineEnd: __, ...six } = T
    expect(() => trajectoryFromIds([20], response, six)).toThrow(/rule text-in-block at token 1/)
  })
})
