import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { apply, lastMoves, type Move, moves, nearestMove, reachable, solve } from '../../suites/countdown/moves.ts'
import { drawProblem, drawProblems, drawReachedProblem } from '../../suites/countdown/problems.ts'
import { hash32, Random } from '../../suites/countdown/random.ts'
import { LEVELS, type Level, type Problem, problemKey, type Split, splitOf } from '../../suites/countdown/split.ts'
import { luck } from './suite.ts'

/** Everything the numbers reach by whole-number steps from 1 to 60, trivial ones included: no canonical order, no shortcuts. */
function bruteForce(numbers: readonly number[], out = new Set<number>()): Set<number> {
  if (numbers.length === 1) out.add(numbers[0])
  for (let i = 0; i < numbers.length; i++) {
    for (let j = 0; j < numbers.length; j++) {
      if (i === j) continue
      const [a, b] = [numbers[i], numbers[j]]
      const rest = numbers.filter((_, k) => k !== i && k !== j)
      for (const result of [a + b, a - b, a * b, a / b]) {
        if (Number.isInteger(result) && result >= 1 && result <= 60) bruteForce([...rest, result], out)
      }
    }
  }
  return out
}

const value = ({ a, op, b }: Move): number => ({ '+': a + b, '-': a - b, '*': a * b, '/': a / b })[op]

/** Plays a solution: every move must be legal, and every number used exactly once. */
function play(numbers: readonly number[], steps: readonly Move[]): number {
  let state: readonly number[] = numbers
  for (const step of steps) {
    expect(step.result).toBe(value(step))
    expect(Number.isInteger(step.result) && step.result >= 1 && step.result <= 60).toBe(true)
    expect(step.a >= step.b).toBe(true)
    const need = step.a === step.b ? 2 : 1
    expect(state.filter((n) => n === step.a).length).toBeGreaterThanOrEqual(need)
    expect(state).toContain(step.b)
    state = apply(state, step)
  }
  expect(state).toHaveLength(1)
  return state[0]
}

const number = fc.oneof({ arbitrary: fc.integer({ min: 1, max: 12 }), weight: 4 }, { arbitrary: fc.constant(1), weight: 1 })
const numbers = fc.array(number, { minLength: 2, maxLength: 4 })

describe('solver', () => {
  it('reaches exactly what brute force reaches', () => {
    fc.assert(
      fc.property(numbers, (drawn) => {
        const expected = [...bruteForce(drawn)].sort((x, y) => x - y)
        expect([...reachable(drawn)].sort((x, y) => x - y)).toEqual(expected)
      }),
      { numRuns: 150 },
    )
  })

  it('finds a legal way to every target that is reachable, and none to any other', () => {
    fc.assert(
      fc.property(numbers, (drawn) => {
        const targets = bruteForce(drawn)
        for (let target = 1; target <= 60; target += 7) {
          const steps = solve(drawn, target)
          expect(steps !== undefined).toBe(targets.has(target))
          if (steps) expect(play(drawn, steps)).toBe(target)
        }
      }),
      { numRuns: 60 },
    )
  })

  it('ends a try as near to the target as two numbers allow', () => {
    const any = fc.integer({ min: 1, max: 60 })
    fc.assert(
      fc.property(any, any, any, (x, y, target) => {
        const move = nearestMove(x, y, target)
        const distances = [...bruteForce([x, y])].map((result) => Math.abs(result - target))
        expect(Math.abs(move.result - target)).toBe(Math.min(...distances))
        expect(move.result).toBe(value(move))
      }),
    )
  })

  it('offers a move from every state, and one spelling for each', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 60 }), { minLength: 2, maxLength: 4 }), (state) => {
        const spelled = moves(state).map(({ a, op, b }) => `${a}${op}${b}`)
        expect(spelled.length).toBeGreaterThan(0)
        expect(new Set(spelled).size).toBe(spelled.length)
      }),
    )
  })
})

describe('generator', () => {
  const levels: Level[] = ['easy', 'hard']
  const splits: Split[] = ['train', 'test']

  it('gives the same problems for the same seed and others for another', () => {
    for (const level of levels) {
      const draw = (seed: number) => drawProblems(new Random(seed, 'x'), level, 'train', 50)
      expect(draw(3)).toEqual(draw(3))
      expect(draw(3)).not.toEqual(draw(4))
    }
  })

  it('draws solvable problems of the right size from the right split, no two alike', () => {
    for (const level of levels) {
      for (const split of splits) {
        const problems = drawProblems(new Random(7, split), level, split, 150)
        expect(new Set(problems.map(problemKey)).size).toBe(150)
        for (const { numbers: drawn, target } of problems) {
          expect(drawn).toHaveLength(LEVELS[level])
          expect(drawn.every((n) => n >= 1 && n <= 12)).toBe(true)
          expect(target >= 10 && target <= 60).toBe(true)
          expect(splitOf({ numbers: drawn, target })).toBe(split)
          expect(play(drawn, solve(drawn, target) as Move[])).toBe(target)
        }
      }
    }
  })

  it('says so when there are no more problems', () => {
    expect(() => drawProblems(new Random(1, 'all'), 'easy', 'test', 300)).toThrow(/hardly more than 263 easy problems of test.*300/)
  })

  it('splits by the problem, whatever the order of its numbers, one in ten to test', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 12 }), { minLength: 3, maxLength: 4 }), fc.integer(), (drawn, seed) => {
        const shuffled = new Random(seed, 'order').shuffle(drawn)
        expect(splitOf({ numbers: shuffled, target: 42 })).toBe(splitOf({ numbers: drawn, target: 42 }))
      }),
    )
    const random = new Random(1, 'share')
    const drawn = Array.from({ length: 4000 }, () => ({ numbers: [1, 2, 3].map(() => 1 + random.int(12)), target: 10 + random.int(51) }))
    const share = drawn.filter((problem) => splitOf(problem) === 'test').length / drawn.length
    expect(share).toBeGreaterThan(0.08)
    expect(share).toBeLessThan(0.12)
  })

  it('draws no problem of the other split in 3000', () => {
    const random = new Random(11, 'disjoint')
    const test = new Set(drawProblems(new Random(12, 'disjoint'), 'easy', 'test', 200).map(problemKey))
    for (const draw of [drawProblem, drawReachedProblem]) {
      for (let i = 0; i < 3000; i++) expect(test.has(problemKey(draw(random, 'easy', 'train')))).toBe(false)
    }
  })
})

