/** The value that an equation states of what stands before it: 2b of |a−b| + a + b = −(a−b) + a + b = 2b. */

import { compareAnswers, valueOfBased } from './equality/equal.ts'
import { isNumeric, variables } from './equality/values.ts'
import type { Answer } from './node.ts'
import { exactValue } from './numeric/exact.ts'
import { readAnswer } from './reading/read.ts'

/** The sides of an equation without other relations. Undefined: it is none. */
function sidesOf(text: string): string[] | undefined {
  if (
    text.length > 1000 ||
    !text.includes('=') ||
    /[<>≤≥≠≈;]|[!:]=|\\(?:[lg]eq?|neq?|approx|to|in|implies|iff)(?![a-z])|Rightarrow|\b(?:and|or|where|for|with)\b|\\text\s?\{\s?(?:and|or)\b|\\begin\{cases/.test(
      text,
    )
  )
    return undefined
  const out: string[] = []
  let depth = 0
  let start = 0
  for (let i = 0; i < text.length; i++) {
    // \, is a blank, and \{ a bracket.
    if (text[i] === '\\' && !'{}'.includes(text[++i] ?? '')) continue
    const c = text[i]
    if ('{(['.includes(c)) depth++
    else if ('})]'.includes(c)) depth--
    else if (depth === 0 && c === ',') return undefined
    else if (depth === 0 && c === '=') {
      out.push(text.slice(start, i).trim())
      start = i + 1
    }
  }
  out.push(text.slice(start).trim().replace(/[.]$/, ''))
  return out.length > 1 && out.slice(1).every((side) => side !== '') ? out : undefined
}

const LETTER = String.raw`(?:[A-Z]|\\(?:mathbf|vec|mathcal|overline)\s?\{[^{}]{1,12}\})`
/** f(24/5), P(A), A ∪ B, A^{-1}, |z|, ‖v‖: what only names a quantity. */
const NAMED = new RegExp(
  String.raw`^(?:[a-zA-Z](?:_\{?\w{1,6}\}?)?'{0,3}\s?(?:\\left)?\(.{1,80}\)|\\(?:operatorname|mathrm)\{[^{}]{1,30}\}\s?(?:\\left)?\(.{1,80}\)|${LETTER}(?:\s?(?:\\cup|\\cap|\\setminus|∪|∩)\s?${LETTER}){1,4}|${LETTER}\^\{?(?:-1|T|\\top|[2-9n])\}?|\|[^|=]{1,60}\||\\lvert.{1,60}\\rvert|\\\|.{1,60}\\\|)$`,
)
const ENDLESS = /\\[lc]?dots|\.\.\.|…|\\(?:sum|prod|int|lim|binom|det)(?![a-z])/

/**
 * The last side, where the equation says the value of its first side: a chain of steps, a named quantity, a sum with dots, or an identity.
 * An equation in unknowns, as 2m + 3n = 25 or x² = 4, says none.
 */
export function valueOfChain(text: string): string | undefined {
  const congruent = text.lastIndexOf('\\equiv')
  // "3^{2024} ≡ 3^4 = 81"
  if (congruent > 0 && !/mod/.test(text) && text.includes('=', congruent)) return valueOfChain(text.slice(congruent + '\\equiv'.length))
  const sides = sidesOf(text.replace(/^\s*\$+|\$+\s*$/g, ''))
  if (!sides) return undefined
  const last = sides.at(-1)!
  const value = readAnswer(last)
  if (sides.length === 2) {
    if (NAMED.test(sides[0]) || ENDLESS.test(sides[0])) return last
    const first = readAnswer(sides[0])
    if (first.kind === 'based' || value.kind === 'based') return sameInteger(first, value) ? last : undefined
    if (expressesCall(first, value)) return last
    return (isComposed(first) || first.kind === 'tuple') && compareAnswers(first, value).equal ? last : undefined
  }
  // "x² = 9 = 3²" tells of x, and not what x² is.
  const first = readAnswer(sides[0])
  const unknown = isComposed(first) && !isNumber(first) && !NAMED.test(sides[0]) && !ENDLESS.test(sides[0])
  if (unknown && isNumber(value) && sides.slice(1).every((side) => isNumber(readAnswer(side)))) return undefined
  const numbers = sides
    .slice(1, -1)
    .map((side) => readAnswer(side))
    .filter(isNumber)
  return isNumber(value) && numbers.some((side) => !compareAnswers(side, value).equal) ? undefined : last
}

const CALLS = new Set(['sin', 'cos', 'tan', 'cot', 'sec', 'csc', 'ln', 'log', 'sinh', 'cosh', 'tanh', 'arcsin', 'arccos', 'arctan'])

/** "cos 4t = 8x⁴ − 8x² + 1": a function of one letter, said by others. */
function expressesCall(first: Answer, value: Answer): boolean {
  if (first.kind !== 'expression' || value.kind !== 'expression' || first.node.kind !== 'call' || !CALLS.has(first.node.name)) return false
  const [of, by] = [variables([first.node]), variables([value.node])]
  return of.length === 1 && by.length > 0 && !by.includes(of[0])
}

/** "101_2 = 5", one side at least in a base */
function sameInteger(a: Answer, b: Answer): boolean {
  const [left, right] = [a, b].map((side) => {
    if (side.kind === 'based') return valueOfBased(side)
    const exact = side.kind === 'expression' && side.unit === undefined ? exactValue(side.node) : undefined
    return typeof exact === 'object' && exact.d === 1n ? exact.n : undefined
  })
  return left !== undefined && left === right
}

const isNumber = (answer: Answer): boolean =>
  answer.kind === 'tuple' ? answer.items.every(isNumber) : answer.kind === 'expression' && isNumeric(answer.node)
const isComposed = (answer: Answer): boolean =>
  answer.kind === 'expression' && answer.node.kind !== 'symbol' && answer.node.kind !== 'number'
