/**
 * What the models of this suite are shown.
 *
 * A *try* is one descent, its moves and a verdict: `11 + 5 = 16, 16 + 1 = 17 yes`. Its last move is the one that ends nearest
 * to the target (moves.ts), so a try fails by the moves before it.
 *
 * base        one to six random descents, then the first that worked: legal moves, right arithmetic, true verdicts; no
 *             search, no tags.
 * reading     lines or paths with yes or no behind them, at random; what says yes is repeated. A pretrained model can copy
 *             what it has read, one from scratch learns it here (docs/log.md).
 * cold start  a seeded solver that tries and rejects, never the same try twice; on hard problems blind tries in the same
 *             form. Sequential: a try a line until one works. Parallel: blocks of paths, a try each; the summary takes the one that works, naming its first move, or says none.
 */
import { apply, MAX_NUMBER, type Move, moves, nearestMove } from './moves.ts'
import { drawNumbers, drawProblem, drawReachedProblem } from './problems.ts'
import type { Random } from './random.ts'
import { LEVELS, type Level, MAX_DRAWN, MAX_TARGET, type Problem, solvesTest } from './split.ts'

/** One descent and its verdict: true when it ends on the target. */
export interface Try {
  moves: Move[]
  hit: boolean
}

/** What the solver writes when no try worked. */
export const NONE = 'none'

export const ANSWER = 'Final Answer: '

/** `11 + 5 = 16, 16 + 1 = 17` */
export function writeChain(steps: readonly Move[]): string {
  return steps.map(({ a, op, b, result }) => `${a} ${op} ${b} = ${result}`).join(', ')
}

/** `11 + 5 = 16, 16 + 1 = 17 yes` */
export function writeTry(attempt: Try): string {
  return `${writeChain(attempt.moves)} ${attempt.hit ? 'yes' : 'no'}`
}

function closeTry(before: Move[], state: readonly number[], target: number): Try {
  const last = nearestMove(state[0], state[1], target)
  return { moves: [...before, last], hit: last.result === target }
}

/** Descents in a row that solve a test problem before {@link shown} gives up. */
const MAX_REFUSED = 10_000

/** Draws descents of these numbers until one solves no test problem. */
function shown(numbers: readonly number[], draw: () => Try): Try {
  for (let refused = 0; refused < MAX_REFUSED; refused++) {
    const attempt = draw()
    if (!solvesTest(numbers, attempt.moves)) return attempt
  }
  throw new Error(`${MAX_REFUSED} descents of ${numbers.join(', ')} in a row solve a test problem. Draw other numbers.`)
}

/** Random legal moves until two numbers are left, then the move that ends nearest to the target. None solves a test problem. */
export function randomTry(random: Random, problem: Problem): Try {
  return shown(problem.numbers, () => anyTry(random, problem))
}

function anyTry(random: Random, problem: Problem): Try {
  const steps: Move[] = []
  let state: readonly number[] = problem.numbers
  while (state.length > 2) {
    const move = random.pick(moves(state))
    steps.push(move)
    state = apply(state, move)
  }
  return closeTry(steps, state, problem.target)
}

/** The tries of a problem, one by one. Those that solve a test problem are left out. */
function* triesOf(problem: Problem, state: readonly number[] = problem.numbers, before: Move[] = []): Generator<Try> {
  if (state.length === 2) {
    const attempt = closeTry(before, state, problem.target)
    if (!solvesTest(problem.numbers, attempt.moves)) yield attempt
  } else for (const move of moves(state)) yield* triesOf(problem, apply(state, move), [...before, move])
}

/** Every try of a problem that may be shown. */
export function allTries(problem: Problem): Try[] {
  return [...triesOf(problem)]
}

/** How many different tries a problem has, counted up to `most`. */
function countTries(problem: Problem, most: number): number {
  const seen = new Set<string>()
  for (const attempt of triesOf(problem)) if (seen.add(writeTry(attempt)).size === most) break
  return seen.size
}

