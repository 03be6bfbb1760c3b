/**
 * Expressions from tokens, by recursive descent. Products, quotients and juxtaposition have one precedence, left to
 * right; −x² is −(x²); a function without parentheses takes the factors up to the next function, sign or end.
 * One grammar in one class, which is why this file is longer than others.
 */

import { add, isInteger, type Rational, rational } from '../../rational.ts'
import { LIMITS } from '../limits.ts'
import type { BinaryOp, BoundNode, Node } from '../node.ts'
import { isSign } from './scan.ts'
import { canonical, type Token } from './tokens.ts'

/** The tokens are no expression, and why. No Error: much text is tried, and a stack would cost more than the trying. */
export class NoExpression {
  readonly why: string

  constructor(why: string) {
    this.why = why
  }
}

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
  arsinh: 'asinh',
  arcosh: 'acosh',
  artanh: 'atanh',
  lg: 'log',
  ceiling: 'ceil',
}
/** Fewest and most arguments of functions that may have more than one. */
const ARGUMENTS: Readonly<Record<string, readonly [number, number]>> = {
  max: [1, 1000],
  min: [1, 1000],
  gcd: [1, 1000],
  lcm: [1, 1000],
  log: [1, 2],
  sqrt: [1, 2],
  binomial: [2, 2],
}
const DECORATIONS = new Set(['\\overline', '\\bar', '\\vec', '\\hat', '\\tilde', '\\widehat', '\\overrightarrow'])

/** i and e are variables under an operator that binds them. */
function bind(node: Node, name: string): Node {
  if (name !== 'i' && name !== 'e') return node
  switch (node.kind) {
    case 'constant':
      return node.name === name ? { kind: 'symbol', name } : node
    case 'binary':
      return { ...node, left: bind(node.left, name), right: bind(node.right, name) }
    case 'call':
      return { ...node, args: node.args.map((arg) => bind(arg, name)) }
    case 'application':
      return { ...node, of: bind(node.of, name), args: node.args.map((arg) => bind(arg, name)) }
    case 'bound':
      return { ...node, body: bind(node.body, name), from: node.from && bind(node.from, name), to: node.to && bind(node.to, name) }
    case 'number':
    case 'symbol':
      return node
    default:
      return { ...node, of: bind(node.of, name) }
  }
}

/** An expression that the tokens are from end to end. */
function whole(tokens: readonly Token[]): Node {
  const { node, used } = parseExpression(tokens)
  if (used < tokens.length) throw new NoExpression('something stands behind it')
  return node
}

/** The longest expression at the start of the tokens, and how many tokens it has. Throws NoExpression. */
export function parseExpression(tokens: readonly Token[]): { node: Node; used: number } {
  const parser = new ExpressionParser([...tokens])
  const node = parser.fraction()
  return { node, used: tokens.length - parser.remaining() }
}

