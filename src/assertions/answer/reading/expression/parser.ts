/**
 * Expressions from tokens, by recursive descent. Products, quotients and juxtaposition have one precedence, left to
 * right; −x² is −(x²); a function without parentheses takes the factors up to the next function, sign or end. Letters and
 * numbers are read in atoms.ts, functions in functions.ts, Σ, ∫, limits and derivatives in binders.ts.
 */

import { rational } from '../../../rational.ts'
import { LIMITS } from '../../limits.ts'
import type { BinaryOp, Node } from '../../node.ts'
import { isSign } from '../scan.ts'
import type { Token } from '../tokens.ts'
import { decorated, nameNode, numberNode, singleDigit } from './atoms.ts'
import { derivedVariable, integral, limit, series } from './binders.ts'
import { CLOSING, Cursor, NoExpression } from './cursor.ts'
import { determinant, functionNode, root } from './functions.ts'

const DECORATIONS = new Set(['\\overline', '\\bar', '\\vec', '\\hat', '\\tilde', '\\widehat', '\\overrightarrow'])

/** The longest expression at the start of the tokens, and how many tokens it has. Throws NoExpression. */
export function parseExpression(tokens: readonly Token[]): { node: Node; used: number } {
  const parser = new ExpressionParser([...tokens])
  const node = parser.fraction()
  return { node, used: tokens.length - parser.remaining() }
}

export class ExpressionParser extends Cursor {
  /** Where a letter stands that takes no parenthesis behind it. */
  alone = -1
  /** Where the last power ended. */
  raised = -1

  /** An expression that the tokens are from end to end. */
  whole(tokens: readonly Token[]): Node {
    const { node, used } = parseExpression(tokens)
    if (used < tokens.length) throw new NoExpression('something stands behind it')
    return node
  }

  /** A sum, or the old way of writing fractions and binomials: a \over b. */
  fraction(): Node {
    const above = this.sum()
    if (this.take('\\over')) return { kind: 'binary', op: '/', left: above, right: this.sum() }
    if (this.take('\\choose')) return { kind: 'call', name: 'binomial', args: [above, this.sum()] }
    return above
  }

  sum(): Node {
    if (++this.depth > LIMITS.depth) throw new NoExpression('too deep')
    let left = this.product()
    for (;;) {
      const op = this.binaryOp({ '+': '+', '-': '-', '\\pm': 'pm', '\\mp': 'mp' })
      if (!op) break
      left = { kind: 'binary', op, left, right: this.product() }
    }
    this.depth--
    return left
  }

  product(): Node {
    let left = this.signed()
    for (;;) {
      const op = this.binaryOp({ '*': '*', '/': '/', mod: 'mod' })
      if (op) {
        const named = op === '/' && this.tokens[this.at]?.kind === 'name'
        const right = named ? this.denominator() : this.signed()
        const loose = named && (right.kind === 'application' || 'loose' in right)
        left = loose ? { kind: 'binary', op, left, right, loose } : { kind: 'binary', op, left, right }
      } else if (this.timesTen()) left = { kind: 'binary', op: '*', left, right: this.power() }
      else if (this.startsFactor()) left = { kind: 'binary', op: '*', left, right: this.power() }
      else return left
    }
  }

  /** Letters set close behind a slash are below it together, as physicists write: e^{-t/RC} is e^{-t/(RC)}, but t/R C and 1/2x go left to right. */
  denominator(): Node {
    let below = this.power()
    while (below.kind !== 'application' && !('loose' in below) && this.isClose()) {
      below = { kind: 'binary', op: '*', left: below, right: this.power() }
    }
    return below
  }

  /** A letter without a blank before it, but for the one that ends a command: \omega C. */
  isClose(): boolean {
    const [before, token, next] = this.tokens.slice(this.at - 1, this.at + 2)
    if (token?.kind !== 'name' || isSign(next, '(')) return false
    return !token.space || (before.kind === 'name' && before.text.startsWith('\\'))
  }

  /** The letter x as a sign of multiplication: 6.02 x 10^23. */
  timesTen(): boolean {
    const [x, ten, power] = this.tokens.slice(this.at, this.at + 3)
    const found = x?.kind === 'name' && /^[xX]$/.test(x.text) && ten?.kind === 'number' && ten.text === '10' && power?.text === '^'
    if (!found || this.tokens[this.at - 1]?.kind !== 'number') return false
    this.at++
    return true
  }

  signed(): Node {
    let negative = false
    let choice: BinaryOp | undefined
    for (let count = 0; ; count++) {
      if (count > 4) throw new NoExpression('too many signs')
      if (this.take('-')) negative = !negative
      else if (this.take('\\pm')) choice = 'pm'
      else if (this.take('\\mp')) choice = 'mp'
      else if (!this.take('+')) break
    }
    const of = this.power()
    const node: Node = negative ? { kind: 'negate', of } : of
    return choice ? { kind: 'binary', op: choice, left: { kind: 'number', value: rational(0n) }, right: node } : node
  }

