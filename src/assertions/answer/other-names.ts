/** Values of another name than a problem asks for: g(3) = 9 for f(3), sin θ for cos θ. Letters of a sum may be named anew: m + n for p + q. */

import { askedOf } from './claims/asked.ts'
import { matchesOf } from './reading/matches.ts'

const FUNCTION = '(?:sin|cos|tan|cot|sec|csc)'
/** The spaces between words, which keep them apart from letters of formulas. */
const BETWEEN_WORDS = new RegExp(String.raw`\s(?=[a-zA-Z]{2})|(?<=[a-zA-Z]{2})(?<!\b${FUNCTION})\s`, 'g')

const plain = (text: string): string =>
  text
    .replace(/\\(?:left|right|,|;|!|displaystyle)(?![a-z])|[\s$*{}]|\\(?=[()])/g, '')
    .replace(/[−–]/g, '-')
    .replace(new RegExp(String.raw`\\(?=${FUNCTION}(?![a-z]))`, 'g'), '')

/** What names a value: a function at a number and no inner one of f(g(2)), or a function of an angle and how often it takes the angle. */
const KINDS: readonly { pattern: RegExp; longest: number }[] = [
  { pattern: /(?<![a-zA-Z\\(])[a-zA-Z]'{0,3}\(-?\d[\d./]{0,12}\)/g, longest: 0 },
  // Angles have many names.
  { pattern: new RegExp(String.raw`(?<![a-z])${FUNCTION}(?:\^\d)?\(?\d{0,3}(?=\(?[\\a-zA-Zα-ω∠])`, 'g'), longest: 14 },
]
const called = (name: string): string => (name.endsWith(')') ? name : name.replace('(', ''))

/** Whether an equation begins with a name of the kind that the question names once, and never names that one. */
export function isOfAnotherName(equation: string, problem: string): boolean {
  const sides = plain(equation).split('=').slice(0, -1)
  const asked = plain(askedOf(problem).sentence.replace(BETWEEN_WORDS, '§'))
  return KINDS.some(({ pattern, longest }) => {
    const meant = new Set(matchesOf(asked, pattern).map(([name]) => called(name)))
    if (meant.size !== 1) return false
    const [first] = matchesOf(sides[0], pattern)
    if (
      first === undefined ||
      first.index > 0 ||
      first[0].length + longest < sides[0].length ||
      /[-+/]/.test(sides[0].slice(first[0].length))
    )
      return false
    return !sides.some((side) => matchesOf(side, pattern).some(([name]) => meant.has(called(name))))
  })
}
