/** The form that a problem asks for: what only repeats the problem is no answer, nor is a sum where it asks for factors. */

import { askedOf } from './claims/asked.ts'
import { compareAnswers } from './equality/equal.ts'
import { variables } from './equality/values.ts'
import type { Answer, Node } from './node.ts'
import { matchesOf } from './reading/matches.ts'
import { readAnswer } from './reading/read.ts'
import type { Reference } from './reference.ts'

const VERB =
  /\b(?:factor(?:i[sz]e)?|simplify|expand|evaluate|compute|calculate|rationali[sz]e|rewrite|reduce|convert|write|express)\s(?:completely |fully )?(?:the (?:expression|polynomial|product|sum|number|fraction|decimal|quotient|radical)s? )?([^?!;]{2,100}?)(?=[.,](?:\s|$)|[?!;]|\s(?:to|as|in|into|by|and|where|when|for|given|using|with|over|completely|fully)\b|$)/gi
const FORMULA = /\$([^$]{2,200})\$|\\\(([^\n]{2,200}?)\\\)/g
/** A problem that asks to change how something is written. */
const CHANGES = /\b(?:factor(?:i[sz]e)?|simplify|expand|evaluate|compute|calculate|rationali[sz]e|rewrite|reduce|convert|write|express)\b/i
const FACTORS = /\b(?:factor(?:i[sz]e)?)\s(?!of\b|is\b|are\b|that\b)/i
const PRIMES = /\b(?:product of (?:its )?primes?(?: factors| numbers)?|prime factori[sz]ation)\b/i

const spaceless = (text: string): string =>
  text
    .replace(/\\(?:left|right|,|;|!|displaystyle)(?![a-z])|[\s$*{}]|\\(?=[()])/g, '')
    .replace(/\\?sqrt|√/g, '√')
    .replace(/√\((\w+)\)/g, '√$1')
    .replace(/\\(?:cdot|times)|[×·]/g, '')
    .replace(/²/g, '^2')
    .replace(/³/g, '^3')
    .replace(/[−–]/g, '-')
    .replace(/\.$/, '')

const PERCENT = /%|\bper ?cent\b/i

/** Why a right value is no answer to the problem. Undefined: it is one. */
export function missesForm(text: string, reference: Reference, problem: string): string | undefined {
  const { sentence } = askedOf(problem)
  if (
    /\bhow many\b/i.test(sentence) &&
    PERCENT.test(text) &&
    !/\bhow many (?:percent|per cent|%)/i.test(sentence) &&
    !PERCENT.test(reference.text)
  )
    return 'a percentage, where the problem asks how many'
  const asked = CHANGES.test(sentence) ? sentence : CHANGES.test(problem.slice(0, 200)) ? problem : undefined
  if (asked === undefined) return undefined
  const said = spaceless(text)
  if (said !== spaceless(reference.text) && /[-+/^√.\\(]/.test(said) && repeats(said, asked, reference))
    return 'it only repeats the problem'
  const value = lastSide(text)
  if (PRIMES.test(asked) && hasComposite(value)) return 'a factor is not prime'
  const [answer, wanted] = [readAnswer(value), reference.answer]
  if (FACTORS.test(asked) && isSum(answer) && !isSum(wanted)) return 'it is not factored'
  if (REDUCED.test(asked) && isReducible(value) && !isReducible(lastSide(reference.text))) return 'it is not in lowest terms'
  return undefined
}

const REDUCED = /\b(?:simplif\w+|simplest form|lowest terms|reduce\w*)\b/i

/** Whether a text is a fraction of whole numbers that can be reduced. */
function isReducible(text: string): boolean {
  const [, top, bottom] = /^\$?[-−]?(?:\\[dt]?frac\s?\{?(?=\d))?(\d{1,12})\}?(?:\s?\/\s?|\s?\{)(\d{1,12})\}?\$?[.]?$/.exec(text) ?? []
  if (top === undefined) return false
  let [a, b] = [BigInt(top), BigInt(bottom)]
  while (b > 0n) [a, b] = [b, a % b]
  return a > 1n
}

function repeats(said: string, asked: string, reference: Reference): boolean {
  const given = [
    ...matchesOf(asked, FORMULA).map(([, dollars, brackets]) => dollars ?? brackets),
    ...matchesOf(asked, VERB).map(([, of]) => of),
  ].map(spaceless)
  return given.includes(said) && !given.includes(spaceless(reference.text))
}

const lastSide = (text: string): string => text.slice(text.lastIndexOf('=') + 1).trim()

const isSum = (answer: Answer): boolean => answer.kind === 'expression' && answer.node.kind === 'binary' && /^[-+]$/.test(answer.node.op)

/** Whether one of the numbers multiplied in "5 × 9" is composite. */
function hasComposite(product: string): boolean {
  const factors = product.replace(/[$\s{}().*]/g, (c) => (c === '*' ? '·' : '')).split(/[×·]|\\cdot|\\times/)
  const bases = factors.map((factor) => /^(\d{1,9})(?:\^\d{1,3}|[⁰¹²³⁴-⁹]{1,3})?$/.exec(factor)?.[1])
  return bases.every((base) => base !== undefined) && bases.some((base) => !isPrime(Number(base)))
}

function isPrime(n: number): boolean {
  if (n < 2) return false
  for (let d = 2; d * d <= n; d++) if (n % d === 0) return false
  return true
}

/** Whether a list of factors, "(x - 2) and (x - 3)", multiplies to what the problem asks to factor. */
export function areFactors(answer: Answer, wanted: Answer, problem: string): boolean {
  if (answer.kind !== 'list' || wanted.kind !== 'expression' || !FACTORS.test(askedOf(problem).sentence || problem)) return false
  const nodes = answer.items.map((item) => (item.kind === 'expression' && item.unit === undefined ? item.node : undefined))
  if (!nodes.every((node): node is Node => node !== undefined && variables([node]).length > 0)) return false
  const node = nodes.reduce((left, right): Node => ({ kind: 'binary', op: '*', left, right }))
  return compareAnswers({ kind: 'expression', node, key: '' }, wanted).equal
}
