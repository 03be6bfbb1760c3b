/**
 * The cold start with outlines: a block first names the first move of each of its paths, no two alike, and then makes the tries.
 *
 *     <Parallel><Outline>11 * 5</Outline><Outline>11 + 5</Outline><Path>11 * 5 = 55, 55 - 1 = 54 no</Path><Path>11 + 5 = 16, …
 *
 * The tries are those of the solver of the other forms. How many a block makes is drawn, so that a model learns to choose.
 */
import { type CountdownTest, coldStart } from './data.ts'
import type { Random } from './random.ts'
import type { Problem } from './split.ts'
import { NONE, orderOf, type SolverOptions, type Try, writeAnswer, writeChain, writeTry } from './trajectories.ts'

/** Fewest paths of a block: one alone is no choice between plans. */
const FEWEST = 2

/** `11 + 5`: what is tried first, without its result. */
export function writePlan({ moves: [{ a, op, b }] }: Try): string {
  return `${a} ${op} ${b}`
}

/** The first tries of `order` whose plans differ, at most `count`, and the others, both in their order. */
function planned(order: readonly Try[], count: number): { block: Try[]; rest: Try[] } {
  const block = new Map<string, Try>()
  const rest: Try[] = []
  for (const attempt of order) {
    const plan = writePlan(attempt)
    if (block.size < count && !block.has(plan)) block.set(plan, attempt)
    else rest.push(attempt)
  }
  return { block: [...block.values()], rest }
}

/**
 * Blocks of two to `paths` tries with different first moves until one works, then the answer. A path does not see its siblings, so their
 * order is shuffled to carry no information. Where all tries that are left begin alike, one of an earlier block stands beside.
 */
export function outlinedSolution(random: Random, problem: Problem, options: SolverOptions & { paths: number }): string {
  const { tries, paths } = options
  const blocks: string[] = []
  let left = orderOf(random, problem, options).slice(0, tries)
  const made: Try[] = []
  let found: Try | undefined
  while (left.length > 0 && !found) {
    const { block: fresh, rest } = planned(left, FEWEST + random.int(paths - FEWEST + 1))
    const missing = FEWEST - fresh.length
    const { block } = missing > 0 ? planned([...fresh, ...random.shuffle(made)], FEWEST) : { block: fresh }
    // A single plan is all that is left, and no other was ever tried.
    if (block.length < FEWEST) break
    left = rest
    made.push(...fresh)
    const shown = random.shuffle(block)
    found = shown.find((attempt) => attempt.hit)
    const outlines = shown.map((attempt) => `<Outline>${writePlan(attempt)}</Outline>`).join('')
    const inside = shown.map((attempt) => `<Path>${writeTry(attempt)}</Path>`).join('')
    const summary = found ? writeChain(found.moves.slice(0, 1)) : NONE
    blocks.push(`<Parallel>${outlines}${inside}</Parallel>\n<Summary>${summary}</Summary>`)
  }
  return [...blocks, writeAnswer(found)].join('\n')
}

/** The search written in blocks that name their paths: the problems of the other forms, in the same order. */
export function coldStartOutlines(config?: Record<string, unknown>): CountdownTest[] {
  return coldStart('coldStartOutlines', config, outlinedSolution)
}
