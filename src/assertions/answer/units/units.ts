/**
 * Units behind a number: `km/h`, "meters per second squared", `kg m^2 s^{-2}`, "cups of flour". What is in the table has
 * dimensions and a size. Every other word is a noun, that may be left out and is compared in the singular.
 */

import { divide, multiply, type Rational, rational, subtract } from '../../rational.ts'
import { CHANGED } from '../reading/changed.ts'
import { addPowers, type Measure, measuresOf, powerOf, singular } from './unit-names.ts'

/** A unit as it is read. Words with two meanings give it several measures, of which the first is the usual one. */
export interface Unit {
  measures: readonly Measure[]
  /** Words that are no unit, in the singular; those behind "per" with a slash. */
  nouns: readonly string[]
  /** "units" and "square units": the power of a length that nobody named. */
  generic?: number
  /** Nothing but units, or prose behind it. */
  strict: boolean
  /** Its first word is no unit, nor begins one with those behind it. */
  nounFirst: boolean
}

/** b = a · factor · π^pi + shift. */
export interface Conversion {
  factor: Rational
  pi: number
  shift: Rational
}

const LONGEST = 200
const MEANINGS = 12
/** With these begins what is no name of a unit any more. */
const PROSE = new Set(
  (
    'because since so is are was were which that for if when by from on with in as at and or but to than who where while after before ' +
    'under over into during we it this there'
  ).split(' '),
)
const FILLERS = new Set(
  'of the a an total altogether overall left remaining each apiece only exactly respectively approximately'.split(' '),
)
const POWERS: Readonly<Record<string, number>> = { square: 2, sq: 2, cubic: 3, cu: 3 }
const RAISED: Readonly<Record<string, number>> = { squared: 2, cubed: 3 }
/** Between temperatures that are a difference, no scale is converted. */
const DIFFERENCES =
  /^(?:increase|decrease|rise|drop|difference|change|warmer|colder|hotter|cooler|higher|lower|increment|fall|interval|range|more|less)$/

const read = new Map<string, Unit | undefined>()
const KEPT = 512

/** The unit that a text is; undefined where it can't be one. */
export function parseUnit(text: string): Unit | undefined {
  if (text.length > LONGEST) return undefined
  if (!read.has(text)) {
    if (read.size >= KEPT) read.clear()
    read.set(text, new UnitParser(lexemes(text)).run())
  }
  return read.get(text)
}

