import { describe, expect, it } from 'vitest'
import { countdownAnswer } from '../../src/assertions/countdown-answer.ts'
import { parseThinking } from '../../src/thinking/grammar.ts'
import { withoutLayout, writeThinking } from '../../src/thinking/writing.ts'
import {
  base,
  type CountdownTest,
  coldStartParallel,
  coldStartSequential,
  easyTrain,
  hardTrain,
  mixedTrain,
  type ReadingTest,
  reading,
} from '../../suites/countdown/data.ts'
import { moves, reachable } from '../../suites/countdown/moves.ts'
import { drawProblem } from '../../suites/countdown/problems.ts'
import { Random } from '../../suites/countdown/random.ts'
import { splitOf } from '../../suites/countdown/split.ts'
import { allTries, blindOrder, randomTry, searchOrder, writeDescents, writeTry } from '../../suites/countdown/trajectories.ts'
import { inProofs } from '../proofs.ts'
import { committedTests, isReading, loaderConfig, luck, luckShown, promptOf, read, readmeRow, responsesOf, shownShares } from './suite.ts'

const COUNT = inProofs ? 1500 : 600
const DESCENTS = 6
/** Problems of the cold start, solved as in training. */
const SOLVED = inProofs ? 300 : 120
const SOLVER = { ...loaderConfig('cold-start.parallel-10.yaml'), count: SOLVED, seed: 5 }
const { tries: TRIES, paths: PATHS, solutions: SOLUTIONS } = loaderConfig('cold-start.parallel-10.yaml')

interface Asked {
  numbers: number[]
  target: number
}

const problemOf = ({ vars }: CountdownTest): Asked => ({ numbers: vars.numbers.split(' ').map(Number), target: vars.target })

/** For what is checked in every move of thousands of tries, where `expect` would take most of the time. */
function must(condition: boolean, message: string): asserts condition {
  if (!condition) throw new Error(message)
}

/** Reads `11 + 5 = 16, 16 + 1 = 17` independently of the code that wrote it; returns where it ends. */
function readChain(text: string, { numbers }: Asked): number {
  const state = numbers.slice()
  for (const step of text.split(', ')) {
    const match = /^(\d+) ([-+*/]) (\d+) = (\d+)$/.exec(step)
    must(match !== null, `"${step}" of "${text}" is no move.`)
    const [a, b, result] = [match[1], match[3], match[4]].map(Number)
    must({ '+': a + b, '-': a - b, '*': a * b, '/': a / b }[match[2]] === result, `${step} is wrong.`)
    must(result >= 1 && result <= 60, `${step} leaves 1 to 60.`)
    for (const used of [a, b]) {
      must(state.includes(used), `"${text}" has no ${used} left of ${numbers}.`)
      state.splice(state.indexOf(used), 1)
    }
    state.push(result)
  }
  must(state.length === 1, `"${text}" leaves ${state} of ${numbers}.`)
  return state[0]
}

/** The numbers that a chain takes, without those it has made itself. */
function usedIn(chain: string): number[] {
  const made: number[] = []
  const used: number[] = []
  for (const [a, b, result] of chain.split(', ').map((step) => step.match(/\d+/g)!.map(Number))) {
    for (const number of [a, b]) {
      if (made.includes(number)) made.splice(made.indexOf(number), 1)
      else used.push(number)
    }
    made.push(result)
  }
  return used
}

/** Checks a try and returns whether it claims success, which must be true. */
function readTry(text: string, problem: Asked): boolean {
  const match = /^(.*) (yes|no)$/.exec(text)
  must(match !== null, `"${text}" has no verdict.`)
  const hit = readChain(match[1], problem) === problem.target
  must(match[2] === (hit ? 'yes' : 'no'), `"${text}" has the wrong verdict for ${problem.target}.`)
  return hit
}

function checkAnswer(answer: string, found: boolean, row: CountdownTest): void {
  expect(answer.startsWith('Final Answer: ')).toBe(true)
  const chain = answer.slice('Final Answer: '.length)
  expect(chain === 'none').toBe(!found)
  if (found) expect(readChain(chain, problemOf(row))).toBe(row.vars.target)
}

