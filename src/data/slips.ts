/**
 * A slip in a worked solution: one calculation goes wrong, and what follows carries it to a wrong answer. A cold start whose paths always agree
 * teaches to say that they agree (docs/real-models.md). A block with a slip in one path shows what to do where they differ.
 */

import { evaluate } from 'mathjs/number'

/** A calculation that its annotator marked: `48/2=24`. */
export interface Calculation {
  expression: string
  result: number
  /** The equation as its annotator wrote it; absent where it was made anew. */
  written?: string
}

/** A worked solution in pieces: `texts[i]` stands before calculation i, and the last one behind all of them. */
export interface Worked {
  texts: readonly string[]
  calculations: readonly Calculation[]
}

export interface Slip {
  /** The whole solution with the slip in it. */
  worked: Worked
  /** As it should be. */
  right: Calculation
}

const OPERATIONS = ['+', '-', '*', '/'] as const
/** How each is written in words. */
const WRITTEN: Record<string, string> = { '+': '\\+', '-': '[-–]', '*': '[*x×]', '/': '[/÷]' }
const TWO_NUMBERS = /^(\d+(?:\.\d+)?)([-+*/])(\d+(?:\.\d+)?)$/
const NUMBER = /(?<![\d.,])\d+(?:,\d{3})*(?:\.\d+)?(?![\d%]|[.,]\d)/g
/** What miscalculating adds. */
const ERRORS = [1, -1, 2, -2, 10, -10]

/** The value of sums and products of plain numbers, or undefined where `expression` is something else. */
export function computed(expression: string): number | undefined {
  if (!/^[-+*/().\d]{1,200}$/.test(expression)) return undefined
  try {
    const value: unknown = evaluate(expression)
    return typeof value === 'number' && Number.isFinite(value) ? value : undefined
  } catch {
    return undefined
  }
}

/**
 * `worked` with a slip, drawn by `random` (uniform in [0, 1)): another operation in a calculation of two numbers, or another result. Undefined
 * where no slip is plain: a calculation says something else than its result, a number that changes has another role too, or the end stays the same.
 * `problem`: the text of the question, whose numbers stay.
 */
export function slip(worked: Worked, problem: string, random: () => number): Slip | undefined {
  const { calculations } = worked
  if (calculations.some(({ expression, result }) => !near(computed(expression), result))) return undefined
  const given = new Set(numbersOf(problem))
  const places = shuffled(
    calculations.flatMap(({ expression }, index) => (TWO_NUMBERS.test(expression) ? [index] : [])),
    random,
  )
  for (const place of places)
    for (const make of shuffled([miscalculated, otherwise], random)) {
      const wrong = make(worked, place, random)
      const carried = wrong && carry(wrong, place, calculations[place].result, given)
      if (carried) return { worked: carried, right: calculations[place] }
    }
  return undefined
}

/** The same expression with another result. */
function miscalculated({ texts, calculations }: Worked, place: number, random: () => number): Worked | undefined {
  const { expression, result } = calculations[place]
  const wrong = rounded(result + ERRORS[Math.floor(random() * ERRORS.length)])
  return wrong === undefined ? undefined : { texts, calculations: calculations.with(place, { expression, result: wrong }) }
}

/** Another operation between the same numbers, in the words too. */
function otherwise({ texts, calculations }: Worked, place: number, random: () => number): Worked | undefined {
  const [, left, operation, right] = TWO_NUMBERS.exec(calculations[place].expression)!
  const others = OPERATIONS.filter((other) => other !== operation)
  const other = others[Math.floor(random() * others.length)]
  const written = new RegExp(`(?<![\\d.,])(\\$?${literal(left)}\\s*)${WRITTEN[operation]}(\\s*\\$?${literal(right)})(\\s*=\\s*\\$?)$`)
  if (!written.test(texts[place])) return undefined
  const expression = `${left}${other}${right}`
  const result = rounded(computed(expression))
  if (result === undefined) return undefined
  return {
    texts: texts.with(place, texts[place].replace(written, `$1${other}$2$3`)),
    calculations: calculations.with(place, { expression, result }),
  }
}

/** Everything behind calculation `place`, whose result was `before`, with the numbers that follow from it. */
function carry(wrong: Worked, place: number, before: number, given: ReadonlySet<number>): Worked | undefined {
  const texts = [...wrong.texts]
  const calculations = [...wrong.calculations]
  const changed = new Map<number, number>()
  // A number that changes must be this one wherever it stands.
  const earlier = new Set([
    ...given,
    ...calculations.slice(0, place).flatMap(({ expression, result }) => [...numbersOf(expression), result]),
  ])
  for (const number of numbersOf(texts.slice(0, place + 1).join(' '))) earlier.add(number)
  const note = (old: number, now: number) => {
    if (near(old, now)) return true
    if (earlier.has(old) || changed.has(old)) return false
    changed.set(old, now)
    return true
  }
  if (!note(before, calculations[place].result)) return undefined
  for (let index = place; ; ) {
    texts[index + 1] = renumbered(texts[index + 1], changed)
    if (++index === calculations.length) break
    const { result: old } = calculations[index]
    const expression = renumbered(calculations[index].expression, changed)
    const result = rounded(computed(expression))
    if (result === undefined || !note(old, result)) return undefined
    calculations[index] = { expression, result }
  }
  const end = calculations.length - 1
  return end === place || !near(calculations[end].result, wrong.calculations[end].result) ? { texts, calculations } : undefined
}

function renumbered(text: string, changed: ReadonlyMap<number, number>): string {
  return text.replaceAll(NUMBER, (number) => {
    const now = changed.get(Number(number.replaceAll(',', '')))
    if (now === undefined) return number
    return number.includes(',') ? now.toLocaleString('en-US') : String(now)
  })
}

function numbersOf(text: string): number[] {
  return (text.match(NUMBER) ?? []).map((number) => Number(number.replaceAll(',', '')))
}

/** A result as a solution would have it, above 0 and with at most two decimals, or undefined. */
function rounded(result: number | undefined): number | undefined {
  if (result === undefined || !(result > 0 && result < 1e7)) return undefined
  const short = Math.round(result * 100) / 100
  return near(short, result) ? short : undefined
}

function near(one: number | undefined, other: number): boolean {
  return one !== undefined && Math.abs(one - other) <= 1e-9 * Math.max(1, Math.abs(other))
}

function literal(number: string): string {
  return number.replaceAll('.', '\\.')
}

function shuffled<Item>(items: readonly Item[], random: () => number): Item[] {
  const out = [...items]
  for (let left = out.length - 1; left > 0; left--) {
    const other = Math.floor(random() * (left + 1))
    ;[out[left], out[other]] = [out[other], out[left]]
  }
  return out
}
