/** Circles and discs in words and by their equation: |z - 2i| = 5 is "the circle of radius 5 centred at 2i". */

import { rational } from '../../rational.ts'
import { TooComplex, Work } from '../limits.ts'
import type { Answer, Node } from '../node.ts'
import { substitute } from '../nodes.ts'
import * as big from '../numeric/bigfloat.ts'
import { readAnswer } from '../reading/read.ts'
import { inWords } from './branches.ts'
import { linearParts } from './general-solutions.ts'
import { isNumeric, realValue, sameValue, variables } from './values.ts'

interface Circle {
  /** As a complex number. */
  centre: Node
  /** Of its radius. */
  square: Node
  kind: 'circle' | 'open disc' | 'closed disc'
}

const NUMBER = (n: bigint): Node => ({ kind: 'number', value: rational(n) })
const ZERO = NUMBER(0n)
const TWO = NUMBER(2n)
const I: Node = { kind: 'constant', name: 'i' }
const binary = (op: '+' | '-' | '*' | '/' | '^', left: Node, right: Node): Node => ({ kind: 'binary', op, left, right })
const squared = (node: Node): Node => binary('^', node, TWO)

/** Words for one of them. */
export const CIRCLE = /\b(?:circle|dis[ck])\b/i

const NAMED =
  /^(?:it is |this is )?(?:the |an? )?(?:(open|closed) )?(?:(unit) )?(circle|dis[ck])\b(?: in the (?:complex |[xyz]-?)?plane)?,?\s?(.{0,150}?)(?: in the (?:complex |xy-?)?plane)?[\s.]*$/i
const KEY =
  /(?:^|,\s?|\s)(?:(?:and|with|of|has|having|whose|is)\s){0,3}(?:(?:its|a|the)\s)?(radius|cent(?:er|re)(?:e?d)?|about|around)\s?(?:(?:of|at|is|on|around|about|in|=|:)\s?)?/gi

function inOwnWords(text: string, work: Work): Circle | undefined {
  const found = NAMED.exec(inWords(text))
  if (!found) return undefined
  const [, closure, unit, noun, said] = found
  const circle = /circle/i.test(noun)
  if (circle === (closure !== undefined)) return undefined
  const kind = circle ? 'circle' : closure.toLowerCase() === 'open' ? 'open disc' : 'closed disc'
  const parts = said.split(KEY)
  if (parts[0].trim() !== '') return undefined
  const values = new Map<string, string>()
  for (let i = 1; i < parts.length; i += 2) {
    const name = /radius/i.test(parts[i]) ? 'radius' : 'centre'
    if (values.has(name)) return undefined
    values.set(name, parts[i + 1].trim().replace(/,$/, ''))
  }
  const radius = values.get('radius') ?? (unit === undefined ? undefined : '1')
  const centre = values.get('centre') ?? (unit === undefined ? undefined : '0')
  if (radius === undefined || centre === undefined || (unit !== undefined && values.has('radius'))) return undefined
  const size = readAnswer(radius)
  const at = complexOf(/^(?:the )?origin$/i.test(centre) ? readAnswer('0') : readAnswer(centre))
  if (!at || size.kind !== 'expression' || size.unit !== undefined || !isPositive(size.node, work)) return undefined
  return { centre: at, square: squared(size.node), kind }
}

/** 1 + 2i of (1, 2) */
function complexOf(answer: Answer): Node | undefined {
  if (answer.kind === 'expression') return answer.unit === undefined && isNumeric(answer.node) ? answer.node : undefined
  if (answer.kind !== 'tuple' || answer.open !== '(' || answer.close !== ')' || answer.items.length !== 2) return undefined
  const [x, y] = answer.items.map((item) => (item.kind === 'expression' && isNumeric(item.node) ? item.node : undefined))
  return x && y && binary('+', x, binary('*', y, I))
}

