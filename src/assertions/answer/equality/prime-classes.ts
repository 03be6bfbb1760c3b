/**
 * Primes told by their remainders: "primes congruent to 1 mod 4, together with the prime 2" is p = 2 or p ≡ 1 (mod 4). Each class that is
 * coprime to the modulus has infinitely many primes, and of the others only divisors of the modulus can be prime. So the classes of one common
 * modulus and finitely many primes tell all.
 */

import { isPrime } from '../numeric/primes.ts'
import { matchesOf } from '../reading/matches.ts'
import { inWords } from './branches.ts'

interface Primes {
  modulus: number
  residues: Set<number>
  /** Those that are named one by one. */
  alone: Set<number>
  /** It says that they are primes. */
  said: boolean
}

const RESIDUES = String.raw`((?:±|\\pm|-)?\s?\d{1,4}(?:\s?(?:,|or|and|/)\s?(?:±|\\pm|-)?\s?\d{1,4}){0,11})`
const MODULUS = String.raw`,?\s?(?:\(\s?)?(?:\\p?mod|\\bmod|mod(?:ulo)?|(?:when|if) divided by|(?:up)?on division by)\s?\{?\s?(\d{1,4})\s?\}?\s?\)?`
const WITH = String.raw`(?:(?:that|which|with|such|satisfying|for|are|is)\s){0,3}`
const CLASS = new RegExp(
  String.raw`(?:(?:all|the|every|any|those|each)\s){0,2}(?:(primes?(?: numbers?)?)\s)?(?:[pq]\s)?${WITH}(?:[pq]\s?(?:\\equiv|≡)|congruent to|(?:leav(?:e|es|ing)|hav(?:e|ing))\s(?:a\s)?remainder(?: of)?)\s?${RESIDUES}${MODULUS}`,
  'i',
)
const JOINT = String.raw`\s?(?:,?\s?(?:together with|along with|as well as|and also|and|or|\\lor|plus)|,)\s?`
const ONE = String.raw`(?:the )?(?:prime )?(?:[pq]\s?=\s?)?\d{1,4}`
const REST = new RegExp(String.raw`^(?:it is |they are )?(?:${ONE}${JOINT}){0,4}§(?:${JOINT}${ONE}){0,4}[\s.]*$`, 'i')
const LARGEST = 2000

export const mayTellPrimes = (text: string): boolean => /\bprime|[pq]\s?(?:\\equiv|≡)/.test(text)

function primesOf(text: string): Primes | undefined {
  if (text.length > 300) return undefined
  const plain = inWords(text)
  const found = CLASS.exec(plain)
  if (!found || (found[1] === undefined && !/[pq]\s?(?:\\equiv|≡)/.test(found[0]))) return undefined
  const modulus = Number(found[3])
  const rest = `${plain.slice(0, found.index)}§${plain.slice(found.index + found[0].length)}`
  if (modulus < 2 || !REST.test(rest)) return undefined
  const residues = new Set<number>()
  for (const [, both, value] of matchesOf(found[2], /(±|\\pm|-)?\s?(\d+)/g)) {
    const signs = both === undefined ? [1] : both === '-' ? [-1] : [1, -1]
    for (const sign of signs) residues.add((((sign * Number(value)) % modulus) + modulus) % modulus)
  }
  const alone = new Set((rest.match(/\d+/g) ?? []).map(Number))
  return [...alone].every(isPrime) ? { modulus, residues, alone, said: /\bprime/i.test(plain) } : undefined
}

const gcd = (a: number, b: number): number => (b === 0 ? a : gcd(b, a % b))

/** Whether two texts are the same primes, one of them in words at least or with some that stand alone. */
export function samePrimes(text: string, reference: string): boolean {
  const right = primesOf(reference)
  const left = right && primesOf(text)
  if (!left || !right) return false
  if (!left.said && !right.said && left.alone.size + right.alone.size === 0) return false
  const common = (left.modulus / gcd(left.modulus, right.modulus)) * right.modulus
  if (common > LARGEST) return false
  const has = ({ modulus, residues, alone }: Primes, n: number): boolean => residues.has(n % modulus) || alone.has(n)
  for (let n = 0; n < common; n++) {
    if (gcd(n, common) !== 1) continue
    if (left.residues.has(n % left.modulus) !== right.residues.has(n % right.modulus)) return false
  }
  const few = new Set([...left.alone, ...right.alone])
  for (let n = 2; n <= common; n++) if (common % n === 0 && isPrime(n)) few.add(n)
  return [...few].every((n) => has(left, n) === has(right, n))
}
