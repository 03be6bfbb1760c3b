/** Answers in words: numbers ("forty-two"), sets ("no solution"), and texts without case and punctuation. */

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
    } else if (word === 'hundred' && last === 'small' && group < 10n) {
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
])

/** Words for the set of all reals or the empty set. */
export function setInWords(text: string): 'reals' | 'empty' | undefined {
  const plain = text.toLowerCase().replace(/[^a-z]/g, '')
  return REALS.has(plain) ? 'reals' : NOTHING.has(plain) ? 'empty' : undefined
}

const SAME: Readonly<Record<string, string>> = { dne: 'doesnotexist' }

/** Words without case, spaces and punctuation. */
export function plainWords(text: string): string {
  const plain = text
    .toLowerCase()
    .replace(/(\d)\s+(?=\d)/g, '$1_')
    .replace(/\\(?:text|mathrm|mbox)|[\s{}!?"'`*$]|[.,;:](?!\d)/g, '')
    .slice(0, 4096)
  return Object.hasOwn(SAME, plain) ? SAME[plain] : plain
}
