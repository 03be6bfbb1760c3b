/** Units and what else may stand behind a number. Conversions are exact rationals. */

import { divide, multiply, type Rational, rational } from '../rational.ts'

/** Name, spellings; then what it measures and how much of its base unit it is. Without these it converts to nothing. */
const UNITS: readonly [spellings: string, dimension?: string, numerator?: bigint, denominator?: bigint][] = [
  ['m meter metre', 'length', 1n],
  ['km kms kilometer kilometre', 'length', 1000n],
  ['dm decimeter decimetre', 'length', 1n, 10n],
  ['cm cms centimeter centimetre', 'length', 1n, 100n],
  ['mm millimeter millimetre', 'length', 1n, 1000n],
  ['in inch inches', 'length', 254n, 10_000n],
  ['ft foot feet', 'length', 3048n, 10_000n],
  ['yd yard', 'length', 9144n, 10_000n],
  ['mi mile', 'length', 1_609_344n, 1000n],
  ['kg kgs kilogram kilo', 'mass', 1n],
  ['g gm gms gram', 'mass', 1n, 1000n],
  ['mg milligram', 'mass', 1n, 1_000_000n],
  ['lb lbs pound', 'mass', 45_359_237n, 100_000_000n],
  ['oz ounce', 'mass', 45_359_237n, 1_600_000_000n],
  ['s sec second', 'time', 1n],
  ['ms millisecond', 'time', 1n, 1000n],
  ['min minute mins', 'time', 60n],
  ['h hr hrs hour', 'time', 3600n],
  ['day days', 'time', 86_400n],
  ['week wk', 'time', 604_800n],
  ['month'],
  ['year yr'],
  ['l liter litre', 'volume', 1n, 1000n],
  ['ml milliliter millilitre', 'volume', 1n, 1_000_000n],
  ['gal gallon', 'volume', 3_785_411_784n, 1_000_000_000_000n],
  ['usd dollar bucks', 'money', 1n],
  ['cent cents ¢', 'money', 1n, 100n],
  ['eur euro €'],
  ['gbp £'],
  ['yuan ¥ rmb'],
  ['inr ₹ rs rupee'],
  ['krw ₩ won'],
  ['deg degree'],
  ['rad radian'],
  ['j joule'],
  ['kj'],
  ['n newton'],
  ['w watt'],
  ['kw'],
  ['hz hertz'],
  ['pa'],
  ['kb'],
  ['mb'],
  ['gb'],
  ['tb'],
  ['kwh'],
  ['unit units'],
  ['sq'],
  ['pm p.m.'],
  ['am a.m.'],
  ['mph'],
  ['kmh kph'],
]
const SYNONYMS: Readonly<Record<string, string>> = Object.fromEntries(
  UNITS.flatMap(([spellings]) => spellings.split(' ').map((name) => [name, spellings.split(' ')[0]])),
)
/** What a name measures: its dimensions with their powers, and its size in base units. */
interface Measure {
  dimensions: Readonly<Record<string, number>>
  size: Rational
}
const MEASURES: Readonly<Record<string, Measure>> = Object.fromEntries(
  UNITS.filter(([, dimension]) => dimension !== undefined).map(([spellings, dimension, n = 1n, d = 1n]) => [
    spellings.split(' ')[0],
    { dimensions: dimension === 'volume' ? { length: 3 } : { [dimension!]: 1 }, size: rational(n, d) },
  ]),
)
const COMPOUND: Readonly<Record<string, string>> = { mph: 'mi/h', kmh: 'km/h' }

const PERCENT = new Set(['%', 'percent', 'pct', 'percentage', 'percents', 'percentagepoints', 'percentagepoint', 'percents'])
/** Words that say that the number before them is not the answer as it stands. */
const CHANGING =
  /(?:^|[^a-z])(?:not|than|to|plus|minus|times|hundred|thousand|million|billion|half|squared|cubed|least|most|mod|factorial|between|over|by|wrong|incorrect|false)(?:[^a-z]|$)/
const MAGNITUDES: Readonly<Record<string, bigint>> = {
  dozen: 12n,
  hundred: 100n,
  thousand: 1000n,
  million: 10n ** 6n,
  billion: 10n ** 9n,
  trillion: 10n ** 12n,
}

/** Whether a word means percent. */
export const isPercent = (unit: string): boolean =>
  PERCENT.has(
    unit
      .toLowerCase()
      .replace(/per cent/, 'percent')
      .replace(/[\s.]/g, ''),
  )

/** "million dollars" is a factor of 10^6 and the unit dollars. */
export function magnitudeWord(prose: string): { factor: Rational; rest: string } | undefined {
  const match = /^([a-z]+)(?:\s+(.*))?$/s.exec(prose.trim().toLowerCase())
  if (!match || !Object.hasOwn(MAGNITUDES, match[1])) return undefined
  return { factor: rational(MAGNITUDES[match[1]]), rest: match[2] ?? '' }
}

/** Lengths, which may be squared or cubed without a blank before them. */
const LENGTHS = new Set(['m', 'cm', 'mm', 'km', 'dm', 'in', 'ft', 'yd', 'mi'])
const SINGLE_LETTERS = new Set(['m', 'g'])

