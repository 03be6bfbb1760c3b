/** Words that scale the number before them: 8 hundredths, 3 dozen, 15 million, 40 ppm. Such a word is part of the number and no unit. */

import { compare, multiply, type Rational, rational } from '../../rational.ts'
import { rationalInWords } from '../reading/words.ts'

const WHOLE: Readonly<Record<string, bigint>> = {
  ten: 10n,
  dozen: 12n,
  gross: 144n,
  hundred: 100n,
  thousand: 1000n,
  lakh: 10n ** 5n,
  million: 10n ** 6n,
  crore: 10n ** 7n,
  billion: 10n ** 9n,
  trillion: 10n ** 12n,
  quadrillion: 10n ** 15n,
  quintillion: 10n ** 18n,
}
/** Behind a currency sign only: $15M, £3k, €2bn. */
const LETTERS: Readonly<Record<string, bigint>> = {
  k: 10n ** 3n,
  m: 10n ** 6n,
  mm: 10n ** 6n,
  mn: 10n ** 6n,
  b: 10n ** 9n,
  bn: 10n ** 9n,
  tn: 10n ** 12n,
}
/** Ratios to something, as what they are a part of. */
const RATIOS: readonly [pattern: RegExp, below: bigint][] = [
  [/^(?:per[ -]?mill?e?s?|permill?es?|‰|(?:parts )?per thousand)(?![a-z])/, 1000n],
  [/^(?:‱|basis points?(?![a-z])|bp(?![a-z]))/, 10n ** 4n],
  [/^(?:ppm|parts? per million)(?![a-z])/, 10n ** 6n],
  [/^(?:ppb|parts? per billion)(?![a-z])/, 10n ** 9n],
  [/^(?:ppt|parts? per trillion)(?![a-z])/, 10n ** 12n],
]
const SMALL_PARTS =
  'half third quarter fifth sixth seventh eighth ninth tenth eleventh twelfth thirteenth fourteenth fifteenth sixteenth seventeenth eighteenth nineteenth'
/** Parts of a whole, after how many there are of them: "ninth", "twenty-fifth", "ten-thousandth". */
const PARTS: ReadonlyMap<string, bigint> = new Map(partNames())

function* partNames(): Generator<[string, bigint]> {
  const small = SMALL_PARTS.split(' ').map((word, i): [string, bigint] => [word, BigInt(i + 2)])
  yield* small
  yield* [
    ['fourth', 4n],
    ['halve', 2n],
  ] satisfies [string, bigint][]
  for (const [i, tens] of 'twenty thirty forty fifty sixty seventy eighty ninety'.split(' ').entries()) {
    const value = BigInt(20 + 10 * i)
    yield [tens.replace(/y$/, 'ieth'), value]
    for (const [word, unit] of [...small.slice(1, 8), ['fourth', 4n], ['first', 1n]] as [string, bigint][])
      yield [`${tens}-${word}`, value + unit]
  }
  for (const scale of ['hundred', 'thousand', 'million', 'billion', 'trillion']) {
    yield [`${scale}th`, WHOLE[scale]]
    yield [`one-${scale}th`, WHOLE[scale]]
    for (const times of ['ten', 'hundred']) yield [`${times}-${scale}th`, WHOLE[times] * WHOLE[scale]]
  }
}

interface Scaled {
  factor: Rational
  rest: string
}

/** A scale at the start of prose, and the prose behind it. `of` is the number before it. */
export function scaleAt(prose: string, of?: Rational): Scaled | undefined {
  let rest = prose.trim()
  let factor: Rational | undefined
  for (let round = 0; round < 4; round++) {
    const found = wholeScale(rest) ?? ratioScale(rest) ?? partScale(rest, factor ? undefined : of)
    if (!found) break
    factor = factor ? multiply(factor, found.factor) : found.factor
    rest = found.rest.trim()
  }
  return factor && { factor, rest: rest.replace(/^of (?:an? |the )?/i, '') }
}