/** Checks the descents of a response and that the first that worked is repeated, and returns which of them worked. */
function readDescents(text: string, problem: Asked): boolean[] {
  const lines = text.split('\n')
  const answer = lines.pop()!
  const hits = lines.map((line) => readTry(line, problem))
  const found = lines[hits.indexOf(true)]
  must(answer === `Final Answer: ${found?.replace(/ yes$/, '') ?? 'none'}`, `"${text}" does not repeat the first that worked.`)
  return hits
}

const sizeOf = (row: CountdownTest) => problemOf(row).numbers.length

/** How many of these rows have two, three and four numbers, as shares at these indices. */
function sharesOf(rows: CountdownTest[]): number[] {
  return [0, 1, 2, 3, 4].map((size) => rows.filter((row) => sizeOf(row) === size).length / rows.length)
}

describe('base', () => {
  const rows = base({ count: COUNT, seed: 5, two: 0.3, three: 0.25, descents: DESCENTS })

  it('is right arithmetic, legal moves and a true verdict in each line, then the first that worked or none, without tags', () => {
    const tries = [0, 0, 0, 0, 0]
    const hits = [0, 0, 0, 0, 0]
    const expected = [0, 0, 0, 0, 0]
    const answers = { none: 0, only: 0, first: 0 }
    for (const { text, row } of responsesOf(rows)) {
      expect(text).not.toContain('<')
      const size = sizeOf(row)
      const { numbers, target } = problemOf(row)
      const made = size === 2 ? [readTry(text, problemOf(row))] : readDescents(text, problemOf(row))
      const worked = made.filter((hit) => hit).length
      tries[size] += made.length
      hits[size] += worked
      expected[size] += made.length * luckShown(numbers, target)
      if (size > 2) answers[worked === 0 ? 'none' : worked === 1 ? 'only' : 'first']++
    }
    for (const count of Object.values(answers)) expect(count).toBeGreaterThan(COUNT / 5)
    expect(hits[2]).toBe(expected[2])
    expect(Math.abs(hits[2] / tries[2] - 0.5)).toBeLessThan(0.1)
    for (const size of [3, 4]) expect(Math.abs(hits[size] - expected[size])).toBeLessThan(5 * Math.sqrt(expected[size]))
  })

  it('has one descent of a fact and as many responses as asked for of another problem, drawn anew', () => {
    const repeated = new Set<number>()
    for (const row of rows) {
      const texts = row.vars.trajectories!
      expect(texts).toHaveLength(sizeOf(row) === 2 ? 1 : DESCENTS)
      if (sizeOf(row) === 2) expect(texts[0]).not.toMatch(/\n|Final Answer/)
      // Four numbers have dozens of descents: six that are all alike were not drawn.
      if (new Set(texts).size === 1) repeated.add(sizeOf(row))
    }
    expect(repeated).toContain(2)
    expect(repeated).not.toContain(4)
  })

  it('has the shares of two, three and four numbers asked for, and no test problem', () => {
    for (const row of rows) if (sizeOf(row) > 2) expect(splitOf(problemOf(row))).toBe('train')
    const shares = sharesOf(rows)
    expect(Math.abs(shares[2] - 0.3)).toBeLessThan(0.05)
    expect(Math.abs(shares[3] - 0.25)).toBeLessThan(0.05)
    expect(Math.abs(shares[4] - 0.45)).toBeLessThan(0.05)
  })

  it('has one to six descents a response, equally often, and no search: a line does not depend on those before it', () => {
    const random = new Random(3, 'lines')
    const problem = drawProblem(random, 'easy', 'train')
    const chance = allTries(problem).filter(({ hit }) => hit).length / allTries(problem).length
    expect(chance).toBeGreaterThan(0)
    const draws = 9000
    const lengths = [0, 0, 0, 0, 0, 0, 0]
    /** Lines and hits among them: first ones, ones after a hit, ones after a miss. */
    const tally = { first: [0, 0], yes: [0, 0], no: [0, 0] }
    let repeated = 0
    for (let i = 0; i < draws; i++) {
      const text = writeDescents(random, problem)
      const lines = text.split('\n').slice(0, -1)
      lengths[lines.length]++
      if (new Set(lines).size < lines.length) repeated++
      let before: keyof typeof tally = 'first'
      for (const hit of readDescents(text, problem)) {
        tally[before][0]++
        if (hit) tally[before][1]++
        before = hit ? 'yes' : 'no'
      }
    }
    for (const count of lengths.slice(1)) expect(Math.abs(count - draws / 6)).toBeLessThan(5 * Math.sqrt(draws / 6))
    for (const [lines, hits] of Object.values(tally)) {
      expect(lines).toBeGreaterThan(100)
      expect(Math.abs(hits - chance * lines)).toBeLessThan(5 * Math.sqrt(chance * lines))
    }
    // A solver never tries the same twice.
    expect(repeated).toBeGreaterThan(0)
  })

  it('draws descents blindly: all first moves of a problem are equally common, but for those that solve a test problem', () => {
    const problem = { numbers: [3, 8, 12, 5], target: 42 }
    const random = new Random(2, 'blind')
    const counts = new Map<string, number>()
    const draws = 8000
    for (let i = 0; i < draws; i++) {
      const { a, op, b } = randomTry(random, problem).moves[0]
      counts.set(`${a}${op}${b}`, (counts.get(`${a}${op}${b}`) ?? 0) + 1)
    }
    const shares = shownShares(problem.numbers, problem.target)
    const shown = [...shares.values()].reduce((sum, share) => sum + share)
    expect(counts.size).toBe(moves(problem.numbers).length)
    for (const [{ a, op, b }, share] of shares) {
      const expected = (draws * share) / shown
      expect(Math.abs(counts.get(`${a}${op}${b}`)! - expected)).toBeLessThan(5 * Math.sqrt(expected))
    }
  })
})

