/** For which values an answer holds, where that goes without saying: f(x) = 2x for all real x, a_n = 2^n for n ≥ 1. */

/** "f(x) = 2x for all x in Q" */
const QUANTIFIER =
  /^([^<>≤≥]{1,200}?=[^<>≤≥]{1,200}?)(?:,|\\[ ,;]|\\q?quad)?\s{0,3}(?:\\text\s?\{\s?)?,?\s?(?:for )?(?:all|every|any|each)\s(?:(?:real|rational|positive|integer|integers|complex|numbers?)\s){0,3}\s?\}?\s?\$?[a-zA-Z]\$?(?:\s?(?:\\in(?![a-z])|∈|in)\s?(?:\\mathbb\s?\{?)?[A-Zℚℝℤℕ]\}?(?:\^[+*])?)?\s{0,3}\$?\.?$/

/** What it may begin with, so that most texts need no more than this. */
const MAY_HOLD = /\b(?:all|every|any|each|for|where|with)\b|\\forall|∀|[,(\s\\}]\s?\$?[nkmjN]\s?(?:\\g|>|≥|\\in(?![a-z])|∈|=\s?[012],)/

const KIND = String.raw`(?:(positive|natural|non-?negative)\s)?(?:whole\s)?(integers?|numbers?|values? of)\s`
const ALL = String.raw`(?:(?:for|where|with)\s(?:(?:all|every|any|each|an?)\s)?|(?:all|every|any|each)\s|\\forall\s?|∀\s?)`
/** The letter and from where on it counts, behind a comma, in parentheses or behind words. */
const FROM = new RegExp(String.raw`^(.{1,300}?)\s?(?:[,;]\s?${ALL}?|\(\s?${ALL}?|\s?${ALL})(?:${KIND})?([nkmjN])\s?(>=?)\s?(\d)\s?\)?$`)
const AMONG = new RegExp(
  String.raw`^(.{1,300}?)\s?(?:[,;]\s?${ALL}?|\(\s?${ALL}?|\s?${ALL})([nkmjN])\s?(?:in|∈)\s?[NZ]\s?(?:\^\s?[+*]|_\s?(?:>=?\s?)?[01+])?\s?\)?$`,
)
const OF_A_KIND = new RegExp(
  String.raw`^(.{1,300}?)\s?[,;(]?\s?(?:${ALL}${KIND}([nkmjN])|(?:where|with|for)\s([nkmjN])\s(?:is|being)\s(?:an?|any)\s(?:positive|natural|non-?negative)\s(?:integer|number))\s?\)?$`,
)
const COUNTED =
  /^(.{1,300}?)\s?[,;(]?\s?(?:for|where|with)?\s?([nkmjN])\s?=\s?([012]),\s?[123],\s?(?:[234],\s?)?(?:\.{3}|\\[lc]?dots[bc]?)\s?\)?$/

/** "for all x > 0", said of the argument of a function. */
const OF_ITS_ARGUMENT =
  /^([a-zA-Z]\s?\(([a-z])\)\s?=[^=<>]{1,200}?)\s?,?\s?(?:for\s)?(?:(?:all|every|any|each)\s|\\forall\s?|∀\s?)(?:(?:real|positive)\s){0,2}(?:numbers?\s)?\2\s?(?:>=?|\\neq?(?![a-z])|≠|!=)\s?0$/
/** all integers n ≥ 3 */
const ALL_INTEGERS = /^(?:all|every|any)\s(?:positive\s|natural\s)?(?:integers?|natural\snumbers?|numbers?)\s([nkmjN]\s?>=?\s?\d{1,9})$/

export interface Quantified {
  /** Without what it holds for. */
  bare: string
  /** The first value for which it holds, where that is said: n ≥ 1. */
  from?: string
}

/** An answer without the natural numbers or the reals for which it holds. Undefined: it says no such thing. */
export function withoutQuantifier(text: string): Quantified | undefined {
  if (text.length > 400 || !MAY_HOLD.test(text)) return undefined
  const known = /\b(?:all|every|any|each)\b/.test(text) ? QUANTIFIER.exec(text) : null
  if (known) return { bare: known[1].replace(/\\[,;]?$/, '') }
  const plain = text
    .replace(/\\(?:text|mathrm|textrm|mbox)\s?\{([^{}]{0,80})\}/g, ' $1 ')
    .replace(/\\(?:mathbb|mathbf|Bbb)\s?\{?\s?([NZ])\s?\}?|ℕ|ℤ/g, (whole, letter?: string) => ` ${letter ?? (whole === 'ℤ' ? 'Z' : 'N')}`)
    .replace(/\\(?:geqslant|geqq?|ge|gt)(?![a-zA-Z])|≥|⩾/g, (sign) => (sign === '\\gt' ? '>' : '>='))
    .replace(/\\in(?![a-zA-Z])/g, ' in ')
    .replace(/\\q?quad(?![a-zA-Z])|\\[;: ]/g, ' ')
    .replaceAll('$', ' ')
    .replace(/\s{1,10}/g, ' ')
    .trim()
    .replace(/[.\s]{1,3}$/, '')
  const whole = OF_ITS_ARGUMENT.exec(plain) ?? ALL_INTEGERS.exec(plain)
  if (whole) return { bare: whole[1] }
  const [, body, letter, from] = boundIn(plain) ?? []
  if (body === undefined || /[<>≤≥]|\\(?:le|ge|ne|in)(?![a-z])|\\[lg]eq/.test(body)) return undefined
  const bare = body.trim().replace(/(?:,|\\,|\\!)\s?$/, '')
  // A letter that the answer does not hold is another part of it.
  if (!new RegExp(`(?<![a-zA-Z\\\\])${letter}(?![a-zA-Z])`).test(bare)) return undefined
  // "m = n + 1, n ≥ 1" bounds a solution; "a_n = 2^n, n ≥ 1" says where a formula begins.
  const equation = /^([^=]{1,40})=/.exec(bare)
  if (equation && !new RegExp(`[a-zA-Z]\\s?(?:_\\s?\\{?\\s?|\\()${letter}`).test(equation[1])) return undefined
  return bare === '' ? undefined : { bare, from }
}

/** Body, letter and first value. */
function boundIn(plain: string): [string, string, string, string?] | undefined {
  const from = FROM.exec(plain)
  if (from) return [from[0], from[1], from[4], from[5] === '>' ? String(Number(from[6]) + 1) : from[6]]
  const among = AMONG.exec(plain)
  if (among) return [among[0], among[1], among[2]]
  const kind = OF_A_KIND.exec(plain)
  if (kind) return [kind[0], kind[1], kind[4] ?? kind[5]]
  const counted = COUNTED.exec(plain)
  return counted ? [counted[0], counted[1], counted[2], counted[3]] : undefined
}