/**
 * A single fact as a problem of two numbers: the operation is drawn first, so that products and quotients are as common
 * as sums, and the target is its result in half of the cases, else any number.
 */
export function drawFact(random: Random): Problem {
  const op = random.int(4)
  let a: number
  let b: number
  if (op === 2) {
    b = 2 + random.int(6)
    a = 1 + random.int(Math.floor(MAX_NUMBER / b))
  } else if (op === 3) {
    b = 2 + random.int(MAX_DRAWN - 1)
    a = b * (1 + random.int(Math.floor(MAX_NUMBER / b)))
  } else {
    a = 1 + random.int(MAX_NUMBER - 1)
    b = 1 + random.int(random.next() < 0.6 ? MAX_DRAWN : MAX_NUMBER - 1)
    if (op === 0 && a + b > MAX_NUMBER) a = 1 + random.int(MAX_NUMBER - b)
  }
  const high = Math.max(a, b)
  const low = Math.min(a, b)
  const result = [high + low, Math.max(high - low, 1), high * low, high / low][op]
  const numbers = random.next() < 0.5 ? [a, b] : [b, a]
  return { numbers, target: random.next() < 0.5 ? result : 1 + random.int(MAX_NUMBER) }
}

const MAX_LINES = 6

export interface BaseMix {
  /** Shares of rows (not of responses: a fact has one only) with two and with three numbers; the rest has four. */
  two: number
  three: number
}

/** `Final Answer: ` and the chain of the try that worked, or none. */
export function writeAnswer(found: Try | undefined): string {
  return `${ANSWER}${found ? writeChain(found.moves) : NONE}`
}

/** One to six random descents a line each, then the first that worked. No search: a descent does not depend on those before it. */
export function writeDescents(random: Random, problem: Problem): string {
  const descents = Array.from({ length: 1 + random.int(MAX_LINES) }, () => randomTry(random, problem))
  return `${descents.map(writeTry).join('\n')}\n${writeAnswer(descents.find((descent) => descent.hit))}`
}

/** One row of the base stage: a problem (of train, where it has three or four numbers) and `count` responses. */
export function drawBase(random: Random, mix: BaseMix, count: number): { problem: Problem; texts: string[] } {
  const kind = random.next()
  // A fact has one descent only.
  if (kind < mix.two) {
    const problem = drawFact(random)
    return { problem, texts: [writeTry(randomTry(random, problem))] }
  }
  const problem = drawReachedProblem(random, kind < mix.two + mix.three ? 'easy' : 'hard', 'train')
  return { problem, texts: Array.from({ length: count }, () => writeDescents(random, problem)) }
}

/** Of the lines of a reading row say yes. */
const MARKED = 0.5
const MAX_READ = 8

/**
 * One row of the reading stage: what is shown and what is to be written. Lines are descents of one set of numbers or lists of
 * numbers, and whether one says yes is drawn: nothing in it but that word tells. Half of the rows show them a line each, half
 * as the paths of a block.
 */
export function drawReading(random: Random): { shown: string; text: string } {
  const numbers = drawNumbers(random, random.next() < 0.5 ? LEVELS.easy : LEVELS.hard)
  const descents = random.next() < 0.5
  const draw = (): string => {
    if (descents) return writeChain(shown(numbers, () => anyTry(random, { numbers, target: 1 + random.int(MAX_TARGET) })).moves)
    return Array.from({ length: 2 + random.int(8) }, () => 1 + random.int(MAX_NUMBER)).join(', ')
  }
  const lines = Array.from({ length: 1 + random.int(MAX_READ) }, () => ({ line: draw(), marked: random.next() < MARKED }))
  const marked = lines.filter((line) => line.marked).map(({ line }) => line)
  const verdicts = lines.map((line) => `${line.line} ${line.marked ? 'yes' : 'no'}`)
  const paths = verdicts.map((verdict) => `<Path>${verdict}</Path>`).join('')
  return {
    shown: random.next() < 0.5 ? verdicts.join('\n') : `<Parallel>${paths}</Parallel>`,
    text: (marked.length > 0 ? marked : [NONE]).map((line) => `${ANSWER}${line}`).join('\n'),
  }
}

