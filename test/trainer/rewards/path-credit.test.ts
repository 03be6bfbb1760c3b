import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { layoutTrajectory } from '../../../src/thinking/layout.ts'
import { sampledLogprobs } from '../../../src/thinking/trajectory.ts'
import type { TokenRun, Trajectory } from '../../../src/thinking/types.ts'
import { dapo } from '../../../src/trainer/losses/dapo.ts'
import { type Found, outsideAdvantages, pathAdvantages, tokenAdvantages } from '../../../src/trainer/rewards/path-credit.ts'

const block = (...paths: number[]): Found => ({ paths: [paths], response: 1 })

describe('advantages of paths', () => {
  it('go to the one path that found something, and not to those that found it together', () => {
    const { advantages } = pathAdvantages([[block(1, 0, 0), block(1, 1, 0)]], 'mean')
    // Of the other five paths two found something, or three.
    expect(advantages[0][0][0].map((a) => Number(a.toFixed(12)))).toEqual([0.6, 0, 0])
    expect(advantages[0][1][0].map((a) => Number(a.toFixed(12)))).toEqual([0, 0, 0])
  })

  it('are below 0 where a block found nothing that others of the group find', () => {
    const { advantages } = pathAdvantages([[block(0, 0), block(1, 0)]], 'mean')
    expect(advantages[0][0][0]).toEqual([-1 / 3, -1 / 3])
    expect(advantages[0][1][0]).toEqual([1, 0])
  })

  it('count a find only as far as its response used it', () => {
    const { found, advantages } = pathAdvantages([[{ paths: [[1, 0]], response: 0 }, block(0, 1)]], 'mean')
    expect(found[0][0][0]).toEqual([0, 0])
    expect(advantages[0][0][0]).toEqual([-1 / 3, -1 / 3])
  })

  it('are 0 where all paths of a group find the same, and where a response has no block', () => {
    const none = { paths: [], response: 1 }
    expect(pathAdvantages([[block(0, 0), block(0, 0)], [block(1, 1)], [none]], 'std').advantages).toEqual([
      [[[0, 0]], [[0, 0]]],
      [[[0, 0]]],
      [[]],
    ])
  })

  it('are divided by the deviation of the group, or of the step', () => {
    const groups = [[block(1, 0), block(0, 0)], [block(0, 0)]]
    const plain = pathAdvantages(groups, 'mean').advantages[0][0][0][0]
    expect(pathAdvantages(groups, 'std').advantages[0][0][0][0]).toBeCloseTo(plain / 0.5, 4)
    // One of six.
    expect(pathAdvantages(groups, 'batch').advantages[0][0][0][0]).toBeCloseTo(plain / Math.sqrt(1 / 6), 4)
  })

  it('refuse a reward outside of 0 … 1', () => {
    expect(() => pathAdvantages([[block(2, 0)]], 'std')).toThrow('must be from 0 to 1. Got 2.')
    expect(() => pathAdvantages([[{ paths: [[1]], response: -1 }]], 'std')).toThrow('Got -1.')
    expect(() => pathAdvantages([[block(Number.NaN, 0)]], 'std')).toThrow('Got NaN.')
  })

  it('have the gradient of the probability that some path of a block finds it: exactly, over all that can be drawn', () => {
    // A policy over three things to say by a softmax, two responses of one block of two paths. Only the first finds the answer, or the first two.
    const softmax = (z: readonly number[]) => {
      const e = z.map(Math.exp)
      const sum = e.reduce((a, b) => a + b, 0)
      return e.map((x) => x / sum)
    }
    const logit = fc.double({ min: -2, max: 2, noNaN: true })
    fc.assert(
      fc.property(fc.tuple(logit, logit, logit), fc.constantFrom([1, 0, 0], [1, 1, 0]), (z, right) => {
        const p = softmax(z)
        const expected = [0, 0, 0]
        for (let draw = 0; draw < 81; draw++) {
          const said = [draw % 3, Math.floor(draw / 3) % 3, Math.floor(draw / 9) % 3, Math.floor(draw / 27)]
          const chance = said.reduce((all, one) => all * p[one], 1)
          const found = [said.slice(0, 2), said.slice(2)].map((pair): Found => {
            const paths = pair.map((one) => right[one])
            return { paths: [paths], response: Math.max(...paths) }
          })
          const { advantages } = pathAdvantages([found], 'mean')
          advantages[0].flat(2).forEach((a, i) => {
            // d log p / d z
            for (let k = 0; k < 3; k++) expected[k] += chance * a * ((said[i] === k ? 1 : 0) - p[k])
          })
        }
        const some = (q: readonly number[]) => 1 - (1 - q.reduce((sum, x, k) => sum + x * right[k], 0)) ** 2
        for (let k = 0; k < 3; k++) {
          const moved = (by: number) => some(softmax(z.map((x, i) => (i === k ? x + by : x))))
          // Two responses.
          expect(expected[k]).toBeCloseTo((2 * (moved(1e-5) - moved(-1e-5))) / 2e-5, 6)
        }
      }),
    )
  })
})

