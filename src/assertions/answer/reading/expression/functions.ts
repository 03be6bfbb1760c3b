/** Functions with their arguments, roots and determinants. */

import { LIMITS } from '../../limits.ts'
import type { Node } from '../../node.ts'
import { isSign, matching } from '../scan.ts'
import type { Token } from '../tokens.ts'
import { CLOSING, NoExpression } from './cursor.ts'
import type { ExpressionParser } from './parser.ts'

const INVERSES: Readonly<Record<string, string>> = {
  arcsin: 'asin',
  arccos: 'acos',
  arctan: 'atan',
  arcsinh: 'asinh',
  arccosh: 'acosh',
  arctanh: 'atanh',
  arsinh: 'asinh',
  arcosh: 'acosh',
  artanh: 'atanh',
  lg: 'log',
  ceiling: 'ceil',
}

/** Fewest and most arguments of functions that may have more than one. */
const ARGUMENTS: Readonly<Record<string, readonly [number, number]>> = {
  max: [1, 1000],
  min: [1, 1000],
  gcd: [1, 1000],
  lcm: [1, 1000],
  log: [1, 2],
  sqrt: [1, 2],
  binomial: [2, 2],
}

const isOpening = (token: Token | undefined): token is Token => token?.kind === 'sign' && /^(?:[([{]|\\\{)$/.test(token.text)

export function functionNode(p: ExpressionParser, written: string): Node {
  p.at++
  if (++p.depth > LIMITS.depth) throw new NoExpression('too deep')
  const name = INVERSES[written] ?? written
  const environment = /^\\begin\{([pb]?matrix)\}$/.exec(p.tokens[p.at]?.text ?? '')
  if (name === 'det' && environment) return determinant(p, environment[1])
  let base: Node | undefined
  let exponent: Node | undefined
  for (let round = 0; round < 2; round++) {
    if (p.take('_')) base = p.argument()
    else if (p.peek('^') && !p.isCircle()) {
      p.at++
      exponent = p.take('-') ? { kind: 'negate', of: p.argument() } : p.argument()
    }
  }
  const bare = !isOpening(p.tokens[p.at])
  const args = functionArguments(p)
  // "max 5" is a name and its value.
  if (bare && /^(?:max|min|gcd|lcm)$/.test(name)) throw new NoExpression(`${name} of one number`)
  const [fewest, most] = ARGUMENTS[name] ?? [1, 1]
  if (args.length < fewest || args.length > most) throw new NoExpression(`${name} of ${args.length} arguments`)
  let call: Node
  if (name === 'log' && base) call = { kind: 'call', name: 'log', args: [args[0], base] }
  else if (base) throw new NoExpression('a function with an index')
  else if (name === 'factorial' && args.length === 1) call = { kind: 'factorial', of: args[0], step: 1 }
  else call = { kind: 'call', name, args }
  if (exponent) {
    const inverse = exponent.kind === 'negate' && exponent.of.kind === 'number' && exponent.of.value.n === 1n && exponent.of.value.d === 1n
    if (inverse && /^(?:sin|cos|tan)h?$/.test(name)) call = { kind: 'call', name: `a${name}`, args }
    else if (inverse && /^(?:sec|csc|cot)$/.test(name)) call = { kind: 'call', name: `arc${name}`, args }
    else call = { kind: 'binary', op: '^', left: call, right: exponent }
  }
  p.depth--
  return call
}

function functionArguments(p: ExpressionParser): Node[] {
  const open = p.tokens[p.at]
  if (isOpening(open)) {
    p.at++
    const args = [p.sum()]
    while (p.take(',')) args.push(p.sum())
    if (!p.take(CLOSING[open.text])) throw new NoExpression('a parenthesis is not closed')
    return args
  }
  const letters = new Set<string>()
  isFactorBehind(p, letters)
  let arg = signedFactor(p)
  while (p.startsFactor() && p.tokens[p.at].kind !== 'function' && !isFactorBehind(p, letters)) {
    arg = { kind: 'binary', op: '*', left: arg, right: p.power() }
  }
  return [arg]
}

/**
 * Whether the parenthesis here stands behind the argument of a function and not in it: \\sin x(x + 1) and \\cos x(1 - \\sin x) are products, as
 * the letter stands in it too, or a function. Of \\sin k(x - t) it is the argument. A letter right before such a parenthesis stays alone.
 */
function isFactorBehind(p: ExpressionParser, letters: Set<string>): boolean {
  if (isOpening(p.tokens[p.at])) return letters.size > 0 && holds(p, p.at, letters)
  const at = p.at + Number(isSign(p.tokens[p.at], '-'))
  const letter = p.tokens[at]
  if (letter?.kind !== 'name') return false
  letters.add(letter.text)
  if (isOpening(p.tokens[at + 1]) && !/^[fghFGH]$/.test(letter.text) && holds(p, at + 1, letters)) p.alone = at
  return false
}

/** Whether one of the letters or a function stands in the parenthesis that opens here. */
function holds(p: ExpressionParser, open: number, letters: ReadonlySet<string>): boolean {
  const inside = p.tokens.slice(open)
  const end = matching(inside)
  return end > 0 && inside.slice(0, end).some(({ kind, text }) => kind === 'function' || (kind === 'name' && letters.has(text)))
}

function signedFactor(p: ExpressionParser): Node {
  return p.take('-') ? { kind: 'negate', of: p.power() } : p.power()
}

export function root(p: ExpressionParser): Node {
  p.at++
  let degree: Node | undefined
  if (p.peek('[')) degree = p.group()
  const radicand = p.tokens[p.at]?.text === '(' ? p.group() : p.argument()
  return { kind: 'call', name: 'sqrt', args: degree ? [radicand, degree] : [radicand] }
}

export function determinant(p: ExpressionParser, environment: string): Node {
  const close = `\\end{${environment}}`
  p.at++
  const rows: Node[][] = [[p.sum()]]
  for (;;) {
    if (p.take('&')) rows.at(-1)!.push(p.sum())
    else if (p.take('\\\\')) {
      if (!p.peek(close)) rows.push([p.sum()])
    } else break
  }
  if (!p.take(close)) throw new NoExpression('a determinant is not closed')
  const size = rows.length
  if (size > 4 || rows.some((row) => row.length !== size)) throw new NoExpression('a determinant that is not square or too large')
  return { kind: 'call', name: 'det', args: rows.flat() }
}
