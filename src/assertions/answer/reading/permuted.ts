/** Permutations told in words, "all permutations of (1,2,3)", "(1,2,3) and its cyclic permutations": the list of them. */

import type { Answer } from '../node.ts'

type Tuple = Extract<Answer, { kind: 'tuple' }>
type Read = (text: string) => Answer

/** As many are listed; lists that are longer are compared in their order only. */
const MOST = 100
const LONGEST_TUPLE = 6
const LONGEST = 300

const WHICH = '(?:(?:all|any|every|the|other|possible|distinct|different|of|its|their) ){0,4}'
const NAME = String.raw`(?:\([a-z](?:, ?[a-z]){1,5}\) ?= ?)?`
/** all permutations of (1,2,3), and what stands before them */
const OF = new RegExp(String.raw`^${NAME}(?:(\(.{1,120}\)),? (?:and|or) )?${WHICH}(cyclic |circular )?permutations? of ?(\([^()]{1,80}\))$`)
/** (1,2,3) and its permutations */
const BEHIND = new RegExp(
  String.raw`^${NAME}(\(.{1,120}\)),? ?(?:(?:and|or|with|along with|together with|plus) (${WHICH})|(up to )(?:a )?)(cyclic |circular )?permutations?(?: of (?:it|them|these|this|coordinates|the coordinates)| thereof)?$`,
)

/** The list that a text tells by permutations. Undefined: it tells none. */
export function permuted(text: string, read: Read): Answer | undefined {
  if (!/permutation/.test(text) || text.length > LONGEST) return undefined
  const plain = text
    .replace(/\\(?:text|textrm|mathrm|mbox) ?\{([^{}]{0,80})\}/g, ' $1 ')
    .replace(/\\(?:left|right)(?![a-z])|[$~]|\\(?=[,;:! ])/g, (sign) => (sign.startsWith('\\l') || sign.startsWith('\\r') ? '' : ' '))
    .replace(/\s{1,9}/g, ' ')
    .trim()
    .replace(/[.\s]{1,3}$/, '')
  const of = OF.exec(plain)
  const behind = of ? null : BEHIND.exec(plain)
  // "all other permutations of (1,2,3)" leaves it out.
  if (of && of[1] === undefined && /\bother\b/.test(plain)) return undefined
  const tuples = of ? tuplesOf(of[3], read) : behind ? tuplesOf(behind[1], read) : undefined
  const before = of?.[1] === undefined ? [] : tuplesOf(of[1], read)
  if (!tuples || !before) return undefined
  const cyclic = (of?.[2] ?? behind?.[4]) !== undefined
  // Of "(0,0,1), (1,2,3) and its permutations" it is the last one.
  const own = behind && /\bits\b/.test(behind[2] ?? '') ? tuples.slice(0, -1) : []
  const items = [...before, ...own]
  for (const tuple of tuples.slice(own.length)) {
    if (tuple.items.length > LONGEST_TUPLE) return undefined
    for (const order of cyclic ? rotations(tuple.items) : orders(tuple.items)) {
      if (items.length === MOST) return undefined
      items.push({ ...tuple, items: order, key: `(${order.map(({ key }) => key).join()})` })
    }
  }
  return { kind: 'list', items, key: text }
}

function tuplesOf(text: string, read: Read): Tuple[] | undefined {
  const answer = read(text)
  const items = answer.kind === 'list' ? answer.items : [answer]
  const isTuple = (item: Answer): item is Tuple => item.kind === 'tuple' && item.open === '(' && item.close === ')'
  return items.every(isTuple) ? items : undefined
}

/** Every order of some items, those that are written alike counted once. */
function orders(items: readonly Answer[]): Answer[][] {
  if (items.length < 2) return [[...items]]
  const first = items.filter((item, i) => items.findIndex(({ key }) => key === item.key) === i)
  return first.flatMap((item) => {
    const at = items.indexOf(item)
    return orders([...items.slice(0, at), ...items.slice(at + 1)]).map((rest) => [item, ...rest])
  })
}

function rotations(items: readonly Answer[]): Answer[][] {
  return items.map((_, i) => [...items.slice(i), ...items.slice(0, i)])
}
