/** From the name or symbol of a unit, with its prefix and its plural, to what it measures. */

import { multiply, parseRational, type Rational, rational } from '../../rational.ts'
import { BINARY_PREFIXES, SI_PREFIXES, TEMPERATURE_ZEROS, UNIT_TABLE } from './unit-table.ts'

/** Powers of dimensions, π among them, and the size in the units that found those. */
export interface Measure {
  dimensions: Readonly<Record<string, number>>
  size: Rational
  /** Of a temperature scale: its zero, in its own degrees above absolute zero. */
  zero?: Rational
}

interface Row {
  symbols: readonly string[]
  names: readonly string[]
  definition: string
  prefixes: string
  measure?: Measure
}

interface Prefix {
  symbol: string
  name: string
  factor: Rational
  binary: boolean
}

const ROWS: readonly Row[] = UNIT_TABLE.split('\n')
  .filter((line) => line !== '')
  .map((line) => {
    const [symbols, names, definition, prefixes = ''] = line.split('|').map((part) => part.trim())
    const list = (text: string): string[] => text.split(' ').filter((word) => word !== '')
    return { symbols: list(symbols), names: list(names), definition, prefixes }
  })

const index = (spellings: (row: Row) => readonly string[]): ReadonlyMap<string, readonly Row[]> => {
  const map = new Map<string, Row[]>()
  for (const row of ROWS) for (const spelling of spellings(row)) map.set(spelling, [...(map.get(spelling) ?? []), row])
  return map
}
const SYMBOLS = index(({ symbols }) => symbols)
const NAMES = index(({ names }) => names)
const LOWER = index(({ symbols }) => symbols.filter((symbol) => symbol.length > 1).map((symbol) => symbol.toLowerCase()))

const prefixesOf = (table: string, base: bigint, binary: boolean): Prefix[] =>
  table.split(',').map((entry) => {
    const [symbol, name, written] = entry.split(' ')
    const power = Number(written)
    return { symbol, name, factor: power > 0 ? rational(base ** BigInt(power)) : rational(1n, base ** BigInt(-power)), binary }
  })
const PREFIXES = [...prefixesOf(BINARY_PREFIXES, 1024n, true), ...prefixesOf(SI_PREFIXES, 10n, false)]

/** Plurals that no rule gives. */
const IRREGULAR: Readonly<Record<string, string>> = {
  people: 'person',
  children: 'child',
  men: 'man',
  women: 'woman',
  mice: 'mouse',
  geese: 'goose',
  teeth: 'tooth',
  feet: 'foot',
  dice: 'die',
  oxen: 'ox',
  pennies: 'penny',
  vertices: 'vertex',
  indices: 'index',
  matrices: 'matrix',
  axes: 'axis',
  lives: 'life',
  knives: 'knife',
  wives: 'wife',
  leaves: 'leaf',
  loaves: 'loaf',
  halves: 'half',
  shelves: 'shelf',
  wolves: 'wolf',
  pies: 'pie',
  ties: 'tie',
  cookies: 'cookie',
  brownies: 'brownie',
  movies: 'movie',
  calories: 'calorie',
}

/** The singular of an English noun in small letters, as far as its writing shows. */
export function singular(word: string): string {
  if (Object.hasOwn(IRREGULAR, word)) return IRREGULAR[word]
  if (word.length < 4 || !word.endsWith('s') || /(?:ss|us|is)$/.test(word)) return word
  if (word.endsWith('ies')) return `${word.slice(0, -3)}y`
  return /(?:s|x|z|ch|sh)es$/.test(word) ? word.slice(0, -2) : word.slice(0, -1)
}

/** Names that were looked up, most of them words that are no unit. */
const known = new Map<string, readonly Measure[]>()
const KNOWN = 4096

/** What a name or symbol means, the usual meaning first; none where it is no unit. Blanks in a name are `_`. */
export function measuresOf(name: string): readonly Measure[] {
  let found = known.get(name)
  if (found === undefined) {
    found = lookUp(name)
    if (known.size >= KNOWN) known.clear()
    if (name.length < 60) known.set(name, found)
  }
  return found
}

