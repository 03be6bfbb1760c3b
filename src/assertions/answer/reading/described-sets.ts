/** Sets told by what belongs to them: {x : x > 2}, {n ∈ ℤ : 1 ≤ n ≤ 4}, "all real numbers except 3". */

import { compare, rational } from '../../rational.ts'
import type { Answer, Node } from '../node.ts'
import { substitute } from '../nodes.ts'
import { type Exact, exactValue, smallValue } from '../numeric/exact.ts'
import { closes, isSign, opens, type Read, split } from './scan.ts'
import type { Token } from './tokens.ts'

/** A set of more integers is not listed. */
const LISTED = 100

/**
 * The inside of {x : condition}. Over the reals it is its condition. Of finitely many integers it is their list, and {2k : k = 0, 1, 2}
 * the list of the values.
 */
export function readBuilder(inner: readonly Token[], key: string, read: Read): Answer | undefined {
  const at = separatorIn(inner)
  if (at <= 0 || at === inner.length - 1) return undefined
  const named = inner.slice(0, at)
  const [name, before] = split(named, ({ text }) => text === '\\in')?.parts ?? ([named] as const)
  const { over: behind, rest } = withoutDomain(inner.slice(at + 1))
  const over = before ?? behind
  if (rest.length === 0 || (before && behind)) return undefined
  const condition = read(rest)
  if (name.length !== 1) return before ? undefined : listedImage(read(name), condition, over, key)
  const reals = over === undefined || (over.length === 1 && isSign(over[0], '\\R'))
  if (reals) return conditions(condition) ?? (condition.kind === 'relation' ? condition : undefined)
  if (!isIntegers(over)) return undefined
  return (condition.kind === 'relation' ? integers(condition, key) : undefined) ?? listedIntegers(name[0].text, condition, key)
}

const isIntegers = (domain: readonly Token[] | undefined): boolean => domain?.length === 1 && domain[0].text === 'Z'

/** Of "k ∈ ℤ, 1 ≤ k ≤ 5" what k belongs to, and the rest. */
function withoutDomain(said: readonly Token[]): { over?: readonly Token[]; rest: readonly Token[] } {
  const parts = split(said, ({ text }) => text === ',' || text === ';')?.parts
  const at = parts?.findIndex((part) => part.length === 3 && part[0].kind === 'name' && isSign(part[1], '\\in')) ?? -1
  if (!parts || at < 0 || parts.length > 2) return { rest: said }
  return { over: parts[at].slice(2), rest: parts[1 - at] }
}

/** Where the condition begins: at the first colon, or else at the first bar, outside all brackets. */
function separatorIn(tokens: readonly Token[]): number {
  for (const sign of [':', '|']) {
    let depth = 0
    for (let i = 0; i < tokens.length; i++) {
      if (opens(tokens[i])) depth++
      else if (closes(tokens[i])) depth--
      else if (depth === 0 && isSign(tokens[i], sign)) return i
    }
  }
  return -1
}

/** x ≥ 0, x ≠ 1: a comma joins conditions that hold together. */
function conditions(answer: Answer): Answer | undefined {
  if (answer.kind === 'logic') return answer.items.every(isCondition) ? answer : undefined
  if (answer.kind !== 'list' || !answer.items.every(isCondition)) return undefined
  return answer.word === undefined ? { ...answer, word: 'and' } : answer
}

const isCondition = (answer: Answer): boolean => answer.kind === 'relation' && answer.ops.every((op) => op !== 'in' && op !== 'notin')

function integers({ sides, ops }: Relation, key: string): Answer | undefined {
  if (sides.length !== 3 || ops.some((op) => op !== '<' && op !== '<=')) return undefined
  const [low, high] = [integer(sides[0]), integer(sides[2])]
  if (low === undefined || high === undefined || high - low > LISTED) return undefined
  const items: Answer[] = []
  for (let n = ops[0] === '<' ? low + 1n : low; ops[1] === '<' ? n < high : n <= high; n++)
    items.push({ kind: 'expression', node: { kind: 'number', value: { n, d: 1n } }, key: String(n) })
  return { kind: 'set', items, key: items.length === 0 ? '\\emptyset' : key }
}

/** Integers up to so far from 0 are tried, where those at the ends do not satisfy the conditions. */
const FARTHEST = 40
/** Letters that run over the integers where nothing else is said. */
const COUNTS = /^[kmnj]$/

type Relation = Extract<Answer, { kind: 'relation' }>

/** {n ∈ ℤ : n² < 10} */
function listedIntegers(name: string, condition: Answer, key: string): Answer | undefined {
  const found = integersWith(condition, name, true)
  return found && { kind: 'set', items: found.map(numeral), key: found.length === 0 ? '\\emptyset' : key }
}

/** {2k − 1 : k ∈ ℤ, 1 ≤ k ≤ 5}, {e^{2πik/3} : k = 0, 1, 2} */
function listedImage(image: Answer, condition: Answer, over: readonly Token[] | undefined, key: string): Answer | undefined {
  const items = condition.kind === 'list' ? condition.items : [condition]
  const first = items.find((item) => item.kind === 'relation')
  const name = first?.kind === 'relation' ? first.sides.map(nameOf).find((side) => side !== undefined) : undefined
  const found =
    name === undefined
      ? undefined
      : (enumerated(items, name) ?? integersWith(condition, name, over === undefined ? COUNTS.test(name) : isIntegers(over)))
  const out = found?.map((n) => imageAt(image, name!, n))
  return out?.every((item) => item !== undefined) ? { kind: 'set', items: out, key: out.length === 0 ? '\\emptyset' : key } : undefined
}

