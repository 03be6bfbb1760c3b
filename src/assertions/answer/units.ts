/** Units and what else may stand behind a number. */

const SYNONYMS: Readonly<Record<string, string>> = Object.fromEntries(
  [
    'cm centimeter centimetre',
    'mm millimeter millimetre',
    'm meter metre',
    'km kilometer kilometre',
    'in inch inches',
    'ft foot feet',
    'yd yard',
    'mi mile',
    'g gram',
    'kg kilogram kilo',
    'mg milligram',
    'lb lbs pound',
    'oz ounce',
    'l liter litre',
    'ml milliliter millilitre',
    's sec second',
    'min minute mins',
    'h hr hrs hour',
    'day days',
    'deg degree',
    'usd dollar bucks',
    'cent cents ¢',
    'eur euro €',
    'gbp £',
    'yuan ¥',
    'mph',
    'kmh',
    'j joule',
    'n newton',
    'w watt',
    'hz hertz',
    'pa',
    'kj',
    'kw',
    'unit units',
    'sq',
    'rad radian',
    'pm p.m.',
    'am a.m.',
  ].flatMap((line) => line.split(' ').map((name) => [name, line.split(' ')[0]])),
)
const PERCENT = new Set(['%', 'percent', 'pct', 'percentage', 'percents', 'percentagepoints'])
/** Words that say that the number before them is not the answer as it stands. */
const CHANGING =
  /(?:^|[^a-z])(?:not|than|to|plus|minus|times|dozen|hundred|thousand|million|billion|half|squared|cubed|least|most|mod|factorial|between|over|by)(?:[^a-z]|$)/

/** Whether a word means percent. */
export const isPercent = (unit: string): boolean => PERCENT.has(unit.toLowerCase().replace(/[\s.]/g, ''))

/** Lengths, which may be squared or cubed without a blank before them. */
const LENGTHS = new Set(['m', 'cm', 'mm', 'km', 'in', 'ft', 'yd', 'mi'])
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

/** Whether prose behind a number leaves the number what it is: "3 apples", "42 because geometry proves it". */
export const isHarmless = (prose: string): boolean => !CHANGING.test(prose.toLowerCase()) && !/\d/.test(prose.replace(/\^\{?\d/g, ''))

/** One spelling for a unit. */
export function normalizeUnit(unit: string): string {
  const words = unit
    .toLowerCase()
    .replace(/[{}\\.]/g, '')
    .trim()
    .split(/[\s*]+/)
    .filter((word) => word !== '')
  let power = ''
  const names: string[] = []
  for (const word of words) {
    if (word === 'square' || word === 'sq') power = '^2'
    else if (word === 'cubic' || word === 'cu') power = '^3'
    else names.push(SYNONYMS[word] ?? SYNONYMS[singular(word)] ?? singular(word).replace(/\^?([23])$/, '^$1'))
  }
  return (
    names
      .map((name) =>
        name
          .split('/')
          .map((part) => SYNONYMS[singular(part)] ?? SYNONYMS[part] ?? part)
          .join('/'),
      )
      .join(' ') + power
  )
}

/** Two units contradict each other: both are measures and they differ. */
export function unitsContradict(a: string, b: string): boolean {
  const left = normalizeUnit(a)
  const right = normalizeUnit(b)
  if (left === right || left === 'unit' || right === 'unit') return false
  const measure = (unit: string): boolean => isKnown(unit.replace(/[\^/ ].*$/, ''))
  return measure(left) && measure(right)
}
