/**
 * Values of Γ, ζ and Φ where they have a closed form: Γ(n) and Γ(n + 1/2), ζ(2) to ζ(8), and of the normal distribution Φ(0) = 1/2 and
 * Φ(-x) = 1 - Φ(x). DLMF 5.4(ii), 25.6(i) and 7.17.
 */

import { divide, multiply, ONE, type Rational, rational, subtract } from '../../rational.ts'
import type { Application, Node } from '../node.ts'
import { exactValue } from '../numeric/exact.ts'

const LARGEST = 40n
const HALF = rational(1n, 2n)
/** ζ(2n)/π^{2n} */
const ZETA = new Map([
  [2n, rational(1n, 6n)],
  [4n, rational(1n, 90n)],
  [6n, rational(1n, 945n)],
  [8n, rational(1n, 9450n)],
])

const number = (value: Rational): Node => ({ kind: 'number', value })
const PI: Node = { kind: 'constant', name: 'pi' }
const binary = (op: '+' | '*' | '/' | '^', left: Node, right: Node): Node => ({ kind: 'binary', op, left, right })

/** Γ, ζ or Φ of a number: that is no product. */
export const isSpecial = ({ of, args }: Application): boolean =>
  of.kind === 'symbol' && /^\\(?:Gamma|zeta|Phi)$/.test(of.name) && args.length === 1 && typeof exactValue(args[0]) === 'object'

/** The value of a function that is not known. */
type Unknown = (name: string, args: readonly Node[]) => Node

/** The value of a function at an argument. Undefined: it has no closed form that is known. */
export function specialValue(name: string, args: readonly Node[], unknown: Unknown): Node | undefined {
  const [arg] = args
  if (args.length !== 1 || !/^\\(?:Gamma|zeta|Phi)$/.test(name)) return undefined
  if (name === '\\Phi') return normal(arg, unknown)
  const exact = exactValue(arg)
  if (typeof exact !== 'object') return undefined
  if (name === '\\Gamma') return gamma(exact)
  const factor = exact.d === 1n ? ZETA.get(exact.n) : undefined
  return factor && binary('*', number(factor), binary('^', PI, arg))
}

/** Γ(x) = (x - 1)Γ(x - 1), from Γ(1) = 1 or Γ(1/2) = √π. It has poles at 0, -1, … */
function gamma(x: Rational): Node | undefined {
  if (x.d > 2n || x.n > LARGEST || x.n < -LARGEST) return undefined
  const start = x.d === 1n ? ONE : HALF
  if (x.d === 1n && x.n <= 0n) return binary('/', number(ONE), number(rational(0n)))
  let value = ONE
  for (let at = start; at.n < x.n; at = subtract(at, rational(-1n))) value = multiply(value, at)
  for (let at = subtract(start, ONE); at.n >= x.n; at = subtract(at, ONE)) value = divide(value, at)
  return x.d === 1n ? number(value) : binary('*', number(value), { kind: 'call', name: 'sqrt', args: [PI] })
}

/** 1/2 and an odd function: x times an unknown function of x². */
const normal = (x: Node, unknown: Unknown): Node =>
  binary('+', number(HALF), binary('*', x, unknown('\\Phi', [binary('^', x, number(rational(2n)))])))