/** Whether letters without marks (`cm`, `m^2`, `km/h`) are a unit and not a product of variables. */
export function isSymbolUnit(text: string, spaced: boolean): boolean {
  const match = /^([a-zA-Z]{1,6})(\^[23])?(?:\/([a-zA-Z]{1,4})(\^[23])?)?$/.exec(text.replace(/[{}\s]/g, ''))
  if (!match) return false
  const [, unit, power, below] = match
  if (isPercent(unit) && !power && !below) return true
  if (!isKnown(unit) || (below !== undefined && !isKnown(below))) return false
  if (power) return LENGTHS.has(unit)
  return unit.length > 1 || (spaced && SINGLE_LETTERS.has(unit)) || below !== undefined
}

const isKnown = (name: string): boolean =>
  Object.hasOwn(SYNONYMS, name.toLowerCase()) || Object.hasOwn(SYNONYMS, singular(name.toLowerCase()))

const singular = (word: string): string => (word.length > 3 && word.endsWith('s') ? word.slice(0, -1) : word)
const canonicalName = (word: string): string => {
  if (Object.hasOwn(SYNONYMS, word)) return SYNONYMS[word]
  return Object.hasOwn(SYNONYMS, singular(word)) ? SYNONYMS[singular(word)] : singular(word)
}

/** Whether prose behind a number leaves the number what it is: "3 apples", "42 because geometry proves it". */
export const isHarmless = (prose: string): boolean => !CHANGING.test(prose.toLowerCase()) && !/\d/.test(prose.replace(/\^\{?\d/g, ''))

/** One spelling for a unit. */
export function normalizeUnit(unit: string): string {
  const words = unit
    .toLowerCase()
    .replace(/[{}\\.()]/g, '')
    .replace(/\s+per\s+/g, '/')
    .replace(/\s*\/\s*/g, '/')
    .replace(/\s*\^\s*/g, '^')
    .trim()
    .split(/[\s*]+/)
    .filter((word) => word !== '')
  let power = ''
  const names: string[] = []
  for (const word of words) {
    if (word === 'square' || word === 'sq') power = '^2'
    else if (word === 'cubic' || word === 'cu') power = '^3'
    else if (word === 'squared') names[names.length - 1] += '^2'
    else if (word === 'cubed') names[names.length - 1] += '^3'
    else names.push(word)
  }
  const spelled = names.map((name) =>
    name
      .split('/')
      .map((part) => {
        const [, base, exponent] = /^(.*?)(?:\^?([23]))?$/s.exec(part)!
        return canonicalName(base) + (exponent ? `^${exponent}` : '')
      })
      .join('/'),
  )
  return spelled.join(' ') + power
}

/** The measure of a normalised unit such as `cm^2` or `km/h`. */
function measure(unit: string): Measure | undefined {
  const dimensions: Record<string, number> = {}
  let size = rational(1n)
  for (const [i, part] of (Object.hasOwn(COMPOUND, unit) ? COMPOUND[unit] : unit).split('/').entries()) {
    const match = /^([a-z]+)(?:\^([23]))?$/.exec(part)
    const known = match && Object.hasOwn(MEASURES, match[1]) ? MEASURES[match[1]] : undefined
    if (!match || !known) return undefined
    for (let n = 0; n < Number(match[2] ?? 1); n++) size = i === 0 ? multiply(size, known.size) : divide(size, known.size)
    for (const [name, power] of Object.entries(known.dimensions)) {
      dimensions[name] = (dimensions[name] ?? 0) + power * Number(match[2] ?? 1) * (i === 0 ? 1 : -1)
    }
  }
  return { dimensions, size }
}

/**
 * What two units are to one another: the factor from the first to the second, `contradict` where both are known and
 * neither converts to the other, `unknown` where one is no measure (3 apples) and says nothing about the number.
 */
export function relateUnits(a: string, b: string): Rational | 'contradict' | 'unknown' {
  const left = normalizeUnit(a)
  const right = normalizeUnit(b)
  if (left === right) return rational(1n)
  // "units" stands for any length, but square units for no cubic ones.
  const power = (unit: string): string => /\^[23]$/.exec(unit)?.[0] ?? ''
  if (/^unit(?:\^[23])?$/.test(left) || /^unit(?:\^[23])?$/.test(right)) {
    return power(left) !== '' && power(right) !== '' && power(left) !== power(right) ? 'contradict' : 'unknown'
  }
  const one = measure(left)
  const other = measure(right)
  if (one && other) {
    const names = new Set([...Object.keys(one.dimensions), ...Object.keys(other.dimensions)])
    const same = [...names].every((name) => (one.dimensions[name] ?? 0) === (other.dimensions[name] ?? 0))
    return same ? divide(one.size, other.size) : 'contradict'
  }
  const known = (unit: string): boolean => isKnown(unit.replace(/[\^/ ].*$/, ''))
  return known(left) && known(right) ? 'contradict' : 'unknown'
}

/** Whether a unit measures something, as cm does and apples do not. */
export const isMeasure = (unit: string): boolean => isKnown(normalizeUnit(unit).replace(/[\^/ ].*$/, ''))
