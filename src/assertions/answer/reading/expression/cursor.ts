/** A place in the tokens of an expression, and what may stand there. */

import { LIMITS } from '../../limits.ts'
import type { BinaryOp, Node } from '../../node.ts'
import type { Token } from '../tokens.ts'

/** The tokens are no expression, and why. No Error: much text is tried, and a stack would cost more than the trying. */
export class NoExpression {
  readonly why: string

  constructor(why: string) {
    this.why = why
  }
}

export const CLOSING: Readonly<Record<string, string>> = {
  '(': ')',
  '[': ']',
  '{': '}',
  '\\{': '\\}',
  '\\lfloor': '\\rfloor',
  '\\lceil': '\\rceil',
}

export class Cursor {
  at = 0
  depth = 0
  /** Open absolute-value bars. */
  bars = 0
  readonly tokens: Token[]

  constructor(tokens: Token[]) {
    this.tokens = tokens
  }

  remaining(): number {
    return this.tokens.length - this.at
  }

  /** `^{\circ}` */
  isCircle(): boolean {
    const [, open, circle, close] = this.tokens.slice(this.at, this.at + 4)
    return open?.text === '{' && circle?.text === '\\circ' && close?.text === '}'
  }

  binaryOp(ops: Readonly<Record<string, BinaryOp>>): BinaryOp | undefined {
    const token = this.tokens[this.at]
    if (token?.kind !== 'sign' || !Object.hasOwn(ops, token.text)) return undefined
    this.at++
    return ops[token.text]
  }

  peek(text: string): boolean {
    const token = this.tokens[this.at]
    return token?.kind === 'sign' && token.text === text
  }

  take(text: string): boolean {
    if (!this.peek(text)) return false
    this.at++
    return true
  }

  matching(open: number): number {
    let depth = 0
    for (let i = open; i < this.tokens.length; i++) {
      if (this.tokens[i].kind !== 'sign') continue
      if (this.tokens[i].text === '{') depth++
      else if (this.tokens[i].text === '}' && --depth === 0) return i
    }
    return -1
  }

  deeper(parse: () => Node): Node {
    if (++this.depth > LIMITS.depth) throw new NoExpression('too deep')
    const node = parse()
    this.depth--
    return node
  }
}
