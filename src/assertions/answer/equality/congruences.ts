/** Congruences with several residues: n ≡ ±1 (mod 6) is n ≡ 1, 5 (mod 6), and n ≡ 1, 4 (mod 6) is n ≡ 1 (mod 3). */

/** The integers with these remainders. */
export interface Residues {
  name: string
  modulus: number
  of: Set<number>
}

const MOD = String.raw`\s?(?:\\[ ,;]|\\q?quad)?\s?(?:\\pmod|\\bmod|\\mod|\(?\s?(?:\\(?:text|mathrm|operatorname)\s?\{\s?)?mod)\s?\}?\s?(?:\\[ ,;])?\s?\{?\s?(\d{1,4})\s?\}?\s?\)?`
const AND = String.raw`(?:,|;|\\text\s?\{\s?(?:or|and)\s?\}|\\lor|\bor\b|\band\b)`
const ONE = new RegExp(String.raw`^\s?([a-zA-Z])\s?(?:\\equiv|≡)\s?(.{1,120}?)${MOD}\s?(?:${AND}\s?(?=[a-zA-Z]\s?(?:\\equiv|≡))|$)`)
/** "exactly the integers with" */
const AMONG =
  /^(?:[a-z]{2,12} ){0,4}(?:integers|numbers|values|all [a-z]|[a-z]) (?:with|satisfying|such that) (?=\$?[a-z]\$?\s?(?:\\equiv|≡))/i
/** The name said again: "x ≡ 2 or x ≡ 5 (mod 6)". One number cannot have both, so "and" joins none. */
const AGAIN = /(?<=(?:\\equiv|≡)\s?-?\d{1,5}\$?\s?)(,|\\text\s?\{\s?or\s?\}|\\lor|\bor\b)\s?\$?([a-zA-Z])\s?(?:\\equiv|≡)\s?(-?\d)/g
const RESIDUE = /^(\\pm|±)?\s?(-?\d{1,5})$/
/** Congruences beyond this common modulus are not compared. */
const LARGEST = 5000
const MOST = 60

/** The remainders that a congruence names. Undefined: it is none, or several with different moduli. */
export function residues(text: string): Residues | undefined {
  let rest = text
    .trim()
    .replace(AMONG, '')
    .replace(AGAIN, '$1 $3')
    .replace(/^\$|\$?\.?$/g, '')
    .replaceAll('$', '')
    .trim()
  let out: Residues | undefined
  for (let part = 0; rest !== ''; part++) {
    const found = part < 12 ? ONE.exec(rest) : null
    if (!found) return undefined
    const [whole, name, said, written] = found
    const modulus = Number(written)
    const values = said
      .replace(/\\[ ,;!]/g, ' ')
      .split(new RegExp(AND))
      .map((one) => RESIDUE.exec(one.trim()))
    if (modulus === 0 || values.length > MOST || !values.every((value) => value !== null)) return undefined
    // Conditions with other moduli hold together, and others with the same one cannot.
    if (out && (out.name !== name || out.modulus !== modulus)) return undefined
    out ??= { name, modulus, of: new Set() }
    for (const [, both, value] of values) {
      for (const sign of both === undefined ? [1] : [1, -1]) out.of.add((((sign * Number(value)) % modulus) + modulus) % modulus)
    }
    rest = rest.slice(whole.length).trim()
  }
  return out
}

/** Whether two texts are congruences with the same solutions. Undefined: one of them is none, or a system of several. */
export function sameCongruence(a: string, b: string): boolean | undefined {
  if (!/\\equiv|≡/.test(b) || !/\\equiv|≡/.test(a) || a.length > 300 || b.length > 300) return undefined
  const right = residues(b)
  const left = right && residues(a)
  if (!left || !right) return undefined
  const [larger, smaller] = [Math.max(left.modulus, right.modulus), Math.min(left.modulus, right.modulus)]
  let common = larger
  while (common % smaller !== 0 && common <= LARGEST) common += larger
  if (left.name !== right.name || common > LARGEST) return false
  for (let n = 0; n < common; n++) if (left.of.has(n % left.modulus) !== right.of.has(n % right.modulus)) return false
  return true
}
