/** Permutations in cycle notation: (4 2)(5 1 3) is (1 3 5)(2 4). Cycles that share an element depend on the order of composition and are not compared. */

import { matchesOf } from '../reading/matches.ts'

const BLANK = String.raw`(?:\s|\\[,;:! ]|~|\\(?:thin|en)space)+`
const CYCLES = new RegExp(String.raw`^(?:\(\d{1,3}(?:${BLANK}\d{1,3}){0,30}\)){1,12}$`)
const COMMAS = /^(?:\(\d{1,3}(?:,\s?\d{1,3}){0,30}\)){2,12}$/
/** (1\,234) is a number. */
const GROUPED = /^\(\d{1,3}(?:(?:\\[,;:! ]|~|\s)\d{3})+\)$/
const DIGITS = /^(?:\([1-9]{1,9}\)){1,9}$/

/** Where each element that moves goes, in one writing. Undefined: it is no product of disjoint cycles. `said`: the reference shows that cycles are meant. */
function permutation(text: string, said: boolean): string | undefined {
  if (text.length > 300) return undefined
  const plain = text
    .trim()
    .replace(/^\$+|\$?\.?$/g, '')
    .replace(/\\(?:left|right)(?![a-z])/g, '')
    .replace(/\)(?:\s|\\[,;:! ]|\\circ|∘){1,4}\(/g, ')(')
    .replace(/\((?:\s|\\[,;! ])+/g, '(')
    .replace(/(?:\s|\\[,;! ])+\)/g, ')')
  const spaced = CYCLES.test(plain) && /\d[^\d()]+\d/.test(plain)
  const closed = !spaced && said && DIGITS.test(plain)
  if (!spaced && !closed && !(said && COMMAS.test(plain))) return undefined
  if (GROUPED.test(plain)) return undefined
  const to = new Map<number, number>()
  for (const [, inner] of matchesOf(plain, /\(([^()]+)\)/g)) {
    const cycle = (inner.match(closed ? /\d/g : /\d+/g) ?? []).map(Number)
    for (const [i, element] of cycle.entries()) {
      if (element === 0 || to.has(element)) return undefined
      to.set(element, cycle[(i + 1) % cycle.length])
    }
  }
  const moved = [...to].filter(([from, into]) => from !== into).sort(([a], [b]) => a - b)
  return moved.map(([from, into]) => `${from}>${into}`).join()
}

/** Whether two texts are the same permutation. Undefined: one of them is none, or its cycles share an element. */
export function samePermutation(a: string, b: string): boolean | undefined {
  if (!b.includes('(') || !a.includes('(') || !/\d\s?(?:\s|\\[,;:! ]|~)\s?\d/.test(b)) return undefined
  const right = permutation(b, false)
  const left = right === undefined ? undefined : permutation(a, true)
  return left === undefined || right === undefined ? undefined : left === right
}