const nameOf = (answer: Answer): string | undefined =>
  answer.kind === 'expression' && answer.node.kind === 'symbol' ? answer.node.name : undefined

const numeral = (n: bigint): Answer => ({ kind: 'expression', node: { kind: 'number', value: rational(n) }, key: String(n) })

function imageAt(image: Answer, name: string, n: bigint): Answer | undefined {
  if (image.kind === 'tuple') {
    const items = image.items.map((item) => imageAt(item, name, n))
    return items.every((item) => item !== undefined) ? { ...image, items, key: '' } : undefined
  }
  if (image.kind !== 'expression' || image.unit !== undefined) return undefined
  const node = substitute(image.node, new Map([[name, { kind: 'number' as const, value: rational(n) }]]))
  const value = exactValue(node)
  return typeof value === 'object' && value.d === 1n ? numeral(value.n) : { kind: 'expression', node, key: '' }
}

/** k = 0, 1, 2; k = 1, 2, …, 9; k ∈ {0, 1} */
function enumerated(items: readonly Answer[], name: string): bigint[] | undefined {
  const [first, ...more] = items
  if (first.kind !== 'relation' || first.sides.length !== 2 || nameOf(first.sides[0]) !== name) return undefined
  if (first.ops[0] === 'in' && first.sides[1].kind === 'set' && more.length === 0) return counted(first.sides[1].items)
  return first.ops[0] === '=' ? counted([first.sides[1], ...more]) : undefined
}

function counted(items: readonly Answer[]): bigint[] | undefined {
  const out: bigint[] = []
  for (const [i, item] of items.entries()) {
    const value = integer(item)
    if (value === undefined && item.kind === 'text' && item.text === '...' && i > 0 && i < items.length - 1) {
      const [last, to] = [out.at(-1)!, integer(items[i + 1])]
      if (to === undefined || to - last > LISTED || out.some((n, j) => j > 0 && n !== out[j - 1] + 1n)) return undefined
      for (let n = last + 1n; n < to; n++) out.push(n)
    } else if (value === undefined) return undefined
    else out.push(value)
  }
  return out
}

/** The integers that satisfy the conditions. `known`: that they are integers is said elsewhere. Undefined: there may be more. */
function integersWith(condition: Answer, name: string, known: boolean): bigint[] | undefined {
  const items = condition.kind === 'list' || (condition.kind === 'logic' && condition.op === 'and') ? condition.items : [condition]
  const domains = items.filter((item): item is Relation => item.kind === 'relation' && item.ops[0] === 'in')
  const rest = items.filter((item): item is Relation => item.kind === 'relation' && item.ops[0] !== 'in')
  if (domains.length + rest.length !== items.length || rest.length === 0 || domains.length > 1) return undefined
  const [domain] = domains
  if (domain ? nameOf(domain.sides[0]) !== name || nameOf(domain.sides[1]) !== 'Z' : !known) return undefined
  const out: bigint[] = []
  for (let n = -FARTHEST; n <= FARTHEST; n++) {
    const at = new Map([[name, { kind: 'number' as const, value: rational(BigInt(n)) }]])
    const satisfied = rest.map((one) => holds(one, at))
    if (satisfied.includes(undefined)) return undefined
    if (satisfied.includes(false)) continue
    if (Math.abs(n) > FARTHEST - 5) return undefined
    out.push(BigInt(n))
  }
  return out
}

/** Whether a relation holds at a value. Undefined: it cannot be told exactly. */
function holds({ sides, ops }: Relation, at: ReadonlyMap<string, Node>): boolean | undefined {
  const values = sides.map((side) =>
    side.kind === 'expression' && side.unit === undefined ? smallValue(substitute(side.node, at)) : undefined,
  )
  if (!values.every((value) => value !== undefined)) return undefined
  const verdicts = ops.map((op, i) => {
    const order = compare(values[i], values[i + 1])
    if (op === '<') return order < 0
    if (op === '<=') return order <= 0
    return op === '=' ? order === 0 : op === '!=' ? order !== 0 : undefined
  })
  return verdicts.includes(undefined) ? undefined : !verdicts.includes(false)
}

function integer(answer: Answer): bigint | undefined {
  const value: Exact | undefined = answer.kind === 'expression' ? exactValue(answer.node) : undefined
  return typeof value === 'object' && value.d === 1n ? value.n : undefined
}

const REALS = `(?:(?:all|every|any|each) )?(?:the )?(?:real(?: number)?s?|real values?|real [a-z])(?: [a-z])?,?`
const EXCEPT = new RegExp(`^${REALS} (?:except|other than|but|excluding|save|apart from)(?: for)? (?:[a-z] ?= ?)?(.{1,60})$`, 'i')
const WITH = new RegExp(`^${REALS} (?:with|such that|for which|where|satisfying) (.{1,60})$`, 'i')

/** Words of a formula without what marks them. */
const inWords = (text: string): string =>
  text.includes('\\text')
    ? text
        .replace(/\\text\s?\{([^{}]{0,80})\}/g, '$1')
        .replace(/ {2,}/g, ' ')
        .trim()
    : text

/** What is left out of the reals: the 3 of "all real numbers except 3". */
export const exceptionOf = (text: string): string | undefined =>
  /real/i.test(text.slice(0, 40)) ? EXCEPT.exec(inWords(text))?.[1] : undefined

/** Which reals are meant: x ≠ 4 of "all real x with x ≠ 4". */
export const conditionOf = (text: string): string | undefined =>
  /real/i.test(text.slice(0, 40)) ? WITH.exec(inWords(text))?.[1] : undefined

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
