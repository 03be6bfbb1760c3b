/** Lists, sets, tuples, intervals, their unions and intersections, ratios, and lines of a system. */

import type { Answer, Bracket } from '../node.ts'
import { readBuilder } from './described-sets.ts'
import { RELATIONS } from './relations.ts'
import { isSign, matching, opens, type Read, split, trim } from './scan.ts'
import type { Token } from './tokens.ts'

const SEPARATORS = new Set([',', ';', 'and', 'or'])

const SET_OPERATIONS: Readonly<Record<string, 'union' | 'intersection' | 'difference'>> = {
  '\\cup': 'union',
  '\\cap': 'intersection',
  '\\setminus': 'difference',
}

const LINES = /^\\begin\{(?:cases|aligned|align|alignedat|gathered|gather|split|equation)\}$/

/** Lines of a system (a list), or of one calculation that goes on with = on the next line. */
export function readLines(tokens: readonly Token[], key: string, read: Read): Answer | undefined {
  if (!LINES.test(tokens[0].text) || matching(tokens) !== tokens.length - 1) return undefined
  const inner = tokens.slice(1, -1)
  const rows = (split(inner, ({ text }) => text === '\\\\')?.parts ?? [[...inner]])
    .map((row) => trim(row.filter((token) => !isSign(token, '&'))))
    .filter((row) => row.length > 0)
  if (rows.length === 0) return undefined
  const goesOn = rows.slice(1).some(([first]) => first.kind === 'sign' && RELATIONS.has(first.text))
  if (goesOn || rows.length === 1) return read(rows.flat())
  const items = rows.map((row) => read(row))
  return items.every(({ kind }) => kind === 'relation') ? { kind: 'list', items, key } : undefined
}

/** ]1, 2[ is (1, 2), alone, behind its name and in a union. */
export function outwardInterval(tokens: readonly Token[]): readonly Token[] {
  if (!tokens.some((token) => token.kind === 'sign' && (token.text === ']' || token.text === '['))) return tokens
  const joins = (token: Token | undefined): boolean => token === undefined || (token.kind === 'sign' && BESIDE_INTERVAL.has(token.text))
  return tokens.map((token, i): Token => {
    if (isSign(token, ']') && joins(tokens[i - 1])) return { ...token, kind: 'sign', text: '(' }
    return isSign(token, '[') && joins(tokens[i + 1]) ? { ...token, kind: 'sign', text: ')' } : token
  })
}

const BESIDE_INTERVAL = new Set(['\\cup', '\\cap', '\\setminus', '=', '\\in'])

export function readList(tokens: readonly Token[], key: string, read: Read): Answer | undefined {
  const found = split(tokens, ({ text }) => SEPARATORS.has(text))
  if (!found) return undefined
  // 1,2; 3,4: pairs.
  const between = found.signs.includes(';') ? ';' : 'or'
  const pairs = found.signs.includes(',') && (between === ';' || areAssignments(tokens))
  const parts = pairs ? split(tokens, ({ text }) => text === between)!.parts : found.parts
  const items = parts.filter((part) => part.length > 0 && !isQualifier(part)).map(read)
  if (items.length === 1) return items[0]
  if (items.length === 0) return undefined
  const [word] = found.signs
  const alone = (word === 'and' || word === 'or') && found.signs.every((sign) => sign === word)
  if (!pairs) return alone ? { kind: 'list', items, word, key } : { kind: 'list', items, key }
  const tuples = items.map((item): Answer => (item.kind === 'list' ? { ...item, kind: 'tuple', open: '(', close: ')' } : item))
  return { kind: 'list', items: tuples, key }
}

/** x = 1, y = 2 or x = 2, y = 1: the same letters in the same order. */
function areAssignments(tokens: readonly Token[]): boolean {
  const parts = split(tokens, ({ text }) => text === 'or')?.parts ?? []
  const letters = parts.map((part) => {
    const items = split(part, ({ text }) => text === ',' || text === 'and')?.parts ?? []
    return items.map(([name, sign]) => (name?.kind === 'name' && isSign(sign, '=') ? name.text : '')).join()
  })
  return letters.length > 1 && letters.every((one) => one === letters[0] && /^[a-z](?:,[a-z])+$/.test(one) && isSorted(one.split(',')))
}

const isSorted = (letters: readonly string[]): boolean => letters.every((letter, i) => i === 0 || letter > letters[i - 1])

/** "k \\in \\mathbb{Z}" beside an answer says what its letter ranges over. */
function isQualifier([name, sign, set, ...rest]: readonly Token[]): boolean {
  return name.kind === 'name' && isSign(sign, '\\in') && rest.length === 0 && (isSign(set, '\\R') || /^[ZNQC]$/.test(set?.text ?? ''))
}

export function readOperation(tokens: readonly Token[], key: string, read: Read): Answer | undefined {
  const reals = tokens.length === 1 && isSign(tokens[0], '\\R')
  if (reals) return { kind: 'reals', key }
  const minus = isSign(tokens[0], '\\R') && isSign(tokens[1], '-')
  const found = split(tokens, (token) => Object.hasOwn(SET_OPERATIONS, token.text) || (minus && token === tokens[1]))
  if (!found || found.parts.some((part) => part.length === 0)) return undefined
  // S = A ∪ B names the union.
  if (isStated(found.parts[0]) && !found.parts.slice(1).some(isStated)) return undefined
  const operands = found.parts.map(read)
  return operands.reduce((left, right, i): Answer => {
    const op = SET_OPERATIONS[found.signs[i - 1]] ?? 'difference'
    return { kind: 'operation', op, items: [left, right], key }
  })
}

/** x ∈ or S = before a set */
const isStated = (part: readonly Token[]): boolean => split(part, ({ text }) => text === '=' || text === '\\in') !== undefined

export function readRatio(tokens: readonly Token[], key: string, read: Read): Answer | undefined {
  const found = split(tokens, ({ text }) => text === ':')
  if (!found || found.parts.some((part) => part.length === 0)) return undefined
  return { kind: 'ratio', items: found.parts.map(read), key }
}

/** Tuples, intervals, sets and parentheses round everything. */
export function readBracket(tokens: readonly Token[], key: string, read: Read): Answer | undefined {
  const open = tokens[0]
  const close = tokens[tokens.length - 1]
  if (!opens(open) || open.text.startsWith('\\') !== close.text.startsWith('\\') || matching(tokens) !== tokens.length - 1) return undefined
  const inner = tokens.slice(1, -1)
  if (open.text === '\\{') return readSet(inner, key, read)
  if (open.text !== '(' && open.text !== '[' && open.text !== '{') return undefined
  const found = split(inner, ({ text }) => text === ',' || text === ';')
  if (!found) {
    if (inner.length === 0) return undefined
    const single = read(inner)
    // Something like (x + 1) stays as it is for the parser of expressions.
    return { ...single, key: single.key }
  }
  const items = found.parts.filter((part) => part.length > 0).map(read)
  if (open.text === '{') return items.length === 1 ? items[0] : { kind: 'set', items, key }
  if (close.text !== ')' && close.text !== ']') return undefined
  return { kind: 'tuple', open: open.text as Bracket, close: close.text, items, key }
}

function readSet(inner: readonly Token[], key: string, read: Read): Answer {
  if (inner.length === 0) return { kind: 'set', items: [], key: '\\emptyset' }
  const described = readBuilder(inner, key, read)
  if (described) return described
  const found = split(inner, ({ text }) => text === ',' || text === ';')
  const parts = found ? found.parts.filter((part) => part.length > 0) : [[...inner]]
  return { kind: 'set', items: parts.map(read), key }
}
