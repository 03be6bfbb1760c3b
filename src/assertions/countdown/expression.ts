/**
 * Arithmetic as models write it, read by an own tokenizer and recursive descent: never through an evaluator.
 *
 *     text      := statement (separator statement)*        separator: {@link SEPARATOR}, line break or words
 *     statement := sum ('=' sum)*
 *     sum       := product (('+' | '-') product)*
 *     product   := factor (('*' | '/') factor)*
 *     factor    := number | '-' number | '(' sum ')' | '\frac' '{' sum '}' '{' sum '}'
 *
 * Bounds: {@link LIMITS}. There is no power and no implicit product. A minus sign before a number makes a negative
 * number, which only an intermediate result can be: it cannot change the sign of a given one. Any other sign in a statement
 * (! ² | √ % ≠ <), and a function or an operation in words, makes it unreadable: it could mean another value.
 */

import { add, divide, multiply, negate, parseRational, type Rational, subtract } from '../rational.ts'

export const LIMITS = { characters: 4096, numbers: 64, depth: 60, digits: 30 } as const

/** Why a text is no arithmetic; the message is for people. */
export class Unreadable extends Error {}

/** One side of a statement: its value and the numbers it is made of. */
export interface Side {
  value: Rational
  numbers: Rational[]
  /** It has an operator, so it is more than a number. */
  compound: boolean
  text: string
}

/** Sides of a chain of equalities. */
export type Statement = Side[]

type Operator = '+' | '-' | '*' | '/' | '=' | '^'
type Token =
  | { kind: 'number'; value: Rational; at: number; end: number }
  | { kind: 'operator'; op: Operator; at: number; end: number }
  | { kind: 'open' | 'close'; text: string; at: number; end: number }
  /** foreign: what the grammar has no place for. */
  | { kind: 'fraction' | 'separator' | 'foreign'; at: number; end: number }

