/** Recurrences whose index is shifted: a_{n+2} = 3a_{n+1} - 2a_n is a_n = 3a_{n-1} - 2a_{n-2}. */

import type { Answer } from '../node.ts'
import { matchesOf } from '../reading/matches.ts'
import { readAnswer } from '../reading/read.ts'

const INDEX = /(?<![a-zA-Z\\])([a-zA-Z])_(?:\{\s?([a-z])\s?(?:([-+])\s?(\d{1,3}))?\s?\}|([a-z])(?![a-zA-Z]))/g

interface Indexed {
  sequence: string
  letter: string
  shifts: number[]
}

/** The sequence of a recurrence, the letter of its index and the shifts. Undefined: it has several sequences or letters, or one shift only. */
function indexed(text: string): Indexed | undefined {
  const found = matchesOf(text, INDEX).map(([, sequence, braced, sign, shift, bare]) => ({
    sequence,
    letter: braced ?? bare,
    shift: shift === undefined ? 0 : Number(sign + shift),
  }))
  const shifts = [...new Set(found.map(({ shift }) => shift))]
  const [first] = found
  const one = found.every(({ sequence, letter }) => sequence === first.sequence && letter === first.letter)
  return first && one && shifts.length > 1 ? { sequence: first.sequence, letter: first.letter, shifts } : undefined
}

/** A recurrence with its index moved so that the highest one is its letter alone. */
function moved(text: string, { letter, shifts }: Indexed): Answer {
  const by = -Math.max(...shifts)
  const outside = new RegExp(`(?<![a-zA-Z\\\\_])${letter}(?![a-zA-Z_])`, 'g')
  const at = (shift: number): string => (shift === 0 ? letter : `${letter}${shift > 0 ? '+' : '-'}${Math.abs(shift)}`)
  const parts: string[] = []
  let end = 0
  const plain = (part: string): string => (by === 0 ? part : part.replace(outside, `(${at(by)})`))
  for (const match of matchesOf(text, INDEX)) {
    const shift = match[4] === undefined ? 0 : Number(match[3] + match[4])
    parts.push(plain(text.slice(end, match.index)), `${match[1]}_{${at(shift + by)}}`)
    end = match.index + match[0].length
  }
  return readAnswer(parts.join('') + plain(text.slice(end)))
}

/** Whether two texts are the same recurrence but for a shift of the index. */
export function sameRecurrence(a: string, b: string, equal: (a: Answer, b: Answer) => boolean): boolean {
  if (a.length > 300 || b.length > 300 || !/_\s?\{?\s?[a-z]\s?[-+]/.test(b) || !a.includes('=') || !b.includes('=')) return false
  const [left, right] = [indexed(a), indexed(b)]
  if (!left || !right || left.sequence !== right.sequence || left.letter !== right.letter) return false
  return Math.max(...left.shifts) !== Math.max(...right.shifts) && equal(moved(a, left), moved(b, right))
}