function isPositive(node: Node, work: Work): boolean {
  const value = isNumeric(node) ? realValue(node, work) : undefined
  return value !== undefined && big.sign(value) > 0
}

function byEquation(text: string, work: Work): Circle | undefined {
  if (!/[=<≤]|\\le/.test(text)) return undefined
  const answer = readAnswer(text)
  if (answer.kind !== 'relation' || answer.sides.length !== 2) return undefined
  const [left, right] = answer.sides
  const kind = ({ '=': 'circle', '<': 'open disc', '<=': 'closed disc' } as const)[answer.ops[0] as '=']
  if (
    kind === undefined ||
    left.kind !== 'expression' ||
    right.kind !== 'expression' ||
    left.unit !== undefined ||
    right.unit !== undefined
  )
    return undefined
  return byDistance(left.node, right.node, kind, work) ?? byCoordinates(binary('-', left.node, right.node), kind, work)
}

/** |z - a| = r */
function byDistance(left: Node, right: Node, kind: Circle['kind'], work: Work): Circle | undefined {
  if (left.kind !== 'call' || left.name !== 'abs' || !isPositive(right, work)) return undefined
  const [name, ...more] = variables([left])
  if (more.length > 0 || !/^[zw]$/.test(name)) return undefined
  const parts = linearParts(left.args[0], [name])
  if (!parts) return undefined
  const [offset, slope] = parts
  if (sameValue(slope, ZERO, work)) return undefined
  const size: Node = { kind: 'call', name: 'abs', args: [slope] }
  return { centre: { kind: 'negate', of: binary('/', offset, slope) }, square: squared(binary('/', right, size)), kind }
}

/** x² + y² + Dx + Ey + F = 0, or a multiple of it */
function byCoordinates(node: Node, kind: Circle['kind'], work: Work): Circle | undefined {
  if (variables([node]).join() !== 'x,y') return undefined
  const at = (x: bigint, y: bigint): Node =>
    substitute(
      node,
      new Map([
        ['x', NUMBER(x)],
        ['y', NUMBER(y)],
      ]),
    )
  const constant = at(0n, 0n)
  const half = (sign: '+' | '-', along: (n: bigint) => Node): Node => binary('/', binary(sign, along(1n), along(-1n)), TWO)
  const [alongX, alongY] = [(n: bigint): Node => at(n, 0n), (n: bigint): Node => at(0n, n)]
  const factor = binary('-', half('+', alongX), constant)
  const [d, e] = [half('-', alongX), half('-', alongY)]
  if (!isPositive(factor, work)) return undefined
  const symbol = (name: string): Node => ({ kind: 'symbol', name })
  const [x, y] = [symbol('x'), symbol('y')]
  const squares = binary('*', factor, binary('+', squared(x), squared(y)))
  const rest = binary('+', binary('+', binary('*', d, x), binary('*', e, y)), constant)
  if (!sameValue(node, binary('+', squares, rest), work)) return undefined
  const twice = binary('*', TWO, factor)
  const [a, b] = [d, e].map((of): Node => ({ kind: 'negate', of: binary('/', of, twice) }))
  const square = binary('-', binary('+', squared(a), squared(b)), binary('/', constant, factor))
  return isPositive(square, work) ? { centre: binary('+', a, binary('*', b, I)), square, kind } : undefined
}

/** Whether two texts are the same circle or disc, one of them in words at least. */
export function sameCircle(text: string, reference: string): boolean {
  if (text.length > 200 || reference.length > 200) return false
  const work = new Work()
  try {
    const meant = CIRCLE.test(reference) ? inOwnWords(reference, work) : byEquation(reference, work)
    const said = meant && (CIRCLE.test(text) ? inOwnWords(text, work) : byEquation(text, work))
    if (!meant || !said || said.kind !== meant.kind) return false
    return sameValue(said.centre, meant.centre, work) && sameValue(said.square, meant.square, work)
  } catch (error) {
    if (error instanceof TooComplex) return false
    throw error
  }
}
