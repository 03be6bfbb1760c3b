/** Integers told in words as one progression: "every even integer", "n is odd", "all multiples of 3". */

/** The integers `start` + k · `step`, and the letter that is said to be one. */
export interface Progression {
  name: string
  start: bigint
  step: bigint
}

const LETTER = '(?: ([a-z]))?'
const ALL = '(?:(?:the )?set of )?(?:all |every |any |each |the )?(?:of )?(?:the )?'
const WORKS = '(?: (?:works?|will do|is a solution|are solutions))?'
const PARITY = new RegExp(`^${ALL}(even|odd) (?:integers?|whole numbers?|numbers?)${LETTER}${WORKS}$`)
const PARITY_BEHIND = new RegExp(`^${ALL}integers?${LETTER} (?:that|which) (?:are|is) (even|odd)${WORKS}$`)
const LETTER_FIRST = /^(?:all |every |any )?(?:integers? )?([a-z])(?: is| must be| has to be)? (?:an )?(even|odd)(?: integer| number)?$/
const WITH_PARITY = /^(?:all |every |any )(even|odd) ([a-z])$/
const MULTIPLES = new RegExp(String.raw`^${ALL}(?:integer )?multiples? of (\d{1,6})${WORKS}$`)
const DIVISIBLE = new RegExp(
  String.raw`^${ALL}integers?${LETTER}(?: that are| that is| which are| which is)? divisible by (\d{1,6})${WORKS}$`,
)
const INTEGERS = new RegExp(
  String.raw`^(?:(?:the )?set of )?(?:all |every |any )(?:the )?integers?${LETTER}${WORKS}$|^(?:([a-z]) ?(?:\\in|∈) ?)?(?:\\mathbb ?\{? ?Z ?\}?|ℤ)$`,
)

/** The first look: what every such text has. */
export const MAY_BE_IN_WORDS =
  /\b(?:even|odd|multiples?|divisible|integers?)\b|^\W{0,3}(?:[a-z] ?(?:\\in|∈) ?)?(?:\\mathbb ?\{? ?Z ?\}?|ℤ)\W{0,3}$/

/** The progression that a text tells in words. Undefined: it tells none, or limits it. */
export function progressionInWords(text: string): Progression | undefined {
  if (text.length > 90 || !MAY_BE_IN_WORDS.test(text)) return undefined
  const plain = text
    .replace(/\\(?:text|textrm|mathrm|mbox) ?\{([^{}]{0,80})\}/g, ' $1 ')
    .replace(/[$~]|\\[,;:! ]/g, ' ')
    .replace(/\s{1,9}/g, ' ')
    .trim()
    .replace(/[.!\s]{1,3}$/, '')
    .replace(/^[A-Z](?=[a-z]* )/, (first) => first.toLowerCase())
  const parity = PARITY.exec(plain)
  if (parity) return ofParity(parity[1], parity[2])
  const behind = PARITY_BEHIND.exec(plain)
  if (behind) return ofParity(behind[2], behind[1])
  const first = LETTER_FIRST.exec(plain)
  if (first) return ofParity(first[2], first[1])
  const letter = WITH_PARITY.exec(plain)
  if (letter) return ofParity(letter[1], letter[2])
  const multiples = MULTIPLES.exec(plain)
  if (multiples) return multiplesOf(multiples[1])
  const divisible = DIVISIBLE.exec(plain)
  if (divisible) return multiplesOf(divisible[2], divisible[1])
  const integers = INTEGERS.exec(plain)
  return integers ? multiplesOf('1', integers[1] ?? integers[2]) : undefined
}

const ofParity = (parity: string, name = ''): Progression => ({ name, start: parity === 'odd' ? 1n : 0n, step: 2n })

const multiplesOf = (step: string, name = ''): Progression | undefined =>
  BigInt(step) === 0n ? undefined : { name, start: 0n, step: BigInt(step) }
