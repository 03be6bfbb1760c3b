import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { layoutTrajectory, packLayouts } from '../../src/thinking/layout.ts'
import { responseIds, runsOf, trajectoryCounts, trajectoryFromIds } from '../../src/thinking/trajectory.ts'
import type { AttentionMode, Trajectory } from '../../src/thinking/types.ts'
import { sharedPath } from '../shared.ts'
import { TOY_TAGS } from './toy-model.ts'
import { idsOf, pairs, type Tree, tree, visible } from './trees.ts'

const T = TOY_TAGS

/** One token by definition: who it is, where it sits, and which tokens were there for it to see. */
interface Token {
  id: number
  position: number
  sees: Token[]
}

/**
 * The definition, written without layouts: the response is grown token by token with the context each would have had
 * when sampled; `inner` are tokens behind the `<Path>` of a path.
 */
function defined({ prompt, text, blocks }: Tree, attention: AttentionMode): { response: Token[]; prompt: Token[] } {
  const seen: Token[] = []
  const response: Token[] = []
  const grow = (context: Token[], id: number, position: number): Token => {
    const token = { id, position, sees: [...context] }
    context.push(token)
    return token
  }
  for (const id of prompt) grow(seen, id, seen.length)
  const promptTokens = [...seen]
  let position = prompt.length
  const say = (...ids: number[]): void => {
    for (const id of ids) response.push(grow(seen, id, position++))
  }
  say(...text)
  for (const { paths, summary, after } of blocks) {
    say(T.parallel)
    const base = position
    const root = [...seen]
    const stretches = paths.map((each) => {
      const context = [...root]
      return [T.path, ...each, T.pathEnd].map((id, k) => grow(context, id, base + k))
    })
    response.push(...stretches.flat())
    if (attention === 'structured') {
      seen.push(...stretches.flat())
      position = base + Math.max(...stretches.map((stretch) => stretch.length))
    } else {
      // What follows reads the plain concatenation.
      for (const token of stretches.flat()) grow(seen, token.id, position++)
    }
    say(T.parallelEnd, 8, T.summary, ...summary, T.summaryEnd, ...after)
  }
  say(1)
  return { response, prompt: promptTokens }
}

/** The whole mask by ownership: what belongs to whom, and which owners see each other. */
function denseMask(trajectory: Trajectory, attention: AttentionMode): boolean[][] {
  const owners: { block: number; path: number; copy: boolean }[] = trajectory.promptIds.map(() => ({ block: -1, path: -1, copy: false }))
  const copies: typeof owners = []
  trajectory.segments.forEach((segment, block) => {
    if (segment.kind === 'text') for (const _ of segment.tokens.ids) owners.push({ block: -1, path: -1, copy: false })
    else {
      owners.push({ block: -1, path: -1, copy: false })
      segment.paths.forEach((run, k) => {
        for (const _ of run.ids) owners.push({ block, path: k, copy: false })
        if (attention === 'causal' && k > 0) for (const _ of run.ids) copies.push({ block, path: k, copy: true })
      })
      for (const _ of segment.close.ids) owners.push({ block: -1, path: -1, copy: false })
    }
  })
  const all = [...owners, ...copies]
  const blockStart = (block: number): number => owners.findIndex((owner) => owner.block === block)
  return all.map((a, i) =>
    all.map((b, j) => {
      if (j > i) return false
      if (a.copy) return (b.copy && b.block === a.block && b.path === a.path) || (!b.copy && j < blockStart(a.block))
      if (attention === 'causal') return true
      return !(a.block >= 0 && a.block === b.block && a.path !== b.path)
    }),
  )
}

