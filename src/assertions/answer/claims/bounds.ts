/** Bounds told in words: "x has to be greater than -1 and less than 6", "n is at least 28". */

import { isAnswer } from './formulas.ts'
import type { Found } from './numbers.ts'

const VALUE = String.raw`(\$[^$\s]{1,24}\$|\\\([^\s]{1,24}?\\\)|[-−]?\d[\d.,/]{0,20}\d|[-−]?\d)`
const OR_EQUAL = '(?: or equal to)?'
const LOW = `(?:strictly )?(?:(?:greater|more|larger|bigger|higher|longer) than${OR_EQUAL}|at least|no (?:less|smaller|fewer) than|above)`
const HIGH = `(?:strictly )?(?:(?:less|smaller|fewer|lower|shorter) than${OR_EQUAL}|at most|no (?:more|greater|larger) than|below)`
const AND = '(?:and|but)(?: also)?(?: at the same time| simultaneously)?'
const SAID = new RegExp(
  String.raw`(?:(?<![\w$\\])(?:\$|\\\()?([a-z])(?:\$|\\\))?|\b[a-z_]{2,20})\s(?:is|are|be)\s(${LOW}|${HIGH})\s${VALUE}(?:,? (?:${AND}|(or))(?: (?:is|be))? (${LOW}|${HIGH})\s${VALUE})?[.\s]{0,4}$`,
  'i',
)
/** "So every number larger than 7 works." */
const ANY = new RegExp(
  String.raw`\b(?:all|every|each|any)(?: real| positive)? (?:numbers?|values?|x)(?: that (?:is|are))? (${LOW}|${HIGH})\s${VALUE}(?: (?:works?|is a solution|are solutions|satisf(?:y|ies) (?:it|this|the inequality)))?[.\s]{0,4}$`,
  'i',
)
const BETWEEN = new RegExp(
  String.raw`(?:(?:(?<![\w$\\])(?:\$|\\\()?([a-z])(?:\$|\\\))?|\b\w{2,20})\s(?:is|are|be|lies?)|\b(?:all|every|each|any)(?: real)?(?: numbers?| values?)?(?: [a-z])?)\s(strictly )?between ${VALUE} and ${VALUE}(?:,? (inclusive|exclusive))?[.\s]{0,4}$`,
  'i',
)

const LEFT_OUT = String.raw`(?:\$[^$]{1,30}\$|\\\([^()]{1,30}\\\)|[-−]?\d[\d./]{0,12}\d|[-−]?\d)`
const EXCEPTION = new RegExp(
  String.raw`\b(?:everywhere|(?:(?:all|every|any|each) (?:of )?)?(?:the )?(?:real numbers?|reals?(?: values?)?|real (?:\$[a-z]\$|[a-z]))(?: (?:\$[a-z]\$|[a-z]))?|(?:all|every|any)(?: numbers?| values?(?: of)?)? (?:\$x\$|x)),? (?:except|other than|but|excluding|apart from|save)(?: for| at)? (?:when |where |at )?(?:(?:\$|\\\()?x ?= ?)?(${LEFT_OUT}(?:(?:,? and |,? or |, )${LEFT_OUT}){0,5})[.\s]{0,4}$`,
  'i',
)

/** "n can be any integer from -3 to 3" */
const INTEGERS = new RegExp(
  String.raw`\b(?:any|every|all|each|the) (?:of the )?(?:integers?|whole numbers?)(?: [a-z]| values?)? (?:from|between) ${VALUE} (?:up )?(?:to|through|and) ${VALUE}(,? (?:both )?(?:inclusive(?:ly)?|included))?[.\s]{0,4}$`,
  'i',
)

/** "x must be 3 or more" */
const OR_MORE = new RegExp(
  String.raw`(?<![\w$\\])(?:\$|\\\()?([a-z])(?:\$|\\\))?\s(?:(?:must|has to|can|should) )?(?:is|be)\s${VALUE} or (more|greater|larger|bigger|higher|above|less|fewer|smaller|lower|below)[.\s]{0,4}$`,
  'i',
)

/** "all real numbers except $-7$ and $3$": the reals without these. */
export function exceptionIn(sentence: string): Found | undefined {
  if (!/\breal|\beverywhere|\b(?:all|every|any)\b/i.test(sentence.slice(-200))) return undefined
  const shift = Math.max(0, sentence.length - 300)
  const said = EXCEPTION.exec(sentence.slice(shift))
  if (!said) return undefined
  const values = said[1].split(/,? and |,? or |, /).map((value) =>
    plain(value.trim())
      .replace(/^\s?[a-z]\s?=/, '')
      .trim(),
  )
  return found(`all real numbers except ${values.join(', ')}`, shift + said.index)
}

const THOSE =
  /\b(?:is|are|of|be|namely|precisely|exactly|only|set) (?:exactly |precisely |just )?(?:all|every|each|any|those|the) (?:(real numbers?|reals?|numbers?|values?|integers?|whole numbers?) )?(?:of )?(?:\$|\\\()\s?([a-z])\s?(?:\$|\\\)),? (?:with|such that|for which|satisfying|where) (?:\$|\\\()([^$]{3,60}?)(?:\$|\\\))[.\s]{0,4}$/i