describe('reading', () => {
  const { rehearsal, descents } = loaderConfig('reading.yaml')
  const count = inProofs ? 4000 : 1500
  const rows = reading({ count, seed: 5, rehearsal, descents })
  const own = rows.filter(isReading)
  const rehearsed = rows.filter((row): row is CountdownTest => !isReading(row))

  /** The lines shown and whether each says yes. */
  function shownIn({ vars: { shown } }: ReadingTest): { line: string; marked: boolean }[] {
    const block = /^<Parallel><Path>(.*)<\/Path><\/Parallel>$/.exec(shown)
    return (block ? block[1].split('</Path><Path>') : shown.split('\n')).map((verdict) => {
      const match = /^(\d[-+*/=, \d]*) (yes|no)$/.exec(verdict)
      must(match !== null, `"${verdict}" has no verdict.`)
      return { line: match[1], marked: match[2] === 'yes' }
    })
  }

  it('repeats the lines that say yes, all of them in order and no others, and says none where none does', () => {
    const marks = [0, 0, 0]
    for (const row of own) {
      const marked = shownIn(row).filter((line) => line.marked)
      const expected = marked.length > 0 ? marked.map(({ line }) => `Final Answer: ${line}`) : ['Final Answer: none']
      expect(row.vars.trajectories).toEqual([expected.join('\n')])
      marks[Math.min(marked.length, 2)]++
    }
    for (const rowsWith of marks) expect(rowsWith).toBeGreaterThan(100)
  })

  it('marks lines by chance, half of them, wherever they stand and whatever they are', () => {
    const tally = new Map<string, [number, number]>()
    for (const row of own) {
      const lines = shownIn(row)
      lines.forEach(({ line, marked }, i) => {
        const kind = line.includes('=') ? 'descents' : 'lists'
        for (const group of [
          'all',
          kind,
          row.vars.shown[0] === '<' ? 'paths' : 'lines',
          `${i + 1}`,
          i === lines.length - 1 ? 'last' : 'before',
        ]) {
          const [seen, yes] = tally.get(group) ?? [0, 0]
          tally.set(group, [seen + 1, yes + Number(marked)])
        }
      })
    }
    expect([...tally.keys()].sort()).toEqual([...'12345678', 'all', 'before', 'descents', 'last', 'lines', 'lists', 'paths'])
    for (const [group, [seen, yes]] of tally) expect(Math.abs(yes - seen / 2), group).toBeLessThan(5 * Math.sqrt(seen / 4))
  })

  it('shows one to eight lines, equally often, half of the time as paths: descents of one set of numbers, or lists of numbers', () => {
    const lengths = new Array<number>(9).fill(0)
    const kinds = { descents: 0, lists: 0 }
    const sizes = { descents: new Set<number>(), lists: new Set<number>() }
    for (const row of own) {
      const lines = shownIn(row).map(({ line }) => line)
      lengths[lines.length]++
      const kind = lines[0].includes('=') ? 'descents' : 'lists'
      kinds[kind]++
      if (kind === 'descents') {
        const numbers = usedIn(lines[0])
        sizes.descents.add(numbers.length)
        for (const number of numbers) must(number >= 1 && number <= 12, `"${lines[0]}" takes ${number}.`)
        for (const line of lines) readChain(line, { numbers, target: 0 })
      } else {
        for (const line of lines) {
          const numbers = line.split(', ').map(Number)
          for (const number of numbers) must(number >= 1 && number <= 60, `"${line}" has ${number}.`)
          sizes.lists.add(numbers.length)
        }
      }
    }
    const even = (seen: number, share: number) =>
      expect(Math.abs(seen - share * own.length)).toBeLessThan(5 * Math.sqrt(share * own.length))
    for (const seen of lengths.slice(1)) even(seen, 1 / 8)
    even(kinds.descents, 1 / 2)
    even(own.filter(({ vars }) => vars.shown.startsWith('<Parallel>')).length, 1 / 2)
    expect([...sizes.descents].sort()).toEqual([3, 4])
    expect([...sizes.lists].sort()).toEqual([2, 3, 4, 5, 6, 7, 8, 9])
  })

  it('asks no problem of its own and rehearses the base stage in the share asked for, with train problems only', () => {
    for (const row of own) expect(promptOf(row)).toBe(`${row.vars.shown}\n`)
    expect(Math.abs(rehearsed.length - rehearsal * count)).toBeLessThan(5 * Math.sqrt(rehearsal * count))
    for (const row of rehearsed) {
      expect(row.vars).toMatchObject({ task: 'descents', trajectories: { length: descents } })
      expect([3, 4]).toContain(sizeOf(row))
      expect(splitOf(problemOf(row))).toBe('train')
      for (const text of row.vars.trajectories!) readDescents(text, problemOf(row))
    }
    for (const share of [0, 1]) {
      const tasks = reading({ count: 50, rehearsal: share }).map(({ vars }) => vars.task)
      expect(new Set(tasks)).toEqual(new Set([share === 0 ? 'reading' : 'descents']))
    }
    const longer = reading({ count: 50, rehearsal: 1, descents: 3 })
    for (const { vars } of longer) expect(vars.trajectories).toHaveLength(3)
  })
})