describe('a path that says in vain that it found the answer', () => {
  const [no, yes] = [false, true]
  const round = (values: readonly number[]) => values.map((value) => Number(value.toFixed(12)))

  it('loses what the other responses won, and its siblings do not', () => {
    const others = [block(1, 0), block(1, 0), block(0, 0, 0)].map((one, m) => ({ ...one, response: m < 2 ? 1 : 0 }))
    const group = (claim: boolean) => [{ paths: [[0, 0]], response: 0, claims: [[claim, no]] }, ...others]
    const [without, { found, advantages }] = [no, yes].map((claim) => pathAdvantages([group(claim)], 'mean'))
    // Two of three others are right.
    expect(round(found[0][0][0])).toEqual(round([-2 / 3, 0]))
    const [cost, mean] = [2 / 3, 2 / 3 / 8]
    expect(round(advantages[0][0][0])).toEqual(round([without.advantages[0][0][0][0] - cost, without.advantages[0][0][0][1] + mean]))
    // It is a baseline: taken off all, added to none.
    const sum = (all: number[][][][]) => all.flat(3).reduce((a, b) => a + b, 0)
    expect(sum(advantages)).toBeCloseTo(sum(without.advantages), 12)
  })

  it('loses nothing where its response is right, where the others win nothing, and where it did find it', () => {
    const claims = [[yes, yes]]
    for (const group of [
      [{ ...block(1, 0), claims }, block(0, 0)],
      [
        { paths: [[0, 0]], response: 0, claims },
        { paths: [[1, 0]], response: 0 },
      ],
      [{ paths: [[1, 1]], response: 0, claims }, block(1, 0)],
    ]) {
      const without = group.map(({ paths, response }) => ({ paths, response }))
      expect(pathAdvantages([group], 'mean')).toEqual(pathAdvantages([without], 'mean'))
    }
  })

  it('is made rarer, nearly along the gradient of what the response wins: over all that can be drawn', () => {
    // Three things to say: the answer, no, and yes in vain, which spoils the response.
    const softmax = (z: readonly number[]) => {
      const sum = z.reduce((sum, x) => sum + Math.exp(x), 0)
      return z.map((x) => Math.exp(x) / sum)
    }
    const wins = (said: readonly number[]) => (said.includes(0) && !said.includes(2) ? 1 : 0)
    const logit = fc.double({ min: -2, max: 2, noNaN: true })
    fc.assert(
      fc.property(fc.tuple(logit, logit, logit), (z) => {
        const p = softmax(z)
        const [blind, told, exact] = [
          [0, 0, 0],
          [0, 0, 0],
          [0, 0, 0],
        ]
        for (let draw = 0; draw < 81; draw++) {
          const said = [draw % 3, Math.floor(draw / 3) % 3, Math.floor(draw / 9) % 3, Math.floor(draw / 27)]
          const chance = said.reduce((all, one) => all * p[one], 1)
          const pairs = [said.slice(0, 2), said.slice(2)]
          const group = pairs.map((pair): Found => ({ paths: [pair.map((one) => (one === 0 ? 1 : 0))], response: wins(pair) }))
          const claims = pairs.map((pair) => [pair.map((one) => one === 2)])
          const plain = pathAdvantages([group], 'mean').advantages[0].flat(2)
          const own = pathAdvantages([group.map((one, m) => ({ ...one, claims: claims[m] }))], 'mean').advantages[0].flat(2)
          said.forEach((one, i) => {
            for (let k = 0; k < 3; k++) {
              const score = (one === k ? 1 : 0) - p[k]
              blind[k] += chance * plain[i] * score
              told[k] += chance * own[i] * score
              exact[k] += chance * wins(pairs[Math.floor(i / 2)]) * score
            }
          })
        }
        const dot = (a: readonly number[], b: readonly number[]) => a.reduce((sum, x, i) => sum + x * b[i], 0)
        const cosine = (a: readonly number[], b: readonly number[]) => dot(a, b) / Math.sqrt(dot(a, a) * dot(b, b))
        expect(told[2]).toBeLessThan(blind[2])
        // Without the claims it falls to 0.84.
        expect(cosine(told, exact)).toBeGreaterThan(0.98)
      }),
    )
  })
})

