/**
 * When a long decimal stands for a number that it can't write out.
 *
 * A decimal of 10 or more significant digits equals a number without such a decimal if it is that number rounded or cut
 * to its digits. Doubles carry 15 digits and a bit: of a decimal with 15 or more
 * digits a relative error of 2^-50 is noise, also beside a short decimal (0.30000000000000004 is 0.3).
 */

import { compare, divide, isInteger, multiply, negate, type Rational, rational } from '../../rational.ts'
import type { Node } from '../node.ts'
import * as big from '../numeric/bigfloat.ts'

const FEWEST_DIGITS = 10
/** Digits that doubles carry, and the error of some operations on them. */
const DOUBLE_DIGITS = 15
const NOISE = rational(1n, 2n ** 50n)
/** Beyond this an integer in a decimal with a fraction is no noise. */
const LARGEST = rational(2n ** 40n)

const TWO = rational(2n)

export interface Decimal {
  value: Rational
  digits: number
}

/** The decimal that a node is, with its sign and percent sign. Undefined: it is none, or too short to stand for another number. */
export function longDecimal(node: Node): Decimal | undefined {
  if (node.kind === 'number') return (node.digits ?? 0) >= FEWEST_DIGITS ? { value: node.value, digits: node.digits! } : undefined
  if (node.kind !== 'negate' && node.kind !== 'percent') return undefined
  const of = longDecimal(node.of)
  return of && { ...of, value: node.kind === 'negate' ? negate(of.value) : divide(of.value, rational(100n)) }
}

/** Whether a rational, written otherwise than as a decimal or as a short one, is what the decimal stands for. */
export function standsForRational({ value, digits }: Decimal, target: Rational): boolean {
  if (value.n === 0n || target.n === 0n) return false
  // Not in lowest terms, which only a comparison with it does not need.
  const error = absolute({ n: value.n * target.d - target.n * value.d, d: value.d * target.d })
  if (digits >= DOUBLE_DIGITS && compare(absolute(target), LARGEST) < 0 && compare(error, multiply(NOISE, absolute(target))) <= 0)
    return true
  if (terminates(target)) return false
  const unit = lastUnit(value, digits)
  const cut = compare(absolute(value), absolute(target)) < 0
  return compare(error, cut ? unit : divide(unit, TWO)) <= 0
}

/** Whether an irrational real is what the decimal stands for. */
export function standsForReal({ value, digits }: Decimal, target: big.BigFloat): boolean {
  const error = big.absolute(big.subtract(big.fromRational(value), target))
  const unit = big.fromRational(lastUnit(value, digits))
  const cut = big.sign(big.subtract(big.absolute(target), big.absolute(big.fromRational(value)))) > 0
  const allowed = cut ? unit : big.multiply(unit, { m: 1n, e: -1 })
  if (big.sign(big.subtract(allowed, error)) >= 0) return true
  return digits >= DOUBLE_DIGITS && big.sign(big.subtract(big.multiply(big.fromRational(NOISE), big.absolute(target)), error)) >= 0
}

/** One unit of the last of so many significant digits. */
function lastUnit(value: Rational, digits: number): Rational {
  const size = absolute(value)
  let exponent = size.n.toString().length - size.d.toString().length
  if (compare(size, power(exponent)) < 0) exponent--
  return power(exponent + 1 - digits)
}

const power = (exponent: number): Rational => (exponent >= 0 ? rational(10n ** BigInt(exponent)) : rational(1n, 10n ** BigInt(-exponent)))
const absolute = (x: Rational): Rational => (x.n < 0n ? negate(x) : x)

/** Whether it can be written as a decimal: no prime but 2 and 5 below. */
function terminates(x: Rational): boolean {
  if (isInteger(x)) return true
  let rest = x.d / (x.d & -x.d)
  const powers: bigint[] = []
  for (let power = 5n; rest % power === 0n; power *= power) powers.push(power)
  for (const power of powers.reverse()) if (rest % power === 0n) rest /= power
  return rest === 1n
}
