/** Reading statements: relations with their signs, and what connectives make of them. */

import { type Answer, BLANK, type LogicOp, type RelationOp } from '../node.ts'
import { isSign, type Read, split } from './scan.ts'
import type { Token } from './tokens.ts'

const OPS: Readonly<Record<string, RelationOp>> = {
  '=': '=',
  '<': '<',
  '<=': '<=',
  '!=': '!=',
  '\\in': 'in',
  '\\notin': 'notin',
  '\\subset': 'subset',
  '\\subseteq': 'subseteq',
}
/** The same relations, read from right to left. */
const REVERSED: Readonly<Record<string, RelationOp>> = { '>': '<', '>=': '<=', '\\supset': 'subset', '\\supseteq': 'subseteq' }
const OTHERS = ['\\approx', '\\equiv', '\\sim', '\\cong']
export const RELATIONS: ReadonlySet<string> = new Set([...Object.keys(OPS), ...Object.keys(REVERSED), ...OTHERS])
const DERIVATIONS = new Set(['\\Rightarrow', '\\therefore'])

/** a ⇒ b, a ⇔ b. Before nothing, as in "∴ x = 5", they only announce what follows. */
export function readImplication(tokens: readonly Token[], key: string, read: Read): Answer | undefined {
  return (
    joined(tokens, key, read, 'iff', (text) => text === '\\iff') ?? joined(tokens, key, read, 'implies', (text) => DERIVATIONS.has(text))
  )
}

/** →, ∨, ∧, ¬: each binds more tightly than the one before. */
export function readConnective(tokens: readonly Token[], key: string, read: Read): Answer | undefined {
  const found =
    joined(tokens, key, read, 'to', (text) => text === '\\to') ??
    joined(tokens, key, read, 'or', (text) => text === '\\or') ??
    joined(tokens, key, read, 'and', (text) => text === '\\and')
  if (found || !isSign(tokens[0], '\\neg') || tokens.length === 1) return found
  return { kind: 'logic', op: 'not', items: [read(tokens.slice(1))], key }
}

function joined(tokens: readonly Token[], key: string, read: Read, op: LogicOp, isSignOf: (text: string) => boolean): Answer | undefined {
  const parts = split(tokens, ({ text }) => isSignOf(text))?.parts
  if (!parts) return undefined
  const announced = op === 'implies' || op === 'to' || op === 'iff'
  const items = announced && parts[0].length === 0 ? parts.slice(1) : parts
  if (items.some((part) => part.length === 0)) return undefined
  return items.length === 1 ? read(items[0]) : { kind: 'logic', op, items: items.map(read), key }
}

/** Equations, inequalities, memberships; also bare ones, whose first side is blank. */
export function readRelation(tokens: readonly Token[], key: string, read: Read): Answer | undefined {
  const found = split(tokens, ({ text }) => RELATIONS.has(text))
  if (!found) return undefined
  const { parts, signs } = found
  const bare = parts[0].length === 0 && signs.length === 1 && parts[1].length > 0
  // "= 5" goes on from what was said, "≥ 5" says another thing than 5.
  if (bare && (signs[0] === '=' || signs[0] === '\\approx')) return read(parts[1])
  // What is only an approximation of the answer before it.
  const approximate = signs.indexOf('\\approx')
  if (approximate > 0 || (approximate === 0 && signs.length === 1)) {
    const end = tokens.findIndex((token) => isSign(token, '\\approx'))
    const exact = read(tokens.slice(0, end))
    return exact.kind === 'expression' && exact.node.kind === 'symbol' ? read(parts[1]) : exact
  }
  if (parts.some((part, i) => part.length === 0 && !(bare && i === 0))) return undefined
  const reversed = signs.some((sign) => Object.hasOwn(REVERSED, sign))
  // f(x) ≡ 0 says that a function is 0 everywhere, n ≡ 0 nothing without its modulus.
  const identical = tokens[0].kind === 'name' && isSign(tokens[1], '(')
  const ops = signs.map((sign) => (identical && sign === '\\equiv' ? '=' : reversed && sign !== '=' ? REVERSED[sign] : OPS[sign]))
  if (ops.some((op) => op === undefined)) return undefined
  const sides = parts.map((part) => (part.length === 0 ? BLANK : read(part)))
  return reversed ? { kind: 'relation', sides: sides.reverse(), ops: ops.reverse(), key } : { kind: 'relation', sides, ops, key }
}
