/** The form that a problem asks for: what only repeats the problem is no answer, nor is a sum where it asks for factors. */

import { gcd } from '../rational.ts'
import { askedOf } from './claims/asked.ts'
import { resolveApplications } from './equality/application.ts'
import { compareAnswers } from './equality/equal.ts'
import { variables } from './equality/values.ts'
import type { Answer, Node } from './node.ts'
import { some } from './nodes.ts'
import { smallValue } from './numeric/exact.ts'
import { isPrime } from './numeric/primes.ts'
import { matchesOf } from './reading/matches.ts'
import { readAnswer } from './reading/read.ts'
import type { Reference } from './reference.ts'

const VERB =
  /\b(?:factor(?:i[sz]e)?|simplify|expand|evaluate|compute|calculate|rationali[sz]e|rewrite|reduce|convert|write|express)\s(?:completely |fully )?(?:the (?:expression|polynomial|product|sum|number|fraction|decimal|quotient|radical)s? )?([^?!;]{2,100}?)(?=[.,](?:\s|$)|[?!;]|\s(?:to|as|in|into|by|and|where|when|for|given|using|with|over|completely|fully)\b|$)/gi
const FORMULA = /\$([^$]{2,200})\$|\\\(([^\n]{2,200}?)\\\)/g
/** A problem that asks to change how something is written. */
const CHANGES = /\b(?:factor(?:i[sz]e)?|simplify|expand|evaluate|compute|calculate|rationali[sz]e|rewrite|reduce|convert|write|express)\b/i
const FACTORS = /\b(?:factor(?:i[sz]e)?)\s(?!of\b|is\b|are\b|that\b)/i
const COMPLETELY = /\bfactor(?:i[sz]e)? (?:[^.?!]{0,80} )?(?:completely|fully)\b|\b(?:completely|fully) factor/i
const LOWEST = /\b(?:lowest|simplest|reduced) (?:terms|form)\b|\b(?:reduce|simplify) (?:the fraction\b|\$?\\?[dt]?(?:frac|\d))/i
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

