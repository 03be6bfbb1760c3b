import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { apply, type Move, moves, nearestMove, reachable, solve } from '../../suites/countdown/moves.ts'
import { drawProblem, drawProblems, LEVELS, type Level, problemKey, type Split, splitOf } from '../../suites/countdown/problems.ts'
import { hash32, Random } from '../../suites/countdown/random.ts'

/** Everything the numbers reach by whole-number steps from 1 to 99, trivial ones included: no canonical order, no shortcuts. */
function bruteForce(numbers: readonly number[], out = new Set<number>()): Set<number> {
  if (numbers.length === 1) out.add(numbers[0])
  for (let i = 0; i < numbers.length; i++) {
    for (let j = 0; j < numbers.length; j++) {
      if (i === j) continue
      const [a, b] = [numbers[i], numbers[j]]
      const rest = numbers.filter((_, k) => k !== i && k !== j)
      for (const result of [a + b, a - b, a * b, a / b]) {
        if (Number.isInteger(result) && result >= 1 && result <= 99) bruteForce([...rest, result], out)
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
    expect(Number.isInteger(step.result) && step.result >= 1 && step.result <= 99).toBe(true)
    expect(step.a >= step.b).toBe(true)
    const need = step.a === step.b ? 2 : 1
    expect(state.filter((n) => n === step.a).length).toBeGreaterThanOrEqual(need)
    expect(state).toContain(step.b)
    state = apply(state, step)
  }
  expect(state).toHaveLength(1)
  return state[0]
}

const number = fc.oneof({ arbitrary: fc.integer({ min: 1, max: 20 }), weight: 4 }, { arbitrary: fc.constant(1), weight: 1 })
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
        for (let target = 1; target <= 99; target += 7) {
          const steps = solve(drawn, target)
          expect(steps !== undefined).toBe(targets.has(target))
          if (steps) expect(play(drawn, steps)).toBe(target)
        }
      }),
      { numRuns: 60 },
    )
  })

  it('ends a try as near to the target as two numbers allow', () => {
    const any = fc.integer({ min: 1, max: 99 })
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
      fc.property(fc.array(fc.integer({ min: 1, max: 99 }), { minLength: 2, maxLength: 4 }), (state) => {
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
          expect(drawn.every((n) => n >= 1 && n <= 20)).toBe(true)
          expect(target >= 10 && target <= 99).toBe(true)
          expect(splitOf({ numbers: drawn, target })).toBe(split)
          expect(play(drawn, solve(drawn, target) as Move[])).toBe(target)
        }
      }
    }
  })

  it('splits by the problem, whatever the order of its numbers, one in ten to test', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 20 }), { minLength: 3, maxLength: 4 }), fc.integer(), (drawn, seed) => {
        const shuffled = new Random(seed, 'order').shuffle(drawn)
        expect(splitOf({ numbers: shuffled, target: 42 })).toBe(splitOf({ numbers: drawn, target: 42 }))
      }),
    )
    const random = new Random(1, 'share')
    const drawn = Array.from({ length: 4000 }, () => ({ numbers: [1, 2, 3].map(() => 1 + random.int(20)), target: 10 + random.int(90) }))
    const share = drawn.filter((problem) => splitOf(problem) === 'test').length / drawn.length
    expect(share).toBeGreaterThan(0.08)
    expect(share).toBeLessThan(0.12)
  })

  it('draws no problem of the other split in 3000', () => {
    const random = new Random(11, 'disjoint')
    const test = new Set(drawProblems(new Random(12, 'disjoint'), 'easy', 'test', 500).map(problemKey))
    for (let i = 0; i < 3000; i++) expect(test.has(problemKey(drawProblem(random, 'easy', 'train')))).toBe(false)
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
