/** Answers in words: numbers ("forty-two"), sets ("no solution"), and texts without case and punctuation. */

import { type Rational, rational } from '../../rational.ts'

const ONES =
  'zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen'
const SMALL = new Map(ONES.split(' ').map((word, i) => [word, BigInt(i)]))
const TENS = new Map('twenty thirty forty fifty sixty seventy eighty ninety'.split(' ').map((word, i) => [word, BigInt(20 + 10 * i)]))
const SCALES = new Map([
  ['thousand', 1000n],
  ['million', 1_000_000n],
  ['billion', 1_000_000_000n],
])

/** The number that English words spell, all of them: "one hundred and five". Undefined for anything else. */
export function numberInWords(text: string): bigint | undefined {
  if (text.length > 120 || !/^[a-z]/i.test(text)) return undefined
  const words = text
    .toLowerCase()
    .split(/[\s-]+/)
    .filter((word) => word !== '')
  const negative = words[0] === 'minus' || words[0] === 'negative'
  if (negative) words.shift()
  if (words.length === 0) return undefined
  let total = 0n
  let group = 0n
  let last: 'none' | 'small' | 'tens' | 'hundred' | 'scale' | 'and' = 'none'
  for (const word of words) {
    const small = SMALL.get(word)
    const tens = TENS.get(word)
    const scale = SCALES.get(word)
    if (small !== undefined && last !== 'small' && (last !== 'tens' || (small > 0n && small < 10n))) {
      group += small
      last = 'small'
    } else if (tens !== undefined && last !== 'small' && last !== 'tens') {
      group += tens
      last = 'tens'
    } else if (word === 'hundred' && (last === 'small' || last === 'tens') && group < 100n && group % 10n !== 0n) {
      group *= 100n
      last = 'hundred'
    } else if (word === 'and' && (last === 'hundred' || last === 'scale')) last = 'and'
    else if (scale !== undefined && (last === 'small' || last === 'tens' || last === 'hundred') && (total === 0n || total > scale)) {
      total += group * scale
      group = 0n
      last = 'scale'
    } else return undefined
  }
  if (last === 'and') return undefined
  return negative ? -(total + group) : total + group
}

/** Names of the parts of a whole, after how many there are of them. */
const PARTS = new Map(
  'half third quarter fifth sixth seventh eighth ninth tenth eleventh twelfth'.split(' ').map((word, i) => [word, BigInt(i + 2)]),
)
PARTS.set('halve', 2n)
PARTS.set('fourth', 4n)
PARTS.set('hundredth', 100n)
PARTS.set('thousandth', 1000n)

/** The number that English words spell, a fraction too: "two thirds", "three and a half". Undefined for anything else. */
export function rationalInWords(text: string): Rational | undefined {
  const whole = numberInWords(text)
  if (whole !== undefined) return rational(whole)
  const match = /^(?:(.{1,60}?) and )?(.{1,60})[ -]([a-z]{4,12})$/i.exec(text.trim())
  if (!match) return undefined
  const part = match[3].toLowerCase()
  const below =
    PARTS.get(part) ?? PARTS.get(part.replace(/s$/, '')) ?? (match[2].includes('-') ? undefined : ordinalPart(part.replace(/s$/, '')))
  const above = /^an?$/i.test(match[2]) ? 1n : numberInWords(match[2])
  const before = match[1] === undefined ? 0n : numberInWords(match[1])
  if (below === undefined || above === undefined || before === undefined) return undefined
  if (above < 1n || before < 0n || (before > 0n && above >= below)) return above < 0n && before === 0n ? rational(above, below) : undefined
  return rational(before * below + above, below)
}

/** The 20 of "twentieth", the 16 of "sixteenth". */
function ordinalPart(part: string): bigint | undefined {
  if (!/(?:teen|tie)th$/.test(part)) return undefined
  const cardinal = part.replace(/ieth$/, 'y').replace(/th$/, '')
  return SMALL.get(cardinal) ?? TENS.get(cardinal)
}

const ORDINALS = new Map('first second third fifth eighth ninth twelfth'.split(' ').map((word, i) => [word, [1, 2, 3, 5, 8, 9, 12][i]]))

/** The number of an ordinal in words: "fifth", "the twenty-first". Undefined for anything else. */
export function ordinalInWords(text: string): bigint | undefined {
  const match = /^(?:the\s)?((?:[a-z]{3,12}[\s-]){0,6}?)([a-z]{4,12})$/i.exec(text.trim().slice(0, 120))
  if (!match) return undefined
  const last = match[2].toLowerCase()
  const irregular = ORDINALS.get(last)
  const cardinal =
    irregular !== undefined ? ONES.split(' ')[irregular] : last.endsWith('ieth') ? last.replace(/ieth$/, 'y') : last.replace(/th$/, '')
  return cardinal === last ? undefined : numberInWords(match[1] + cardinal)
}

