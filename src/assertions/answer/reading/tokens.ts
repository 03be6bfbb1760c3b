/** Tokens of an answer written in LaTeX or plainly. */

import { parseRational, type Rational, rational } from '../../rational.ts'
import { closingBrace } from '../claims/boxed.ts'
import { LIMITS, TooComplex } from '../limits.ts'
import { parseUnit } from '../units/units.ts'
import {
  ALIASES,
  FUNCTIONS,
  GREEK,
  LONGEST_FUNCTION,
  NO_FUNCTIONS,
  SHORT_WORDS,
  SILENT,
  SKIPPED,
  STYLE_COMMANDS,
  TEXT_COMMANDS,
  WORD_NAMES,
} from './vocabulary.ts'

export type Token = { space: boolean } & (
  | { kind: 'number'; value: Rational; text: string /** Written with a decimal point. */; decimal: boolean /** 5th. */; ordinal?: true }
  | { kind: 'name'; text: string }
  /** A function or an operator with a name. */
  | { kind: 'function'; text: string }
  | { kind: 'word'; text: string }
  | { kind: 'text'; text: string }
  | { kind: 'sign'; text: string }
)

const REPEATING = /^\.\s*\\(?:overline|bar|dot)\b/
/** With what a separator of thousands may begin. */
const SEPARATOR_STARTS = " {,'\\\u00a0\u2009\u202f"
/** The point of 1./3 and 1.e5. */
const BARE_POINT = /^\.(?:\s?[*/^)]|[eE][-+]?\d)/
/** The ending of 5th, 5^{th}, 5\text{th}, 5^{\text{th}}. */
const ORDINAL =
  /^(?:(st|nd|rd|th)(?![a-zA-Z])|\^\s?\{\s?(st|nd|rd|th)\s?\}|\^?\s?\\(?:text|mathrm|textrm|textsuperscript)\s?\{\s?(st|nd|rd|th)\s?\}|\^\s?\{\s?\\(?:text|mathrm|textrm)\s?\{\s?(st|nd|rd|th)\s?\}\s?\})/
const BLANK = /\s/
const LETTER = /\p{L}/u
const TWO_CHARACTER_SIGNS = new Set(['<=', '>=', '!=', '**', '=='])

/** Reads tokens. Throws TooComplex beyond the bounds. `thousands`: commas in 3-digit groups belong to the number. */
export function tokenize(text: string, thousands = true): Token[] {
  if (text.length > LIMITS.candidate) throw new TooComplex(`longer than ${LIMITS.candidate} characters`)
  return new Tokenizer(text, thousands).run()
}

class Tokenizer {
  private readonly text: string
  private readonly thousands: boolean
  private readonly tokens: Token[] = []
  private at = 0
  private space = false
  /** Open ( [ \{: a comma inside them separates. */
  private brackets = 0
  private plainUntil = 0

  constructor(text: string, thousands: boolean) {
    this.text = text
    this.thousands = thousands
  }

  run(): Token[] {
    while (this.at < this.text.length) {
      this.next()
      if (this.tokens.length > LIMITS.tokens) throw new TooComplex(`more than ${LIMITS.tokens} tokens`)
    }
    return this.tokens
  }

  private next(): void {
    const c = this.text[this.at]
    if (c === '~' && this.isNegation()) {
      this.at++
      this.push({ kind: 'sign', text: '\\neg', space: this.space })
    } else if (c === ' ' || BLANK.test(c) || c === '~' || c === '$') {
      this.at++
      this.space = true
    } else if (isDigit(c) || (c === '.' && isDigit(this.text[this.at + 1]) && !isDigit(this.text[this.at - 1]))) this.number()
    else if (c === '.' && REPEATING.test(this.text.slice(this.at, this.at + 16))) this.number()
    else if (c === '\\') this.command()
    else if (LETTER.test(c)) this.letters()
    else this.sign(c)
  }

