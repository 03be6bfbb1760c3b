/** Cold-start trajectories from elsewhere, brought to this package's grammar. */

import { parseThinking } from '../thinking/grammar.ts'
import type { Problem } from './problem.ts'

/**
 * A trace without white space around its tags, as the grammar has it: no text between the tags inside a block, one line
 * break before the summary. Everything else stays.
 */
export function tidyTrace(trace: string): string {
  return trace
    .replace(/<Parallel>\s*/g, '<Parallel>')
    .replace(/<(Path|Summary)>\s+/g, '<$1>')
    .replace(/\s+<\/(Path|Summary)>/g, '</$1>')
    .replace(/<\/Path>\s*(?=<Path>|<\/Parallel>)/g, '</Path>')
    .replace(/<\/Parallel>\s*<Summary>/g, '</Parallel>\n<Summary>')
}

/** The problems whose trace is well-formed once tidied, has a block and ends in a final answer; the others teach a wrong form. */
export function usableTraces(problems: readonly Problem[]): Problem[] {
  return problems.flatMap((problem) => {
    if (problem.trace === undefined) return []
    const trace = tidyTrace(problem.trace)
    const { tree, violations } = parseThinking(trace)
    const usable = violations.length === 0 && tree.parts.some((part) => part.kind === 'block') && /Final Answer: *\S/.test(trace)
    return usable ? [{ ...problem, trace }] : []
  })
}