const REALS = new Set([
  'allrealnumbers',
  'allreals',
  'realnumbers',
  'thereals',
  'therealnumbers',
  'setofallrealnumbers',
  'thesetofallrealnumbers',
  'anyrealnumber',
  'allrealvalues',
  'allrealx',
])
const NOTHING = new Set([
  'nosolution',
  'nosolutions',
  'norealsolution',
  'norealsolutions',
  'emptyset',
  'theemptyset',
  'nullset',
  'thereisnosolution',
  'therearenosolutions',
  'therearenorealsolutions',
  'thereisnorealsolution',
  'nosolutionexists',
  'nosolutionsexist',
  'norealsolutionexists',
  'norealsolutionsexist',
  'nosuchxexists',
  'nosuchnumberexists',
  'nosuchintegerexists',
  'nosuchnumbers',
  'nosuchnumber',
  'thereisnosuchnumber',
  'thereisnosuchx',
  'norealroots',
  'norealroot',
  'noroots',
])

/** Words for the set of all reals or the empty set. */
export function setInWords(text: string): 'reals' | 'empty' | undefined {
  const plain = text.toLowerCase().replace(/[^a-z]/g, '')
  return REALS.has(plain) ? 'reals' : NOTHING.has(plain) ? 'empty' : undefined
}

const HALF_LINE =
  /^(?:all |every |any |the )?(?:set of (?:all )?)?(non-?positive|non-?negative|positive|negative) real(?: number)?s?(?: [a-z])?$/
const HALVES: Readonly<Record<string, string>> = {
  positive: '(0,\\infty)',
  negative: '(-\\infty,0)',
  nonnegative: '[0,\\infty)',
  nonpositive: '(-\\infty,0]',
}

/** "all positive real numbers" as an interval, "infinity" as its sign. */
export function signsInWords(text: string): string | undefined {
  const plain = text.trim().toLowerCase()
  const half = HALF_LINE.exec(plain)
  if (half) return HALVES[half[1].replace('-', '')]
  const infinite = /^(?:(positive|plus)|(negative|minus))? ?infinity$/.exec(plain)
  return infinite ? `${infinite[2] === undefined ? '' : '-'}\\infty` : undefined
}

const ARTICLE = /^((?:\s|[{$]|\\text\{){0,4})(?:(?:an?|the)\s+(?=[a-z])|on\s+(?=(?:mon|tues|wednes|thurs|fri|satur|sun)day))/
const SAME: Readonly<Record<string, string>> = { dne: 'doesnotexist' }

/** Words without case, spaces, punctuation and an article before them. */
export function plainWords(text: string): string {
  const plain = text
    .toLowerCase()
    .replace(ARTICLE, '$1')
    .replace(/(?<=[a-z]{2})-(?=[a-z]{2})/g, '')
    .replace(/(\d)\s+(?=\d)/g, '$1_')
    .replace(/\\(?:text|mathrm|mbox)|[\s{}?"'`*$]|(?<=[^\s(,&|])!|[.,;:](?!\d)/g, '')
    .slice(0, 4096)
  return Object.hasOwn(SAME, plain) ? SAME[plain] : plain
}

/** An adjective and the noun of what it tells: "an even function", "prime number". */
const OF_A_KIND =
  /^\s*(?:(?:an?|the)\s)?\s*([a-z]{3,}(?:-[a-z]+)?) (?:functions?|numbers?|integers?|triangles?|quadrilaterals?|polygons?|sequences?|progressions?|series|matri(?:x|ces)|graphs?|lines|events?|relations?)\s*$/i
/** Without their noun these say another thing. */
const DEPENDENT = new Set(
  'right left not the this that any all some each every first second last one two three real whole same other'.split(' '),
)

/** What an answer says of a reference that is an adjective, without the noun that goes without saying there. A reference with a noun asks for it. */
export function withoutNoun(text: string): string | undefined {
  const adjective = text.length < 60 ? OF_A_KIND.exec(text)?.[1].toLowerCase() : undefined
  return adjective === undefined || DEPENDENT.has(adjective) ? undefined : adjective
}

const SUBJECT =
  /^\s*(?:(?:so|thus|hence|therefore),?\s)?(?:it|they|this|that|these|the (?:lines|planes|vectors|series|sequence|function|triangle|quadrilateral|figure|curve|graph|matrix|statement|events|two))(?:\s(?:is|are)|['’]s)\s(.{1,80}?)[.!\s]*$/i

/** What a sentence says of its subject: "they are parallel". */
export const withoutSubject = (text: string): string | undefined => (text.length < 120 ? SUBJECT.exec(text)?.[1] : undefined)