/** "million dollars" is a factor of 10^6 and the unit dollars. */
function wholeScale(prose: string): Scaled | undefined {
  const match = /^([a-z]{3,11})(?![a-z-])/i.exec(prose)
  const word = match?.[1].toLowerCase().replace(/(?<!s)s$/, '')
  return match && word && Object.hasOwn(WHOLE, word) ? { factor: rational(WHOLE[word]), rest: prose.slice(match[0].length) } : undefined
}

function ratioScale(prose: string): Scaled | undefined {
  for (const [pattern, below] of RATIOS) {
    const match = pattern.exec(prose.slice(0, 40).toLowerCase())
    if (match) return { factor: rational(1n, below), rest: prose.slice(match[0].length) }
  }
  return undefined
}

/** Parts are named in the plural, and one of them in the singular: "5 fourth graders" are people. 4 quarters are coins or terms. */
function partScale(prose: string, of: Rational | undefined): Scaled | undefined {
  const words = /^([a-z]{3,12})(?:[- ]([a-z]{4,12}))?(?![a-z])/.exec(prose.slice(0, 40).toLowerCase())
  if (!words) return undefined
  const [both, first, second] = words
  for (const [written, name] of [
    [both, second === undefined ? undefined : `${first}-${second}`],
    [first, first],
  ]) {
    const plain = name?.replace(/s$/, '')
    const below = plain === undefined ? undefined : PARTS.get(plain)
    if (written === undefined || below === undefined || (name === plain) !== isOne(of)) continue
    if (plain === 'quarter' && of && compare(of, rational(4n)) >= 0) continue
    return { factor: rational(1n, below), rest: prose.slice(written.length) }
  }
  return undefined
}

const isOne = (value: Rational | undefined): boolean => value !== undefined && value.n === value.d

/** The scale of a letter behind an amount of money. */
export function moneyScale(letters: string): Rational | undefined {
  const lower = letters.toLowerCase()
  return Object.hasOwn(LETTERS, lower) ? rational(LETTERS[lower]) : undefined
}

const WORD_RUN = 7

/**
 * A quantity with its numbers in digits: "one hour and twenty minutes", "half an hour", "an hour and a half", "two dozen".
 * Undefined where no number is spelled. Whether the rest is a unit is for the reader to see.
 */
export function inDigits(text: string): string | undefined {
  if (text.length > LONGEST || !STARTS.test(text) || !/^[a-z\d ,.'-]+$/i.test(text)) return undefined
  const words = text.replace(ONE_AND_A_HALF, 'one and a half $1').split(' ')
  const out: string[] = []
  let spelled = words.length < text.split(' ').length
  for (let i = 0; i < words.length; ) {
    const length = spelledLength(words, i)
    if (length === 0) out.push(words[i++])
    else {
      const value = spelledValue(words.slice(i, i + length))!
      out.push(value.d === 1n ? String(value.n) : `${value.n}/${value.d}`)
      i += length
      spelled = true
      // half an hour, three quarters of an hour, half a million
      const article = /^(?:of )?(?:an?|the) (?=[a-z])/.exec(words.slice(i, i + 3).join(' '))
      if (article && value.d !== 1n) i += article[0].trim().split(' ').length
    }
  }
  return spelled ? out.join(' ') : undefined
}

const LONGEST = 80
const STARTS =
  /^(?:an?|half|one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|[a-z]{3,6}teen|[a-z]{3,5}ty|\d{1,9} and an? half)(?=[ -])/i
/** "an hour and a half", "one mile and a half" */
const ONE_AND_A_HALF = /^(?:an?|one) ([a-z]{3,12}) and a half$/i

function spelledLength(words: readonly string[], from: number): number {
  for (let length = Math.min(WORD_RUN, words.length - from); length > 0; length--) {
    if (spelledValue(words.slice(from, from + length)) !== undefined) return length
  }
  return 0
}

function spelledValue(words: readonly string[]): Rational | undefined {
  const text = words.join(' ').toLowerCase()
  if (/^an?$/.test(text)) return rational(1n)
  if (text === 'half') return rational(1n, 2n)
  const mixed = /^(\d{1,9}) and an? half$/.exec(text)
  if (mixed) return rational(2n * BigInt(mixed[1]) + 1n, 2n)
  return /^[a-z]/.test(text) && !/,$/.test(text) ? rationalInWords(text) : undefined
}