/** How likely a descent of random moves ends at each number when its last move is random as well. */
function ends(numbers: readonly number[], chance = 1, out = new Map<number, number>()): Map<number, number> {
  const next = numbers.length === 2 ? lastMoves(numbers[0], numbers[1]) : moves(numbers)
  for (const move of next) {
    if (numbers.length === 2) out.set(move.result, (out.get(move.result) ?? 0) + chance / next.length)
    else ends(apply(numbers, move), chance / next.length, out)
  }
  return out
}

describe('generator of reached problems', () => {
  it('gives solvable problems of the right size from the right split, the same for the same seed', () => {
    for (const level of ['easy', 'hard'] as const) {
      for (const split of ['train', 'test'] as const) {
        const draw = (seed: number) => {
          const random = new Random(seed, split)
          return Array.from({ length: 150 }, () => drawReachedProblem(random, level, split))
        }
        expect(draw(7)).toEqual(draw(7))
        expect(draw(7)).not.toEqual(draw(8))
        for (const { numbers: drawn, target } of draw(7)) {
          expect(drawn).toHaveLength(LEVELS[level])
          expect(drawn.every((n) => n >= 1 && n <= 12)).toBe(true)
          expect(target >= 10 && target <= 60).toBe(true)
          expect(splitOf({ numbers: drawn, target })).toBe(split)
          expect(play(drawn, solve(drawn, target) as Move[])).toBe(target)
        }
      }
    }
  })

  it('draws each problem as often as random descents of its numbers end on its target', () => {
    const weights = new Map<string, number>()
    for (let first = 1; first <= 12; first++) {
      for (let second = 1; second <= 12; second++) {
        for (let third = 1; third <= 12; third++) {
          const drawn = [first, second, third]
          for (const [target, chance] of ends(drawn)) {
            const problem: Problem = { numbers: drawn, target }
            if (target < 10 || splitOf(problem) !== 'train') continue
            const key = problemKey(problem)
            weights.set(key, (weights.get(key) ?? 0) + chance)
          }
        }
      }
    }
    const total = [...weights.values()].reduce((sum, weight) => sum + weight)
    const draws = 30000
    const random = new Random(5, 'reached')
    const counts = new Map<string, number>()
    for (let i = 0; i < draws; i++) {
      const key = problemKey(drawReachedProblem(random, 'easy', 'train'))
      expect(weights.has(key)).toBe(true)
      counts.set(key, (counts.get(key) ?? 0) + 1)
    }
    let squares = 0
    let cells = 0
    for (const [key, weight] of weights) {
      const expected = (draws * weight) / total
      if (expected < 5) continue
      squares += ((counts.get(key) ?? 0) - expected) ** 2 / expected
      cells++
    }
    expect(cells).toBeGreaterThan(1000)
    // Chi-square: mean `cells`, variance twice that.
    expect(Math.abs(squares - cells)).toBeLessThan(5 * Math.sqrt(2 * cells))
  })

  it('is kinder to blind tries than targets drawn evenly', () => {
    const mean = (draw: typeof drawProblem) => {
      const random = new Random(6, 'luck')
      const problems = Array.from({ length: 400 }, () => draw(random, 'hard', 'train'))
      return problems.reduce((sum, { numbers: drawn, target }) => sum + luck(drawn, target), 0) / 400
    }
    expect(mean(drawReachedProblem)).toBeGreaterThan(1.3 * mean(drawProblem))
  })
})

describe('randomness', () => {
  it('is even and independent between streams', () => {
    const counts = new Array<number>(10).fill(0)
    const random = new Random(1, 'even')
    for (let i = 0; i < 20000; i++) counts[random.int(10)]++
    // 2000 expected in each, standard deviation 42.
    for (const count of counts) expect(Math.abs(count - 2000)).toBeLessThan(200)
    const [a, b] = [new Random(1, 'a'), new Random(1, 'b')]
    let agree = 0
    for (let i = 0; i < 20000; i++) if (a.int(10) === b.int(10)) agree++
    expect(Math.abs(agree - 2000)).toBeLessThan(200)
  })

  it('keeps its values (the committed files depend on them)', () => {
    expect(hash32('1 5 11 = 17')).toBe(HASH)
    const random = new Random(1, 'test')
    expect([random.int(1000), random.int(1000), random.int(1000)]).toEqual(DRAWS)
  })
})

const HASH = 250463506
const DRAWS = [967, 859, 599]
