import { all, create } from 'mathjs'
import { describe, expect, it } from 'vitest'
import { measuresOf, spellings } from '../../../../src/assertions/answer/units/unit-names.ts'
import { parseUnit, relateUnits } from '../../../../src/assertions/answer/units/units.ts'

interface MathUnit {
  dimensions: number[]
  value: unknown
  offset: number
}

/** Powers of the dimensions that mathjs has, in its order. */
const DIMENSIONS = ['mass', 'length', 'time', 'current', 'temperature', 'luminosity', 'amount', 'angle', 'information']
/** Names that mathjs spells without a blank, and what it means by them. */
const SPELLED: Readonly<Record<string, string>> = {
  sqin: 'in^2',
  sqft: 'ft^2',
  sqfeet: 'ft^2',
  sqyd: 'yd^2',
  sqyard: 'yd^2',
  sqmi: 'mi^2',
  sqmile: 'mi^2',
  sqmiles: 'mi^2',
  sqmil: 'mil^2',
  sqrd: 'rod^2',
  sqch: 'chain^2',
  cuin: 'in^3',
  cuft: 'ft^3',
  cuyd: 'yd^3',
  fluidounce: 'fl oz',
  fluidounces: 'fl oz',
  m2: 'm^2',
  m3: 'm^3',
}
/** What mathjs means otherwise, or what no answer means by these letters. */
const ELSEWHERE: Readonly<Record<string, string>> = {
  teaspoon: 'a metric one of 5 ml, beside a cup of 236.6 ml',
  teaspoons: 'as teaspoon',
  tablespoon: 'a metric one of 15 ml',
  tablespoons: 'as tablespoon',
  drop: 'a noun of counting',
  gtt: 'a drop',
  gtts: 'a drop',
  stick: 'a noun of counting, of butter',
  sticks: 'as stick',
  link: 'a noun of counting',
  links: 'as link',
  li: 'a link',
  rd: 'a rod',
  cycle: 'a noun: cycles per second are hertz',
  cycles: 'as cycle',
  lt: 'no symbol of the litre',
  VAR: 'an imaginary watt',
  mmH2O: 'no unit of an answer',
  cmH2O: 'no unit of an answer',
  mmh2o: 'no unit of an answer',
  cmh2o: 'no unit of an answer',
  month: 'a kind apart, because months differ',
  months: 'as month',
  year: 'as month',
  years: 'as month',
  decade: 'as month',
  decades: 'as month',
  century: 'as month',
  centuries: 'as month',
  millennium: 'as month',
  millennia: 'as month',
  bbl: 'a barrel of oil and not of beer',
  b: 'the same',
  siemens: 'the same',
}

const { UNITS } = (create(all) as unknown as { Unit: { UNITS: Record<string, MathUnit> } }).Unit

describe('the table of units', () => {
  it('has the units of mathjs with the same dimensions and sizes', () => {
    const wrong: string[] = []
    for (const [name, unit] of Object.entries(UNITS)) {
      if (Object.hasOwn(ELSEWHERE, name)) continue
      const ours = parseUnit(SPELLED[name] ?? name)?.measures ?? []
      const theirs = Object.fromEntries(DIMENSIONS.map((key, i) => [key, unit.dimensions[i] ?? 0]).filter(([, power]) => power !== 0))
      const same = ours.some(({ dimensions: { pi = 0, ...dimensions }, size }) => {
        const kilograms = 1000 ** (dimensions.mass ?? 0)
        const value = (Number(size.n) / Number(size.d)) * Math.PI ** pi
        return (
          JSON.stringify(Object.entries(dimensions).sort()) === JSON.stringify(Object.entries(theirs).sort()) &&
          Math.abs(value / kilograms / Number(unit.value) - 1) < 1e-5
        )
      })
      if (!same)
        wrong.push(`${name} ${JSON.stringify(theirs)} ${unit.value} and not ${ours.map(({ size }) => Number(size.n) / Number(size.d))}`)
    }
    expect(wrong).toEqual([])
  })

  it('gives every spelling a meaning', () => {
    const unknown = spellings().filter((name) => measuresOf(name).length === 0)
    expect(unknown).toEqual([])
  })

  it.each([
    ['mi', 'm', '201168/125'],
    ['acre', 'ft^2', '43560'],
    ['gal', 'in^3', '231'],
    ['imperial gallon', 'L', '4.54609'],
    ['psi', 'lbf/in^2', '1'],
    ['cup', 'tablespoons', '16'],
    ['Gb', 'bits', '1000000000'],
    ['MiB', 'KiB', '1024'],
    ['Eg', 'g', '1000000000000000000'],
    ['qg', 'g', '1/1000000000000000000000000000000'],
    ['kW h', 'MJ', '3.6'],
    ['J/(kg K)', 'J kg^{-1} K^{-1}', '1'],
    ['\\frac{km}{h}', 'meters per second', '5/18'],
  ])('converts %s to %s by %s', (from, to, factor) => {
    const [n, d = '1'] = factor.split('/')
    const related = relateUnits(from, to)
    expect(typeof related === 'object' && Number(related.factor.n) / Number(related.factor.d)).toBeCloseTo(Number(n) / Number(d), 10)
  })

  it('takes a unit for one reading, and text of any length in little time', () => {
    expect(parseUnit('kg '.repeat(100))).toBeUndefined()
    expect(parseUnit('oz lb cents '.repeat(16))?.measures.length).toBeLessThanOrEqual(12)
    expect(parseUnit('constructor')?.measures).toEqual([])
    expect(parseUnit('toString valueOf')?.measures).toEqual([])
  })
})
