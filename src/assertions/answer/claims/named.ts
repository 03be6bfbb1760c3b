/** Sentences that give several people or things a value each: "Anna has 10 stickers and Ben has 14." */

import type { Found } from './numbers.ts'

const GIVEN =
  /\b([A-Z][a-z]{1,15}) (?:now |then |still |each )?(?:has|had|gets|got|earns|earned|pays|paid|receives|received|owns|scores|scored|makes|made|sells|sold|eats|ate|needs|weighs|is) (?:exactly |only |just )?([$€£\ue000]?\d[\d.,]{0,15}\d|[$€£\ue000]?\d)/g
const SUPPOSED = /^\W{0,4}(?:if|when|suppose|assume|assuming|let|say|given|since|because|while|although)\b/i
const MOST = 12

/** The values by their names, as a list "Anna: 10, Ben: 14". Undefined where another number stands in the sentence, or one name has two. */
export function namedValues(sentence: string): Found | undefined {
  if (sentence.length > 600 || SUPPOSED.test(sentence)) return undefined
  const given = [...sentence.matchAll(GIVEN)]
  const names = new Set(given.map(([, name]) => name))
  const numbers = sentence.match(/\d[\d.,]*/g) ?? []
  if (given.length < 2 || given.length > MOST || names.size < given.length || numbers.length !== given.length) return undefined
  return { text: given.map(([, name, value]) => `${name}: ${value}`).join(', '), at: given[0].index }
}
