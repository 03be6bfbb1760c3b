/**
 * Cold-start responses from GSM8K's own worked solutions, so that no teacher is needed. The annotators marked every calculation
 * (`48/2 = <<48/2=24>>24`), which gives two lines of thought that stand on their own: the solution in words, and its equations alone.
 */

import { createHash } from 'node:crypto'
import { seededRandom } from '../random.ts'
import type { Problem } from './problem.ts'
import { type Calculation, type Slip, slip, type Worked } from './slips.ts'

export const traceForms = ['parallel', 'sequential'] as const
type TraceForm = (typeof traceForms)[number]

const ANNOTATION = /<<([^<>]{1,200})>>/g

interface TraceOptions {
  form: TraceForm
  /** Most calculations of a problem. Default: any number. */
  maxSteps?: number
  /** Share of the problems whose block has a {@link slip} in one of its paths, 0 to 1. Default 0. */
  slips?: number
  /** Of the slips. Default 1. */
  seed?: number
  /** What the path in words and the path in equations begin with: the `pathStarts` of the provider. Default: nothing. */
  pathStarts?: readonly string[]
}

/**
 * The problems of at most `maxSteps` calculations with a response as `trace`. Left out are those whose last calculation is not the answer: there the
 * equations alone would teach a wrong end.
 */
export function workedTraces(
  problems: readonly Problem[],
  { form, maxSteps = Number.POSITIVE_INFINITY, slips = 0, seed = 1, pathStarts = [] }: TraceOptions,
): Problem[] {
  return problems.flatMap((problem) => {
    const worked = readWorked(problem.solution ?? '')
    const end = worked.calculations.at(-1)
    if (end === undefined || worked.calculations.length > maxSteps) return []
    if (end.result !== Number(problem.answer.replaceAll(',', ''))) return []
    const random = drawFor(problem, seed)
    const slipped = form === 'parallel' && random() < slips ? slip(worked, problem.problem, random) : undefined
    const thought = form === 'sequential' ? inWords(worked) : block(problem, worked, { slipped, inTheWords: random() < 0.5, pathStarts })
    return [{ ...problem, trace: `${thought}\nFinal Answer: ${problem.answer}` }]
  })
}

/** Each problem has draws of its own, whatever others there are. */
function drawFor({ id }: Problem, seed: number): () => number {
  return seededRandom(createHash('sha256').update(`slips\n${seed}\n${id}`).digest().readUInt32LE(0))
}

function readWorked(solution: string): Worked {
  const pieces = solution.replace(/\n####.*$/s, '').split(ANNOTATION)
  const texts = ['']
  const calculations: Calculation[] = []
  for (const [index, piece] of pieces.entries()) {
    const equation = index % 2 === 1 ? piece.replace(/\s+/g, '') : ''
    const equals = equation.lastIndexOf('=')
    if (equals > 0 && equals < equation.length - 1) {
      calculations.push({ expression: equation.slice(0, equals), result: Number(equation.slice(equals + 1)), written: equation })
      texts.push('')
    } else if (index % 2 === 0) texts[texts.length - 1] += piece
  }
  return { texts, calculations }
}

function inWords({ texts }: Worked): string {
  return texts.join('').trim()
}

function inEquations({ calculations }: Worked): string {
  return calculations.map(({ expression, result, written }) => written ?? `${expression}=${result}`).join('\n')
}

interface BlockOptions {
  slipped?: Slip
  inTheWords: boolean
  pathStarts: readonly string[]
}

/**
 * One path in words and one in equations, of which one has the slip if there is one. The summary names what each path gives before it decides, so it
 * can't be learnt without reading both.
 */
function block({ answer }: Problem, worked: Worked, { slipped, inTheWords, pathStarts: [first = '', second = ''] }: BlockOptions): string {
  const words = first + inWords(slipped && inTheWords ? slipped.worked : worked)
  const equations = second + inEquations(slipped && !inTheWords ? slipped.worked : worked)
  const wrong = slipped && String(slipped.worked.calculations.at(-1)!.result)
  const given = `In words ${(inTheWords && wrong) || answer}, in numbers ${(!inTheWords && wrong) || answer}`
  const decided = slipped ? `. ${slipped.right.expression} is ${slipped.right.result}, so it is ${answer}.` : `, so it is ${answer}.`
  return `<Parallel><Path>${words}</Path><Path>${equations}</Path></Parallel>\n<Summary>${given}${decided}</Summary>`
}
