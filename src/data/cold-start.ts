/** Cold-start trajectories from elsewhere. */

import { parseThinking } from '../thinking/grammar.ts'
import type { Problem } from './problem.ts'

/** The problems whose trace is well-formed, has a block and ends in a final answer; the others teach a wrong form. */
export function usableTraces(problems: readonly Problem[]): Problem[] {
  return problems.filter(({ trace }) => {
    if (trace === undefined) return false
    const { tree, violations } = parseThinking(trace)
    return violations.length === 0 && tree.parts.some((part) => part.kind === 'block') && /Final Answer: *\S/.test(trace)
  })
}
