/** Sets told by what belongs to them: {x : x > 2}, {n ∈ ℤ : 1 ≤ n ≤ 4}, "all real numbers except 3". */

import { compare, rational } from '../../rational.ts'
import { substitute } from '../equality/logic.ts'
import type { Answer } from '../node.ts'
import { type Exact, exactValue } from '../numeric/exact.ts'
import { isSign, type Read, split } from './scan.ts'
import type { Token } from './tokens.ts'

/** A set of more integers is not listed. */
const LISTED = 100

/** The inside of {x : condition}. Over the reals it is its condition, of integers between two bounds it is their list. */
export function readBuilder(inner: readonly Token[], key: string, read: Read): Answer | undefined {
  const builder = split(inner, ({ text }) => text === '|' || text === ':')
  if (builder?.parts.length !== 2 || builder.parts[1].length === 0) return undefined
  // {2k : k ∈ ℤ} has no condition on its own name.
  const [named] = builder.parts
  if (named.length !== 1 && !isSign(named[1], '\\in')) return undefined
  const condition = read(builder.parts[1])
  if (condition.kind !== 'relation') return undefined
  const domain = split(builder.parts[0], ({ text }) => text === '\\in')?.parts[1]
  if (domain === undefined || (domain.length === 1 && isSign(domain[0], '\\R'))) return condition
  if (domain.length !== 1 || domain[0].text !== 'Z') return undefined
  return integers(condition, key) ?? satisfying(condition, named[0].text, key)
}

function integers({ sides, ops }: Extract<Answer, { kind: 'relation' }>, key: string): Answer | undefined {
  if (sides.length !== 3 || ops.some((op) => op !== '<' && op !== '<=')) return undefined
  const [low, high] = [integer(sides[0]), integer(sides[2])]
  if (low === undefined || high === undefined || high - low > LISTED) return undefined
  const items: Answer[] = []
  for (let n = ops[0] === '<' ? low + 1n : low; ops[1] === '<' ? n < high : n <= high; n++)
    items.push({ kind: 'expression', node: { kind: 'number', value: { n, d: 1n } }, key: String(n) })
  return { kind: 'set', items, key: items.length === 0 ? '\\emptyset' : key }
}

/** {n ∈ ℤ : n² < 10}: the integers up to so far from 0 that satisfy a condition, where those at the ends do not. */
const FARTHEST = 40

function satisfying({ sides, ops }: Extract<Answer, { kind: 'relation' }>, name: string, key: string): Answer | undefined {
  if (sides.length !== 2 || (ops[0] !== '<' && ops[0] !== '<=')) return undefined
  const items: Answer[] = []
  for (let n = -FARTHEST; n <= FARTHEST; n++) {
    const at = new Map([[name, { kind: 'number' as const, value: rational(BigInt(n)) }]])
    const [left, right] = sides.map((side) => (side.kind === 'expression' ? exactValue(substitute(side.node, at)) : undefined))
    if (typeof left !== 'object' || typeof right !== 'object') return undefined
    const order = compare(left, right)
    if (ops[0] === '<' ? order >= 0 : order > 0) continue
    if (Math.abs(n) > FARTHEST - 5) return undefined
    items.push({ kind: 'expression', node: { kind: 'number', value: rational(BigInt(n)) }, key: String(n) })
  }
  return { kind: 'set', items, key: items.length === 0 ? '\\emptyset' : key }
}

function integer(answer: Answer): bigint | undefined {
  const value: Exact | undefined = answer.kind === 'expression' ? exactValue(answer.node) : undefined
  return typeof value === 'object' && value.d === 1n ? value.n : undefined
}

const EXCEPT =
  /^(?:all )?(?:the )?(?:real(?: number)?s|real values|real x)(?: x)?,? (?:except|other than|but|excluding)(?: for)? (.{1,60})$/i

/** What is left out of the reals: the 3 of "all real numbers except 3". */
export const exceptionOf = (text: string): string | undefined =>
  /real/i.test(text.slice(0, 40))
    ? EXCEPT.exec(text.includes('\\text') ? text.replace(/\\text\s?\{([^{}]{0,80})\}/g, '$1') : text)?.[1]
    : undefined

/** The reals without what a value, a list or a set holds. */
export function realsWithout(left: Answer, key: string): Answer {
  const items = left.kind === 'list' || left.kind === 'set' ? left.items : [left]
  return {
    kind: 'operation',
    op: 'difference',
    items: [
      { kind: 'reals', key: '\\R' },
      { kind: 'set', items, key: left.key },
    ],
    key,
  }
}