function lookUp(name: string): readonly Measure[] {
  const lower = name.toLowerCase()
  const found = (name.includes('_') ? undefined : bySymbol(name)) ?? byName(lower) ?? LOWER.get(lower)?.map(measureOf)
  if (found) return found
  // KM and Kg
  return bySymbol(lower) ?? []
}

function bySymbol(symbol: string): Measure[] | undefined {
  const rows = SYMBOLS.get(symbol)
  return rows ? rows.map(measureOf) : prefixed(symbol, SYMBOLS, (prefix) => prefix.symbol)
}

function byName(name: string): Measure[] | undefined {
  const cut = name.lastIndexOf('_') + 1
  for (const spelling of new Set([name, name.slice(0, cut) + singular(name.slice(cut)), name.replace(/es$/, ''), singularFirst(name)])) {
    const rows = NAMES.get(spelling)
    const found = rows ? rows.map(measureOf) : prefixed(spelling, NAMES, (prefix) => prefix.name)
    if (found) return found
  }
  return undefined
}

/** "pounds force" */
const singularFirst = (name: string): string => {
  const cut = name.indexOf('_')
  return cut < 0 ? name : singular(name.slice(0, cut)) + name.slice(cut)
}

function prefixed(name: string, rows: ReadonlyMap<string, readonly Row[]>, spelling: (prefix: Prefix) => string): Measure[] | undefined {
  for (const prefix of PREFIXES) {
    const start = spelling(prefix)
    if (!name.startsWith(start) || name.length === start.length) continue
    const found = rows
      .get(name.slice(start.length))
      ?.filter((row) => row.prefixes === 'binary' || (row.prefixes === 'si' && !prefix.binary))
    if (found && found.length > 0) {
      return found.map(measureOf).map(({ dimensions, size }) => ({ dimensions, size: multiply(size, prefix.factor) }))
    }
  }
  return undefined
}

function measureOf(row: Row): Measure {
  row.measure ??= define(row)
  return row.measure
}

/** A definition of the table, `550 ft lbf s^-1`. It names first meanings only. */
function define({ definition, symbols }: Row): Measure {
  if (definition.startsWith('=')) {
    return { dimensions: { [definition.slice(1)]: 1 }, size: rational(1n), zero: zeroOf(symbols) }
  }
  const [number, ...factors] = definition.split(' ')
  const dimensions: Record<string, number> = {}
  let size = sizeOf(number)
  for (const factor of factors) {
    const [name, written = '1'] = factor.split('^')
    const power = Number(written)
    const measure = name === 'pi' ? { dimensions: { pi: 1 }, size: rational(1n) } : measuresOf(name)[0]
    if (!measure) throw new Error(`The unit table defines something by an unknown unit. Got ${name} in "${definition}". Define it first.`)
    addPowers(dimensions, measure.dimensions, power)
    size = multiply(size, powerOf(measure.size, power))
  }
  return { dimensions, size, zero: zeroOf(symbols) }
}

function zeroOf(symbols: readonly string[]): Rational | undefined {
  const scale = symbols.find((symbol) => Object.hasOwn(TEMPERATURE_ZEROS, symbol))
  return scale === undefined ? undefined : parseRational(TEMPERATURE_ZEROS[scale])
}

function sizeOf(text: string): Rational {
  const [digits, exponent = '0'] = text.split('e')
  const value = parseRational(digits)!
  return multiply(value, powerOf(rational(10n), Number(exponent)))
}

/** base^power for a small whole power. */
export function powerOf(base: Rational, power: number): Rational {
  const above = base.n ** BigInt(Math.abs(power))
  const below = base.d ** BigInt(Math.abs(power))
  return power < 0 ? rational(below, above) : { n: above, d: below }
}

/** Adds `times` as many powers; what cancels is gone. */
export function addPowers(to: Record<string, number>, powers: Readonly<Record<string, number>>, times: number): void {
  for (const [name, power] of Object.entries(powers)) {
    to[name] = (to[name] ?? 0) + power * times
    if (to[name] === 0) delete to[name]
  }
}

/** Every spelling without a prefix, for the test that compares the table with another. */
export const spellings = (): string[] => [...SYMBOLS.keys(), ...NAMES.keys()]
