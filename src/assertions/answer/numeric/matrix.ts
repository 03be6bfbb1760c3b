/** Sums, products, multiples and powers of matrices, entry by entry as expressions. */

import { rational } from '../../rational.ts'
import type { Answer, Node } from '../node.ts'

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

/** A power of a small square matrix. */
export function matrixPower(matrix: Matrix, exponent: number): Matrix | undefined {
  const rows = entries(matrix)
  if (!rows || rows.length !== rows[0].length || exponent < 1 || exponent > 4 || rows.length > 4) return undefined
  let result: Matrix | undefined = made(rows)
  for (let i = 1; i < exponent && result; i++) result = multiplyMatrices(result, matrix)
  return result
}

export const MINUS_ONE: Node = { kind: 'number', value: rational(-1n) }