describe('cold start', () => {
  const sequential = coldStartSequential(SOLVER)
  const parallel = coldStartParallel(SOLVER)
  /** With one block's tries only, so that the solver often gives up. */
  const short = { sequential: coldStartSequential({ ...SOLVER, tries: PATHS }), parallel: coldStartParallel({ ...SOLVER, tries: PATHS }) }
  const asked = (rows: CountdownTest[]) => rows.map(({ vars }) => `${vars.numbers} = ${vars.target}`)

  const ofLevel = (rows: CountdownTest[], level: string) => rows.filter(({ vars }) => vars.level === level)

  it('asks the same train problems in both forms, in the same order, however often and long each is solved', () => {
    expect(asked(sequential)).toEqual(asked(parallel))
    expect(new Set(asked(sequential)).size).toBeGreaterThan(0.9 * SOLVED)
    for (const config of [{ solutions: 1 }, { solutions: 7 }, { tries: PATHS }, { intuition: 1 }]) {
      expect(asked(coldStartSequential({ ...SOLVER, count: 100, ...config }))).toEqual(asked(parallel).slice(0, 100))
      expect(asked(coldStartParallel({ ...SOLVER, count: 100, ...config }))).toEqual(asked(sequential).slice(0, 100))
    }
    for (const row of sequential) {
      expect(row.vars.level).toBe(sizeOf(row) === 3 ? 'easy' : 'hard')
      expect(splitOf(problemOf(row))).toBe('train')
    }
  })

  it('has the share of hard problems asked for', () => {
    const share = (hard: number) => sharesOf(coldStartSequential({ ...SOLVER, solutions: 1, hard }))
    expect(share(0)).toEqual([0, 0, 0, 1, 0])
    expect(share(1)).toEqual([0, 0, 0, 0, 1])
    expect(Math.abs(share(0.4)[4] - 0.4)).toBeLessThan(5 * Math.sqrt((0.4 * 0.6) / SOLVED))
  })

  it('has as many runs of the solver a problem as asked for, drawn anew', () => {
    for (const rows of [sequential, parallel]) {
      for (const { vars } of rows) expect(vars.trajectories).toHaveLength(SOLUTIONS)
      // Where tries work often, short sequential runs meet again.
      expect(new Set(responsesOf(rows).map(({ text }) => text)).size).toBeGreaterThan(0.7 * SOLUTIONS * SOLVED)
    }
    for (const row of coldStartParallel({ count: 20, solutions: 2 })) expect(row.vars.trajectories).toHaveLength(2)
  })

  it.each([
    { limit: TRIES, rows: sequential },
    { limit: PATHS, rows: short.sequential },
  ])('tries line by line, never the same twice, and stops at the first that works or after $limit', ({ limit, rows }) => {
    for (const { text, row } of responsesOf(rows)) {
      const lines = text.split('\n')
      const answer = lines.pop()!
      expect(new Set(lines).size).toBe(lines.length)
      const hits = lines.map((line) => readTry(line, problemOf(row)))
      expect(hits.slice(0, -1)).not.toContain(true)
      expect(lines.length).toBeLessThanOrEqual(limit)
      if (!hits.at(-1)) expect(lines.length).toBe(Math.min(limit, allTries(problemOf(row)).length))
      checkAnswer(answer, hits.at(-1)!, row)
    }
  })

  it.each([
    { limit: TRIES, rows: parallel },
    { limit: PATHS, rows: short.parallel },
  ])('is grammatical in parallel form: different paths, a true summary, enough blocks for $limit tries', ({ limit, rows }) => {
    for (const { text, row } of responsesOf(rows)) {
      const { tree, violations } = parseThinking(text, { minPaths: PATHS, maxPaths: PATHS, strictLayout: true })
      expect(violations, text).toEqual([])
      expect(withoutLayout(text)).toBe(text)
      const blocks = tree.parts.filter((part) => part.kind === 'block')
      const most = Math.ceil(Math.min(limit, allTries(problemOf(row)).length) / PATHS)
      expect(blocks.length).toBeGreaterThan(0)
      expect(blocks.length).toBeLessThanOrEqual(most)
      expect(text.startsWith('<Parallel>')).toBe(true)
      const found = blocks.map((block) => {
        const paths = block.paths.map(({ contentStart, contentEnd }) => text.slice(contentStart, contentEnd))
        expect(new Set(paths).size).toBe(PATHS)
        const hits = paths.filter((path) => readTry(path, problemOf(row)))
        const summary = text.slice(block.summary!.contentStart, block.summary!.contentEnd)
        // The first move of the first path that works.
        expect(summary).toBe(hits.length > 0 ? hits[0].split(', ')[0] : 'none')
        if (hits.length > 0) expect(text.endsWith(`\nFinal Answer: ${hits[0].replace(/ yes$/, '')}`)).toBe(true)
        return hits.length > 0
      })
      expect(found.slice(0, -1)).not.toContain(true)
      if (!found.at(-1)) expect(blocks.length).toBe(most)
      checkAnswer(text.slice(tree.parts.at(-1)!.start).trimStart(), found.at(-1)!, row)
      // What the decoder writes between tags is what the grammar's writer writes.
      const parts = tree.parts.map((part) =>
        part.kind === 'text'
          ? { kind: 'text' as const, text: text.slice(part.start, part.end) }
          : {
              kind: 'block' as const,
              paths: part.paths.map((path) => text.slice(path.contentStart, path.contentEnd)),
              summary: text.slice(part.summary!.contentStart, part.summary!.contentEnd),
            },
      )
      expect(writeThinking(parts)).toBe(text)
    }
  })

  it('gives both forms the same number of tries to fail, and equal success', () => {
    const none = (rows: CountdownTest[], level: string) => {
      const responses = responsesOf(ofLevel(rows, level))
      return responses.filter(({ text }) => text.endsWith('none')).length / responses.length
    }
    expect(none(sequential, 'easy')).toBeLessThan(0.02)
    expect(none(parallel, 'easy')).toBeLessThan(0.02)
    expect(none(short.sequential, 'easy')).toBeGreaterThan(0.02)
    expect(Math.abs(none(short.sequential, 'easy') - none(short.parallel, 'easy'))).toBeLessThan(0.04)
    for (const rows of [short, { sequential, parallel }]) {
      expect(none(rows.sequential, 'hard')).toBeGreaterThan(0.3)
      expect(Math.abs(none(rows.sequential, 'hard') - none(rows.parallel, 'hard'))).toBeLessThan(0.1)
    }
  })

  it('shows no search of four numbers: its tries there are as blind as random descents, whatever the intuition', () => {
    const rows = coldStartSequential({ ...SOLVER, intuition: 1e9 })
    for (const { text, row } of responsesOf(ofLevel(rows, 'easy'))) expect(readTry(text.split('\n')[0], problemOf(row))).toBe(true)
    const hard = responsesOf(ofLevel(rows, 'hard'))
    const hits = hard.filter(({ text, row }) => readTry(text.split('\n')[0], problemOf(row))).length
    const expected = hard.reduce((sum, { row }) => sum + luckShown(problemOf(row).numbers, row.vars.target), 0)
    expect(expected).toBeGreaterThan(10)
    // The runs of a problem are drawn apart from one another, so that hits scatter as those of independent tries.
    expect(Math.abs(hits - expected)).toBeLessThan(5 * Math.sqrt(expected))
  })

  it('asks for targets of four numbers where random descents end, so that blind tries hit more often than in RL', () => {
    const mean = (rows: CountdownTest[]) => rows.reduce((sum, row) => sum + luck(problemOf(row).numbers, row.vars.target), 0) / rows.length
    expect(mean(ofLevel(sequential, 'hard'))).toBeGreaterThan(1.3 * mean(hardTrain({ count: 200 })))
  })

  it('draws blind tries without repetition, every first one as often as random descents', () => {
    const random = new Random(4, 'blind order')
    const problem = drawProblem(random, 'hard', 'train')
    let hits = 0
    const draws = 3000
    for (let i = 0; i < draws; i++) {
      const order = blindOrder(random, problem, TRIES)
      expect(new Set(order.map(writeTry)).size).toBe(TRIES)
      expect(order).toHaveLength(TRIES)
      if (readTry(writeTry(order[0]), problem)) hits++
    }
    const chance = luckShown(problem.numbers, problem.target)
    expect(Math.abs(hits - chance * draws)).toBeLessThan(5 * Math.sqrt(chance * draws) + 1)
  })

  it('puts the path that works anywhere in its block', () => {
    const places = new Array<number>(PATHS).fill(0)
    for (const { text } of responsesOf(parallel)) {
      const paths = [...text.split('</Parallel>')[0].matchAll(/<Path>.*? (yes|no)<\/Path>/g)].map((match) => match[1])
      paths.forEach((verdict, i) => {
        if (verdict === 'yes') places[i]++
      })
    }
    const mean = places.reduce((sum, count) => sum + count) / PATHS
    for (const count of places) expect(Math.abs(count - mean)).toBeLessThan(5 * Math.sqrt(mean))
  })

  it('is answered correctly by the assertion of the package', () => {
    for (const { text, row } of responsesOf([...sequential, ...parallel, ...short.parallel])) {
      const { pass } = countdownAnswer(text, { vars: { ...row.vars } } as never)
      expect(pass, text).toBe(!text.endsWith('none'))
    }
  })

  it('orders tries by intuition: blind at 1, what works first at a large one', () => {
    const random = new Random(9, 'order')
    let first = 0
    let expected = 0
    const draws = 2000
    for (let i = 0; i < draws; i++) {
      const problem = drawProblem(random, 'easy', 'train')
      const tries = allTries(problem)
      const order = searchOrder(random, problem, 1)
      expect(order.map(writeTry).sort()).toEqual(tries.map(writeTry).sort())
      if (order[0].hit) first++
      expected += tries.filter((attempt) => attempt.hit).length / tries.length
      expect(searchOrder(random, problem, 1e9)[0].hit).toBe(true)
    }
    expect(Math.abs(first - expected)).toBeLessThan(5 * Math.sqrt(expected))
  })
})

