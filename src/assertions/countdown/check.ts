/** Whether statements reach the target with every number used exactly once. */

import { equals, type Rational, show } from '../rational.ts'
import type { Side, Statement } from './expression.ts'

export interface Verdict {
  pass: boolean
  /** What the answer evaluates to, where it evaluates at all. */
  value?: Rational
  /** Every statement is true and every number used once: only the value can be wrong. */
  valid: boolean
  /** A sentence for people. */
  reason: string
}

/**
 * One expression, or steps in which each result may be used once further on. The numbers still available must in the
 * end be the target alone: then, with the steps inserted into one another, each given number stands exactly once.
 */
export function checkStatements(statements: readonly Statement[], numbers: readonly Rational[], target: Rational): Verdict {
  const steps = statements.map(expressionOf)
  for (const [left, ...others] of statements) {
    const wrong = others.find((side) => !equals(side.value, left.value))
    if (!wrong) continue
    const reason = `"${left.text} = ${wrong.text}" is wrong: the left side is ${show(left.value)}`
    return { pass: false, valid: false, value: steps.at(-1)!.value, reason }
  }
  const chain = checkSteps(steps, numbers, target)
  if (chain.pass || steps.length === 1) return chain
  // Steps, then the whole expression once more: the last one speaks for itself.
  const last = checkSteps(steps.slice(-1), numbers, target)
  return last.pass ? last : chain
}

/** The side that is computed: the first with an operator (`17 = 5 + 12` is the same as `5 + 12 = 17`). */
function expressionOf(statement: Statement): Side {
  return statement.find(({ compound }) => compound) ?? statement[0]
}

function checkSteps(steps: readonly Side[], numbers: readonly Rational[], target: Rational): Verdict {
  const value = steps.at(-1)!.value
  const available = new Counter()
  for (const number of numbers) available.add(number)
  const wanted = new Counter()
  const problems: string[] = []
  for (const step of steps) {
    for (const number of step.numbers) {
      if (available.take(number)) continue
      if (!wanted.has(number)) problems.push(misuse(number, numbers))
      wanted.add(number)
    }
    available.add(step.value)
  }
  // Without misuse the last value is still there; it is the answer itself, not a leftover.
  available.take(value)
  for (const number of available.left()) {
    const given = numbers.some((one) => equals(one, number))
    problems.push(given ? `${show(number)} is not used` : `the intermediate result ${show(number)} is not used`)
  }
  const valid = problems.length === 0
  if (!equals(value, target)) problems.unshift(`the target is ${show(target)}`)
  const head = `it evaluates to ${show(value)}`
  if (problems.length > 0) return { pass: false, valid, value, reason: `${head}, but ${problems.slice(0, 8).join('; ')}` }
  return { pass: true, valid, value, reason: `${head} with each number used once` }
}

function misuse(number: Rational, numbers: readonly Rational[]): string {
  const given = numbers.filter((one) => equals(one, number)).length
  const name = show(number)
  if (given > 0) return `${name} is used more than ${given === 1 ? 'once' : `${given} times`}`
  if (number.n < 0n) return `${name} is not one of the numbers (unary minus is not allowed: it would change a number)`
  return `${name} is not one of the numbers ${numbers.map(show).join(', ')}`
}

/** A multiset of rationals. */
class Counter {
  private readonly counts = new Map<string, { value: Rational; count: number }>()

  add(value: Rational): void {
    const entry = this.counts.get(`${value.n}/${value.d}`)
    if (entry) entry.count++
    else this.counts.set(`${value.n}/${value.d}`, { value, count: 1 })
  }

  take(value: Rational): boolean {
    const entry = this.counts.get(`${value.n}/${value.d}`)
    if (!entry || entry.count === 0) return false
    entry.count--
    return true
  }

  has(value: Rational): boolean {
    return (this.counts.get(`${value.n}/${value.d}`)?.count ?? 0) > 0
  }

  left(): Rational[] {
    return [...this.counts.values()].filter(({ count }) => count > 0).map(({ value }) => value)
  }
}
