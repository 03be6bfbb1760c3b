/**
 * General solutions of linear equations with other basis functions: A cosh x + B e^x is C_1 e^x + C_2 e^{-x}, and R sin(2t + φ) is
 * C_1 cos 2t + C_2 sin 2t. Each is a particular solution and a span. Two are the same where each span holds the functions of the other one and
 * the difference of the particular solutions, which is told by elimination at fixed points.
 */

import { rational } from '../../rational.ts'
import { TooComplex, Work } from '../limits.ts'
import type { Node } from '../node.ts'
import type { BigFloat } from '../numeric/bigfloat.ts'
import * as big from '../numeric/bigfloat.ts'
import { Undefined } from '../numeric/bigfloat.ts'
import * as complex from '../numeric/complex.ts'
import { CANCELLED_BITS, evaluate, type Scale } from '../numeric/evaluate.ts'
import { exactValue } from '../numeric/exact.ts'
import { readAnswer } from '../reading/read.ts'
import { resolveApplications } from './application.ts'
import { variables } from './values.ts'

/** Functions of a basis at most, and points at which they are compared. */
const MOST = 3
const POINTS = 10
/** Bits below its column that count as 0, those a pivot must reach, and those to which every value must be known. */
const ZERO_BITS = 100
const PIVOT_BITS = 40
const KNOWN_BITS = 150

