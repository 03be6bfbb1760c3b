/** Lists whose items have names: p = 2, q = 5; 7 boys and 8 girls; cats: 4, dogs: 6. A name keeps its value. */

import type { Work } from '../limits.ts'
import type { Answer } from '../node.ts'
import { readAnswer } from '../reading/read.ts'
import { plainWords } from '../reading/words.ts'
import { isMeasure } from '../units/units.ts'
import { isName } from './sets.ts'

interface Binding {
  name: string
  value: Answer
}

type Same = (a: Answer, b: Answer, work: Work) => boolean

/** The names and values of items, where each has a name and two names differ. */
export function bindings(items: readonly Answer[]): Binding[] | undefined {
  if (items.length < 2) return undefined
  const found = named(items)
  return found && new Set(found.map(({ name }) => name)).size > 1 ? found : undefined
}

function named(items: readonly Answer[]): Binding[] | undefined {
  const found = items.map(binding)
  return found.every((one) => one !== undefined) ? found : undefined
}

/** "3 left over", "3 cookies left over" */
const LEFT_OVER = /^(\d{1,12}) ((?:[a-z]{3,} ){0,2}(?:left over|leftover))$/i

function binding(item: Answer): Binding | undefined {
  if (item.kind === 'relation' && item.sides.length === 2 && item.ops[0] === '=') {
    const [left, right] = item.sides
    if (isNamed(left)) return { name: nameOf(left), value: right }
    return isName(right) ? { name: nameOf(right), value: left } : undefined
  }
  // "y = 4 - 8 + 1 = -3"
  if (item.kind === 'relation' && item.ops.every((op) => op === '=') && isNamed(item.sides[0]))
    return { name: nameOf(item.sides[0]), value: item.sides.at(-1)! }
  if (item.kind === 'ratio' && item.items.length === 2 && isNamed(item.items[0]) && !isName(item.items[1]))
    return { name: nameOf(item.items[0]), value: item.items[1] }
  // "length 10"
  const told = item.kind === 'text' ? /^([a-z]{2,20}) (-?\d[^=<>]{0,40})$/i.exec(item.text.trim()) : null
  if (told) return { name: plainWords(told[1]), value: readAnswer(told[2]) }
  const remaining = item.kind === 'text' ? LEFT_OVER.exec(item.text.trim()) : null
  if (remaining) return { name: plainWords(remaining[2]), value: readAnswer(remaining[1]) }
  if (item.kind !== 'expression' || item.unit === undefined || isMeasure(item.unit)) return undefined
  return { name: plainWords(item.unit), value: { ...item, unit: undefined, key: '' } }
}

/** Ben is a name, and no product of letters beside a value. */
const isNamed = (answer: Answer): boolean =>
  isName(answer) || /^[A-Z][a-z]{1,15}$/.test(answer.key) || statisticOf(nameOf(answer)) !== undefined

/** E(X), \\mu and "expected value" are one quantity, and so on. */
const STATISTICS: readonly (readonly [RegExp, string])[] = [
  [/^(?:\\mathbb)?E(?:[([]?[A-Z][)\]]?)?$|^e[([][a-z][)\]]$|^(?:expectedvalue|expectation|mean)(?:of[a-z])?$|^(?:\\mu|μ)$/, 'mean'],
  [/^[Vv]ar(?:iance)?(?:\(?[A-Z]\)?|\([a-z]\)|of[a-z])?$|^(?:\\sigma|σ)\^(?:2|\{2\})$/, 'variance'],
  [/^(?:SD|sd)(?:\([a-zA-Z]\))?$|^standarddeviation(?:of[a-z])?$|^(?:\\sigma|σ)$/, 'deviation'],
]

/** The quantity of statistics that a name is. */
const statisticOf = (name: string): string | undefined => STATISTICS.find(([pattern]) => pattern.test(name))?.[1]

/** The names as quantities of statistics, where all of them are and differ. */
function asStatistics(bound: readonly Binding[]): Binding[] | undefined {
  const found = bound.flatMap(({ name, value }) => {
    const statistic = statisticOf(name)
    return statistic === undefined ? [] : [{ name: statistic, value }]
  })
  return found.length === bound.length && new Set(found.map(({ name }) => name)).size === found.length ? found : undefined
}

const nameOf = (answer: Answer): string => (answer.kind === 'text' ? plainWords(answer.text) : answer.key)

/**
 * Whether the names have the same values. Where one of the two lists has no names, its order must be that of the other;
 * a set has none.
 */
export function sameBindings(
  a: readonly Binding[] | undefined,
  b: readonly Binding[] | undefined,
  lists: readonly [Extract<Answer, { kind: 'list' | 'set' }>, Extract<Answer, { kind: 'list' | 'set' }>],
  work: Work,
  same: Same,
): boolean {
  const [left, right] = lists
  if (left.items.length !== right.items.length) return false
  const [first, second] = [a ?? named(left.items), b ?? named(right.items)]
  if (first && second) {
    const within = (some: readonly Binding[], others: readonly Binding[]): boolean =>
      some.every(({ name, value }) => others.some((other) => sameName(name, other.name) && same(value, other.value, work)))
    const [one, other] = [asStatistics(first), asStatistics(second)]
    const [some, others] = one && other ? [one, other] : [first, second]
    return within(some, others) && within(others, some)
  }
  const bound = a ?? b!
  const plain = a ? right : left
  if (plain.kind === 'set' || plain.items.some(binding)) return false
  return bound.every(({ value }, i) => same(value, plain.items[i], work))
}

/** boys and boy, red and red marbles. */
function sameName(a: string, b: string): boolean {
  const [short, long] = a.length <= b.length ? [a, b] : [b, a]
  return short === long || (short.length > 1 && (long.startsWith(short) || long.endsWith(short)))
}
