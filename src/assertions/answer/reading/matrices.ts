/** Matrices: their rows, and sums, multiples, products, powers and transposes of them. */

import { rational } from '../../rational.ts'
import type { Answer, Node } from '../node.ts'
import { addMatrices, type Matrix, MINUS_ONE, matrixPower, multiplyMatrices, scaleMatrix, transpose } from '../numeric/matrix.ts'
import { isSign, matching, type Read, split } from './scan.ts'
import type { Token } from './tokens.ts'

const MATRICES = /^\\begin\{(?:[pbB]?matrix|smallmatrix|array)\}$/

const opensMatrix = ({ text }: Token): boolean => text.startsWith('\\begin') && MATRICES.test(text)

export function readMatrix(tokens: readonly Token[], key: string, read: Read): Answer | undefined {
  if (!opensMatrix(tokens[0]) || matching(tokens) !== tokens.length - 1) return undefined
  const rows = split(tokens.slice(1, -1), ({ text }) => text === '\\\\')?.parts ?? [tokens.slice(1, -1)]
  const cells = rows
    .filter((row) => row.length > 0)
    .map((row) => (split(row, ({ text }) => text === '&')?.parts ?? [row]).map((cell) => read(cell)))
  // A frame around one value is a box.
  if (tokens[0].text === '\\begin{array}' && cells.length === 1 && cells[0].length === 1) return cells[0][0]
  return { kind: 'matrix', rows: cells, key }
}

/** Matrices with + and − between them, scalars before them, powers and transposes behind them. */
export function readMatrixSum(tokens: readonly Token[], key: string, read: Read): Answer | undefined {
  if (!tokens.some(opensMatrix)) return undefined
  const found = split(tokens, ({ text }) => text === '+' || text === '-')
  const parts = found?.parts ?? [[...tokens]]
  const signs = ['+', ...(found?.signs ?? [])]
  let sum: Matrix | undefined
  for (const [i, part] of parts.entries()) {
    if (part.length === 0 && i === 0) continue
    const term = readMatrixTerm(part, read)
    if (!term) return undefined
    const sign = signs[i] === '-' ? '-' : '+'
    sum = sum ? addMatrices(sum, term, sign) : sign === '-' ? scaleMatrix(MINUS_ONE, term) : term
    if (!sum) return undefined
  }
  return sum && { ...sum, key }
}

/** A matrix above the bar of a fraction, or before a slash. */
function overNumber(tokens: readonly Token[]): { above: readonly Token[]; below: readonly Token[] } | undefined {
  if (isSign(tokens[0], '\\frac') && isSign(tokens[1], '{') && isSign(tokens.at(-1), '}')) {
    const end = 1 + matching(tokens.slice(1))
    const above = tokens.slice(2, end)
    return above.some(opensMatrix) && isSign(tokens[end + 1], '{') && matching(tokens.slice(end + 1)) === tokens.length - end - 2
      ? { above, below: tokens.slice(end + 2, -1) }
      : undefined
  }
  const parts = split(tokens, ({ text }) => text === '/')?.parts
  return parts?.length === 2 && parts[0].some(opensMatrix) && !parts[1].some(opensMatrix) ? { above: parts[0], below: parts[1] } : undefined
}

/** [scalar] matrix [^T or ^n] matrix … */
function readMatrixTerm(tokens: readonly Token[], read: Read): Matrix | undefined {
  const quotient = overNumber(tokens)
  if (quotient) {
    const [above, below] = [readMatrixTerm(quotient.above, read), read(quotient.below)]
    const one: Node = { kind: 'number', value: rational(1n) }
    return above && below.kind === 'expression' && below.unit === undefined
      ? scaleMatrix({ kind: 'binary', op: '/', left: one, right: below.node }, above)
      : undefined
  }
  const begin = tokens.findIndex(opensMatrix)
  const wrapped = begin > 0 && (isSign(tokens[begin - 1], '(') || isSign(tokens[begin - 1], '['))
  let at = wrapped ? begin - 1 : begin
  if (begin < 0) return undefined
  let scalar = tokens.slice(0, at)
  if (isSign(scalar.at(-1), '*')) scalar = scalar.slice(0, -1)
  let product: Matrix | undefined
  while (at < tokens.length) {
    if (product && isSign(tokens[at], '*')) at++
    const length = matching(tokens.slice(at)) + 1
    if (length <= 0) return undefined
    const block = tokens.slice(at, at + length)
    let factor: Matrix | undefined
    const inner = block[0].text.startsWith('\\begin') ? block : block.slice(1, -1)
    const inside = inner.length > 0 ? readMatrix(inner, '', read) : undefined
    if (inside?.kind === 'matrix') factor = inside
    at += length
    if (factor && isSign(tokens[at], '^')) {
      const braced = isSign(tokens[at + 1], '{')
      const negative = braced && isSign(tokens[at + 2], '-')
      const exponent = tokens[at + (negative ? 3 : braced ? 2 : 1)]
      at += negative ? 5 : braced ? 4 : 2
      if (braced && !isSign(tokens[at - 1], '}')) return undefined
      if (!negative && (exponent?.text === 'T' || exponent?.text === '\\top')) factor = transpose(factor)
      else if (exponent?.kind !== 'number' || !/^\d{1,2}$/.test(exponent.text)) return undefined
      else factor = matrixPower(factor, negative ? -Number(exponent.text) : Number(exponent.text))
    }
    if (!factor) return undefined
    product = product ? multiplyMatrices(product, factor) : factor
    if (!product) return undefined
  }
  if (!product || scalar.length === 0) return product
  const factor = read(scalar)
  return factor.kind === 'expression' ? scaleMatrix(factor.node, product) : undefined
}