const HEAD = /^[\s$]*([a-zA-Z])(?:_[a-z])?\s?(?:\(([a-z])\))?\s?=([^=<>≤≥]{1,250})$/
const DECLARED =
  /(?:,|;|\\q?quad(?![a-z])|\\text\s?\{|\bwhere\b|\bwith\b|\bfor\b)[\s,;]*((?:\\(?:[ ,;]|q?quad(?![a-z])|text\s?\{|in(?![a-z])|mathbb\s?\{?\s?R\s?\}?|R(?![a-z])|phi|varphi|delta|alpha)|[\s,;{}$.∈ℝφδ]|(?:where|with|for|and|are|is|all|any|arbitrary|real|constants?|numbers?)\b|[CcKkABRD](?:_\{?\d\}?)?(?![a-zA-Z])){1,60})$/
/** Letters of constants, and those that only a solution with a phase has. */
const CONSTANT = /^(?:[CcKAB]_\{?\d\}?|[ABCDK])$/
const PHASED = /^(?:[CcKAB]_\{?\d\}?|[ABCDKR]|\\{1,2}(?:phi|delta|alpha|theta|psi)(?:_\{?0\}?)?)$/

interface Solution {
  head: string
  node: Node
}

/** What is added to every combination, and what is combined. */
interface Space {
  particular: Node
  basis: Node[]
}

const NUMBER = (n: bigint, d = 1n): Node => ({ kind: 'number', value: rational(n, d) })
const binary = (op: '+' | '-' | '*' | '/', left: Node, right: Node): Node => ({ kind: 'binary', op, left, right })

function solutionsOf(a: string, b: string): { said: Solution; meant: Solution; variable: string } | undefined {
  const [left, right] = [a, b].map((text) => HEAD.exec(text.replace(DECLARED, '').replace(/[\s$.]+$/, '')))
  if (!left || !right || left[1] !== right[1]) return undefined
  const [first, second] = [readAnswer(left[3]), readAnswer(right[3])]
  if (first.kind !== 'expression' || second.kind !== 'expression') return undefined
  const [said, meant] = resolveApplications(first, second)
  if (said.kind !== 'expression' || meant.kind !== 'expression' || said.unit !== undefined || meant.unit !== undefined) return undefined
  const names = variables([said.node, meant.node])
  const candidates = ['x', 't'].filter((name) => names.includes(name))
  const variable = right[2] ?? left[2] ?? (candidates.length === 1 ? candidates[0] : undefined)
  if (variable === undefined || !names.includes(variable) || (left[2] !== undefined && left[2] !== variable)) return undefined
  return { said: { head: left[1], node: said.node }, meant: { head: right[1], node: meant.node }, variable }
}

/** The constants of a solution among its letters; where `phased`, letters of a phase too. */
const constantsOf = (node: Node, phased: boolean): string[] => variables([node]).filter((name) => (phased ? PHASED : CONSTANT).test(name))

const isNumber = (node: Node, n: bigint): boolean => node.kind === 'number' && node.value.n === n && node.value.d === 1n

/** Without terms times 0 and factors 1, which would have to be evaluated at every point. */
function pruned(node: Node): Node {
  if (node.kind === 'negate') {
    const of = pruned(node.of)
    return isNumber(of, 0n) ? of : { ...node, of }
  }
  if (node.kind !== 'binary') return node
  const [left, right] = [pruned(node.left), pruned(node.right)]
  switch (node.op) {
    case '+':
      return isNumber(left, 0n) ? right : isNumber(right, 0n) ? left : { ...node, left, right }
    case '-':
      return isNumber(right, 0n) ? left : { ...node, left, right }
    case '*':
      if (isNumber(left, 0n) || isNumber(right, 1n)) return left
      return isNumber(right, 0n) || isNumber(left, 1n) ? right : { ...node, left, right }
    case '/':
      return isNumber(left, 0n) || isNumber(right, 1n) ? left : { ...node, left, right }
    default:
      return { ...node, left, right }
  }
}

/** What is left of a node where all of the letters are 0, and the factor of each, where it is linear in them as it is written. */
export function linearParts(node: Node, names: readonly string[]): Node[] | undefined {
  const zero = NUMBER(0n)
  if (!variables([node]).some((name) => names.includes(name))) return [node, ...names.map(() => zero)]
  if (node.kind === 'symbol') return [zero, ...names.map((name) => NUMBER(name === node.name ? 1n : 0n))]
  if (node.kind === 'negate') return linearParts(node.of, names)?.map((of) => pruned({ kind: 'negate', of }))
  if (node.kind !== 'binary') return undefined
  const [left, right] = [linearParts(node.left, names), linearParts(node.right, names)]
  if (!left || !right) return undefined
  const free = (parts: readonly Node[]): boolean => parts.slice(1).every((part) => isNumber(part, 0n))
  const { op } = node
  if (op === '+' || op === '-') return left.map((part, i) => pruned(binary(op, part, right[i])))
  if ((op === '*' || op === '/') && free(right)) return left.map((part) => pruned(binary(op, part, right[0])))
  return op === '*' && free(left) ? right.map((part) => pruned(binary('*', left[0], part))) : undefined
}

function linearSpace(node: Node, names: readonly string[]): Space | undefined {
  const parts = linearParts(node, names)
  return parts && { particular: parts[0], basis: parts.slice(1) }
}

/** The name of what stands for a function in the expression around it. */
const INNER = '\u0000'

/** The space of R g(t) sin(u(t) + φ): of g sin u and g cos u. */
function phasedSpace(node: Node, names: readonly string[]): Space | undefined {
  for (const [amplitude, phase] of [names, [...names].reverse()]) {
    const parts = linearParts(node, [amplitude])
    if (!parts) continue
    const [particular, factor] = parts
    const found: Node[] = []
    const outer = withoutWave(factor, phase, found)
    const [wave] = found
    if (found.length !== 1 || wave.kind !== 'call' || variables([particular]).includes(phase)) continue
    const turned = linearParts(wave.args[0], [phase])
    const around = linearParts(outer, [INNER])
    if (!turned || !around || !isNumber(around[0], 0n)) continue
    const [angle, turns] = turned
    const exact = exactValue(turns)
    if (typeof exact !== 'object' || exact.n === 0n || variables([around[1]]).includes(phase)) continue
    const part = (name: string): Node => binary('*', around[1], { kind: 'call', name, args: [angle] })
    return { particular, basis: [part('sin'), part('cos')] }
  }
  return undefined
}

/** A node with a letter for each sine or cosine that holds the phase. */
function withoutWave(node: Node, phase: string, found: Node[]): Node {
  if (node.kind === 'call' && /^(?:sin|cos)$/.test(node.name) && variables([node]).includes(phase)) {
    found.push(node)
    return { kind: 'symbol', name: INNER }
  }
  if (node.kind === 'negate') return { ...node, of: withoutWave(node.of, phase, found) }
  if (node.kind !== 'binary') return node
  return { ...node, left: withoutWave(node.left, phase, found), right: withoutWave(node.right, phase, found) }
}

/** Values of a function at the points. Undefined: it is not real somewhere, or not known well enough. */
function valuesAt(node: Node, scopes: readonly Map<string, complex.Complex>[], work: Work): BigFloat[] | undefined {
  const out: BigFloat[] = []
  for (const scope of scopes) {
    const scale: Scale = { bits: Number.NEGATIVE_INFINITY }
    const value = evaluate(node, scope, work, scale)
    if (!complex.isReal(value) || scale.bits - CANCELLED_BITS > -KNOWN_BITS + Math.max(0, big.magnitude(value.re))) return undefined
    out.push(value.re)
  }
  return out
}

/** Whether all of `others` lie in the span of `basis`, columns of values, and the basis is one. */
function spans(basis: readonly BigFloat[][], others: readonly BigFloat[][]): boolean {
  const size = Math.max(...[...basis, ...others].flat().map(big.magnitude), 0)
  const rows = Array.from({ length: basis[0].length }, (_, i) => [...basis, ...others].map((column) => column[i]))
  for (let column = 0; column < basis.length; column++) {
    let best = column
    for (let i = column; i < rows.length; i++) if (big.magnitude(rows[i][column]) > big.magnitude(rows[best][column])) best = i
    if (big.magnitude(rows[best][column]) < -PIVOT_BITS) return false
    ;[rows[column], rows[best]] = [rows[best], rows[column]]
    for (let i = column + 1; i < rows.length; i++) {
      const factor = big.divide(rows[i][column], rows[column][column])
      rows[i] = rows[i].map((value, j) => (j <= column ? value : big.subtract(value, big.multiply(factor, rows[column][j]))))
    }
  }
  return rows.slice(basis.length).every((row) => row.slice(basis.length).every((value) => big.magnitude(value) < size - ZERO_BITS))
}

/** Whether two spaces are the same at points of the variable, for two choices of the other letters. */
function sameSpace(a: Space, b: Space, variable: string, others: readonly string[], work: Work): boolean {
  for (const round of [0n, 1n]) {
    const fixed = others.map((name, i) => [name, complex.real(big.fromRational(rational(7n + 4n * BigInt(i) + 3n * round, 5n)))] as const)
    const scopes = Array.from({ length: POINTS }, (_, i) => {
      const point = complex.real(big.fromRational(rational(BigInt(3 * i + 1 + (i % 3)), 17n)))
      return new Map<string, complex.Complex>([...fixed, [variable, point]])
    })
    const columns = (nodes: readonly Node[]): BigFloat[][] | undefined => {
      const values = nodes.map((node) => valuesAt(node, scopes, work))
      return values.every((value) => value !== undefined) ? values : undefined
    }
    const [left, right] = [columns(a.basis), columns(b.basis)]
    const rest = columns([pruned(binary('-', a.particular, b.particular))])
    if (!left || !right || !rest || !spans(left, [...right, ...rest]) || !spans(right, left)) return false
    if (others.length === 0) break
  }
  return true
}

/** Whether two expressions that are linear in the same constants are the same functions of the variable. */
export function sameSpanned(a: Node, b: Node, constants: readonly string[], variable: string, work: Work): boolean {
  const [left, right] = [linearSpace(a, constants), linearSpace(b, constants)]
  const others = variables([a, b]).filter((name) => name !== variable && !constants.includes(name))
  return left !== undefined && right !== undefined && sameSpace(left, right, variable, others, work)
}

/** Whether two texts are the same general solution with two constants or three. */
export function sameGeneralSolution(text: string, reference: string): boolean {
  if (text.length > 300 || reference.length > 300 || !/[CcKB]/.test(reference) || !reference.includes('=')) return false
  const work = new Work()
  try {
    const found = solutionsOf(text, reference)
    if (!found) return false
    const { said, meant, variable } = found
    const wanted = constantsOf(meant.node, false)
    const linear = constantsOf(said.node, false)
    if (wanted.length < 2 || wanted.length > MOST) return false
    const space = linearSpace(meant.node, wanted)
    if (!space) return false
    const parameters = (node: Node, constants: readonly string[]): string[] =>
      variables([node]).filter((name) => name !== variable && !constants.includes(name))
    const others = parameters(meant.node, wanted)
    const same = (other: Space | undefined, constants: readonly string[]): boolean =>
      other !== undefined && parameters(said.node, constants).join() === others.join() && sameSpace(other, space, variable, others, work)
    if (linear.length === wanted.length && same(linearSpace(said.node, linear), linear)) return true
    const phased = constantsOf(said.node, true)
    return wanted.length === 2 && phased.length === 2 && /sin|cos/.test(text) && same(phasedSpace(said.node, phased), phased)
  } catch (error) {
    if (error instanceof TooComplex || error instanceof Undefined) return false
    throw error
  }
}
