/** Whether a reference can be read. */

import { LIMITS, TooComplex } from '../limits.ts'
import { normalizeUnicode } from './normalize.ts'
import { tokenize } from './tokens.ts'
import { unwrap } from './writing.ts'

/** Why a reference can't be read; undefined where it can. Words and unknown commands can: they are compared as text. */
export function readProblem(text: string): string | undefined {
  if (text.length > LIMITS.candidate) return `it has more than ${LIMITS.candidate} characters`
  if (text.includes('\0')) return 'it holds a NUL character'
  const plain = unwrap(normalizeUnicode(text))
  if (plain === '') return 'it is empty'
  if (braceProblem(plain)) return 'its braces do not match'
  try {
    tokenize(plain)
    return undefined
  } catch (error) {
    if (error instanceof TooComplex) return `it is too complex: ${error.message}`
    throw error
  }
}

function braceProblem(text: string): boolean {
  let depth = 0
  for (let i = 0; i < text.length && depth >= 0; i++) {
    if (text[i] === '\\') i++
    else if (text[i] === '{') depth++
    else if (text[i] === '}') depth--
  }
  return depth !== 0
}