/** "exactly those $y$ with $y^2 \\le 2$": the set of these. */
export function thoseWith(sentence: string): Found | undefined {
  const end = sentence.slice(-300)
  const said = /[$)][.\s]{0,4}$/.test(end) ? THOSE.exec(end) : null
  if (
    !said ||
    !new RegExp(String.raw`(?<![a-zA-Z\\])${said[2]}(?![a-zA-Z])`).test(said[3]) ||
    !/[<>≤≥]|\\(?:[lg]eq?|neq?|[lg]t)(?![a-z])|≠/.test(said[3])
  )
    return undefined
  const domain = said[1] !== undefined && /^(?:integer|whole)/i.test(said[1]) ? '\\in\\mathbb{Z}' : ''
  return found(`\\{${said[2]}${domain} : ${said[3]}\\}`, sentence.length - end.length + said.index)
}

/** What a sentence that ends in bounds says, as a relation. Undefined: it ends in none, or leaves open whether they belong to it. */
export function boundsIn(sentence: string): Found | undefined {
  const integers = /\b(?:integer|whole)/i.test(sentence.slice(-120)) ? INTEGERS.exec(sentence.slice(-200)) : null
  if (integers && (/\bfrom\b/i.test(integers[0]) || integers[3] !== undefined))
    return found(
      `\\{n\\in\\mathbb{Z} : ${plain(integers[1])} \\le n \\le ${plain(integers[2])}\\}`,
      Math.max(0, sentence.length - 200) + integers.index,
    )
  if (
    !/\b(?:than|least|most|equal to|between|above|below|or (?:more|greater|larger|bigger|higher|less|fewer|smaller|lower))\b/i.test(
      sentence.slice(-160),
    )
  )
    return undefined
  const shift = Math.max(0, sentence.length - 300)
  const end = sentence.slice(shift)
  const between = BETWEEN.exec(end)
  if (between) {
    const [, letter, strictly, low, high, word] = between
    if (strictly === undefined && word === undefined) return undefined
    const sign = word === 'inclusive' ? '<=' : '<'
    return found(`${plain(low)} ${sign} ${letter ?? 'x'} ${sign} ${plain(high)}`, shift + between.index)
  }
  const more = OR_MORE.exec(end)
  if (more)
    return found(`${more[1]} ${/less|fewer|smaller|lower|below/i.test(more[3]) ? '<=' : '>='} ${plain(more[2])}`, shift + more.index)
  const any = ANY.exec(end)
  if (any) return found(`x ${signOf(any[1])} ${plain(any[2])}`, shift + any.index)
  const said = SAID.exec(end)
  if (!said) return undefined
  const [, letter, first, value, or, second, other] = said
  if (second === undefined) return found(`${letter ?? ''} ${signOf(first)} ${plain(value)}`.trim(), shift + said.index)
  const name = letter ?? 'x'
  return found(
    `${name} ${signOf(first)} ${plain(value)}${or === undefined ? ',' : ' or'} ${name} ${signOf(second)} ${plain(other)}`,
    shift + said.index,
  )
}

/** "k is at least 2", "at least 2", "2 or more" */
const BARE = new RegExp(
  `^(?:(?:([a-z]) (?:(?:is|must be|has to be) )?)?(${LOW}|${HIGH}) ${VALUE}|${VALUE} or (more|greater|larger|bigger|higher|less|fewer|smaller|lower))[.!]?$`,
  'i',
)

/** The relation that a text is which says nothing but a bound. */
export function boundAlone(text: string): string | undefined {
  const said = text.length > 60 ? null : BARE.exec(withoutText(text))
  if (!said) return undefined
  const [, letter = '', words, value, from, more] = said
  const sign = words === undefined ? (/less|fewer|smaller|lower/i.test(more) ? '<=' : '>=') : signOf(words)
  return found(`${letter} ${sign} ${plain(value ?? from)}`.trim(), 0)?.text
}

/** k \\text{ is at least } 2 */
const withoutText = (text: string): string =>
  text
    .replace(/\\(?:text|textrm|mathrm|mbox)\s?\{([^{}]{0,30})\}/g, ' $1 ')
    .replace(/\s{1,9}/g, ' ')
    .trim()

const found = (text: string, at: number): Found | undefined => (isAnswer(text) ? { text, at } : undefined)

const plain = (value: string): string => value.replace(/^\$|\$$|^\\\(|\\\)$/g, '')

function signOf(words: string): string {
  if (/^(?:above|below)$/i.test(words)) return /above/i.test(words) ? '>' : '<'
  if (/at least|no (?:less|smaller|fewer)/i.test(words)) return '>='
  if (/at most|no (?:more|greater|larger)/i.test(words)) return '<='
  return (/less|smaller|fewer|lower|shorter/i.test(words) ? '<' : '>') + (/equal/i.test(words) ? '=' : '')
}
