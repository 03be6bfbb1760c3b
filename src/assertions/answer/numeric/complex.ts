/** Complex numbers over BigFloat, principal values. */

import * as big from './bigfloat.ts'
import { type BigFloat, Undefined } from './bigfloat.ts'

export interface Complex {
  readonly re: BigFloat
  readonly im: BigFloat
}

export const real = (re: BigFloat): Complex => ({ re, im: big.ZERO })
export const I: Complex = { re: big.ZERO, im: big.ONE }
export const ONE: Complex = real(big.ONE)
const TWO: Complex = real({ m: 2n, e: 0 })

export const add = (a: Complex, b: Complex): Complex => ({ re: big.add(a.re, b.re), im: big.add(a.im, b.im) })
export const subtract = (a: Complex, b: Complex): Complex => ({ re: big.subtract(a.re, b.re), im: big.subtract(a.im, b.im) })
export const negate = (a: Complex): Complex => ({ re: big.negate(a.re), im: big.negate(a.im) })
export const isReal = (a: Complex): boolean => a.im.m === 0n

export function multiply(a: Complex, b: Complex): Complex {
  if (isReal(a) && isReal(b)) return real(big.multiply(a.re, b.re))
  return {
    re: big.subtract(big.multiply(a.re, b.re), big.multiply(a.im, b.im)),
    im: big.add(big.multiply(a.re, b.im), big.multiply(a.im, b.re)),
  }
}

export function divide(a: Complex, b: Complex): Complex {
  if (isReal(b)) return { re: big.divide(a.re, b.re), im: big.divide(a.im, b.re) }
  const norm = big.add(big.multiply(b.re, b.re), big.multiply(b.im, b.im))
  const product = multiply(a, { re: b.re, im: big.negate(b.im) })
  return { re: big.divide(product.re, norm), im: big.divide(product.im, norm) }
}

export function absolute(a: Complex): BigFloat {
  if (isReal(a)) return big.absolute(a.re)
  return big.squareRoot(big.add(big.multiply(a.re, a.re), big.multiply(a.im, a.im)))
}

/** Exponent of the leading bit of |a|, at most one off. */
export const magnitude = (a: Complex): number => Math.max(big.magnitude(a.re), big.magnitude(a.im))

export function exp(a: Complex): Complex {
  const size = big.exp(a.re)
  if (isReal(a)) return real(size)
  const { sin, cos } = big.sinCos(a.im)
  return { re: big.multiply(size, cos), im: big.multiply(size, sin) }
}

export function ln(a: Complex): Complex {
  if (isReal(a) && big.sign(a.re) > 0) return real(big.ln(a.re))
  return { re: big.ln(absolute(a)), im: big.atan2(a.im, a.re) }
}

export function squareRoot(a: Complex): Complex {
  if (isReal(a)) {
    const root = big.squareRoot(big.absolute(a.re))
    return big.sign(a.re) >= 0 ? real(root) : { re: big.ZERO, im: root }
  }
  return exp(divide(ln(a), TWO))
}

/** a^n by squaring. */
export function integerPower(a: Complex, n: number): Complex {
  if (n < 0) return divide(ONE, integerPower(a, -n))
  let result = ONE
  let square = a
  for (let k = n; k > 0; k = Math.floor(k / 2)) {
    if (k % 2 === 1) result = multiply(result, square)
    if (k > 1) square = multiply(square, square)
  }
  return result
}

export function power(a: Complex, b: Complex): Complex {
  if (magnitude(a) === Number.NEGATIVE_INFINITY) {
    if (isReal(b) && big.sign(b.re) > 0) return a
    throw new Undefined('0 to a power of 0 or less')
  }
  return exp(multiply(b, ln(a)))
}

/** Real root of odd degree for real arguments, else the principal root. */
export function root(a: Complex, degree: number): Complex {
  const size = (x: Complex): Complex => exp(divide(ln(x), real(big.fromNumber(degree))))
  if (magnitude(a) === Number.NEGATIVE_INFINITY) return a
  if (isReal(a) && big.sign(a.re) < 0 && degree % 2 === 1) return negate(size(negate(a)))
  return degree === 2 ? squareRoot(a) : size(a)
}

export function sin(a: Complex): Complex {
  if (isReal(a)) return real(big.sinCos(a.re).sin)
  return divide(subtract(exp(multiply(I, a)), exp(negate(multiply(I, a)))), multiply(TWO, I))
}

export function cos(a: Complex): Complex {
  if (isReal(a)) return real(big.sinCos(a.re).cos)
  return divide(add(exp(multiply(I, a)), exp(negate(multiply(I, a)))), TWO)
}

export const sinh = (a: Complex): Complex => divide(subtract(exp(a), exp(negate(a))), TWO)
export const cosh = (a: Complex): Complex => divide(add(exp(a), exp(negate(a))), TWO)

const halfPi = (): Complex => divide(real(big.pi()), TWO)
const within = (a: Complex): boolean => isReal(a) && big.sign(big.subtract(big.ONE, big.absolute(a.re))) >= 0

export function asin(a: Complex): Complex {
  const other = squareRoot(subtract(ONE, multiply(a, a)))
  if (within(a)) return real(big.atan2(a.re, other.re))
  return negate(multiply(I, ln(add(multiply(I, a), other))))
}

export const acos = (a: Complex): Complex => subtract(halfPi(), asin(a))

export function atan(a: Complex): Complex {
  if (isReal(a)) return real(big.atan2(a.re, big.ONE))
  return multiply(divide(I, TWO), subtract(ln(subtract(ONE, multiply(I, a))), ln(add(ONE, multiply(I, a)))))
}

export const asinh = (a: Complex): Complex => ln(add(a, squareRoot(add(multiply(a, a), ONE))))
export const acosh = (a: Complex): Complex => ln(add(a, multiply(squareRoot(subtract(a, ONE)), squareRoot(add(a, ONE)))))
export const atanh = (a: Complex): Complex => divide(ln(divide(add(ONE, a), subtract(ONE, a))), TWO)