describe.each(['structured', 'causal'] as const)('layout, %s attention', (attention) => {
  it('agrees with the dense mask on random trees', () => {
    fc.assert(
      fc.property(tree, (random) => {
        const trajectory = trajectoryFromIds(random.prompt, idsOf(random), T)
        const layout = layoutTrajectory(trajectory, attention, { loss: 'response' })
        const mask = denseMask(trajectory, attention)
        expect(layout.ids.length).toBe(mask.length)
        for (let i = 0; i < mask.length; i++) {
          const row = mask[i].map((_, j) => j <= i && !(j >= layout.hidden[i * 2] && j < layout.hidden[i * 2 + 1]))
          expect(row).toEqual(mask[i])
          expect(layout.hidden[i * 2 + 1]).toBeLessThanOrEqual(i)
        }
      }),
    )
  })

  it('gives every token of the response its definition: id, position and context', () => {
    fc.assert(
      fc.property(tree, (random) => {
        const trajectory = trajectoryFromIds(random.prompt, idsOf(random), T)
        const layout = layoutTrajectory(trajectory, attention, { loss: 'response' })
        const { response } = defined(random, attention)
        expect(responseIds(trajectory)).toEqual(response.map(({ id }) => id))
        expect(layout.sampledIndex.length).toBe(response.length)
        let offset = 0
        for (const run of runsOf(trajectory)) {
          run.ids.forEach((id, k) => {
            const i = layout.sampledIndex[offset + k]
            expect(layout.ids[i + 1]).toBe(id)
            // A path's first token is injected; it is predicted from the tag before it, see layout.ts.
            if (id !== T.path && id !== T.parallelEnd) {
              expect(pairs(visible(layout, i))).toBe(pairs(response[offset + k].sees))
              expect(layout.positions[i]).toBe(response[offset + k].position - 1)
            }
          })
          offset += run.ids.length
        }
        expect([...layout.targets].reduce((sum, target) => sum + target, 0)).toBe(response.length)
      }),
    )
  })

  it('puts loss on exactly the sampled tokens', () => {
    fc.assert(
      fc.property(tree, fc.infiniteStream(fc.boolean()), (random, coins) => {
        const trajectory = trajectoryFromIds(random.prompt, idsOf(random), T)
        for (const run of runsOf(trajectory)) run.sampled = run.ids.map(() => coins.next().value)
        const sampled = runsOf(trajectory).flatMap((run) => run.ids.filter((_, k) => run.sampled[k]))
        const layout = layoutTrajectory(trajectory, attention, { loss: 'sampled' })
        expect([...layout.sampledIndex].map((i) => layout.ids[i + 1])).toEqual(sampled)
        expect(new Set(layout.sampledIndex).size).toBe(sampled.length)
        const targets = [...layout.targets].flatMap((target, i) => (target ? [i] : []))
        expect(targets).toEqual([...layout.sampledIndex].sort((a, b) => a - b))
      }),
    )
  })

  it('packs several behind each other and nothing leaks across', () => {
    fc.assert(
      fc.property(fc.array(tree, { minLength: 1, maxLength: 4 }), (trees) => {
        const layouts = trees.map((random, k) => {
          const trajectory = trajectoryFromIds(random.prompt, idsOf(random), T)
          trajectory.exclusionSets = k % 2 === 0 ? [[2], [2, 1]] : [[1, 2]]
          for (const run of runsOf(trajectory))
            run.exclusions = run.ids.map((id) => (id % 3) - 1).map((e) => (k % 2 === 1 ? Math.min(e, 0) : e))
          return layoutTrajectory(trajectory, attention, { loss: 'response' })
        })
        const { batch, starts } = packLayouts(layouts)
        expect([...batch.bounds]).toEqual([...starts, batch.ids.length])
        expect(batch.exclusionSets).toHaveLength(2)
        layouts.forEach((layout, k) => {
          const start = starts[k]
          for (let i = 0; i < layout.ids.length; i++) {
            expect(batch.ids[start + i]).toBe(layout.ids[i])
            expect(batch.positions[start + i]).toBe(layout.positions[i])
            expect(batch.targets![start + i]).toBe(layout.targets[i])
            const [from, to] = [batch.hidden![(start + i) * 2], batch.hidden![(start + i) * 2 + 1]]
            if (layout.hidden[i * 2 + 1] === 0) expect([from, to]).toEqual([0, 0])
            else expect([from - start, to - start]).toEqual([layout.hidden[i * 2], layout.hidden[i * 2 + 1]])
            const set = (sets: readonly (readonly number[])[], at: number): number[] => (at < 0 ? [] : [...sets[at]].sort())
            expect(set(batch.exclusionSets!, batch.exclusion![start + i])).toEqual(set(layout.exclusionSets, layout.exclusion[i]))
          }
          expect(batch.targets![start + layout.ids.length - 1]).toBe(0)
        })
      }),
      { numRuns: 30 },
    )
  })
})

describe('layout by hand', () => {
  // p p <Parallel> <Path> a b </Path> <Path> c </Path> </Parallel> \n <Summary> s </Summary> z
  const trajectory = trajectoryFromIds([20, 21], [2, 4, 10, 11, 5, 4, 12, 5, 3, 8, 6, 13, 7, 14], T)

  it('structured: the example of the design', () => {
    const layout = layoutTrajectory(trajectory, 'structured', { loss: 'sampled' })
    expect([...layout.positions]).toEqual([0, 1, 2, 3, 4, 5, 6, 3, 4, 5, 7, 8, 9, 10, 11, 12])
    expect([...layout.hidden].slice(14, 20)).toEqual([3, 7, 3, 7, 3, 7])
    expect([...layout.hidden].filter((_, k) => k < 14 || k >= 20).every((bound) => bound === 0)).toBe(true)
  })

  it('causal: a trunk, and a copy of path 2 that carries its loss', () => {
    const layout = layoutTrajectory(trajectory, 'causal', { loss: 'response' })
    expect([...layout.ids]).toEqual([20, 21, 2, 4, 10, 11, 5, 4, 12, 5, 3, 8, 6, 13, 7, 14, 4, 12, 5])
    expect([...layout.positions]).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 3, 4, 5])
    expect([...layout.hidden].slice(32)).toEqual([3, 16, 3, 16, 3, 16])
    // 7 and 8 are the twin of `c </Path>`; 15 ends the trunk, 18 the copy.
    expect([...layout.targets]).toEqual([0, 1, 1, 1, 1, 1, 1, 0, 0, 1, 1, 1, 1, 1, 1, 0, 1, 1, 0])
  })

  it('causal: what stands before a block is laid once, however many paths see it', () => {
    const paths = [10, 11, 12, 13].flatMap((id) => [4, id, 5])
    const response = [14, 2, ...paths, 3, 8, 6, 15, 7, 16]
    const layout = layoutTrajectory(trajectoryFromIds([20, 21, 22], response, T), 'causal', { loss: 'response' })
    expect(layout.ids.length).toBe(3 + response.length + 3 * 3)
    expect([...layout.ids].filter((id) => id === 20 || id === T.parallel)).toHaveLength(2)
    const trunk = [20, 21, 22, 14, 2].map((id, position) => ({ id, position }))
    for (const [k, id] of [11, 12, 13].entries()) {
      const last = 3 + response.length + 3 * k + 2
      expect(visible(layout, last)).toEqual([...trunk, { id: 4, position: 5 }, { id, position: 6 }, { id: 5, position: 7 }])
    }
  })

  it('a prompt is needed', () => {
    expect(() => layoutTrajectory({ ...trajectory, promptIds: [] }, 'causal', { loss: 'sampled' })).toThrow(/prompt of at least one token/)
  })
})

