/**
 * Expressions from tokens, by recursive descent. Products, quotients and juxtaposition have one precedence, left to
 * right; −x² is −(x²); a function without parentheses takes the factors up to the next function, sign or end.
 */

import { add, isInteger, type Rational, rational } from '../rational.ts'
import { LIMITS } from './limits.ts'
import type { BinaryOp, Node } from './node.ts'
import { canonical, type Token } from './tokens.ts'

/** The tokens are no expression. */
export class NoExpression extends Error {}

const CLOSING: Readonly<Record<string, string>> = {
  '(': ')',
  '[': ']',
  '{': '}',
  '\\{': '\\}',
  '\\lfloor': '\\rfloor',
  '\\lceil': '\\rceil',
}
const INVERSES: Readonly<Record<string, string>> = {
  arcsin: 'asin',
  arccos: 'acos',
  arctan: 'atan',
  arcsinh: 'asinh',
  arccosh: 'acosh',
  arctanh: 'atanh',
  lg: 'log',
}
const DECORATIONS = new Set(['\\overline', '\\bar', '\\vec', '\\hat', '\\tilde', '\\underline', '\\widehat', '\\overrightarrow'])

/** The longest expression at the start of the tokens, and how many tokens it has. Throws NoExpression. */
export function parseExpression(tokens: readonly Token[]): { node: Node; used: number } {
  const parser = new ExpressionParser([...tokens])
  const node = parser.fraction()
  return { node, used: tokens.length - parser.remaining() }
}

class ExpressionParser {
  private at = 0
  private depth = 0
  /** Open absolute-value bars. */
  private bars = 0
  private readonly tokens: Token[]

  constructor(tokens: Token[]) {
    this.tokens = tokens
  }

  remaining(): number {
    return this.tokens.length - this.at
  }

  /** A sum, or the old way of writing fractions and binomials: a \over b. */
  fraction(): Node {
    const above = this.sum()
    if (this.take('\\over')) return { kind: 'binary', op: '/', left: above, right: this.sum() }
    if (this.take('\\choose')) return { kind: 'call', name: 'binomial', args: [above, this.sum()] }
    return above
  }

