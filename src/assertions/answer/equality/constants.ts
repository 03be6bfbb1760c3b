/**
 * Names that may be others: the constant of an antiderivative or of a general solution (x²/2 + C is x²/2 + c, and y = Ce^{3x} is
 * y = Ke^{3x}), the indices of solutions, the argument of a function.
 */

import { rational } from '../../rational.ts'
import { Work } from '../limits.ts'
import type { Answer, Node } from '../node.ts'
import { substitute } from '../nodes.ts'
import { matchesOf } from '../reading/matches.ts'
import { readAnswer } from '../reading/read.ts'
import { realValue, sameValue, variables } from './values.ts'

const NAME = String.raw`([CcKk](?:_\{?[01]\}?)?)`
const ADDED = new RegExp(String.raw`^(.{1,200}[^\\^_{(+*/=\s-])\s?\+\s?${NAME}\$?$`)
const ADDED_FIRST = new RegExp(String.raw`^${NAME}\s?\+\s?(.{1,200})$`)
const FACTOR = new RegExp(
  String.raw`^(y(?:\([a-z]\))?\s?=\s?)${NAME}\s?(?:\\cdot\s?|\*\s?|\\[,;]\s?)?((?:\\?e\s?\^|\\exp|x|\(|\\sqrt|\\sin|\\cos|t\^).{0,200})$`,
)

/** A text with its constant named C. Undefined: it has no such constant, or its letter stands elsewhere, too. */
function withPlainConstant(text: string): string | undefined {
  const plain = text.trim().replace(/^\$|\$$|\.$/g, '')
  const added = ADDED.exec(plain)
  if (added) return isFree(added[2], added[1]) ? `${added[1]}+C` : undefined
  const first = ADDED_FIRST.exec(plain)
  if (first) return isFree(first[1], first[2]) ? `${first[2]}+C` : undefined
  const factor = FACTOR.exec(plain)
  return factor && isFree(factor[2], factor[3]) ? `${factor[1]}C ${factor[3]}` : undefined
}

const isFree = (name: string, rest: string): boolean => !new RegExp(`(?<![a-zA-Z\\\\])${name[0]}(?![a-z])|C`).test(rest)

type Equal = (a: Answer, b: Answer) => boolean

/** Antiderivatives that differ by a number: sin² x + C and −cos² x + C. */
function sameAntiderivative(a: string, b: string): boolean {
  const nodes = [a, b].map((text) => {
    const answer = readAnswer(text.slice(0, -2))
    return answer.kind === 'expression' && answer.unit === undefined ? answer.node : undefined
  })
  const [f, g] = nodes
  if (!f || !g) return false
  const [name, ...others] = variables([f, g])
  if (name === undefined || others.length > 0) return false
  return STARTS.some((start) => {
    const work = new Work()
    const from = new Map([[name, { kind: 'number' as const, value: start }]])
    const grown = (node: Node): Node => ({ kind: 'binary', op: '-', left: node, right: substitute(node, from) })
    if (realValue(substitute(f, from), work) === undefined || realValue(substitute(g, from), work) === undefined) return false
    return sameValue(grown(f), grown(g), work)
  })
}

const STARTS = [rational(1n), rational(1n, 3n), rational(2n)]

