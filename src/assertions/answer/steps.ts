/** The value of a response that is nothing but equations: 33 of "13 + 7 = 20, 20 + 13 = 33", 5 of "3x + 7 = 22, 3x = 15, x = 5". */

import { equals, type Rational, rational } from '../rational.ts'
import { resolveApplications } from './equality/application.ts'
import { isNumeric, sameValue, variables } from './equality/values.ts'
import { TooComplex, Work } from './limits.ts'
import type { Answer, Node } from './node.ts'
import { children, substitute } from './nodes.ts'
import { type Exact, exactValue } from './numeric/exact.ts'

type Relation = Extract<Answer, { kind: 'relation' }>
type Quantity = Extract<Answer, { kind: 'expression' }>

const MOST = 16

/** Undefined: the equations are no steps to their last one, or it may be a check of them. */
export function valueOfSteps(answer: Answer): Answer | undefined {
  if (answer.kind !== 'list' || answer.items.length < 2 || answer.items.length > MOST) return undefined
  const steps = answer.items.map(sidesOf)
  if (!steps.every((step) => step !== undefined)) return undefined
  // One bound of work for all of them.
  const work = new Work()
  try {
    return computed(steps, work) ?? solved(steps, work) ?? putIn(steps, work)
  } catch (error) {
    if (error instanceof TooComplex) return undefined
    throw error
  }
}

/** The sides of an equation between expressions. */
function sidesOf(answer: Answer): Quantity[] | undefined {
  if (answer.kind !== 'relation' || (answer as Relation).ops.some((op) => op !== '=')) return undefined
  return answer.sides.every((side): side is Quantity => side.kind === 'expression') ? answer.sides : undefined
}

/** 20 cm, whose letters may be variables. */
const numberOf = ({ node, either }: Quantity): Node => (either ?? { node }).node

/** Numbers alone. Each result goes into a later equation, and the last one was not put in before: that would be a check. */
function computed(steps: readonly Quantity[][], work: Work): Answer | undefined {
  const nodes = steps.map((step) => step.map(numberOf))
  if (!nodes.flat().every(isNumeric)) return undefined
  if (!nodes.every((step) => FORMULAS.has(step[0].kind) && step.slice(1).every((side) => sameValue(side, step[0], work)))) return undefined
  const results = nodes.map((step) => exactValue(step.at(-1)!, work.exact))
  const inputs = nodes.map(([formula]) => numbersIn(formula))
  const used = (result: Exact, among: readonly Rational[][]): boolean =>
    typeof result === 'object' && among.flat().some((number) => equals(number, result))
  const last = nodes.length - 1
  if (
    !results.slice(0, last).every((result, i) => used(result, inputs.slice(i + 1)) || digitsUsed(result, inputs.slice(i + 1))) ||
    used(results[last], inputs.slice(0, last))
  )
    return undefined
  return steps[last].at(-1)
}

/** "2^10 = 1024 and 1 + 0 + 2 + 4 = 7" */
function digitsUsed(result: Exact, among: readonly Rational[][]): boolean {
  const digits = typeof result === 'object' && result.d === 1n ? [...String(result.n)] : []
  return (
    digits.length > 1 && digits.every((digit) => among.some((numbers) => numbers.some((number) => equals(number, rational(BigInt(digit))))))
  )
}

const FORMULAS: ReadonlySet<Node['kind']> = new Set(['binary', 'factorial', 'call'])
const numbersIn = (node: Node): Rational[] => (node.kind === 'number' ? [node.value] : children(node).flatMap(numbersIn))

/** Equations of one letter, which the value that the last one gives to it makes true. */
function solved(steps: readonly Quantity[][], work: Work): Answer | undefined {
  const last = steps.at(-1)!
  const value = last.at(-1)!
  const [name] = last
  if (last.length !== 2 || name.node.kind !== 'symbol' || !isNumeric(numberOf(value))) return undefined
  const letter = name.node.name
  const known = new Map([[letter, numberOf(value)]])
  const holds = steps.slice(0, -1).every((step) => {
    const sides = step.map((side) => asFactor(side, name))
    if (variables(sides).join() !== letter) return false
    const [first, ...others] = sides.map((side) => substitute(side, known))
    return others.every((side) => sameValue(side, first, work))
  })
  return holds ? value : undefined
}

/** n(n + 1) as a product, since n is no function. */
function asFactor(side: Quantity, letter: Quantity): Node {
  const [resolved] = resolveApplications(side, letter)
  return resolved.kind === 'expression' ? resolved.node : side.node
}

/** Values of letters, and a new name with a formula of all of them: "r = 3, A = πr² = 9π". */
function putIn(steps: readonly Quantity[][], work: Work): Answer | undefined {
  const last = steps.at(-1)!
  const [name, formula, ...values] = last
  if (values.length === 0 || name.node.kind !== 'symbol') return undefined
  const known = new Map<string, Node>()
  for (const [letter, value, ...more] of steps.slice(0, -1)) {
    if (letter.node.kind !== 'symbol' || more.length > 0 || !isNumeric(numberOf(value)) || known.has(letter.node.name)) return undefined
    known.set(letter.node.name, numberOf(value))
  }
  const letters = variables([formula.node])
  if (known.has(name.node.name) || letters.length !== known.size || !letters.every((letter) => known.has(letter))) return undefined
  const result = substitute(formula.node, known)
  return values.every((value) => sameValue(numberOf(value), result, work)) ? values.at(-1) : undefined
}