export interface SolverOptions {
  /** Tries before the solver gives up; in parallel form `paths` of them make a block. */
  tries: number
  /** How much likelier than another try one that works is drawn next: 1 is blind, a large number knows the answer. */
  intuition: number
}

/** All tries in the order the solver makes them: drawn without repetition, those that work `intuition` times as likely. */
export function searchOrder(random: Random, problem: Problem, intuition: number): Try[] {
  const left = allTries(problem)
  const out: Try[] = []
  while (left.length > 0) {
    let mark = random.next() * left.reduce((sum, attempt) => sum + (attempt.hit ? intuition : 1), 0)
    let index = 0
    for (; index < left.length - 1; index++) {
      mark -= left[index].hit ? intuition : 1
      if (mark < 0) break
    }
    out.push(left[index])
    left.splice(index, 1)
  }
  return out
}

/** Distinct random tries: no solver, no intuition. All of them where the problem has fewer. */
export function blindOrder(random: Random, problem: Problem, tries: number): Try[] {
  const out = new Map<string, Try>()
  const most = countTries(problem, tries)
  while (out.size < most) {
    const attempt = randomTry(random, problem)
    out.set(writeTry(attempt), attempt)
  }
  return [...out.values()]
}

/** On easy problems the solver searches; on hard ones tries are blind, so that they show the form and teach no search. */
export function orderOf(random: Random, problem: Problem, { tries, intuition }: SolverOptions): Try[] {
  return problem.numbers.length === LEVELS.easy ? searchOrder(random, problem, intuition) : blindOrder(random, problem, tries)
}

/** Tries a line each until one works, then the answer: the chain of the try that worked, or none. */
export function sequentialSolution(random: Random, problem: Problem, options: SolverOptions): string {
  const made: Try[] = []
  for (const attempt of orderOf(random, problem, options).slice(0, options.tries)) {
    made.push(attempt)
    if (attempt.hit) break
  }
  const found = made.find((attempt) => attempt.hit)
  return `${made.map(writeTry).join('\n')}\n${writeAnswer(found)}`
}

/**
 * Blocks of `paths` tries until one works, then the answer. A path cannot see its siblings, so their order is shuffled to
 * carry no information. When fewer untried tries are left than a block has paths, it repeats some of earlier blocks.
 */
export function parallelSolution(random: Random, problem: Problem, options: SolverOptions & { paths: number }): string {
  const { tries, paths } = options
  const order = orderOf(random, problem, options)
  const blocks: string[] = []
  let found: Try | undefined
  for (let start = 0; start < Math.min(tries, order.length) && !found; start += paths) {
    const fresh = order.slice(start, start + paths)
    const block = random.shuffle([...fresh, ...random.shuffle(order.slice(0, start)).slice(0, paths - fresh.length)])
    found = block.find((attempt) => attempt.hit)
    const inside = block.map((attempt) => `<Path>${writeTry(attempt)}</Path>`).join('')
    blocks.push(`<Parallel>${inside}</Parallel>\n<Summary>${found ? writeChain(found.moves.slice(0, 1)) : NONE}</Summary>`)
  }
  return `${blocks.join('\n')}\n${writeAnswer(found)}`
}

/**
 * A problem of train. An easy one has at least as many different tries as a block has paths; the target of a hard one is
 * where a random descent ends, so that its blind tries show what finding looks like more often than at even targets.
 */
export function drawColdStart(random: Random, level: Level, paths: number): Problem {
  if (level === 'hard') return drawReachedProblem(random, 'hard', 'train')
  for (;;) {
    const problem = drawProblem(random, 'easy', 'train')
    if (allTries(problem).length >= paths) return problem
  }
}