  power(): Node {
    const named = this.tokens[this.at]?.kind === 'name'
    const first = this.primary()
    const mark = named && first.kind === 'application' ? { loose: true as const } : {}
    const base = this.postfix(first, mark)
    if (!this.take('^')) return base
    if (++this.depth > LIMITS.depth) throw new NoExpression('too deep')
    const exponent = this.exponent()
    this.raised = this.at
    this.depth--
    return this.postfix({ kind: 'binary', op: '^', left: base, right: exponent, ...mark }, mark)
  }

  exponent(): Node {
    if (this.take('-')) return { kind: 'negate', of: this.power() }
    this.take('+')
    return this.bare(() => this.power())
  }

  /** A letter that a sign or a command takes alone: e^x(x + 1) is a product. Of f, g and h the value is meant. */
  bare(read: () => Node): Node {
    const token = this.tokens[this.at]
    if (token?.kind !== 'name' || /^[fghFGH]$/.test(token.text)) return read()
    this.alone = this.at
    return read()
  }

  postfix(node: Node, mark: { loose?: true } = {}): Node {
    let out = node
    for (let count = 0; ; count++) {
      if (count > 8) throw new NoExpression('too many postfix signs')
      if (this.take('!')) {
        let step = 1
        while (this.take('!')) step++
        out = { kind: 'factorial', of: out, step, ...mark }
      } else if (this.take('^\\circ')) out = { kind: 'degrees', of: out, ...mark }
      else if (this.peek('^') && this.isCircle()) {
        this.at += 4
        out = { kind: 'degrees', of: out, ...mark }
      } else if (this.take('%')) out = { kind: 'percent', of: out, ...mark }
      else return out
    }
  }

  primary(): Node {
    const token = this.tokens[this.at]
    if (!token) throw new NoExpression('it ends too early')
    if (token.kind === 'number') return numberNode(this, token)
    if (token.kind === 'name') return nameNode(this, token.text)
    if (token.kind === 'function') return functionNode(this, token.text)
    if (token.kind !== 'sign') throw new NoExpression(`"${token.text}" is no expression`)
    switch (token.text) {
      case '(':
      case '[':
      case '{':
        return this.group()
      case '|':
        return this.absolute()
      case '\\lfloor':
        return { kind: 'call', name: 'floor', args: [this.group()] }
      case '\\lceil':
        return { kind: 'call', name: 'ceil', args: [this.group()] }
      case '\\floor':
      case '\\ceil':
      case '\\lcm':
        return functionNode(this, token.text.slice(1))
      case '\\sum':
        return series(this, 'sum')
      case '\\prod':
        return series(this, 'product')
      case '\\int':
        return integral(this)
      case '\\lim':
        return limit(this)
      case '\\frac': {
        const variable = derivedVariable(this)
        if (variable !== undefined) return { kind: 'bound', op: 'derivative', variable, body: this.product() }
        this.at++
        const above = this.argument()
        return { kind: 'binary', op: '/', left: above, right: this.argument() }
      }
      case '\\binom': {
        this.at++
        const above = this.argument()
        return { kind: 'call', name: 'binomial', args: [above, this.argument()] }
      }
      case '\\sqrt':
        return root(this)
      case '\\begin{vmatrix}':
        return determinant(this, 'vmatrix')
      default:
        if (DECORATIONS.has(token.text)) return decorated(this, token.text)
        throw new NoExpression(`"${token.text}" is no expression`)
    }
  }

  group(): Node {
    const open = this.tokens[this.at++]
    const bars = this.bars
    this.bars = 0
    const inner = this.fraction()
    this.bars = bars
    if (!this.take(CLOSING[open.text])) throw new NoExpression('a parenthesis is not closed')
    return inner
  }

  absolute(): Node {
    this.at++
    this.bars++
    const environment = /^\\begin\{(matrix|array)\}$/.exec(this.tokens[this.at]?.text ?? '')?.[1]
    if (environment) {
      const value = determinant(this, environment)
      this.bars--
      if (!this.take('|')) throw new NoExpression('a bar is not closed')
      return value
    }
    const inner = this.sum()
    this.bars--
    if (!this.take('|')) throw new NoExpression('a bar is not closed')
    return { kind: 'call', name: 'abs', args: [inner] }
  }

  /** What a LaTeX command takes: a group or one sign, of a number one digit. */
  argument(): Node {
    if (this.peek('{')) return this.group()
    return singleDigit(this) ?? this.bare(() => this.primary())
  }

  startsFactor(): boolean {
    const token = this.tokens[this.at]
    if (!token) return false
    if (token.kind === 'name' || token.kind === 'function') return true
    // (n − 2) 2^n, n2^{n-1}, \binom{n}{k}2^k and 2^3 5^2, but not 2 3 or x 2.
    if (token.kind === 'number') {
      if (this.raised === this.at && token.space) return true
      const before = this.tokens[this.at - 1]
      if (/^[)!]$/.test(before?.text ?? '')) return true
      const behind = (before?.kind === 'name' && !token.space) || isSign(before, '}')
      return behind && isSign(this.tokens[this.at + 1], '^')
    }
    if (token.kind !== 'sign') return false
    if (token.text === '|') return this.bars === 0
    return (
      /^(?:[([{]|\\(?:sum|prod|int|lim|frac|sqrt|binom|lfloor|lceil|floor|ceil|lcm|begin\{vmatrix\}))$/.test(token.text) ||
      DECORATIONS.has(token.text)
    )
  }
}
