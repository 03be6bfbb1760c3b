/** Answers of several parts that a response states one after the other: "so $x = 4$. Then $y = -3$.", "(a) … (b) …". */

import { valueOfChain } from '../chains.ts'
import { matchesOf } from '../reading/matches.ts'
import type { Expected } from './expected.ts'
import { isAnswer } from './formulas.ts'
import { sentencesOf, trimEnd } from './sentences.ts'
import type { Statement } from './statement.ts'

const SEARCHED = 1500
/** The last value stands no farther from the end. */
const NEAR = 300
const VALUE = String.raw`[-−]?\s?(?:\d{1,12}(?:\.\d{1,12}|\/\d{1,12})?|\\[dt]?frac\s?\{\d{1,9}\}\s?\{\d{1,9}\})`
const STATED = new RegExp(
  String.raw`(?<![\w\\}'.^_])(?<![-+*/^=·]\s{0,3})([a-z])\s{0,3}(?:=|is|equals|must be|has to be|(?:has )?the value)\s{0,3}(?:(?:[^=<>,;.\s]{1,12}|[-−+*/×·÷\d ()]{3,24}?)\s?=\s{0,3}){0,2}(${VALUE})(?!\s{0,3}[-−+*/×·÷^=<>(\\]|\w|\.\d)`,
  'g',
)
const SUPPOSED = /\b(?:if|suppose|assume|try|trying|case|would|could|maybe|perhaps|either|whether|or|when|let)\b/i
/** What leaves the parts of an answer open, or takes one back. */
export const DOUBTED = /\b(?:contradict\w*|fails?|mistake|wrong|oops|wait|incorrect|impossible|not|cannot|no solutions?)\b|n['’]t\b/i
const ANOTHER = /\b(?:other|another|second) (?:one|solution|pair)\b/i

/** The value of each letter that is asked for. Undefined: one of them has none, or several, or the response doubts. */
export function gatheredValues(text: string, names: readonly string[]): Statement | undefined {
  const tail = text.slice(-SEARCHED).replace(/\$|\\[()[\]]/g, ' ')
  if (DOUBTED.test(tail)) return undefined
  const values = new Map<string, Set<string>>()
  let last = ''
  for (const sentence of sentencesOf(tail)) {
    if (SUPPOSED.test(sentence)) continue
    for (const [, name, value] of matchesOf(sentence, STATED)) {
      if (!names.includes(name)) continue
      values.set(name, (values.get(name) ?? new Set()).add(value.replace(/\s/g, '').replace('−', '-')))
      last = sentence
    }
  }
  if (!names.every((name) => values.has(name)) || tail.length - tail.lastIndexOf(last) > NEAR) return undefined
  const said = names.map((name) => `${name}=${[...values.get(name)!].at(-1)}`).join(', ')
  if (names.every((name) => values.get(name)!.size === 1)) return { text: said, status: 'stated', where: 'value of each letter' }
  return ANOTHER.test(tail) ? { text: said, status: 'hedged', where: 'value of each letter' } : undefined
}

const PART = /(?:^|\n)[\s#*_>-]{0,6}(?:part\s)?\(?([a-d])[).]{1,2}(?=[\s.:*])[.:*\s]{0,6}/gi

/** What each part of the response states, as "(a) 12; (b) 18". Undefined: it has other parts, or one states nothing. */
export function gatheredParts(
  text: string,
  letters: readonly string[],
  expected: Expected,
  stated: (part: string, expected: Expected) => Statement | undefined,
): Statement | undefined {
  const heads = matchesOf(text.slice(-2 * SEARCHED), PART)
  if (heads.map(([, letter]) => letter.toLowerCase()).join() !== letters.join()) return undefined
  const tail = text.slice(-2 * SEARCHED)
  const values: string[] = []
  for (const [i, head] of heads.entries()) {
    const part = trimEnd(tail.slice(head.index + head[0].length, heads[i + 1]?.index))
    const said = isAnswer(part)
      ? { text: part, status: 'stated' }
      : stated(part, { ...expected, kind: 'other', parts: undefined, names: undefined })
    if (said?.status !== 'stated' || !isAnswer(said.text)) return undefined
    values.push(`(${letters[i]}) ${valueOfChain(said.text) ?? said.text.replace(/ of (?:them|these|those)$/, '')}`)
  }
  return { text: values.join('; '), status: 'stated', where: 'parts' }
}