/** One writing for fractions, products, micro, ohm and degrees; then words, numbers and signs. */
function lexemes(text: string): string[] {
  const plain = /[\\°·.]|mu/.test(text) ? inOneWriting(text) : text
  // A digit behind a blank is no exponent: 5 ft 3.
  if (/\d/.test(plain) && /[\p{L}°]\s+\d/u.test(plain)) return ['?']
  return plain.match(/[\p{L}°$€£¥₹₩¢₽₺₪฿₫₱₦₴₿][\p{L}$'’]*|\d+|[\^*/(){}-]|[^\s.,~\\]/gu) ?? []
}

const inOneWriting = (text: string): string =>
  text
    .replace(/\\frac ?\{([^{}]{1,60})\} ?\{([^{}]{1,60})\}/g, '$1/$2')
    .replace(/\\mu(?![a-zA-Z]) ?|\bmu (?=[a-zA-Z])/g, 'µ')
    .replace(/\\Omega(?![a-zA-Z])/g, 'Ω')
    .replace(/\^? ?\{? ?\\circ(?![a-zA-Z]) ?\}?/g, '°')
    .replace(/° ?(?=[CFKR](?![a-zA-Z]))/g, '°')
    .replace(/\\(?:cdot|times)(?![a-zA-Z])|·/g, '*')
    .replace(/\b([ap])\.m\b\.?/gi, '$1m')
    .replace(/\bU\.S\.?/g, 'US')
    .replace(/(?<=[A-Za-z])\.(?=[A-Za-z])/g, '*')

interface Factor {
  measures: readonly Measure[]
  noun?: string
  power: number
}

class UnitParser {
  private readonly lexemes: readonly string[]
  private at = 0
  private prose = false
  private readonly factors: Factor[] = []

  constructor(lexemes: readonly string[]) {
    this.lexemes = lexemes
  }

  run(): Unit | undefined {
    if (!this.product(1, 0) || this.at < this.lexemes.length) return undefined
    const known = this.factors.filter(({ noun }) => noun === undefined)
    const nouns = this.factors.flatMap(({ noun, power }) => (noun === undefined || noun === 'unit' ? [] : [power < 0 ? `/${noun}` : noun]))
    const generic = this.factors.find(({ noun, power }) => noun === 'unit' && power > 0)?.power
    const strict = !this.prose && nouns.length === 0 && generic === undefined && known.length > 0
    return { measures: known.length > 0 ? combine(known) : [], nouns, generic, strict, nounFirst: this.factors[0]?.noun !== undefined }
  }

  /** Factors up to the end or the closing parenthesis. What stands behind a slash or "per" is below it. */
  private product(outer: number, depth: number): boolean {
    let sign = outer
    let power = 1
    if (depth > 3) return false
    for (;;) {
      const lexeme = this.lexemes[this.at]
      if (lexeme === undefined || lexeme === ')') return power === 1
      const word = lexeme.toLowerCase()
      if (lexeme === '/' || word === 'per' || this.isRate()) {
        sign = -outer
        this.at++
      } else if (lexeme === '*' || lexeme === '-' || lexeme === '{' || lexeme === '}' || (FILLERS.has(word) && lexeme !== 'A')) this.at++
      else if (lexeme === '(') {
        const from = this.factors.length
        this.at++
        if (!this.product(sign, depth + 1) || this.lexemes[this.at++] !== ')') return false
        const raised = this.exponent()
        if (raised === undefined) return false
        for (const factor of this.factors.slice(from)) factor.power *= raised
      } else if (Object.hasOwn(POWERS, word)) {
        power = POWERS[word]
        this.at++
      } else if (Object.hasOwn(RAISED, word) && this.factors.length > 0) {
        this.factors.at(-1)!.power *= RAISED[word]
        this.at++
      } else if (PROSE.has(word) && this.factors.length > 0 && this.lexemes[this.at + 1] !== '^') {
        this.prose = true
        this.at = this.lexemes.length
        return power === 1
      } else if (/^[\p{L}°$€£¥₹₩¢₽₺₪฿₫₱₦₴₿]/u.test(lexeme)) {
        const factor = this.name()
        const raised = this.exponent()
        if (raised === undefined) return false
        this.factors.push({ ...factor, power: sign * power * raised })
        power = 1
      } else return false
    }
  }

  /** "kilometres an hour" */
  private isRate(): boolean {
    return /^an?$/.test(this.lexemes[this.at]) && this.factors.length > 0 && measuresOf(this.lexemes[this.at + 1] ?? '').length > 0
  }

  /** The longest name of up to three words, "imperial fluid ounce"; else a noun. */
  private name(): Omit<Factor, 'power'> {
    const words: string[] = []
    const ends: number[] = []
    for (let i = this.at; words.length < 3 && i < this.lexemes.length; i++) {
      if (this.lexemes[i] === '-' && words.length > 0 && /^\p{L}/u.test(this.lexemes[i + 1] ?? '')) continue
      if (!/^[\p{L}°$€£¥₹₩¢₽₺₪฿₫₱₦₴₿]/u.test(this.lexemes[i])) break
      words.push(this.lexemes[i])
      ends.push(i + 1)
    }
    for (let count = words.length; count > 0; count--) {
      const measures = measuresOf(words.slice(0, count).join('_'))
      if (measures.length === 0) continue
      this.at = ends[count - 1]
      return { measures }
    }
    this.at++
    return { measures: [], noun: singular(words[0].toLowerCase()) }
  }

  /** ^2, ^{-1}, or a digit right behind a name: m2. 1 where there is none, undefined where it is no small whole number. */
  private exponent(): number | undefined {
    const [caret, ...rest] = this.lexemes.slice(this.at, this.at + 6)
    if (/^[1-9]$/.test(caret ?? '')) {
      this.at++
      return Number(caret)
    }
    if (caret !== '^') return 1
    const match = /^([{(]?)(-?)([{]?)([1-9])(?!\d)([})]{0,2})/.exec(rest.join(''))
    if (!match || match[5].length < match[1].length + match[3].length) return undefined
    this.at += 1 + match[1].length + match[2].length + match[3].length + 1 + match[1].length + match[3].length
    return Number(match[4]) * (match[2] === '-' ? -1 : 1)
  }
}

/** The product of factors, in every meaning that their names have. */
function combine(factors: readonly Factor[]): Measure[] {
  const [only] = factors
  if (factors.length === 1 && only.power === 1) return [...only.measures]
  let products: Measure[] = [{ dimensions: {}, size: rational(1n) }]
  for (const { measures, power } of factors) {
    products = products.flatMap((product) =>
      measures.map((measure) => {
        const dimensions = { ...product.dimensions }
        addPowers(dimensions, measure.dimensions, power)
        return { dimensions, size: multiply(product.size, powerOf(measure.size, power)) }
      }),
    )
    products = products.slice(0, MEANINGS)
  }
  return products
}

/** Whether a unit measures something, as cm does and apples do not. */
export const isMeasure = (text: string): boolean => (parseUnit(text)?.measures.length ?? 0) > 0

/**
 * What two units are to one another: how the first converts to the second, `contradict` where one is not the other, and
 * `unknown` where one says nothing that the other denies (3 apples, 3 red apples).
 */
export function relateUnits(a: string, b: string): Conversion | 'contradict' | 'unknown' {
  const left = parseUnit(a)
  const right = parseUnit(b)
  if (!left || !right || isEmpty(left) || isEmpty(right)) return 'unknown'
  if (left.generic !== undefined || right.generic !== undefined)
    return isGeneric(left, right) || isGeneric(right, left) ? 'unknown' : 'contradict'
  if (left.measures.length > 0 !== right.measures.length > 0 || !agree(left.nouns, right.nouns)) return 'contradict'
  if (left.measures.length === 0) return 'unknown'
  for (const one of left.measures) {
    for (const other of right.measures) {
      const conversion = convert(one, other)
      if (!conversion) continue
      const differs = conversion.shift.n !== 0n || conversion.factor.n !== conversion.factor.d
      return differs && [...left.nouns, ...right.nouns].some((noun) => DIFFERENCES.test(noun)) && one.zero ? 'contradict' : conversion
    }
  }
  // 72 degrees beside 72 °F: the scale left out.
  return isScaleLeftOut(left, right) || isScaleLeftOut(right, left) ? 'unknown' : 'contradict'
}

const isEmpty = ({ measures, nouns, generic }: Unit): boolean => measures.length === 0 && nouns.length === 0 && generic === undefined

/** "units" stands for any unit, "square units" for those of an area. */
function isGeneric({ generic }: Unit, other: Unit): boolean {
  if (generic === undefined) return false
  if (other.generic !== undefined) return generic === other.generic || generic === 1 || other.generic === 1
  if (generic === 1 || other.measures.length === 0) return true
  return other.measures.some(({ dimensions }) => dimensions.length === generic && Object.keys(dimensions).length === 1)
}

/** Nouns agree where one side has all that the other has. */
function agree(a: readonly string[], b: readonly string[]): boolean {
  const [few, many] = a.length <= b.length ? [a, b] : [b, a]
  return few.every((noun) => many.includes(noun))
}

const isScaleLeftOut = (a: Unit, b: Unit): boolean =>
  a.measures.some(({ dimensions, size }) => dimensions.angle === 1 && dimensions.pi === 1 && size.n === 1n && size.d === 180n) &&
  b.measures.some(({ zero }) => zero !== undefined)

function convert(a: Measure, b: Measure): Conversion | undefined {
  const difference = { ...a.dimensions }
  addPowers(difference, b.dimensions, -1)
  const { pi = 0, ...rest } = difference
  if (Object.keys(rest).length > 0) return undefined
  const factor = divide(a.size, b.size)
  const shift = a.zero && b.zero ? subtract(multiply(a.zero, factor), b.zero) : rational(0n)
  return { factor, pi, shift }
}

const PERCENT = new Set(['%', 'percent', 'pct', 'percentage', 'percents', 'percentagepoints', 'percentagepoint'])

/** Whether a word means percent. */
export const isPercent = (unit: string): boolean => PERCENT.has(unit.toLowerCase().replace(/[\s.]/g, ''))

/** Words that say that the number before them is not the answer as it stands. */
const CHANGING = new RegExp(
  `(?:^|[^a-z])(?:(?:not|than|to|plus|minus|times|hundred|thousand|million|billion|half|least|most|mod|factorial|between|over|by|wrong|incorrect|false)(?:[^a-z]|$)|${CHANGED})`,
)

/** Whether prose behind a number leaves the number what it is: "3 apples", "42 because geometry proves it". */
export const isHarmless = (prose: string): boolean => !CHANGING.test(prose.toLowerCase()) && !/\d/.test(prose.replace(/\^\{?\d/g, ''))

/** Symbols of several letters that are a unit and no product of variables, even in italics. */
const PLAIN =
  /^(?:[kcmdnµ]?m|km|in|ft|yd|mi|nmi|[kmµ]?g|lbs?|oz|ms|min|sec|hr|hrs|mins|secs|[mdck]?[lL]|gal|qt|fl|cc|[kMG]?W|[kMG]Wh|[kM]J|[kMG]?Hz|[kMh]?Pa|[kM]N|erg|dyn|[kMG]pc|m?mol|rad|deg|mph|mpg|kph|kmh|psi|atm|bar|usd|eur|[kKMGT]B|[mk]V|mA|[mkMGT]?eV|[kM]?Ω|°[CFKR]|rpm|kcal|cal|[A-Z]{3})$/
const LENGTHS = new Set(['m', 'cm', 'mm', 'km', 'dm', 'in', 'ft', 'yd', 'mi'])
/** Quotients of single letters that nobody means as variables. */
const LETTERS = new Set(['m/s', 'm/s^2', 'm/h', 'm/min', 'g/l', 'g/L', 'N/m', 'J/s', 'V/m', 'W/m^2', 'J/K', 'C/s', 'N/C', 'N/m^2'])

/** Whether letters without marks (`cm`, `m^2`, `km/h`) are a unit and not a product of variables. */
export function isPlainUnit(text: string, spaced: boolean): boolean {
  const plain = text
    .replace(/\\frac ?\{([^{}]{1,60})\} ?\{([^{}]{1,60})\}/g, '$1/$2')
    .replace(/\\mu ?/g, 'µ')
    .replace(/\\Omega/g, 'Ω')
    .replace(/\^? ?\{? ?\\circ ?\}? ?/g, '°')
    .replace(/[{}]/g, '')
  if (LETTERS.has(plain.replace(/ /g, ''))) return true
  const symbols = plain
    .replace(/\^-?\d/g, '')
    .split(/[ */]/)
    .filter((symbol) => symbol !== '' && symbol !== '(' && symbol !== ')')
  const [only] = symbols
  if (symbols.length === 1 && plain !== only) return LENGTHS.has(only)
  if (symbols.length === 1) return only.length === 1 ? spaced && (only === 'm' || only === 'g' || only === 'Ω') : PLAIN.test(only)
  return symbols.some((symbol) => symbol.length > 1 && PLAIN.test(symbol))
}
