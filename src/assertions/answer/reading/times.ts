/** Times of day: 3:20 p.m. is 15:20. Without a.m. or p.m. a time up to 12:59 may be either. */

interface Time {
  minutes: number
  /** Undefined: it may be in the morning or in the afternoon. */
  half?: 'a' | 'p'
}

const TIME =
  /^(?:at )?(\d{1,2})(?:[:.]([0-5]\d))?(?:\s|~|\\[ ,;])?(?:\\(?:text|mathrm|textrm)\s?\{\s?)?(?:([ap])\.?\s?m\.?|(?:h|hrs|hours))?\s?\}?$/i
const LONGEST = 40

function readTime(text: string): Time | undefined {
  const plain = text.trim().replace(/^\$|\$$/g, '')
  if (plain.length > LONGEST) return undefined
  if (/^(?:12(?::00)? )?noon$/i.test(plain)) return { minutes: 720, half: 'p' }
  if (/^(?:12(?::00)? )?midnight$/i.test(plain)) return { minutes: 0, half: 'a' }
  const [, hours, minutes, letter] = TIME.exec(plain) ?? []
  if (hours === undefined || (minutes === undefined && letter === undefined) || Number(hours) > 23) return undefined
  // 13.45 is a number.
  if (letter === undefined && !plain.includes(':')) return undefined
  const half = letter?.toLowerCase() as 'a' | 'p' | undefined
  const hour = Number(hours)
  if (half !== undefined && hour <= 12) return { minutes: ((hour % 12) + (half === 'p' ? 12 : 0)) * 60 + Number(minutes ?? 0), half }
  if (half === 'a') return undefined
  // 04:45 and 16:45 are written on the clock of 24 hours.
  const full = hour === 0 || hour > 12 || hours.startsWith('0')
  return { minutes: hour * 60 + Number(minutes ?? 0), half: full ? (hour < 12 ? 'a' : 'p') : undefined }
}

/** Whether a text is a time of day, and no time that something takes. */
export const isTime = (text: string): boolean => readTime(text) !== undefined

/** Whether two texts are the same time of day. Undefined: one of them is none, or they leave open which half of the day is meant. */
export function sameTime(a: string, b: string): boolean | undefined {
  if (!/\d:\d\d|m\b|m\.|noon|midnight/i.test(b)) return undefined
  const right = readTime(b)
  const left = right && readTime(a)
  return left?.half === undefined || right?.half === undefined ? undefined : left.minutes === right.minutes
}