describe('advantages outside of paths', () => {
  const response = (right: number, ...paths: number[][]): Found => ({ paths, response: right })

  it('compare responses after as many blocks, in which something was found or nothing', () => {
    const group = [
      response(1, [0, 1]), // found at once
      response(0, [1, 0]), // found, and not used
      response(0, [0, 0]), // gave up
      response(1, [0, 0], [1, 0]), // went on, and found it
      response(0, [0, 0], [0, 0]), // went on for nothing
    ]
    const [outside] = outsideAdvantages([group], [group.map((one) => one.response)])
    // Before the first block all stand in the same place.
    expect(outside.map(([first]) => first)).toEqual([1 - 1 / 4, 0 - 2 / 4, 0 - 2 / 4, 1 - 1 / 4, 0 - 2 / 4])
    // Who used what was found is ahead. Of those who found nothing, going on won half of the time.
    expect(outside.map((all) => all[1])).toEqual([1, -1, -1 / 2, 1, -1 / 2])
    // After the last block nothing is left to win or lose, alone in their places.
    expect(outside.map((all) => all[2])).toEqual([undefined, undefined, undefined, 0, 0])
  })

  it('blame no words for a search that failed', () => {
    const group = [response(1, [1, 0]), response(0, [0, 0]), response(0, [0, 0]), response(0, [0, 0])]
    const [outside] = outsideAdvantages([group], [[1.5, -0.5, -0.5, -0.5]])
    expect(outside.map((all) => all[1])).toEqual([0, 0, 0, 0])
  })

  it('are a baseline: over all that can be drawn, the gradient of what the response wins', () => {
    // One path finds it with a chance of 1/3. Then the words say so or not, by a policy of their own for each place. Only "so" wins, where it was found.
    const logit = fc.double({ min: -2, max: 2, noNaN: true })
    fc.assert(
      fc.property(fc.tuple(logit, logit), (z) => {
        const say = z.map((x) => 1 / (1 + Math.exp(-x)))
        const chanceOf = (found: number) => (found === 1 ? 1 / 3 : 2 / 3)
        const expected = [0, 0]
        const exact = [0, 0]
        for (let draw = 0; draw < 64; draw++) {
          const bit = (i: number) => (draw >> i) & 1
          const group = [0, 1, 2].map((m) => ({ found: bit(2 * m), said: bit(2 * m + 1) }))
          const chance = group.reduce((all, { found, said }) => all * chanceOf(found) * (said ? say[found] : 1 - say[found]), 1)
          const wins = group.map(({ found, said }) => found * said)
          const [outside] = outsideAdvantages([group.map(({ found }, m) => response(wins[m], [found]))], [wins])
          group.forEach(({ found, said }, m) => {
            const score = said - say[found]
            // A response alone in its place teaches nothing, whatever it says: two others are elsewhere with this chance.
            const heard = 1 - (1 - chanceOf(found)) ** 2
            expected[found] += (chance * outside[m][1] * score) / heard
            exact[found] += chance * wins[m] * score
          })
        }
        for (const place of [0, 1]) expect(expected[place]).toBeCloseTo(exact[place], 9)
      }),
    )
  })
})

describe('advantages of tokens', () => {
  const run = (ids: number[], sampled = ids.map(() => true)): TokenRun => ({
    ids,
    sampled,
    logprobs: ids.map((id) => -id / 10),
    exclusions: ids.map(() => -1),
  })
  /** Paths begin with a tag that is not sampled. */
  const path = (...ids: number[]) => run([1, ...ids], [false, ...ids.map(() => true)])
  const trajectory: Trajectory = {
    promptIds: [9],
    segments: [
      { kind: 'text', tokens: run([5]) },
      { kind: 'block', open: run([2]), paths: [path(6, 3), path(7, 8, 3)], close: run([2, 4, 5], [false, false, true]) },
      { kind: 'text', tokens: run([6]) },
      { kind: 'block', open: run([2]), paths: [path(4), path(5)], close: run([2, 4], [false, true]) },
    ],
    exclusionSets: [],
    temperature: 1,
  }

  it('are those of the path inside paths, and elsewhere those of the place, in the order of the layout', () => {
    const paths = [
      [1, -1],
      [2, -2],
    ]
    const tokens = tokenAdvantages(trajectory, { paths, outside: [7, 8, 9] })
    expect([...tokens]).toEqual([7, 7, 1, 1, -1, -1, -1, 8, 8, 8, 2, -2, 9])
    for (const attention of ['causal', 'structured'] as const) {
      const { ids, sampledIndex } = layoutTrajectory(trajectory, attention, { loss: 'sampled' })
      expect(sampledIndex).toHaveLength(tokens.length)
      expect(sampledLogprobs(trajectory)).toHaveLength(tokens.length)
      expect([...sampledIndex].every((i) => i < ids.length)).toBe(true)
    }
  })

  it('weigh the terms of a loss one by one', () => {
    const loss = dapo({ clipLow: 0.2, clipHigh: 0.28, dualClip: 3 })
    const update = { tokens: 3, samples: 1, microBatch: { tokens: 3, count: 1 } }
    const sample = { logprobs: Float32Array.of(-1, -1, -1), sampled: [-1, -1, -1], advantage: 5, entropies: new Float32Array(3) }
    expect([...loss.terms({ ...sample, advantages: [1, 0, -2] }, update).slopes]).toEqual([-1 / 3, -0, 2 / 3])
    expect([...loss.terms(sample, update).slopes]).toEqual([-5 / 3, -5 / 3, -5 / 3])
  })
})
