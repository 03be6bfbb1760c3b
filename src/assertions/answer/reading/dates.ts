/** Calendar dates, in one writing each: 2024-03-05, March 5, 2024, 5th of March 2024. What leaves open which number is the month is none. */

const MONTHS = 'january february march april may june july august september october november december'.split(' ')
const ISO = /^([1-9]\d{3})([-/])(\d{2})\2(\d{2})$/
const MONTH_FIRST = /^([A-Z][a-z]{2,8})\.? (\d{1,2})(?:st|nd|rd|th)?(?:,? ([1-9]\d{3}))?$/
const DAY_FIRST = /^(?:the )?(\d{1,2})(?:st|nd|rd|th)?(?: of)? ([A-Z][a-z]{2,8})\.?(?:,? ([1-9]\d{3}))?$/
const LONGEST = 40

/** The date that a text is, as year-month-day, without its year as month-day. Undefined: it is none. */
export function readDate(text: string): string | undefined {
  if (text.length > LONGEST || !/[a-z]{3}|^\d{4}[-/]/i.test(text)) return undefined
  const plain = text.replace(/^\{?\\text(?:bf|rm|it)?\{([^{}]*)\}{1,2}$/, '$1').trim()
  const iso = ISO.exec(plain)
  if (iso) return written(iso[1], Number(iso[3]), Number(iso[4]))
  const [, name, day, year] = MONTH_FIRST.exec(plain) ?? swapped(DAY_FIRST.exec(plain)) ?? []
  return name === undefined ? undefined : written(year, monthOf(name), Number(day))
}

const swapped = (match: RegExpExecArray | null): string[] | undefined => match?.with(1, match[2]).with(2, match[1])

/** The number of a month by its name or an abbreviation of it; 0: it is none. */
function monthOf(name: string): number {
  const lower = name.toLowerCase()
  const at = MONTHS.findIndex((month) => month === lower || ((lower.length === 3 || lower === 'sept') && month.startsWith(lower)))
  return at + 1
}

function written(year: string | undefined, month: number, day: number): string | undefined {
  if (month < 1 || month > 12 || day < 1 || day > 31) return undefined
  const twoDigits = (value: number): string => String(value).padStart(2, '0')
  return `${year === undefined ? '' : `${year}-`}${twoDigits(month)}-${twoDigits(day)}`
}
