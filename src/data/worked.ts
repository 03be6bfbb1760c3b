/**
 * Cold-start responses from GSM8K's own worked solutions, so that no teacher is needed. The annotators marked every calculation
 * (`48/2 = <<48/2=24>>24`), which gives two lines of thought that stand on their own: the solution in words, and its equations alone.
 */

import type { Problem } from './problem.ts'

export const traceForms = ['parallel', 'sequential'] as const
export type TraceForm = (typeof traceForms)[number]

const ANNOTATION = /<<([^<>]{1,200})>>/g

/** The calculations of a solution, in order, such as `48/2=24`. */
function equationsOf(solution: string): string[] {
  return [...solution.matchAll(ANNOTATION)].map(([, equation]) => equation.replace(/\s+/g, '')).filter((equation) => /=[^=]/.test(equation))
}

/**
 * The problems of at most `maxSteps` calculations with a response as `trace`. Left out are those whose last calculation is not the answer: there the
 * equations alone would teach a wrong end.
 */
export function workedTraces(problems: readonly Problem[], form: TraceForm, maxSteps = Number.POSITIVE_INFINITY): Problem[] {
  return problems.flatMap((problem) => {
    const { solution = '', answer } = problem
    const equations = equationsOf(solution)
    const last = equations.at(-1)
    if (last === undefined || equations.length > maxSteps) return []
    if (Number(last.slice(last.lastIndexOf('=') + 1)) !== Number(answer.replaceAll(',', ''))) return []
    const words = solution
      .replace(ANNOTATION, '')
      .replace(/\n####.*$/s, '')
      .trim()
    return [{ ...problem, trace: `${form === 'parallel' ? block(words, equations, answer) : words}\nFinal Answer: ${answer}` }]
  })
}

function block(words: string, equations: readonly string[], answer: string): string {
  return `<Parallel><Path>${words}</Path><Path>${equations.join('\n')}</Path></Parallel>\n<Summary>Both paths give ${answer}.</Summary>`
}
