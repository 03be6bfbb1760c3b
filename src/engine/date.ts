/** Days for `strftime_now`. */

/**
 * The day that a template is told where nothing else is asked for. Today's would change the ids of a prompt, and with them seeds and kept samples,
 * from day to day. It is the day that the templates of Llama 3.2 name where they cannot ask.
 */
export const defaultDate = '2024-07-26'

const days = 'Sunday Monday Tuesday Wednesday Thursday Friday Saturday'.split(' ')
const months = 'January February March April May June July August September October November December'.split(' ')

/** Whether a text is a day of the calendar, YYYY-MM-DD. */
export function isDay(text: string): boolean {
  const at = Date.parse(`${text}T00:00:00Z`)
  return /^\d{4}-\d\d-\d\d$/.test(text) && !Number.isNaN(at) && new Date(at).toISOString().startsWith(text)
}

/** Python's strftime in its plain locale, at midnight of a day. */
export function strftime(day: string, format: string): string {
  const [year, month, date] = day.split('-')
  const at = new Date(`${day}T00:00:00Z`)
  const ofYear = 1 + (at.getTime() - Date.UTC(Number(year), 0)) / 86_400_000
  const parts: Record<string, string> = {
    ...{ Y: year, y: year.slice(2), m: month, d: date, e: date.replace(/^0/, ' '), j: String(ofYear).padStart(3, '0') },
    ...{ B: months[Number(month) - 1], A: days[at.getUTCDay()], w: String(at.getUTCDay()), u: String(at.getUTCDay() || 7) },
    ...{ H: '00', M: '00', S: '00', I: '12', p: 'AM', f: '000000', Z: '', z: '', '%': '%' },
  }
  const short = (name: string) => name.slice(0, 3)
  Object.assign(parts, { b: short(parts.B), h: short(parts.B), a: short(parts.A) })
  Object.assign(parts, {
    F: day,
    D: `${month}/${date}/${parts.y}`,
    x: `${month}/${date}/${parts.y}`,
    T: '00:00:00',
    X: '00:00:00',
    R: '00:00',
  })
  parts.c = `${parts.a} ${parts.b} ${parts.e} 00:00:00 ${year}`
  return format.replace(/%(-?)([a-zA-Z%])/g, (whole, bare: string, name: string) => {
    if (!Object.hasOwn(parts, name)) throw new Error(`strftime_now cannot write ${whole}`)
    return bare ? parts[name].replace(/^[0 ](?=.)/, '') : parts[name]
  })
}
