/** Tokens of an answer written in LaTeX or plainly. Commands are read in commands.ts, numbers in numerals.ts. */

import type { Rational } from '../../rational.ts'
import { LIMITS, TooComplex } from '../limits.ts'
import { takeCommand } from './commands.ts'
import { BLANK, isDigit, REPEATING, takeNumber } from './numerals.ts'
import { FUNCTIONS, LONGEST_FUNCTION, NO_FUNCTIONS, SHORT_WORDS, WORD_NAMES } from './vocabulary.ts'

export type Token = { space: boolean } & (
  | { kind: 'number'; value: Rational; text: string /** Written with a decimal point. */; decimal: boolean /** 5th. */; ordinal?: true }
  | { kind: 'name'; text: string }
  /** A function or an operator with a name. */
  | { kind: 'function'; text: string }
  | { kind: 'word'; text: string }
  | { kind: 'text'; text: string }
  | { kind: 'sign'; text: string }
)

const LETTER = /\p{L}/u

/** Whether a character is a letter. Most are of ASCII, and need no table. */
function isLetter(text: string, at: number): boolean {
  const code = text.charCodeAt(at)
  return code < 128 ? (code | 32) >= 97 && (code | 32) <= 122 : LETTER.test(text[at])
}

/** Whether a character is a blank. */
function isBlank(c: string): boolean {
  const code = c.charCodeAt(0)
  return code < 128 ? code === 32 || (code >= 9 && code <= 13) : BLANK.test(c)
}

const TWO_CHARACTER_SIGNS = new Set(['<=', '>=', '!=', '**', '=='])

/** Reads tokens. Throws TooComplex beyond the bounds. `thousands`: commas in 3-digit groups belong to the number. */
export function tokenize(text: string, thousands = true): Token[] {
  if (text.length > LIMITS.candidate) throw new TooComplex(`longer than ${LIMITS.candidate} characters`)
  return new Tokenizer(text, thousands).run()
}

export class Tokenizer {
  readonly text: string
  readonly thousands: boolean
  readonly tokens: Token[] = []
  at = 0
  space = false
  /** Open ( [ \{: a comma inside them separates. */
  brackets = 0
  plainUntil = 0

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

  next(): void {
    const c = this.text[this.at]
    if (c === '~' && this.isNegation()) {
      this.at++
      this.push({ kind: 'sign', text: '\\neg', space: this.space })
    } else if (isBlank(c) || c === '~' || c === '$') {
      this.at++
      this.space = true
    } else if (isDigit(c) || (c === '.' && isDigit(this.text[this.at + 1]) && !isDigit(this.text[this.at - 1]))) takeNumber(this)
    else if (c === '.' && REPEATING.test(this.text.slice(this.at, this.at + 16))) takeNumber(this)
    else if (c === '\\') takeCommand(this)
    else if (isLetter(this.text, this.at)) this.letters()
    else this.sign(c)
  }

  /** ~p is a negation where no blank can be meant: before a letter of a statement, behind nothing or a connective. */
  isNegation(): boolean {
    const before = this.tokens.at(-1)
    const free = before === undefined || (before.kind === 'sign' && /^(?:[(~]|\\(?:and|or|neg|Rightarrow|to|iff))$/.test(before.text))
    return free && /^~(?:[A-Zp-s](?![\w(])|\()/.test(this.text.slice(this.at, this.at + 3)) && !this.text.includes('=')
  }

  push(token: Token): void {
    this.tokens.push(token)
    this.space = false
  }

  sign(c: string): void {
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

  bracket(text: string): void {
    if (text === '(' || text === '[' || text === '\\{') this.brackets++
    else if ((text === ')' || text === ']' || text === '\\}') && this.brackets > 0) this.brackets--
  }

  letters(): void {
    const start = this.at
    while (this.at < this.text.length && isLetter(this.text, this.at)) this.at++
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

  /** Math inside a text command is read as if the command were not there. */
  splice(inner: string): void {
    for (const token of tokenize(inner, this.thousands)) this.tokens.push(token)
    this.space = true
  }
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
