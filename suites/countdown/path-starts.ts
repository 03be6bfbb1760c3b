/**
 * The cold start with paths that begin apart: each begins with a letter, A to E, and the tries of a block stand in the order of their first moves.
 *
 *     <Parallel><Path>A11 + 5 = 16, 16 + 1 = 17 yes</Path><Path>B11 * 5 = 55, 55 - 1 = 54 no</Path>…
 *
 * The tries are those of the solver of the other form. A path does not see its siblings, but its letter says which part of them it is: of five tries
 * in order the third is seldom like the first. The order says nothing of which try works.
 */
import { type CountdownTest, coldStart } from './data.ts'
import type { Op } from './moves.ts'
import type { Random } from './random.ts'
import type { Problem } from './split.ts'
import { NONE, orderOf, type SolverOptions, type Try, writeAnswer, writeChain, writeTry } from './trajectories.ts'

/** What the paths of a block begin with: one token each, since ten tries of two blocks have no room for more in the budget of the suite. */
export const STARTS = ['A', 'B', 'C', 'D', 'E', 'F', 'G', 'H']

const OPS: readonly Op[] = ['+', '-', '*', '/']

/** By the place of the first number of the first move in the problem, then its operation, then its second number, then the rest. */
function inOrder(problem: Problem, tries: readonly Try[]): Try[] {
  const key = ({ moves: [{ a, op, b }] }: Try) => [problem.numbers.indexOf(a), OPS.indexOf(op), problem.numbers.indexOf(b)]
  const compare = (one: Try, other: Try): number => {
    const [x, y] = [key(one), key(other)]
    const at = x.findIndex((value, i) => value !== y[i])
    if (at >= 0) return x[at] - y[at]
    return writeTry(one) < writeTry(other) ? -1 : 1
  }
  return [...tries].sort(compare)
}

/** Blocks of `paths` tries in order until one works, then the answer. Where fewer are left than a block has paths, it repeats some of earlier blocks. */
export function startedSolution(random: Random, problem: Problem, options: SolverOptions & { paths: number }): string {
  const { tries, paths } = options
  if (paths > STARTS.length) throw new Error(`A block has at most ${STARTS.length} paths with starts. Got ${paths}. Lower it.`)
  const order = orderOf(random, problem, options)
  const blocks: string[] = []
  let found: Try | undefined
  for (let start = 0; start < Math.min(tries, order.length) && !found; start += paths) {
    const fresh = order.slice(start, start + paths)
    const block = inOrder(problem, [...fresh, ...random.shuffle(order.slice(0, start)).slice(0, paths - fresh.length)])
    found = block.find((attempt) => attempt.hit)
    const inside = block.map((attempt, k) => `<Path>${STARTS[k]}${writeTry(attempt)}</Path>`).join('')
    blocks.push(`<Parallel>${inside}</Parallel>\n<Summary>${found ? writeChain(found.moves.slice(0, 1)) : NONE}</Summary>`)
  }
  return `${blocks.join('\n')}\n${writeAnswer(found)}`
}

/** The search written in blocks whose paths begin apart: the problems of the other forms, in the same order. */
export function coldStartStarts(config?: Record<string, unknown>): CountdownTest[] {
  return coldStart('coldStartStarts', config, startedSolution)
}
