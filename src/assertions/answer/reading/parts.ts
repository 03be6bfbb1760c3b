/**
 * The parts of one text, each read once. Several rules may try the same part, and each of them the parts of that one: (1x, 2)(1x, 2)… would
 * be read twice as often with every factor. Few texts have that many parts, and only they pay for it.
 */

import type { Answer } from '../node.ts'
import type { Token } from './tokens.ts'

/** Parts that are read before any is kept. */
const FREE = 60

interface Part {
  last: Token
  length: number
  answer: Answer
}

export class Parts {
  private count = 0
  private kept: Map<Token, Part[]> | undefined

  /** A part is told by its first and last token and its length. */
  of(tokens: readonly Token[], read: () => Answer): Answer {
    if (++this.count <= FREE || tokens.length === 0) return read()
    this.kept ??= new Map()
    const [first] = tokens
    const last = tokens[tokens.length - 1]
    const parts = this.kept.get(first) ?? []
    const known = parts.find((part) => part.last === last && part.length === tokens.length)
    if (known) return known.answer
    const answer = read()
    parts.push({ last, length: tokens.length, answer })
    this.kept.set(first, parts)
    return answer
  }
}