describe('loaders', () => {
  const loaders = { base, reading, coldStartSequential, coldStartParallel, easyTrain, hardTrain, mixedTrain }

  it('give the same rows for the same seed, a prefix for a smaller count, others for another seed', () => {
    for (const [name, load] of Object.entries(loaders)) {
      expect(load({ count: 60, seed: 2 }), name).toEqual(load({ count: 60, seed: 2 }))
      expect(load({ count: 60, seed: 2 }), name).not.toEqual(load({ count: 60, seed: 3 }))
      if (name !== 'mixedTrain') expect(load({ count: 60, seed: 2 }).slice(0, 30), name).toEqual(load({ count: 30, seed: 2 }))
    }
  })

  it('give RL problems of train in the share asked for, no two alike', () => {
    const rows = mixedTrain({ count: 400, seed: 1, hard: 0.75 })
    expect(rows.filter((row) => row.vars.level === 'hard')).toHaveLength(300)
    expect(rows.slice(0, 100).some((row) => row.vars.level === 'easy')).toBe(true)
    expect(new Set(rows.map(({ vars }) => `${vars.numbers}=${vars.target}`)).size).toBe(400)
    for (const row of [...rows, ...hardTrain({ count: 50 }), ...easyTrain({ count: 50 })]) expect(splitOf(problemOf(row))).toBe('train')
  })

  it('refuse what they do not know', () => {
    expect(() => base({ cuont: 3 })).toThrow(/count.*Got cuont/)
    expect(() => reading({ two: 0.3 })).toThrow(/rehearsal.*Got two/)
    expect(() => mixedTrain({ hard: -1 })).toThrow(/hard.*-1/)
    expect(() => base({ count: 3, basePath: '/somewhere' })).not.toThrow()
  })

  it('share no problem with the committed tests', () => {
    for (const level of ['easy', 'hard']) {
      const tests = committedTests(level)
      expect(tests).toHaveLength(200)
      for (const test of tests) expect(splitOf(problemOf(test))).toBe('test')
    }
  })
})

describe('the README', () => {
  it('says how many easy test problems there are', () => {
    let count = 0
    for (let a = 1; a <= 12; a++) {
      for (let b = a; b <= 12; b++) {
        for (let c = b; c <= 12; c++) {
          for (const target of reachable([a, b, c])) if (target >= 10 && splitOf({ numbers: [a, b, c], target }) === 'test') count++
        }
      }
    }
    expect(read('README.md')).toContain(`of ${count} easy test problems`)
  })

  it('says what blind tries solve', () => {
    const share = (level: string, count: number) => {
      const tests = committedTests(level).map(problemOf)
      const mean = tests.reduce((sum, { numbers, target }) => sum + 1 - (1 - luck(numbers, target)) ** count, 0) / tests.length
      return `${Math.round(100 * mean)} %`
    }
    for (const [title, count] of [
      ['1 try', 1],
      ['10 tries', 10],
      ['16 tries', 16],
    ] as const)
      expect(readmeRow(title)).toEqual([share('hard', count), share('easy', count)])
    expect([TRIES, loaderConfig('cold-start.parallel.yaml').tries]).toEqual([10, 16])
  })
})
