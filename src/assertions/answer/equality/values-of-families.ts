/**
 * Families that are written in several parts or with alternating signs, x = ±π/4 + kπ, x = (-1)^k π/6 + kπ: the same where they have the
 * same values in a window round 0. Every part has to grow evenly in every second step, so that a window tells all.
 */

import { rational } from '../../rational.ts'
import { Work } from '../limits.ts'
import type { Node } from '../node.ts'
import { substitute } from '../nodes.ts'
import * as big from '../numeric/bigfloat.ts'
import { readAnswer } from '../reading/read.ts'
import { realValue, variables } from './values.ts'

const REACH = 14
const CLOSE = 1e-9
const MOST_PARTS = 4
/** A longer text is no family. */
const LONGEST = 300
const DECLARED =
  /[\s,;$(]*(?:\\(?:quad|qquad)|\\text\s?\{[^{}]{0,20}\}|where\s|with\s|for\s(?:all\s|any\s)?|[,;$(]|\s|\\[,; ]){0,6}[a-z]\$?\s?(?:\\in(?![a-z])|∈)\s?(?:\\(?:mathbb|mathbf)\s?\{?\s?Z\}?|ℤ|\\Z|Z)[\s$).]{0,6}$/
const IN_WORDS =
  /[\s,;$(]{1,4}(?:where\s|with\s|for\s)?(?:(?:all|any|every)\s)?(?:[a-z]\s(?:is\s|being\s)?an?y? integer|integers?\s[a-z])[\s$).]{0,6}$/
/** That k is an integer goes without saying where x is an angle. */
const GOES_WITHOUT = /^[\s$]{0,3}(?:x|t|\\theta|θ|\\alpha|\\varphi)\s?=(?=.*(?:\\pi|π|\\circ|°)).*[kmnl]/
const OR = /\\text\s?\{\s?(?:or|and)\s?\}|\\lor(?![a-z])|\bor\b|\band\b|,|;/
const NAME = /^\s?((?:[a-zA-Z]|\\theta|\\alpha|\\varphi|θ)\s?=)/

interface Values {
  name: string
  all: number[]
  /** All values up to this distance from 0 are among them. */
  window: number
}

function valuesOf(text: string): Values | undefined {
  if (text.length > LONGEST) return undefined
  const declared = DECLARED.test(text) || IN_WORDS.test(text)
  if (!declared && !GOES_WITHOUT.test(text)) return undefined
  const body = text
    .replace(DECLARED, '')
    .replace(IN_WORDS, '')
    .replace(/\\[,;! ]|\\q?quad(?![a-z])/g, ' ')
    .replaceAll('$', '')
  const parts = body
    .split(OR)
    .map((part) => part.trim())
    .filter((part) => part !== '')
  if (parts.length === 0 || parts.length > MOST_PARTS) return undefined
  const signed = parts.flatMap((part) =>
    /\\pm(?![a-z])|±/.test(part) ? [part.replace(/\\pm(?![a-z])|±/, '+'), part.replace(/\\pm(?![a-z])|±/, '-')] : [part],
  )
  const name = NAME.exec(parts[0])?.[1].replace(/[\s=]/g, '') ?? ''
  const all: number[] = []
  let window = Number.POSITIVE_INFINITY
  for (const part of signed) {
    const own = NAME.exec(part)?.[1].replace(/[\s=]/g, '') ?? name
    const values = own === name ? sequence(declared, part.replace(NAME, '').replace(/^\s?\+/, '')) : undefined
    if (!values) return undefined
    all.push(...values)
    window = Math.min(window, Math.abs(values[0]), Math.abs(values.at(-1)!))
  }
  return { name, all, window: window * 0.8 }
}

/** The values at the integers from −REACH to REACH, where they grow evenly. What is not declared an integer has to be called like one. */
function sequence(declared: boolean, said: string): number[] | undefined {
  const answer = readAnswer(said)
  const [parameter, ...others] = answer.kind === 'expression' && answer.unit === undefined ? variables([answer.node]) : []
  if (answer.kind !== 'expression' || parameter === undefined || others.length > 0) return undefined
  if (!declared && !/^[kmnl]$/.test(parameter)) return undefined
  const work = new Work()
  const out: number[] = []
  for (let n = -REACH; n <= REACH; n++) {
    const at: Node = { kind: 'number', value: rational(BigInt(n)) }
    const value = realValue(substitute(answer.node, new Map([[parameter, at]])), work)
    if (value === undefined) return undefined
    out.push(big.toNumber(value))
  }
  const step = out[2] - out[0]
  const even = out.slice(2).every((value, i) => Math.abs(value - out[i] - step) < CLOSE)
  return even && Math.abs(step) > CLOSE && out[0] * out.at(-1)! < 0 ? out : undefined
}

/** Whether two texts are families of several parts with the same values. Undefined: they are none, or one part each. */
export function sameValuesOfFamilies(a: string, b: string): boolean | undefined {
  if (!/\\in|∈/.test(b)) return undefined
  const [left, right] = [valuesOf(a), valuesOf(b)]
  if (!left || !right || (left.name !== '' && right.name !== '' && left.name !== right.name)) return undefined
  const window = Math.min(left.window, right.window)
  const within = ({ all }: Values): number[] => all.filter((value) => Math.abs(value) <= window)
  const holds = (values: number[], others: number[]): boolean =>
    values.every((value) => others.some((other) => Math.abs(value - other) < CLOSE))
  return holds(within(left), right.all) && holds(within(right), left.all)
}
