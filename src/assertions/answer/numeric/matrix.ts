/** Sums, products, multiples and powers of matrices, entry by entry as expressions. */

import { add, divide, multiply, type Rational, rational, subtract, ZERO } from '../../rational.ts'
import type { Answer, Node } from '../node.ts'
import { smallValue } from './exact.ts'

export type Matrix = Extract<Answer, { kind: 'matrix' }>

/** Largest matrix that is computed with. */
const SIZE = 8

const nodeOf = (answer: Answer): Node | undefined => (answer.kind === 'expression' && answer.unit === undefined ? answer.node : undefined)
const binary = (op: '+' | '-' | '*', left: Node, right: Node): Node => ({ kind: 'binary', op, left, right })
const entry = (node: Node): Answer => ({ kind: 'expression', node, key: '' })

/** Entries as expressions; undefined where one is none, the rows differ in length, or it is too large. */
function entries(matrix: Matrix): Node[][] | undefined {
  const rows = matrix.rows.map((row) => row.map(nodeOf))
  const width = rows[0]?.length ?? 0
  if (rows.length > SIZE || width > SIZE || width === 0) return undefined
  if (rows.some((row) => row.length !== width || row.some((node) => node === undefined))) return undefined
  return rows as Node[][]
}

const made = (rows: Node[][]): Matrix => ({ kind: 'matrix', rows: rows.map((row) => row.map(entry)), key: '' })

export function addMatrices(a: Matrix, b: Matrix, op: '+' | '-'): Matrix | undefined {
  const left = entries(a)
  const right = entries(b)
  if (!left || !right || left.length !== right.length || left[0].length !== right[0].length) return undefined
  return made(left.map((row, i) => row.map((node, j) => binary(op, node, right[i][j]))))
}

export function scaleMatrix(factor: Node, matrix: Matrix): Matrix | undefined {
  const rows = entries(matrix)
  return rows && made(rows.map((row) => row.map((node) => binary('*', factor, node))))
}

export function multiplyMatrices(a: Matrix, b: Matrix): Matrix | undefined {
  const left = entries(a)
  const right = entries(b)
  if (!left || !right || left[0].length !== right.length) return undefined
  return made(
    left.map((row) =>
      right[0].map((_, j) => row.map((node, k) => binary('*', node, right[k][j])).reduce((sum, product) => binary('+', sum, product))),
    ),
  )
}

export function transpose(matrix: Matrix): Matrix | undefined {
  const rows = entries(matrix)
  return rows && made(rows[0].map((_, j) => rows.map((row) => row[j])))
}

/** Largest exponent of a matrix of rational numbers, and of one with letters or roots, whose entries grow with each factor. */
const POWERS = 20
const SYMBOLIC_POWERS = 4

/** A power of a small square matrix, an inverse where the exponent is negative. Undefined: it has none. */
export function matrixPower(matrix: Matrix, exponent: number): Matrix | undefined {
  const rows = entries(matrix)
  if (!rows || rows.length !== rows[0].length || exponent === 0 || rows.length > 4) return undefined
  const size = Math.abs(exponent)
  const exact = rationals(rows)
  if (exact) {
    const base = exponent < 0 ? inverseOf(exact) : exact
    if (!base || size > POWERS) return undefined
    let power = base
    for (let i = 1; i < size; i++) power = productOf(power, base)
    return made(power.map((row) => row.map((value): Node => ({ kind: 'number', value }))))
  }
  const base = exponent < 0 ? symbolicInverse(rows) : made(rows)
  let result = size > SYMBOLIC_POWERS ? undefined : base
  for (let i = 1; i < size && result; i++) result = multiplyMatrices(result, base!)
  return result
}

/** Numbers of an entry whose powers and inverses are quickly computed. */
const LARGEST = 10n ** 20n

function rationals(rows: readonly Node[][]): Rational[][] | undefined {
  const out = rows.map((row) => row.map((node) => smallValue(node)))
  const known = out.every((row) =>
    row.every((value) => value !== undefined && value.d < LARGEST && value.n < LARGEST && value.n > -LARGEST),
  )
  return known ? (out as Rational[][]) : undefined
}

const productOf = (a: readonly Rational[][], b: readonly Rational[][]): Rational[][] =>
  a.map((row) => b[0].map((_, j) => row.reduce((sum, value, k) => add(sum, multiply(value, b[k][j])), ZERO)))

/** By elimination. Undefined: the matrix is singular. */
function inverseOf(matrix: readonly Rational[][]): Rational[][] | undefined {
  const size = matrix.length
  const rows = matrix.map((row, i) => [...row, ...row.map((_, j) => rational(i === j ? 1n : 0n))])
  for (let column = 0; column < size; column++) {
    const at = rows.findIndex((row, i) => i >= column && row[column].n !== 0n)
    if (at < 0) return undefined
    const [pivot] = rows.splice(at, 1)
    const scaled = pivot.map((value) => divide(value, pivot[column]))
    rows.splice(column, 0, scaled)
    for (const [i, row] of rows.entries())
      if (i !== column) rows[i] = row.map((value, j) => subtract(value, multiply(row[column], scaled[j])))
  }
  return rows.map((row) => row.slice(size))
}

/** Of two or three rows with letters or roots, by cofactors. */
function symbolicInverse(rows: readonly Node[][]): Matrix | undefined {
  const size = rows.length
  if (size < 2 || size > 3) return undefined
  const minor = (i: number, j: number): Node => {
    const left = rows.filter((_, k) => k !== i).map((row) => row.filter((_, k) => k !== j))
    if (size === 2) return left[0][0]
    return binary('-', binary('*', left[0][0], left[1][1]), binary('*', left[0][1], left[1][0]))
  }
  const cofactor = (i: number, j: number): Node => ((i + j) % 2 === 0 ? minor(i, j) : binary('*', MINUS_ONE, minor(i, j)))
  const determinant = rows[0].map((node, j) => binary('*', node, cofactor(0, j))).reduce((sum, term) => binary('+', sum, term))
  return made(rows.map((row, i) => row.map((_, j): Node => ({ kind: 'binary', op: '/', left: cofactor(j, i), right: determinant }))))
}

export const MINUS_ONE: Node = { kind: 'number', value: rational(-1n) }