describe('trajectoryFromIds', () => {
  it('keeps every id, marks all sampled, and counts', () => {
    fc.assert(
      fc.property(tree, (random) => {
        const ids = idsOf(random)
        const trajectory = trajectoryFromIds(random.prompt, ids, T)
        expect(responseIds(trajectory)).toEqual(ids)
        expect(trajectory.promptIds).toEqual(random.prompt)
        for (const run of runsOf(trajectory)) {
          expect(run.sampled.every(Boolean)).toBe(true)
          expect(run.logprobs.every(Number.isNaN)).toBe(true)
        }
        const counts = trajectoryCounts(trajectory)
        expect(counts.total).toBe(ids.length)
        const saved = random.blocks.map(({ paths }) => {
          const lengths = paths.map((each) => each.length + 2)
          return lengths.reduce((a, b) => a + b, 0) - Math.max(...lengths)
        })
        expect(counts.criticalPath).toBe(ids.length - saved.reduce((a, b) => a + b, 0))
        expect(counts.blocks).toEqual(
          random.blocks.map(({ paths, summary }) => ({ paths: paths.map((each) => each.length + 2), summary: summary.length + 2 })),
        )
      }),
    )
  })

  it('is strict: the error names rule and offset', () => {
    expect(() => trajectoryFromIds([20], [10, 2, 4, 11, 5, 3, 6, 12, 7], T)).toThrow(/rule summary-separator at token 6 of 9/)
    expect(() => trajectoryFromIds([20], [10, 2, 4, 11], T)).toThrow(/rule unclosed-block at token 1 of 4.*2 violations/)
    expect(() => trajectoryFromIds([20], [10, 1, 11], T)).toThrow(/rule early-eos at token 1/)
    expect(() => trajectoryFromIds([], [10], T)).toThrow(/prompt of at least one token/)
    const twins = [2, 4, 11, 5, 4, 11, 5, 3, 8, 6, 12, 7]
    expect(() => trajectoryFromIds([20], twins, T)).toThrow(/rule identical-paths at token 4/)
    expect(trajectoryFromIds([20], twins, T, { allow: ['identical-paths'] }).segments).toHaveLength(1)
    expect(() => trajectoryFromIds([20], [2, 4, 11, 5, 3, 8, 6, 12, 7], T, { minPaths: 2 })).toThrow(/too-few-paths/)
  })
})

const models = sharedPath('fixtures/models')

interface Case {
  name: string
  ids: number[]
  positions: number[]
  hidden: [number, number][][]
}

describe.skipIf(!models)('reference fixtures', () => {
  const families = models ? readdirSync(models) : []
  it.each(families)('%s: positions and visibility', (family) => {
    const { cases } = JSON.parse(readFileSync(path.join(models!, family, 'cases.json'), 'utf8')) as { cases: Case[] }
    const withBlocks = cases.filter(({ ids }) => ids.includes(T.parallel))
    expect(withBlocks.length).toBeGreaterThanOrEqual(8)
    for (const { name, ids, positions, hidden } of withBlocks) {
      const attention = name.endsWith('/structured') ? 'structured' : 'causal'
      const split = ids.indexOf(T.parallel)
      const trajectory = trajectoryFromIds(ids.slice(0, split), ids.slice(split), { ...T, eos: [1] })
      const layout = layoutTrajectory(trajectory, attention, { loss: 'response' })
      // In causal mode the fixture is the trunk; the copies lie behind it.
      expect([...layout.ids.slice(0, ids.length)]).toEqual(ids)
      expect([...layout.positions.slice(0, ids.length)]).toEqual(positions)
      const ranges = ids.map((_, i) => (layout.hidden[i * 2 + 1] > 0 ? [[layout.hidden[i * 2], layout.hidden[i * 2 + 1]]] : []))
      expect(ranges).toEqual(hidden)
      if (attention === 'structured') expect(layout.ids.length).toBe(ids.length)
    }
  })
})
