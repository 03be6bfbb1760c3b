/** Relations at the end of a sentence that no sign sets apart as a formula: "so -1 < x < 5", "we get 2x - y + 1 = 0". */

import { isAnswer } from './formulas.ts'
import type { Found } from './numbers.ts'
import { trimEnd } from './sentences.ts'

/** How much of a sentence is read, and how many of its words. */
const SEARCHED = 200
const WORDS = 40
const SIGN = /[=<>≤≥]/
const BOUND = /[<>≤≥]/
/** The characters of formulas. */
const CHARACTERS = /^[-−+*/×·÷^=<>≤≥±|()[\]{}.,_'\da-zπθ√∞²³⁴⁵]+$/i
/** Longer runs of letters are words, unless they are functions. */
const LETTERS = 2
const FUNCTIONS = /^(?:sin|cos|tan|ln|log|sqrt|exp|xyz)$/i
/** "a", "I", "is", "so": short words and no letters of a formula. */
const WORD = /^(?:i\.e\.|e\.g\.|a|i|is|so|we|it|of|or|as|at|be|by|if|in|on|to|an|do|no|he|us|my|up|am|go|for|and)$/i

/** "x > 0 and ": another relation belongs to it. */
const GOES_WITH = /[<>≤≥=≠][^<>≤≥=.;:]{1,30}(?:\b(?:and|or|but|with)|[,;])\s*$/

/** Whether a word may belong to a formula: what holds figures or signs, single letters, products of two letters, functions. */
const isMathematical = (word: string): boolean =>
  CHARACTERS.test(word) && !WORD.test(word) && (word.match(/[a-z]+/gi) ?? []).every((run) => run.length <= LETTERS || FUNCTIONS.test(run))

/** Another line than the one that is told: "parallel to 2x - y = 1". */
const OF_ANOTHER =
  /\b(?:(?:parallel|perpendicular|orthogonal|normal|tangent|close|near|similar|symmetric(?:al)?|respect) to|crosses|meets|intersects|touches|cuts|not|never)\s(?:the line\s|get\s)?$/i

/** The longest formula with a relation and a letter that a sentence ends in. `bounds`: an inequality. */
export function relationAtEnd(sentence: string, bounds: boolean): Found | undefined {
  const text = trimEnd(sentence.slice(-SEARCHED))
  if (!(bounds ? BOUND : SIGN).test(text) || /[$\\]/.test(text)) return undefined
  const words = text.split(' ').slice(-WORDS)
  let first = words.length
  while (first > 0 && isMathematical(words[first - 1])) first--
  for (; first < words.length; first++) {
    const said = words.slice(first).join(' ')
    // A comma sets off what stands before it.
    const comma = said.search(/,\s/)
    if (comma >= 0) {
      first += said.slice(0, comma).split(' ').length - 1
      continue
    }
    if (!(bounds ? BOUND : SIGN).test(said)) return undefined
    if (/[a-z]/i.test(said) && !SIGN.test(words[first][0]) && isAnswer(said)) {
      const at = sentence.lastIndexOf(said)
      return at < 0 || GOES_WITH.test(sentence.slice(0, at)) || OF_ANOTHER.test(sentence.slice(0, at)) ? undefined : { text: said, at }
    }
  }
  return undefined
}