const isOpening = (token: Token | undefined): token is Token => token?.kind === 'sign' && /^(?:[([{]|\\\{)$/.test(token.text)

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
  private denominator(): Node {
    let below = this.power()
    while (below.kind !== 'application' && !('loose' in below) && this.isClose()) {
      below = { kind: 'binary', op: '*', left: below, right: this.power() }
    }
    return below
  }

  /** A letter without a blank before it, but for the one that ends a command: \omega C. */
  private isClose(): boolean {
    const [before, token, next] = this.tokens.slice(this.at - 1, this.at + 2)
    if (token?.kind !== 'name' || isSign(next, '(')) return false
    return !token.space || (before.kind === 'name' && before.text.startsWith('\\'))
  }

  /** The letter x as a sign of multiplication: 6.02 x 10^23. */
  private timesTen(): boolean {
    const [x, ten, power] = this.tokens.slice(this.at, this.at + 3)
    const found = x?.kind === 'name' && /^[xX]$/.test(x.text) && ten?.kind === 'number' && ten.text === '10' && power?.text === '^'
    if (!found || this.tokens[this.at - 1]?.kind !== 'number') return false
    this.at++
    return true
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
    const named = this.tokens[this.at]?.kind === 'name'
    const first = this.primary()
    const mark = named && first.kind === 'application' ? { loose: true as const } : {}
    const base = this.postfix(first, mark)
    if (!this.take('^')) return base
    if (++this.depth > LIMITS.depth) throw new NoExpression('too deep')
    const exponent = this.exponent()
    this.depth--
    return this.postfix({ kind: 'binary', op: '^', left: base, right: exponent, ...mark }, mark)
  }

  private exponent(): Node {
    if (this.take('-')) return { kind: 'negate', of: this.power() }
    this.take('+')
    return this.power()
  }

  private postfix(node: Node, mark: { loose?: true } = {}): Node {
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
      case '\\sum':
        return this.series('sum')
      case '\\prod':
        return this.series('product')
      case '\\int':
        return this.integral()
      case '\\lim':
        return this.limit()
      case '\\frac': {
        const variable = this.derivedVariable()
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
        return this.root()
      case '\\begin{vmatrix}':
        return this.determinant('vmatrix')
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
    if (name === 'C' && this.peek('(')) {
      const chosen = this.combination()
      if (chosen) return chosen
    }
    const full = name + this.index()
    const letter: Node = full === 'e' || full === 'i' ? { kind: 'constant', name: full } : { kind: 'symbol', name: full }
    return this.peek('(') ? this.application(letter) : letter
  }

  private application(of: Node): Node {
    const bars = this.bars
    this.bars = 0
    this.at++
    const args = [this.fraction()]
    while (this.take(',')) args.push(this.fraction())
    this.bars = bars
    if (!this.take(')')) throw new NoExpression('a parenthesis is not closed')
    return { kind: 'application', of, args }
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

  /** C(n, k). */
  private combination(): Node | undefined {
    const start = this.at++
    const args = [this.sum()]
    while (this.take(',')) args.push(this.sum())
    if (args.length === 2 && this.take(')')) return { kind: 'call', name: 'binomial', args }
    this.at = start
    return undefined
  }

  /** Σ or Π: the variable and its bounds, then a product. */
  private series(op: 'sum' | 'product'): Node {
    this.at++
    const { below, above } = this.bounds()
    const [name, equals] = below ?? []
    if (!below || !above || name?.kind !== 'name' || equals?.text !== '=') throw new NoExpression(`a ${op} without bounds`)
    const bound: Omit<BoundNode, 'body'> = { kind: 'bound', op, variable: name.text, from: whole(below.slice(2)), to: whole(above) }
    return this.deeper(() => ({ ...bound, body: bind(this.product(), name.text) }))
  }

  /** ∫ from a to b, up to its dx. */
  private integral(): Node {
    this.at++
    const { below, above } = this.bounds()
    if (!below || !above) throw new NoExpression('an integral without bounds')
    let end = this.at
    for (let depth = 0; end < this.tokens.length; end++) {
      const { kind, text } = this.tokens[end]
      if (kind === 'sign' && /^[([{]$/.test(text)) depth++
      else if (kind === 'sign' && /^[)\]}]$/.test(text)) depth--
      else if (depth === 0 && kind === 'name' && text === 'd' && this.tokens[end + 1]?.kind === 'name') break
    }
    const variable = this.tokens[end + 1]
    if (!variable) throw new NoExpression('an integral without a differential')
    const body: Node = end === this.at ? { kind: 'number', value: rational(1n) } : whole(this.tokens.slice(this.at, end))
    this.at = end + 2
    return { kind: 'bound', op: 'integral', variable: variable.text, from: whole(below), to: whole(above), body: bind(body, variable.text) }
  }

  private limit(): Node {
    this.at++
    const { below } = this.bounds()
    const [name, arrow] = below ?? []
    if (!below || name?.kind !== 'name' || !/^\\(?:to|rightarrow)$/.test(arrow?.text ?? '')) throw new NoExpression('a limit of nothing')
    let point = below.slice(2)
    let side: 1 | -1 | undefined
    const last = point.at(-1)?.text === '}' ? point.at(-2) : point.at(-1)
    const caret = point.findLastIndex(({ text }) => text === '^')
    if (caret > 0 && (last?.text === '+' || last?.text === '-')) {
      side = last.text === '+' ? 1 : -1
      point = point.slice(0, caret)
    }
    const from = whole(point)
    return this.deeper(() => ({ kind: 'bound', op: 'limit', variable: name.text, from, side, body: this.product() }))
  }

  /** The variable of \frac{d}{dx}, which is then behind us. */
  private derivedVariable(): string | undefined {
    const texts = this.tokens.slice(this.at + 1, this.at + 8).map(({ text }) => text)
    const plain = texts.slice(0, 3).join('') === '{d}' && texts[3] === '{' && texts[4] === 'd' && texts[6] === '}'
    if (!plain || this.tokens[this.at + 6]?.kind !== 'name') return undefined
    this.at += 8
    return texts[5]
  }

  /** Tokens of the group or sign behind _ and ^, in any order. */
  private bounds(): { below?: Token[]; above?: Token[] } {
    const found: { below?: Token[]; above?: Token[] } = {}
    for (let round = 0; round < 2; round++) {
      const key = this.take('_') ? 'below' : this.take('^') ? 'above' : undefined
      if (!key) break
      const grouped = this.peek('{')
      const end = grouped ? this.matching(this.at) : this.at
      if (end < 0 || end >= this.tokens.length) throw new NoExpression('a bound is missing')
      const token = this.tokens[this.at]
      if (!grouped && token.kind === 'number' && token.text.length > 1) found[key] = [this.digitToken()]
      else {
        found[key] = this.tokens.slice(grouped ? this.at + 1 : this.at, grouped ? end : end + 1)
        this.at = end + 1
      }
    }
    return found
  }

  /** The first digit of a number: what _ and ^ take without braces. */
  private digitToken(): Token {
    const node = this.singleDigit()
    if (node?.kind !== 'number') throw new NoExpression('a bound is missing')
    return { kind: 'number', value: node.value, text: String(node.value.n), decimal: false, space: false }
  }

  private deeper(parse: () => Node): Node {
    if (++this.depth > LIMITS.depth) throw new NoExpression('too deep')
    const node = parse()
    this.depth--
    return node
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
    const environment = /^\\begin\{([pb]?matrix)\}$/.exec(this.tokens[this.at]?.text ?? '')
    if (name === 'det' && environment) return this.determinant(environment[1])
    let base: Node | undefined
    let exponent: Node | undefined
    for (let round = 0; round < 2; round++) {
      if (this.take('_')) base = this.argument()
      else if (this.peek('^') && !this.isCircle()) {
        this.at++
        exponent = this.take('-') ? { kind: 'negate', of: this.argument() } : this.argument()
      }
    }
    const bare = !isOpening(this.tokens[this.at])
    const args = this.functionArguments()
    // "max 5" is a name and its value.
    if (bare && /^(?:max|min|gcd|lcm)$/.test(name)) throw new NoExpression(`${name} of one number`)
    const [fewest, most] = ARGUMENTS[name] ?? [1, 1]
    if (args.length < fewest || args.length > most) throw new NoExpression(`${name} of ${args.length} arguments`)
    let call: Node
    if (name === 'log' && base) call = { kind: 'call', name: 'log', args: [args[0], base] }
    else if (base) throw new NoExpression('a function with an index')
    else if (name === 'factorial' && args.length === 1) call = { kind: 'factorial', of: args[0], step: 1 }
    else call = { kind: 'call', name, args }
    if (exponent) {
      const inverse =
        exponent.kind === 'negate' && exponent.of.kind === 'number' && exponent.of.value.n === 1n && exponent.of.value.d === 1n
      if (inverse && /^(?:sin|cos|tan)h?$/.test(name)) call = { kind: 'call', name: `a${name}`, args }
      else if (inverse && /^(?:sec|csc|cot)$/.test(name)) call = { kind: 'call', name: `arc${name}`, args }
      else call = { kind: 'binary', op: '^', left: call, right: exponent }
    }
    this.depth--
    return call
  }

  private functionArguments(): Node[] {
    const open = this.tokens[this.at]
    if (isOpening(open)) {
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
    const environment = /^\\begin\{(matrix|array)\}$/.exec(this.tokens[this.at]?.text ?? '')?.[1]
    if (environment) {
      const determinant = this.determinant(environment)
      this.bars--
      if (!this.take('|')) throw new NoExpression('a bar is not closed')
      return determinant
    }
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

  private determinant(environment: string): Node {
    const close = `\\end{${environment}}`
    this.at++
    const rows: Node[][] = [[this.sum()]]
    for (;;) {
      if (this.take('&')) rows.at(-1)!.push(this.sum())
      else if (this.take('\\\\')) {
        if (!this.peek(close)) rows.push([this.sum()])
      } else break
    }
    if (!this.take(close)) throw new NoExpression('a determinant is not closed')
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
    if (token.kind === 'number') return /^[)!]$/.test(this.tokens[this.at - 1]?.text ?? '')
    if (token.kind !== 'sign') return false
    if (token.text === '|') return this.bars === 0
    return (
      /^(?:[([{]|\\(?:sum|prod|int|lim|frac|sqrt|binom|lfloor|lceil|floor|ceil|lcm|begin\{vmatrix\}))$/.test(token.text) ||
      DECORATIONS.has(token.text)
    )
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
