import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import * as big from '../../../../src/assertions/answer/numeric/bigfloat.ts'
import * as complex from '../../../../src/assertions/answer/numeric/complex.ts'

const ratio = (n: bigint, d = 1n): big.BigFloat => big.fromRational({ n, d })
/** The value times 10^60, truncated. */
const digits = (x: big.BigFloat): string => {
  const scaled = x.m * 10n ** 60n
  return String(x.e >= 0 ? scaled << BigInt(x.e) : scaled >> BigInt(-x.e))
}
const bitsApart = (a: big.BigFloat, b: big.BigFloat): number => big.magnitude(big.subtract(a, b)) - big.magnitude(b)

describe('elementary functions', () => {
  // Digits from mpmath 1.3 at 75 digits.
  it.each<[string, big.BigFloat, string]>([
    ['e', big.exp(ratio(1n)), '2718281828459045235360287471352662497757247093699959574966967'],
    ['π', big.pi(), '3141592653589793238462643383279502884197169399375105820974944'],
    ['exp(−7/3)', big.exp(ratio(-7n, 3n)), '96971967864405062809906659298370731480720858924804393653047'],
    ['ln(7/3)', big.ln(ratio(7n, 3n)), '847297860387203613710107506520654024989594171759111736724695'],
    ['atan2(1, −3)', big.atan2(ratio(1n), ratio(-3n)), '2819842099193151045061238768920841565176414103817449629542141'],
    ['√2', big.squareRoot(ratio(2n)), '1414213562373095048801688724209698078569671875376948073176679'],
  ])('%s has its digits', (_, value, expected) => {
    expect(digits(value).slice(0, 58)).toBe(expected.slice(0, 58))
  })

  it('sine and cosine at negative and large angles', () => {
    expect(digits(big.sinCos(ratio(-7n, 3n)).sin).slice(0, 55)).toBe('-723085881738324616797887928616367326380143470408667693')
    expect(digits(big.sinCos(ratio(100n, 3n)).cos).slice(0, 55)).toBe('-339711812403568830920968981526569764167576088280100603')
  })

  it('agree with one another and with the doubles', () => {
    const value = fc.tuple(fc.integer({ min: -400_000, max: 400_000 }), fc.integer({ min: 1, max: 30_000 }))
    fc.assert(
      fc.property(value, ([n, d]) => {
        const x = ratio(BigInt(n), BigInt(d))
        fc.pre(n !== 0)
        expect(bitsApart(big.ln(big.exp(x)), x)).toBeLessThan(-180)
        const { sin, cos } = big.sinCos(x)
        expect(bitsApart(big.add(big.multiply(sin, sin), big.multiply(cos, cos)), big.ONE)).toBeLessThan(-200)
        expect(big.toNumber(sin)).toBeCloseTo(Math.sin(n / d), 9)
        const root = big.squareRoot(big.absolute(x))
        expect(bitsApart(big.multiply(root, root), big.absolute(x))).toBeLessThan(-240)
      }),
      { numRuns: 60 },
    )
  })

  it('are undefined where they are', () => {
    expect(() => big.ln(big.ZERO)).toThrow(big.Undefined)
    expect(() => big.divide(big.ONE, big.ZERO)).toThrow(big.Undefined)
    expect(() => big.exp(ratio(10n ** 12n))).toThrow(big.Undefined)
    expect(() => big.fromNumber(Number.NaN)).toThrow(big.Undefined)
  })
})

describe('complex functions', () => {
  const at = (re: number, im: number): complex.Complex => ({ re: big.fromNumber(re), im: big.fromNumber(im) })
  const close = (a: complex.Complex, b: complex.Complex): boolean => complex.magnitude(complex.subtract(a, b)) < complex.magnitude(b) - 150

  it('invert one another', () => {
    for (const z of [at(0.5, 0.25), at(-0.75, 0.5), at(0.3, -1.5), at(0.9, 0)]) {
      expect(close(complex.exp(complex.ln(z)), z)).toBe(true)
      expect(close(complex.sin(complex.asin(z)), z)).toBe(true)
      expect(close(complex.cos(complex.acos(z)), z)).toBe(true)
      expect(close(complex.divide(complex.sin(complex.atan(z)), complex.cos(complex.atan(z))), z)).toBe(true)
      expect(close(complex.sinh(complex.asinh(z)), z)).toBe(true)
      expect(close(complex.cosh(complex.acosh(z)), z)).toBe(true)
      const root = complex.squareRoot(z)
      expect(close(complex.multiply(root, root), z)).toBe(true)
    }
    expect(close(complex.integerPower(at(1, 1), 8), at(16, 0))).toBe(true)
    expect(close(complex.root(at(-8, 0), 3), at(-2, 0))).toBe(true)
  })
})