/** Why a right value is no answer to the problem. Undefined: it is one. `outright`: it stands alone, in a box or the like, and is no step. */
export function missesForm(text: string, reference: Reference, problem: string, outright: boolean): string | undefined {
  const { sentence } = askedOf(problem)
  if (
    /\bhow many\b/i.test(sentence) &&
    PERCENT.test(text) &&
    !/\bhow many (?:percent|per cent|%)/i.test(sentence) &&
    !PERCENT.test(reference.text)
  )
    return 'a percentage, where the problem asks how many'
  const value = lastSide(text)
  if (PRIMES.test(sentence) && hasComposite(value) && !hasComposite(lastSide(reference.text))) return 'a factor is not prime'
  const asked = CHANGES.test(sentence) ? sentence : CHANGES.test(problem.slice(0, 200)) ? problem : undefined
  if (asked === undefined) return undefined
  const said = spaceless(text)
  if (said !== spaceless(reference.text) && /[-+/^√.\\(]/.test(said) && repeats(said, asked, reference))
    return 'it only repeats the problem'
  if (outright && LOWEST.test(asked) && isReducible(value) && !isReducible(lastSide(reference.text))) return 'it is not in lowest terms'
  if (FACTORS.test(asked) && !isSum(reference.answer) && isLessFactored(readAnswer(value), reference.answer, COMPLETELY.test(asked)))
    return 'it is not factored'
  return undefined
}

function repeats(said: string, asked: string, reference: Reference): boolean {
  const given = [
    ...matchesOf(asked, FORMULA).map(([, dollars, brackets]) => dollars ?? brackets),
    ...matchesOf(asked, VERB).map(([, of]) => of),
  ].map(spaceless)
  return given.includes(said) && !given.includes(spaceless(reference.text))
}

/**
 * Whether an answer is a sum behind no more than a sign or a 1, has letters in a denominator that has none, or, where a problem asks to factor
 * completely, is a product of fewer factors with letters than it should be.
 */
function isLessFactored(answer: Answer, wanted: Answer, completely: boolean): boolean {
  const [said, meant] = resolveApplications(answer, wanted)
  if (said.kind !== 'expression' || meant.kind !== 'expression') return false
  if (isSumOf(withoutOnes(said.node))) return true
  if (some(said.node, dividesByLetters) && !some(meant.node, dividesByLetters)) return true
  return completely && factorsIn(said.node) < factorsIn(meant.node)
}

/** x² - 5x + 6 of -1 · (x² - 5x + 6) */
function withoutOnes(node: Node): Node {
  if (node.kind === 'negate') return withoutOnes(node.of)
  if (node.kind !== 'binary' || node.op !== '*') return node
  if (isOne(node.left)) return withoutOnes(node.right)
  return isOne(node.right) ? withoutOnes(node.left) : node
}

function isOne(node: Node): boolean {
  const value = variables([node]).length === 0 ? smallValue(node) : undefined
  return value?.d === 1n && (value.n === 1n || value.n === -1n)
}

/** How many factors have letters, each as often as its power says: 3 of 2(x - 1)²(x + 1). */
function factorsIn(node: Node): number {
  if (variables([node]).length === 0) return 0
  if (node.kind === 'negate') return factorsIn(node.of)
  if (node.kind !== 'binary') return 1
  if (node.op === '*') return factorsIn(node.left) + factorsIn(node.right)
  if (node.op === '/') return factorsIn(node.left)
  const power = node.op === '^' ? smallValue(node.right) : undefined
  return power?.d === 1n && power.n > 0n ? Number(power.n) * factorsIn(node.left) : 1
}

const dividesByLetters = (node: Node): boolean => node.kind === 'binary' && node.op === '/' && variables([node.right]).length > 0

/** 6/8 */
function isReducible(text: string): boolean {
  const found = /^-?\(?(?:\\[dt]?frac\{(\d{1,12})\}\{(\d{1,12})\}|(\d{1,12})\/(\d{1,12}))\)?$/.exec(text.replace(/[\s$*.]/g, ''))
  return found !== null && gcd(BigInt(found[1] ?? found[3]), BigInt(found[2] ?? found[4])) > 1n
}

const lastSide = (text: string): string => text.slice(text.lastIndexOf('=') + 1).trim()

const isSumOf = (node: Node): boolean => node.kind === 'binary' && /^[-+]$/.test(node.op)
const isSum = (answer: Answer): boolean => answer.kind === 'expression' && isSumOf(answer.node)

/** Whether one of the numbers multiplied in "5 × 9" is composite. */
function hasComposite(product: string): boolean {
  const factors = product.replace(/[$\s{}().*]/g, (c) => (c === '*' ? '·' : '')).split(/[×·]|\\cdot|\\times/)
  const bases = factors.map((factor) => /^(\d{1,9})(?:\^\d{1,3}|[⁰¹²³⁴-⁹]{1,3})?$/.exec(factor)?.[1])
  return bases.every((base) => base !== undefined) && bases.some((base) => !isPrime(Number(base)))
}

/** Whether a list of factors, "(x - 2) and (x - 3)", multiplies to what the problem asks to factor. */
export function areFactors(answer: Answer, wanted: Answer, problem: string): boolean {
  if (answer.kind !== 'list' || wanted.kind !== 'expression' || !FACTORS.test(askedOf(problem).sentence || problem)) return false
  const nodes = answer.items.map((item) => (item.kind === 'expression' && item.unit === undefined ? item.node : undefined))
  if (!nodes.every((node): node is Node => node !== undefined && variables([node]).length > 0)) return false
  const node = nodes.reduce((left, right): Node => ({ kind: 'binary', op: '*', left, right }))
  return compareAnswers({ kind: 'expression', node, key: '' }, wanted).equal
}