const OPERATORS: ReadonlyMap<string, Operator> = new Map([
  ['+', '+'],
  ['＋', '+'],
  ['-', '-'],
  ['−', '-'],
  ['–', '-'],
  ['—', '-'],
  ['*', '*'],
  ['×', '*'],
  ['·', '*'],
  ['⋅', '*'],
  ['∗', '*'],
  ['/', '/'],
  ['÷', '/'],
  ['∕', '/'],
  ['⁄', '/'],
  ['=', '='],
  ['^', '^'],
])
const COMMANDS: ReadonlyMap<string, Operator> = new Map([
  ['times', '*'],
  ['cdot', '*'],
  ['ast', '*'],
  ['div', '/'],
])
const FRACTIONS = new Set(['frac', 'dfrac', 'tfrac', 'cfrac'])
const SILENT = new Set(['left', 'right', 'quad', 'qquad', 'displaystyle', 'bigl', 'bigr', 'big', 'Big', 'boxed'])
/** Commands between statements, and commands around words. */
const SEPARATING = new Set(
  'implies Rightarrow rightarrow longrightarrow Longrightarrow to therefore because newline checkmark text textbf textit textrm mathrm mathbf mathit begin end'.split(
    ' ',
  ),
)
/** Punctuation between statements, arrows, check marks and other pictures. */
const SEPARATOR = /^(?:[;,:.?"'“”‘’…•。，；：、\n\r→⇒⟹⇨∴]|(?![°©®])\p{So})$/u
const BLANK = /^(?:[\s$&`]|\p{Cf}|\ufe0f)$/u
/** Operations in words: what stands beside them is no statement of its own. */
const OPERATIONS = new Set(
  (
    'plus minus times divided over mod modulo squared cubed power root sqrt cbrt factorial choose log ln exp sin cos tan ' +
    'abs floor ceil ceiling round max min gcd lcm'
  ).split(' '),
)
const CLOSING: Readonly<Record<string, string>> = { '(': ')', '[': ']', '{': '}' }

/**
 * Reads all statements of a text. With `thousands`, a comma before three digits belongs to the number (1,000).
 * Stretches without an operator are prose, unless there is nothing else. Throws {@link Unreadable}.
 */
export function readStatements(text: string, thousands: boolean): Statement[] {
  if (text.length > LIMITS.characters) throw new Unreadable(`longer than ${LIMITS.characters} characters`)
  const groups = splitTokens(tokenize(text, thousands)).filter((tokens) => tokens.some(({ kind }) => kind === 'number'))
  const written = groups.filter((tokens) => tokens.some(({ kind }) => kind === 'operator' || kind === 'fraction'))
  const used = written.length > 0 ? written : groups.slice(-1)
  if (used.length === 0) throw new Unreadable('there is no number in it')
  const count = used.reduce((sum, tokens) => sum + tokens.filter(({ kind }) => kind === 'number').length, 0)
  if (count > LIMITS.numbers) throw new Unreadable(`more than ${LIMITS.numbers} numbers`)
  return used.map((tokens) => new StatementParser(text, tokens).statement())
}

/** Whether a line is arithmetic and nothing else: what an answer line without a marker must be. Foreign signs make it an answer that is refused. */
export function isArithmetic(line: string): boolean {
  if (line.length > LIMITS.characters || !/\d/.test(line)) return false
  try {
    const tokens = tokenize(line, true)
    const words = /[\p{L}]{2,}/u.test(line.replace(/\\[a-zA-Z]+/g, ''))
    if (words || !tokens.some((token) => token.kind === 'operator' && token.op !== '=')) return false
    return tokens.some(({ kind }) => kind === 'foreign') || readStatements(line, false).length > 0
  } catch {
    return false
  }
}

function splitTokens(tokens: readonly Token[]): Token[][] {
  const groups: Token[][] = [[]]
  for (const token of tokens) {
    if (token.kind === 'separator') groups.push([])
    else groups.at(-1)!.push(token)
  }
  return groups
}

function tokenize(text: string, thousands: boolean): Token[] {
  const tokens: Token[] = []
  for (let at = 0; at < text.length; ) {
    const c = String.fromCodePoint(text.codePointAt(at)!)
    const operator = OPERATORS.get(c)
    let end = at + c.length
    if (isDigit(c) || (c === '.' && isDigit(text[at + 1]))) {
      end = numberEnd(text, at, thousands)
      tokens.push({ kind: 'number', value: numberValue(text.slice(at, end)), at, end })
    } else if ((c === '=' || c === '-') && text[end] === '>') {
      tokens.push({ kind: 'separator', at, end: ++end })
    } else if (operator) {
      if (c === '*' && text[end] === '*') throw new Unreadable('a power ("**") is not allowed: use + - * / only')
      tokens.push({ kind: 'operator', op: operator, at, end })
    } else if ('([{'.includes(c)) tokens.push({ kind: 'open', text: c, at, end })
    else if (')]}'.includes(c)) tokens.push({ kind: 'close', text: c, at, end })
    else if (c === '\\') {
      while (end < text.length && isLetter(text[end])) end++
      const name = text.slice(at + 1, end)
      const op = COMMANDS.get(name)
      if (op) tokens.push({ kind: 'operator', op, at, end })
      else if (FRACTIONS.has(name)) tokens.push({ kind: 'fraction', at, end })
      else if (name === '') {
        // `\\` is a line break, `\,` `\!` `\(` and the like are spacing or delimiters.
        end++
        if (text[end - 1] === '\\') tokens.push({ kind: 'separator', at, end })
        else if (!/^[,;:!> ()[\]{}$&]?$/.test(text.slice(end - 1, end))) tokens.push({ kind: 'foreign', at, end })
      } else if (!SILENT.has(name)) tokens.push({ kind: SEPARATING.has(name) ? 'separator' : 'foreign', at, end })
    } else if (isLetter(c)) {
      while (end < text.length && isLetter(text[end])) end++
      const word = text.slice(at, end)
      // A lone x between numbers is a multiplication sign; sqrt(4 + 5) and 5C2 are no prose.
      if (word === 'x' || word === 'X') tokens.push({ kind: 'operator', op: '*', at, end })
      else if (OPERATIONS.has(word.toLowerCase()) || touchesMath(text[at - 1]) || touchesMath(text[end]))
        tokens.push({ kind: 'foreign', at, end })
      else tokens.push({ kind: 'separator', at, end })
    } else if (c === '\n' || SEPARATOR.test(c)) tokens.push({ kind: 'separator', at, end })
    else if (!BLANK.test(c)) tokens.push({ kind: 'foreign', at, end })
    at = end
  }
  return tokens
}

function numberEnd(text: string, start: number, thousands: boolean): number {
  let at = start
  while (isDigit(text[at])) at++
  const groups = thousands && at - start <= 3 && at > start
  while (groups && text[at] === ',' && /^\d{3}(?!\d)/.test(text.slice(at + 1, at + 5))) at += 4
  if (text[at] === '.' && isDigit(text[at + 1])) {
    at++
    while (isDigit(text[at])) at++
  }
  return at
}

function numberValue(digits: string): Rational {
  if (digits.length > LIMITS.digits) throw new Unreadable(`a number of more than ${LIMITS.digits} digits`)
  return parseRational(digits.replaceAll(',', ''))!
}

/** A word beside it without a blank is a function or a unit. */
const touchesMath = (c: string | undefined): boolean => isDigit(c) || (c !== undefined && '([)]_'.includes(c))

function isDigit(c: string | undefined): boolean {
  return c !== undefined && c >= '0' && c <= '9'
}

function isLetter(c: string): boolean {
  return /\p{L}/u.test(c)
}

class StatementParser {
  private at = 0
  private depth = 0
  private readonly text: string
  private readonly tokens: readonly Token[]

  constructor(text: string, tokens: readonly Token[]) {
    this.text = text
    this.tokens = tokens
  }

  statement(): Statement {
    const sides = [this.side()]
    while (this.takeOperator('=')) {
      // "11 + 1 =" with nothing behind states nothing.
      if (this.at === this.tokens.length) break
      sides.push(this.side())
    }
    if (this.at < this.tokens.length) throw new Unreadable(this.unexpected())
    return sides
  }

  private side(): Side {
    const first = this.tokens[this.at]
    const side: Side = { value: { n: 0n, d: 1n }, numbers: [], compound: false, text: '' }
    side.value = this.sum(side)
    side.text = this.text.slice(first.at, this.tokens[this.at - 1].end)
    return side
  }

  private sum(side: Side): Rational {
    let value = this.product(side)
    for (;;) {
      const op = this.takeOperator('+', '-')
      if (!op) return value
      side.compound = true
      const right = this.product(side)
      value = op === '+' ? add(value, right) : subtract(value, right)
    }
  }

  private product(side: Side): Rational {
    let value = this.factor(side)
    for (;;) {
      const op = this.takeOperator('*', '/')
      if (!op) return value
      side.compound = true
      const right = this.factor(side)
      value = op === '*' ? multiply(value, right) : this.quotient(value, right)
    }
  }

  private factor(side: Side): Rational {
    const token = this.tokens[this.at]
    if (token?.kind === 'number') {
      this.at++
      side.numbers.push(token.value)
      return token.value
    }
    if (token?.kind === 'operator' && token.op === '-') return this.negative(side)
    if (token?.kind === 'open') return this.group(side)
    if (token?.kind === 'fraction') {
      this.at++
      side.compound = true
      const above = this.group(side)
      return this.quotient(above, this.group(side))
    }
    throw new Unreadable(this.unexpected())
  }

  private negative(side: Side): Rational {
    const next = this.tokens[this.at + 1]
    if (next?.kind !== 'number') {
      throw new Unreadable('a minus sign in front of an expression (unary minus) is not allowed: write it as a subtraction')
    }
    this.at += 2
    const value = negate(next.value)
    side.numbers.push(value)
    return value
  }

  private group(side: Side): Rational {
    const open = this.tokens[this.at]
    if (open?.kind !== 'open') throw new Unreadable(this.unexpected())
    if (++this.depth > LIMITS.depth) throw new Unreadable(`nested deeper than ${LIMITS.depth}`)
    this.at++
    const value = this.sum(side)
    const close = this.tokens[this.at]
    if (close?.kind !== 'close' || close.text !== CLOSING[open.text]) throw new Unreadable(this.unexpected())
    this.at++
    this.depth--
    return value
  }

  private quotient(above: Rational, below: Rational): Rational {
    if (below.n === 0n) throw new Unreadable('it divides by zero')
    return divide(above, below)
  }

  private takeOperator(...ops: Operator[]): Operator | undefined {
    const token = this.tokens[this.at]
    if (token?.kind !== 'operator' || !ops.includes(token.op)) return undefined
    this.at++
    return token.op
  }

  private unexpected(): string {
    const token = this.tokens[this.at]
    if (!token) return 'it ends too early'
    if (token.kind === 'operator' && token.op === '^') return 'a power ("^") is not allowed: use + - * / only'
    const got = this.text.slice(token.at, token.end)
    if (token.kind === 'foreign') return `"${got}" is not allowed: use + - * / and parentheses only`
    const before = this.tokens[this.at - 1]
    const implicit = (token.kind === 'open' || token.kind === 'number') && (before?.kind === 'close' || before?.kind === 'number')
    return implicit ? `there is no operator before "${got}"` : `"${got}" is out of place`
  }
}