  /** ~p is a negation where no blank can be meant: before a letter of a statement, behind nothing or a connective. */
  private isNegation(): boolean {
    const before = this.tokens.at(-1)
    const free = before === undefined || (before.kind === 'sign' && /^(?:[(~]|\\(?:and|or|neg|Rightarrow|to|iff))$/.test(before.text))
    return free && /^~(?:[A-Zp-s](?![\w(])|\()/.test(this.text.slice(this.at, this.at + 3)) && !this.text.includes('=')
  }

  private push(token: Token): void {
    this.tokens.push(token)
    this.space = false
  }

  private sign(c: string): void {
    const two = this.text.slice(this.at, this.at + 2)
    let text = c
    // 5!=120 is a factorial and its value.
    const factorial = two === '!=' && /[\d!]/.test(this.text[this.at - 1] ?? '')
    if (TWO_CHARACTER_SIGNS.has(two) && !factorial) text = two === '**' ? '^' : two === '==' ? '=' : two
    else if (this.text.startsWith('...', this.at)) text = '...'
    else if (two === '=<' || two === '=>') text = two === '=<' ? '<=' : '>='
    this.at += text === '^' && two === '**' ? 2 : text === '=' && two === '==' ? 2 : text.length
    if (this.text.startsWith('^\\circ', this.at - 1) && text === '^') {
      this.at += 5
      text = '^\\circ'
    }
    this.bracket(text)
    this.push({ kind: 'sign', text, space: this.space })
  }

  private bracket(text: string): void {
    if (text === '(' || text === '[' || text === '\\{') this.brackets++
    else if ((text === ')' || text === ']' || text === '\\}') && this.brackets > 0) this.brackets--
  }

  private letters(): void {
    const start = this.at
    while (this.at < this.text.length && LETTER.test(this.text[this.at])) this.at++
    let run = this.text.slice(start, this.at)
    // 4:30 p.m.
    const half = this.tokens.at(-1)?.kind === 'number' ? /^([ap])(\.?)\s?m\b\.?/i.exec(this.text.slice(start, start + 6)) : null
    if (half && (half[2] !== '' || this.tokens.at(-2)?.text === ':')) {
      this.at = start + half[0].length
      this.push({ kind: 'word', text: `${half[1].toLowerCase()}m`, space: true })
      return
    }
    if (Object.hasOwn(WORD_NAMES, run)) {
      this.push({ kind: 'name', text: WORD_NAMES[run], space: this.space })
      return
    }
    if (run === 'and' || run === 'or' || run === 'mod') {
      this.push({ kind: 'sign', text: run, space: this.space })
      return
    }
    if (FUNCTIONS.has(run)) {
      // 90 min
      const minutes = run === 'min' && this.tokens.at(-1)?.kind === 'number' && !/^\s?[({_\\]/.test(this.text.slice(this.at, this.at + 2))
      this.push({ kind: minutes ? 'word' : 'function', text: run, space: this.space })
      return
    }
    // "sinx": a function and a letter or two.
    for (let length = Math.min(LONGEST_FUNCTION, run.length - 1); length >= 2 && run.length - length <= 2; length--) {
      if (!FUNCTIONS.has(run.slice(0, length)) || NO_FUNCTIONS.has(run)) continue
      this.push({ kind: 'function', text: run.slice(0, length), space: this.space })
      run = run.slice(length)
      break
    }
    if (run.length >= 4 || SHORT_WORDS.has(run.toLowerCase()) || !/^[A-Za-z]+$/.test(run) || /^[A-Z]{2}s$/.test(run))
      this.push({ kind: 'word', text: run, space: this.space })
    else for (const letter of run) this.push({ kind: 'name', text: letter, space: this.space })
  }

  private command(): void {
    const start = this.at++
    const c = this.text[this.at]
    if (c === undefined) return
    if (!/[a-zA-Z]/.test(c)) {
      this.symbolCommand(c)
      return
    }
    while (this.at < this.text.length && /[a-zA-Z]/.test(this.text[this.at])) this.at++
    const name = this.text.slice(start + 1, this.at)
    // "\quadx": a blank that runs into the next name.
    const blank = /^q?quad(?=.)/.exec(name)
    if (blank) this.at = start + 1 + blank[0].length
    if (blank || SILENT.has(name)) {
      this.space = true
      return
    }
    if (SKIPPED.has(name)) {
      if (this.text[this.at] === '*') this.at++
      const end = this.text[this.at] === '{' ? closingBrace(this.text, this.at) : -1
      if (end > 0) this.at = end + 1
      this.space = true
      return
    }
    if (TEXT_COMMANDS.has(name) || STYLE_COMMANDS.has(name)) {
      this.styled(name)
      return
    }
    if (name === 'begin' || name === 'end') {
      const close = this.text.indexOf('}', this.at)
      const environment = close < 0 ? '' : this.text.slice(this.at, close + 1).replace(/[{}*\s]/g, '')
      this.at = close < 0 ? this.text.length : close + 1
      // \begin{array}{cc}: the columns say nothing.
      if (name === 'begin' && environment === 'array' && this.text[this.at] === '{') {
        const end = closingBrace(this.text, this.at)
        if (end > 0) this.at = end + 1
      }
      this.push({ kind: 'sign', text: `\\${name}{${environment}}`, space: this.space })
      return
    }
    if (FUNCTIONS.has(name) && name !== 'sqrt') {
      this.push({ kind: 'function', text: name, space: this.space })
      return
    }
    if (name === 'not' && /^\s?(?:=|\\in(?![a-z]))/.test(this.text.slice(this.at, this.at + 5))) {
      const equals = this.text.slice(this.at, this.at + 2).includes('=')
      this.at = equals ? this.text.indexOf('=', this.at) + 1 : this.text.indexOf('\\in', this.at) + 3
      this.push({ kind: 'sign', text: equals ? '!=' : '\\notin', space: this.space })
      return
    }
    if (name === 'det') {
      this.push({ kind: 'function', text: name, space: this.space })
      return
    }
    if (name === 'sgn') {
      this.push({ kind: 'word', text: name, space: this.space })
      return
    }
    if (name === 'cr') {
      this.push({ kind: 'sign', text: '\\\\', space: this.space })
      return
    }
    const alias = Object.hasOwn(ALIASES, name) ? ALIASES[name] : undefined
    if (alias === undefined) {
      const kind = GREEK.has(name) ? 'name' : 'sign'
      this.push({ kind, text: `\\${name}`, space: this.space })
      return
    }
    const text = alias === 'frac' || alias === 'binom' ? `\\${alias}` : alias
    this.bracket(text)
    this.push({ kind: 'sign', text, space: this.space })
  }

  private symbolCommand(c: string): void {
    this.at++
    if (c === '{' || c === '}') {
      this.bracket(`\\${c}`)
      this.push({ kind: 'sign', text: `\\${c}`, space: this.space })
    } else if (c === '\\') this.push({ kind: 'sign', text: '\\\\', space: this.space })
    else if (c === '%' || c === '$' || c === '&') this.push({ kind: 'sign', text: c, space: this.space })
    else if (c === '|') this.push({ kind: 'sign', text: '|', space: this.space })
    else this.space = true
  }

  /** `\text{…}` is prose, `\mathrm{…}` and the like may be a letter or a function. */
  private styled(command: string): void {
    while (this.text[this.at] === ' ') this.at++
    let inner: string
    if (this.text[this.at] === '{') {
      const close = closingBrace(this.text, this.at)
      if (close < 0) throw new TooComplex('a brace is not closed')
      inner = this.text.slice(this.at + 1, close)
      this.at = close + 1
    } else if (this.at < this.text.length) inner = this.text[this.at++]
    else return
    const plain = (inner.includes('\\') ? plainUnits(inner) : inner).replace(/[{}$\\~]/g, ' ').trim()
    const prose = TEXT_COMMANDS.has(command)
    if (/^(?:,?\s*and|,?\s*or),?$/i.test(plain)) this.push({ kind: 'sign', text: /and/i.test(plain) ? 'and' : 'or', space: true })
    else if (command === 'mathbb' && plain === 'R') this.push({ kind: 'sign', text: '\\R', space: this.space })
    else if (!prose && FUNCTIONS.has(plain)) this.push({ kind: 'function', text: plain, space: this.space })
    else if (prose && FUNCTIONS.has(plain) && (plain === 'cis' || this.text[this.at] === '('))
      this.push({ kind: 'function', text: plain, space: this.space })
    else if (!prose && this.isUprightUnit(command, inner, plain)) this.push({ kind: 'text', text: plain, space: true })
    else if (inner.includes('\\') && plain.length > 1 && this.isBehindValue() && parseUnit(plain)?.strict)
      this.push({ kind: 'text', text: plain, space: true })
    else if (!prose && plain.length === 1) this.push({ kind: 'name', text: plain, space: this.space })
    else if (/^[-+]?[\d.,\s]+$/.test(plain) || (inner.includes('\\') && !/[a-zA-Z]{2}/.test(plain))) this.splice(inner)
    else if (plain !== '') this.push({ kind: 'text', text: plain, space: true })
  }

  private isBehindValue(): boolean {
    const before = this.tokens.at(-1)
    return before?.kind === 'number' || /^(?:[)}]|\\pi)$/.test(before?.text ?? '')
  }

  /** The letter of a unit: behind a blank as in 100\\mathrm{~m}, or upright behind a number. */
  private isUprightUnit(command: string, inner: string, plain: string): boolean {
    if (plain.length !== 1 || (command !== 'mathrm' && command !== 'rm')) return false
    const before = this.tokens.at(-1)
    return /^(?:~|\s|\\[ ,;:])/.test(inner) || (before?.kind === 'number' && /[mgshLlNJWVK]/.test(plain))
  }

  /** Math inside a text command is read as if the command were not there. */
  private splice(inner: string): void {
    for (const token of tokenize(inner, this.thousands)) this.tokens.push(token)
    this.space = true
  }

  private number(): void {
    const start = this.at
    while (isDigit(this.text[this.at])) this.at++
    let digits = this.text.slice(start, this.at)
    digits += this.groups(digits)
    let fraction = ''
    let decimal = false
    if (this.text[this.at] === '.' && isDigit(this.text[this.at + 1])) {
      const from = ++this.at
      while (isDigit(this.text[this.at])) this.at++
      fraction = this.text.slice(from, this.at)
      decimal = true
    } else if (this.text[this.at] === '.') {
      const behind = this.text.slice(this.at, this.at + 16)
      if (REPEATING.test(behind) || BARE_POINT.test(behind)) this.at++
    }
    let repeating = this.repeating()
    if (repeating === '' && decimal) {
      const ellipsis = /^\s?(?:\.\.\.|\\(?:ldots|dots|cdots)(?![a-zA-Z]))/.exec(this.text.slice(this.at, this.at + 8))
      const period = ellipsis ? periodOf(fraction) : 0
      if (ellipsis && period > 0) {
        repeating = fraction.slice(-period)
        this.at += ellipsis[0].length
      }
    }
    const exponent = this.exponent()
    if (digits.length + fraction.length > LIMITS.digits) throw new TooComplex(`a number of more than ${LIMITS.digits} digits`)
    let value = fraction === '' ? rational(BigInt(digits)) : parseRational(`${digits === '' ? '0' : digits}.${fraction}`)!
    if (repeating !== '') {
      const below = 10n ** BigInt(fraction.length) * (10n ** BigInt(repeating.length) - 1n)
      const extra = rational(BigInt(repeating), below)
      value = rational(value.n * extra.d + extra.n * value.d, value.d * extra.d)
    }
    if (exponent > 0) value = rational(value.n * 10n ** BigInt(exponent), value.d)
    else if (exponent < 0) value = rational(value.n, value.d * 10n ** BigInt(-exponent))
    const text = this.text.slice(start, this.at).replace(/[^\d.eE+-]/g, '')
    const plain = !decimal && repeating === '' && exponent === 0
    const ordinal = plain && this.ordinal(text) ? { ordinal: true as const } : {}
    this.push({ kind: 'number', value, text, decimal: decimal && repeating === '', ...ordinal, space: this.space })
  }

  /** Whether the ending of an ordinal number stands here; then it is behind us. */
  private ordinal(digits: string): boolean {
    const next = this.text[this.at]
    if (next === undefined || !'snrt^\\'.includes(next)) return false
    const match = ORDINAL.exec(this.text.slice(this.at, this.at + 32))
    const ending = match?.slice(1).find((one) => one !== undefined)
    const usual = /1\d$/.test(digits) ? 'th' : ({ 1: 'st', 2: 'nd', 3: 'rd' }[digits.at(-1) ?? ''] ?? 'th')
    if (!match || ending !== usual) return false
    this.at += match[0].length
    return true
  }

  /** Further 3-digit groups of a number (1,234 or 1\,234 or 1{,}234 or 1 234); their digits. */
  private groups(first: string): string {
    const next = this.text[this.at]
    if (next === undefined || !SEPARATOR_STARTS.includes(next)) return ''
    if (first.length > 3 || first.startsWith('0') || this.at < this.plainUntil) return ''
    let more = ''
    let end = this.at
    for (;;) {
      const separator = /^(?: ?\{, ?\}|, ?\\!|,|'|\\[,!; ]|[ \u00a0\u2009\u202f])\s?/.exec(this.text.slice(end, end + 8))?.[0]
      if (separator === undefined) break
      const comma = separator.includes(',') && !separator.startsWith('\\')
      if (comma && (/^,\s+$/.test(separator) || (separator === ',' && (this.brackets > 0 || !this.thousands)))) break
      const from = end + separator.length
      let to = from
      while (isDigit(this.text[to])) to++
      if (to - from !== 3) {
        if (to === from) break
        // "27,54,108": one group that has not three digits makes it a list as a whole.
        if (separator === ',') {
          this.plainUntil = this.digitRunEnd(to)
          return ''
        }
        if (!comma) return more === '' ? '' : this.commit(more, end)
        break
      }
      more += this.text.slice(from, to)
      end = to
    }
    return this.commit(more, end)
  }

  private commit(more: string, end: number): string {
    this.at = end
    return more
  }

  private digitRunEnd(from: number): number {
    let to = from
    while (isDigit(this.text[to]) || (this.text[to] === ',' && isDigit(this.text[to + 1]))) to++
    return to
  }

  private repeating(): string {
    const next = this.text[this.at]
    if (next === undefined || (next !== '\\' && next !== '.' && !BLANK.test(next))) return ''
    const match = /^(?:\s*\\(?:overline|bar|dot)\s*(?:\{(\d{1,60})\}|(\d))|\.\((\d{1,60})\))/.exec(this.text.slice(this.at, this.at + 90))
    if (!match) return ''
    this.at += match[0].length
    return match[1] ?? match[2] ?? match[3]
  }

  private exponent(): number {
    const next = this.text[this.at]
    if (next !== 'e' && next !== 'E') return 0
    const match = /^[eE]([+-]?\d{1,10})(?![\d.]|\^)/.exec(this.text.slice(this.at, this.at + 14))
    if (!match) return 0
    const exponent = Number(match[1])
    if (Math.abs(exponent) > LIMITS.digits) throw new TooComplex(`an exponent beyond ${LIMITS.digits}`)
    this.at += match[0].length
    return exponent
  }
}

/** Fractions, products, micro, ohm and degrees of a unit inside \\mathrm or \\text, without commands. */
function plainUnits(inner: string): string {
  return inner
    .slice(0, LIMITS.candidate)
    .replace(/\^ ?\{(-?\d)\}/g, '^$1')
    .replace(/\\[dt]?frac ?\{([^{}]{1,60})\} ?\{([^{}]{1,60})\}/g, '$1/$2')
    .replace(/\\(?:cdot|times)(?![a-zA-Z])/g, '*')
    .replace(/\\mu(?![a-zA-Z]) ?/g, 'µ')
    .replace(/\\Omega(?![a-zA-Z])/g, 'Ω')
    .replace(/\^? ?\{? ?\\circ(?![a-zA-Z]) ?\}?/g, '°')
}

/** Length of the period of digits that an ellipsis follows: three equal ones or a group twice; 0 where nothing repeats. */
function periodOf(digits: string): number {
  for (let period = 1; period <= 12; period++) {
    const least = period === 1 ? 3 : 2 * period
    if (digits.length < least) return 0
    const tail = digits.slice(-least)
    if (tail.slice(0, -period) === tail.slice(period)) return period
  }
  return 0
}

function isDigit(c: string | undefined): boolean {
  return c !== undefined && c >= '0' && c <= '9'
}

/** One writing for tokens that differ in spaces and in braces round a single token only. */
export function canonical(tokens: readonly Token[]): string {
  let out = ''
  let number = false
  for (let i = 0; i < tokens.length; i++) {
    let token = tokens[i]
    if (token.text === '{' && token.kind === 'sign' && tokens[i + 2]?.text === '}' && tokens[i + 2].kind === 'sign') {
      token = tokens[i + 1]
      i += 2
    }
    const text = token.kind === 'text' ? token.text.replace(/\s+/g, '') : token.text
    if (number && token.kind === 'number') out += ' '
    number = token.kind === 'number'
    out += text
  }
  return out.replace(/\.$/, '')
}