const PAIR = /(?<![a-zA-Z\\])(?:([CcKk])_\{?([12])\}?|([AB])(?![A-Z(]))/g

/** A general solution with its two constants named C_1 and C_2, in the order in which they stand or the other one. */
function withTwoConstants(text: string, swapped: boolean): string | undefined {
  const names = [...new Set(matchesOf(text, PAIR).map(([name]) => name.replace(/[{}]/g, '')))]
  if (names.length !== 2) return undefined
  const order = swapped ? ['2', '1'] : ['1', '2']
  return text.replace(PAIR, (name) => `C_${order[names.indexOf(name.replace(/[{}]/g, ''))]} `)
}

const FUNCTION = /^\s?\$?([a-zA-Z](?:\s?\^\s?\{?\s?-1\s?\}?|'{1,3}|_\{?\w\}?)?)\s?\(([a-z])\)\s?=\s?([^=<>]{1,200}?)\$?\.?$/
const GRAPH = /^\s?\$?y\s?=\s?([^=<>y]{1,200}?)\$?\.?$/

/** f^{-1} as f^-1 */
const nameOf = (written: string): string => written.replace(/[{}\s]/g, '')

/** f(t) = t² + 1 and y = x² + 1 say what f(x) = x² + 1 does. */
function sameFunction(text: string, reference: string, equal: Equal): boolean {
  const meant = FUNCTION.exec(reference)
  const graph = meant?.[2] === 'x' && !/['_]/.test(meant[1]) ? GRAPH.exec(text) : null
  const said = graph ? undefined : FUNCTION.exec(text)
  if (!meant || (!graph && (!said || nameOf(said[1]) !== nameOf(meant[1]) || said[2] === meant[2]))) return false
  const [body, wanted] = [readAnswer(graph ? graph[1] : said![3]), readAnswer(meant[3])]
  if (body.kind !== 'expression' || wanted.kind !== 'expression' || body.unit !== undefined) return false
  if (!said) return equal(body, wanted)
  // Another letter may not be one of the function already.
  if (variables([body.node]).includes(meant[2])) return false
  const node = substitute(body.node, new Map([[said[2], { kind: 'symbol' as const, name: meant[2] }]]))
  return equal({ kind: 'expression', node, key: '' }, wanted)
}

const OF_ITS_ARGUMENT = /^(\s?\$?([a-zA-Z]))\(([a-z](?:,\s?[a-z]){0,3})\)(\s?=\s?([^=<>]{1,200})$)/
const OF_NONE = /^\s?\$?([a-zA-Z])\s?=[^=<>]{1,200}$/

/** y = 5e^{2t} of "y(t) = 5e^{2t}", beside another text that names y alone. Undefined: they do not differ in that. */
function withoutArgument(text: string, beside: string): string | undefined {
  const named = OF_ITS_ARGUMENT.exec(text)
  const alone = named && OF_NONE.exec(beside)
  if (!named || alone?.[1] !== named[2]) return undefined
  const letters = named[3].split(/,\s?/)
  if (letters.includes(named[2])) return undefined
  // "x(y) = 5" may be a product.
  const body = readAnswer(named[5])
  const names = body.kind === 'expression' ? variables([body.node]) : []
  return letters.every((letter) => names.includes(letter)) ? named[1] + named[4] : undefined
}

const INDEXED = /(?<![a-zA-Z\\])([a-z])(?:_\{?[1-4]\}?|[₁-₄])(?=\s?=)/g

const hasIndex = (text: string): boolean => /_|[₁-₄]/.test(text)

/** x_1 = 2, x_2 = 5 without indices, where all of them are of one letter. */
function withoutIndices(text: string): string | undefined {
  const names = new Set(matchesOf(text, INDEXED).map(([, letter]) => letter))
  return names.size === 1 && text.match(INDEXED)!.length > 1 ? text.replace(INDEXED, '$1') : undefined
}

const BEFORE_ITS_FACTOR = String.raw`(?=\s?(?:e(?![a-z])|x|t|\\|\^|$|[-+)*]))`
const ONE = new RegExp(String.raw`(?<![a-zA-Z\\_])(?:[CcKk](?:_\{?[01]\}?)?|[ABD])${BEFORE_ITS_FACTOR}`, 'g')

/** A general solution with its one constant as C. Undefined: it has none, several, or its letter in other roles, too. */
function withOneConstant(text: string, letters: RegExp): string | undefined {
  const names = new Set(matchesOf(text, letters).map(([name]) => name))
  return names.size === 1 ? text.replace(letters, ' C ') : undefined
}

/** The letter C, c_1 or the c of ce^{3x}, as references have it. */
const MEANT = new RegExp(String.raw`(?<![a-zA-Z\\_])(?:C(?:_\{?[01]\}?)?${BEFORE_ITS_FACTOR}|c_\{?[01]\}?|c(?=\s?\\?(?:e\s?\^|exp)))`, 'g')

/** A sum that ends or begins in a constant, or a product that begins with one. */
const MAY_HOLD_CONSTANT = /\+\s?[CcKk](?:_\{?[01]\}?)?\$?\s?\.?$|^\$?[CcKk](?:_\{?[01]\}?)?\s?\+|^\$?y(?:\([a-z]\))?\s?=\s?[CcKk]/

/** Whether two texts say the same but for the names of free constants, of indices of solutions, or of a function's argument. */
export function sameUpToNames(text: string, reference: string, equal: Equal): boolean {
  if (text.length > 300 || reference.length > 300 || !/[a-zA-Z]/.test(reference)) return false
  const same = (a: string | undefined, b: string | undefined): boolean =>
    a !== undefined && b !== undefined && equal(readAnswer(a), readAnswer(b))
  if (MAY_HOLD_CONSTANT.test(reference)) {
    const [said, meant] = [withPlainConstant(text.replace(/^[\s$]*\\int[^=]{1,200}=/, '')), withPlainConstant(reference)]
    if (
      said !== undefined &&
      meant !== undefined &&
      (same(said, meant) || (said.endsWith('+C') && meant.endsWith('+C') && sameAntiderivative(said, meant)))
    )
      return true
  }
  if (/[CcKkB]/.test(reference) && /e\s?\^|\\(?:cos|sin|exp)(?![a-z])/.test(reference)) {
    const meant = withTwoConstants(reference, false)
    if (meant !== undefined && (same(withTwoConstants(text, false), meant) || same(withTwoConstants(text, true), meant))) return true
  }
  if (/[Cc]/.test(reference) && /e\s?\^|\\(?:cos|sin|exp|ln|sqrt)(?![a-z])|x\^/.test(reference)) {
    const meant = withOneConstant(reference, MEANT)
    if (meant !== undefined && same(withOneConstant(text, ONE), meant)) return true
  }
  if (reference.includes('=') && text.includes('=')) {
    if (sameFunction(text, reference, equal)) return true
    const [said, meant] = [withoutArgument(text, reference), withoutArgument(reference, text)]
    if (said !== undefined || meant !== undefined) {
      const [one, other] = [said ?? text, meant ?? reference]
      return same(one, other) || sameUpToNames(one, other, equal)
    }
    if (hasIndex(text) !== hasIndex(reference)) {
      const [bare, bareReference] = [withoutIndices(text), withoutIndices(reference)]
      return (bare !== undefined || bareReference !== undefined) && same(bare ?? text, bareReference ?? reference)
    }
  }
  if (reference.includes('_') && !/[a-z]/i.test(text)) return same(text, withoutIndices(reference))
  return false
}