  private sum(): Node {
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

  private product(): Node {
    let left = this.signed()
    for (;;) {
      const op = this.binaryOp({ '*': '*', '/': '/', mod: 'mod' })
      if (op) left = { kind: 'binary', op, left, right: this.signed() }
      else if (this.startsFactor()) left = { kind: 'binary', op: '*', left, right: this.power() }
      else return left
    }
  }

  private signed(): Node {
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

  private power(): Node {
    const base = this.postfix(this.primary())
    if (!this.take('^')) return base
    if (++this.depth > LIMITS.depth) throw new NoExpression('too deep')
    const exponent = this.exponent()
    this.depth--
    return this.postfix({ kind: 'binary', op: '^', left: base, right: exponent })
  }

  private exponent(): Node {
    if (this.take('-')) return { kind: 'negate', of: this.power() }
    this.take('+')
    return this.power()
  }

  private postfix(node: Node): Node {
    let out = node
    for (let count = 0; ; count++) {
      if (count > 8) throw new NoExpression('too many postfix signs')
      if (this.take('!')) out = { kind: 'factorial', of: out }
      else if (this.take('^\\circ')) out = { kind: 'degrees', of: out }
      else if (this.peek('^') && this.isCircle()) {
        this.at += 4
        out = { kind: 'degrees', of: out }
      } else if (this.take('%')) out = { kind: 'percent', of: out }
      else return out
    }
  }

  /** `^{\circ}` */
  private isCircle(): boolean {
    const [, open, circle, close] = this.tokens.slice(this.at, this.at + 4)
    return open?.text === '{' && circle?.text === '\\circ' && close?.text === '}'
  }

  private primary(): Node {
    const token = this.tokens[this.at]
    if (!token) throw new NoExpression('it ends too early')
    if (token.kind === 'number') return this.numberNode(token)
    if (token.kind === 'name') return this.nameNode(token.text)
    if (token.kind === 'function') return this.functionNode(token.text)
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
        return this.functionNode(token.text.slice(1))
      case '\\frac': {
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
        return this.root()
      case '\\begin{vmatrix}':
        return this.determinant()
      default:
        if (DECORATIONS.has(token.text)) return this.decorated(token.text)
        throw new NoExpression(`"${token.text}" is no expression`)
    }
  }

  private numberNode(token: Extract<Token, { kind: 'number' }>): Node {
    this.at++
    if (this.peek('_')) throw new NoExpression('a number with an index')
    const mixed = this.mixedPart(token)
    if (mixed) return { kind: 'number', value: add(token.value, mixed) }
    const digits = token.decimal ? token.text.replace(/[eE].*$/, '').replace(/^[0.]*|\./g, '').length : undefined
    return { kind: 'number', value: token.value, digits }
  }

  /** The fraction of a mixed number: 3\frac{1}{2} or 3 1/2. */
  private mixedPart(whole: Extract<Token, { kind: 'number' }>): Rational | undefined {
    if (!isInteger(whole.value) || whole.decimal) return undefined
    const start = this.at
    let part: Rational | undefined
    if (this.take('\\frac')) {
      const above = this.integerArgument()
      const below = above && this.integerArgument()
      if (above && below && below.n !== 0n) part = rational(above.n, below.n)
    } else {
      const [above, slash, below] = this.tokens.slice(this.at, this.at + 3)
      const plain = above?.kind === 'number' && slash?.text === '/' && below?.kind === 'number'
      if (plain && isInteger(above.value) && isInteger(below.value) && below.value.n > above.value.n) {
        part = rational(above.value.n, below.value.n)
        this.at += 3
      }
    }
    if (!part) this.at = start
    return part
  }

  private integerArgument(): Rational | undefined {
    if (this.tokens[this.at]?.text !== '{') {
      const digit = this.singleDigit()
      return digit?.kind === 'number' ? digit.value : undefined
    }
    const [, inner, close] = this.tokens.slice(this.at, this.at + 3)
    if (inner?.kind !== 'number' || close?.text !== '}' || !isInteger(inner.value)) return undefined
    this.at += 3
    return inner.value
  }

  private nameNode(name: string): Node {
    this.at++
    if (name === '\\pi') return { kind: 'constant', name: 'pi' }
    if (name === '\\infty') return { kind: 'constant', name: 'infinity' }
    const full = name + this.index()
    if (full === 'e' || full === 'i') return { kind: 'constant', name: full }
    return { kind: 'symbol', name: full }
  }

  /** Index and primes of a name, as canonical text. */
  private index(): string {
    let index = ''
    if (this.take('_')) {
      if (this.tokens[this.at]?.text === '{') {
        const start = this.at
        const end = this.matching(this.at)
        if (end < 0) throw new NoExpression('a brace is not closed')
        index = `_${canonical(this.tokens.slice(start + 1, end))}`
        this.at = end + 1
      } else {
        const token = this.tokens[this.at++]
        if (!token || token.kind === 'sign') throw new NoExpression('an index is missing')
        index = `_${token.text}`
      }
    }
    while (this.take("'")) index += "'"
    return index
  }

  private matching(open: number): number {
    let depth = 0
    for (let i = open; i < this.tokens.length; i++) {
      if (this.tokens[i].kind !== 'sign') continue
      if (this.tokens[i].text === '{') depth++
      else if (this.tokens[i].text === '}' && --depth === 0) return i
    }
    return -1
  }

  private functionNode(written: string): Node {
    this.at++
    if (++this.depth > LIMITS.depth) throw new NoExpression('too deep')
    const name = INVERSES[written] ?? written
    let base: Node | undefined
    let exponent: Node | undefined
    for (let round = 0; round < 2; round++) {
      if (this.take('_')) base = this.argument()
      else if (this.peek('^') && !this.isCircle()) {
        this.at++
        exponent = this.take('-') ? { kind: 'negate', of: this.argument() } : this.argument()
      }
    }
    const args = this.functionArguments()
    let call: Node
    if (name === 'log' && base) call = { kind: 'call', name: 'log', args: [args[0], base] }
    else if (base) throw new NoExpression('a function with an index')
    else call = { kind: 'call', name: written === 'lg' ? 'log' : name, args }
    if (exponent) {
      const inverse =
        exponent.kind === 'negate' && exponent.of.kind === 'number' && exponent.of.value.n === 1n && exponent.of.value.d === 1n
      if (inverse && /^(?:sin|cos|tan)h?$/.test(name)) call = { kind: 'call', name: `a${name}`, args }
      else call = { kind: 'binary', op: '^', left: call, right: exponent }
    }
    this.depth--
    return call
  }

  private functionArguments(): Node[] {
    const open = this.tokens[this.at]
    if (open?.kind === 'sign' && (open.text === '(' || open.text === '[' || open.text === '{')) {
      this.at++
      const args = [this.sum()]
      while (this.take(',')) args.push(this.sum())
      if (!this.take(CLOSING[open.text])) throw new NoExpression('a parenthesis is not closed')
      return args
    }
    let arg = this.signedFactor()
    while (this.startsFactor() && this.tokens[this.at].kind !== 'function') {
      arg = { kind: 'binary', op: '*', left: arg, right: this.power() }
    }
    return [arg]
  }

  private signedFactor(): Node {
    return this.take('-') ? { kind: 'negate', of: this.power() } : this.power()
  }

  private group(): Node {
    const open = this.tokens[this.at++]
    const bars = this.bars
    this.bars = 0
    const inner = this.fraction()
    this.bars = bars
    if (!this.take(CLOSING[open.text])) throw new NoExpression('a parenthesis is not closed')
    return inner
  }

  private absolute(): Node {
    this.at++
    this.bars++
    const inner = this.sum()
    this.bars--
    if (!this.take('|')) throw new NoExpression('a bar is not closed')
    return { kind: 'call', name: 'abs', args: [inner] }
  }

  private root(): Node {
    this.at++
    let degree: Node | undefined
    if (this.peek('[')) degree = this.group()
    const radicand = this.tokens[this.at]?.text === '(' ? this.group() : this.argument()
    return { kind: 'call', name: 'sqrt', args: degree ? [radicand, degree] : [radicand] }
  }

  /** What a LaTeX command takes: a group or one sign, of a number one digit. */
  private argument(): Node {
    if (this.peek('{')) return this.group()
    return this.singleDigit() ?? this.primary()
  }

  private singleDigit(): Node | undefined {
    const token = this.tokens[this.at]
    if (token?.kind !== 'number' || !/^\d+$/.test(token.text)) return undefined
    const value = rational(BigInt(token.text[0]))
    if (token.text.length === 1) this.at++
    else this.tokens[this.at] = { ...token, text: token.text.slice(1), value: rational(BigInt(token.text.slice(1))), space: false }
    return { kind: 'number', value }
  }

  private determinant(): Node {
    this.at++
    const rows: Node[][] = [[this.sum()]]
    for (;;) {
      if (this.take('&')) rows.at(-1)!.push(this.sum())
      else if (this.take('\\\\')) {
        if (!this.peek('\\end{vmatrix}')) rows.push([this.sum()])
      } else break
    }
    if (!this.take('\\end{vmatrix}')) throw new NoExpression('a determinant is not closed')
    const size = rows.length
    if (size > 4 || rows.some((row) => row.length !== size)) throw new NoExpression('a determinant that is not square or too large')
    return { kind: 'call', name: 'det', args: rows.flat() }
  }

  private decorated(command: string): Node {
    this.at++
    const end = this.peek('{') ? this.matching(this.at) : this.at
    if (end < 0 || end >= this.tokens.length) throw new NoExpression('a brace is not closed')
    const name = canonical(this.tokens.slice(this.at, end + 1)).replace(/[{}]/g, '')
    this.at = end + 1
    return { kind: 'symbol', name: command + name + this.index() }
  }

  private startsFactor(): boolean {
    const token = this.tokens[this.at]
    if (!token) return false
    if (token.kind === 'name' || token.kind === 'function') return true
    // (n − 2) 2^n, but not 2 3 or x 2.
    if (token.kind === 'number') return this.tokens[this.at - 1]?.text === ')'
    if (token.kind !== 'sign') return false
    if (token.text === '|') return this.bars === 0
    return /^(?:[([{]|\\(?:frac|sqrt|binom|lfloor|lceil|floor|ceil|lcm|begin\{vmatrix\}))$/.test(token.text) || DECORATIONS.has(token.text)
  }

  private binaryOp(ops: Readonly<Record<string, BinaryOp>>): BinaryOp | undefined {
    const token = this.tokens[this.at]
    if (token?.kind !== 'sign' || !Object.hasOwn(ops, token.text)) return undefined
    this.at++
    return ops[token.text]
  }

  private peek(text: string): boolean {
    const token = this.tokens[this.at]
    return token?.kind === 'sign' && token.text === text
  }

  private take(text: string): boolean {
    if (!this.peek(text)) return false
    this.at++
    return true
  }
}
