/** Numbers and letters in expressions: mixed numbers, names with an index, letters before parentheses, \overline{AB}. */

import { add, isInteger, type Rational, rational } from '../../../rational.ts'
import type { Node } from '../../node.ts'
import { canonical, type Token } from '../tokens.ts'
import { NoExpression } from './cursor.ts'
import type { ExpressionParser } from './parser.ts'

export function numberNode(p: ExpressionParser, token: Extract<Token, { kind: 'number' }>): Node {
  p.at++
  if (p.peek('_')) throw new NoExpression('a number with an index')
  const mixed = mixedPart(p, token)
  if (mixed) return { kind: 'number', value: add(token.value, mixed) }
  const digits = token.decimal ? token.text.replace(/[eE].*$/, '').replace(/^[0.]*|\./g, '').length : undefined
  return { kind: 'number', value: token.value, digits }
}

/** The fraction of a mixed number: 3\frac{1}{2} or 3 1/2. */
function mixedPart(p: ExpressionParser, whole: Extract<Token, { kind: 'number' }>): Rational | undefined {
  if (!isInteger(whole.value) || whole.decimal) return undefined
  const start = p.at
  let part: Rational | undefined
  if (p.take('\\frac')) {
    const above = integerArgument(p)
    const below = above && integerArgument(p)
    if (above && below && below.n !== 0n) part = rational(above.n, below.n)
  } else {
    const [above, slash, below] = p.tokens.slice(p.at, p.at + 3)
    const plain = above?.kind === 'number' && slash?.text === '/' && below?.kind === 'number'
    if (plain && isInteger(above.value) && isInteger(below.value) && below.value.n > above.value.n) {
      part = rational(above.value.n, below.value.n)
      p.at += 3
    }
  }
  if (!part) p.at = start
  return part
}

function integerArgument(p: ExpressionParser): Rational | undefined {
  if (p.tokens[p.at]?.text !== '{') {
    const digit = singleDigit(p)
    return digit?.kind === 'number' ? digit.value : undefined
  }
  const [, inner, close] = p.tokens.slice(p.at, p.at + 3)
  if (inner?.kind !== 'number' || close?.text !== '}' || !isInteger(inner.value)) return undefined
  p.at += 3
  return inner.value
}

export function singleDigit(p: ExpressionParser): Node | undefined {
  const token = p.tokens[p.at]
  if (token?.kind !== 'number' || !/^\d+$/.test(token.text)) return undefined
  const value = rational(BigInt(token.text[0]))
  if (token.text.length === 1) p.at++
  else p.tokens[p.at] = { ...token, text: token.text.slice(1), value: rational(BigInt(token.text.slice(1))), space: false }
  return { kind: 'number', value }
}

export function nameNode(p: ExpressionParser, name: string): Node {
  const alone = p.at === p.alone
  p.at++
  if (name === '\\pi') return { kind: 'constant', name: 'pi' }
  if (name === '\\infty') return { kind: 'constant', name: 'infinity' }
  if (name === 'C' && p.peek('(') && !alone) {
    const chosen = combination(p)
    if (chosen) return chosen
  }
  const full = name + index(p)
  const letter: Node = full === 'e' || full === 'i' ? { kind: 'constant', name: full } : { kind: 'symbol', name: full }
  return p.peek('(') && !alone ? application(p, letter) : letter
}

export function application(p: ExpressionParser, of: Node): Node {
  const bars = p.bars
  p.bars = 0
  p.at++
  const args = [p.fraction()]
  while (p.take(',')) args.push(p.fraction())
  p.bars = bars
  if (!p.take(')')) throw new NoExpression('a parenthesis is not closed')
  return { kind: 'application', of, args }
}

/** Index and primes of a name, as canonical text. */
export function index(p: ExpressionParser): string {
  let index = ''
  if (p.take('_')) {
    if (p.tokens[p.at]?.text === '{') {
      const start = p.at
      const end = p.matching(p.at)
      if (end < 0) throw new NoExpression('a brace is not closed')
      index = `_${canonical(p.tokens.slice(start + 1, end))}`
      p.at = end + 1
    } else {
      const token = p.tokens[p.at++]
      if (!token || token.kind === 'sign') throw new NoExpression('an index is missing')
      index = `_${token.text}`
    }
  }
  while (p.take("'")) index += "'"
  return index
}

/** C(n, k). */
export function combination(p: ExpressionParser): Node | undefined {
  const start = p.at++
  const args = [p.sum()]
  while (p.take(',')) args.push(p.sum())
  if (args.length === 2 && p.take(')')) return { kind: 'call', name: 'binomial', args }
  p.at = start
  return undefined
}

export function decorated(p: ExpressionParser, command: string): Node {
  p.at++
  const end = p.peek('{') ? p.matching(p.at) : p.at
  if (end < 0 || end >= p.tokens.length) throw new NoExpression('a brace is not closed')
  const name = canonical(p.tokens.slice(p.at, end + 1)).replace(/[{}]/g, '')
  p.at = end + 1
  return { kind: 'symbol', name: command + name + index(p) }
}
