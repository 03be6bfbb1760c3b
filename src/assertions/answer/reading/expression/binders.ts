/** Operators that bind a variable: Σ, Π, ∫, limits, derivatives. */

import { rational } from '../../../rational.ts'
import type { BoundNode, Node } from '../../node.ts'
import type { Token } from '../tokens.ts'
import { singleDigit } from './atoms.ts'
import { NoExpression } from './cursor.ts'
import type { ExpressionParser } from './parser.ts'

/** i and e are variables under an operator that binds them. */
function bind(node: Node, name: string): Node {
  if (name !== 'i' && name !== 'e') return node
  switch (node.kind) {
    case 'constant':
      return node.name === name ? { kind: 'symbol', name } : node
    case 'binary':
      return { ...node, left: bind(node.left, name), right: bind(node.right, name) }
    case 'call':
      return { ...node, args: node.args.map((arg) => bind(arg, name)) }
    case 'application':
      return { ...node, of: bind(node.of, name), args: node.args.map((arg) => bind(arg, name)) }
    case 'bound':
      return { ...node, body: bind(node.body, name), from: node.from && bind(node.from, name), to: node.to && bind(node.to, name) }
    case 'number':
    case 'symbol':
      return node
    default:
      return { ...node, of: bind(node.of, name) }
  }
}

/** Σ or Π: the variable and its bounds, then a product. */
export function series(p: ExpressionParser, op: 'sum' | 'product'): Node {
  p.at++
  const { below, above } = bounds(p)
  const [name, equals] = below ?? []
  if (!below || !above || name?.kind !== 'name' || equals?.text !== '=') throw new NoExpression(`a ${op} without bounds`)
  const bound: Omit<BoundNode, 'body'> = { kind: 'bound', op, variable: name.text, from: p.whole(below.slice(2)), to: p.whole(above) }
  return p.deeper(() => ({ ...bound, body: bind(p.product(), name.text) }))
}

/** ∫ from a to b, up to its dx. */
export function integral(p: ExpressionParser): Node {
  p.at++
  const { below, above } = bounds(p)
  if (!below || !above) throw new NoExpression('an integral without bounds')
  let end = p.at
  for (let depth = 0; end < p.tokens.length; end++) {
    const { kind, text } = p.tokens[end]
    if (kind === 'sign' && /^[([{]$/.test(text)) depth++
    else if (kind === 'sign' && /^[)\]}]$/.test(text)) depth--
    else if (depth === 0 && kind === 'name' && text === 'd' && p.tokens[end + 1]?.kind === 'name') break
  }
  const variable = p.tokens[end + 1]
  if (!variable) throw new NoExpression('an integral without a differential')
  const body: Node = end === p.at ? { kind: 'number', value: rational(1n) } : p.whole(p.tokens.slice(p.at, end))
  p.at = end + 2
  return {
    kind: 'bound',
    op: 'integral',
    variable: variable.text,
    from: p.whole(below),
    to: p.whole(above),
    body: bind(body, variable.text),
  }
}

export function limit(p: ExpressionParser): Node {
  p.at++
  const { below } = bounds(p)
  const [name, arrow] = below ?? []
  if (!below || name?.kind !== 'name' || !/^\\(?:to|rightarrow)$/.test(arrow?.text ?? '')) throw new NoExpression('a limit of nothing')
  let point = below.slice(2)
  let side: 1 | -1 | undefined
  const last = point.at(-1)?.text === '}' ? point.at(-2) : point.at(-1)
  const caret = point.findLastIndex(({ text }) => text === '^')
  if (caret > 0 && (last?.text === '+' || last?.text === '-')) {
    side = last.text === '+' ? 1 : -1
    point = point.slice(0, caret)
  }
  const from = p.whole(point)
  return p.deeper(() => ({ kind: 'bound', op: 'limit', variable: name.text, from, side, body: p.product() }))
}

/** The variable of \frac{d}{dx}, which is then behind us. */
export function derivedVariable(p: ExpressionParser): string | undefined {
  const texts = p.tokens.slice(p.at + 1, p.at + 8).map(({ text }) => text)
  const plain = texts.slice(0, 3).join('') === '{d}' && texts[3] === '{' && texts[4] === 'd' && texts[6] === '}'
  if (!plain || p.tokens[p.at + 6]?.kind !== 'name') return undefined
  p.at += 8
  return texts[5]
}

/** Tokens of the group or sign behind _ and ^, in any order. */
export function bounds(p: ExpressionParser): { below?: Token[]; above?: Token[] } {
  const found: { below?: Token[]; above?: Token[] } = {}
  for (let round = 0; round < 2; round++) {
    const key = p.take('_') ? 'below' : p.take('^') ? 'above' : undefined
    if (!key) break
    const grouped = p.peek('{')
    const end = grouped ? p.matching(p.at) : p.at
    if (end < 0 || end >= p.tokens.length) throw new NoExpression('a bound is missing')
    const token = p.tokens[p.at]
    if (!grouped && token.kind === 'number' && token.text.length > 1) found[key] = [digitToken(p)]
    else {
      found[key] = p.tokens.slice(grouped ? p.at + 1 : p.at, grouped ? end : end + 1)
      p.at = end + 1
    }
  }
  return found
}

/** The first digit of a number: what _ and ^ take without braces. */
function digitToken(p: ExpressionParser): Token {
  const node = singleDigit(p)
  if (node?.kind !== 'number') throw new NoExpression('a bound is missing')
  return { kind: 'number', value: node.value, text: String(node.value.n), decimal: false, space: false }
}
