/** Sentences that give several people or things a value each: "Anna has 10 stickers and Ben has 14.", "width = 4, length = 10". */

import { matchesOf } from '../reading/matches.ts'
import { quantityEnd } from './extent.ts'
import type { Found } from './numbers.ts'

const VALUE = String.raw`((?:[$€£\ue000]?-?\d[\d.,]{0,15}\d|[$€£\ue000]?-?\d)(?:\/\d{1,9}(?![\d.]))?(?![\d/^]))`
const OWNED = new RegExp(
  String.raw`\b([A-Z][a-z]{1,15}) (?:now |then |still |each )?(?:has|had|gets|got|earns|earned|pays|paid|receives|received|owns|scores|scored|makes|made|sells|sold|eats|ate|needs|weighs|is) (?:exactly |only |just )?${VALUE}`,
  'g',
)
const LABELLED = new RegExp(String.raw`\b(?:the )?((?:expected |standard )?[a-z]{3,15})(?:\s?[=:]\s?| (?:is|equals) )${VALUE}`, 'gi')
/** "has length 12 cm and width 7 cm" */
const MEASURED = new RegExp(String.raw`(?:^|\b(?:with|has|have|is|are|and|a|the)\s|,\s)(?:an? |the )?([a-z]{4,15}) ${VALUE}`, 'gi')
/** "Its length is 9 and its width 4", "Tom has 8 coins and Lea 11" */
const EITHER = new RegExp(
  String.raw`(?:\b(?:its|the|his|her|their|whose|[a-z]+['’]s)\s|^\s?|\band\s)([a-zA-Z]{3,15})(?:\s?[=:]\s?| (?:is|equals|has|gets|pays|costs) | )${VALUE}`,
  'gi',
)
/** "6 cm (width)", "6 cm in width", "6 cm wide", with the name or the quality behind */
const BEHIND = new RegExp(
  String.raw`${VALUE}(?:\s[a-zA-Z²³°]{1,12}){0,2}?\s(?:\((?:the )?([a-z]{3,15})\)|in (width|length|height|depth|diameter)\b|(wide|long|high|tall|deep|old)\b)`,
  'g',
)
const QUALITIES: Readonly<Record<string, string>> = {
  wide: 'width',
  long: 'length',
  high: 'height',
  tall: 'height',
  deep: 'depth',
  old: 'age',
}
const SUPPOSED = /^\W{0,4}(?:if|when|suppose|assume|assuming|let|say|given|since|because|while|although)\b/i
/** Names that only count. */
const COUNTING = /^(?:first|second|third|fourth|fifth|last|one|other|another|smaller|larger|bigger|next)$/i
const MOST = 12

/**
 * The values by their names, as a list "Anna: 10, Ben: 14", or without names that only count. Undefined where another number stands
 * in the sentence, or one name has two.
 */
export function namedValues(sentence: string): Found | undefined {
  if (sentence.length > 600 || SUPPOSED.test(sentence)) return undefined
  const numbers = sentence.match(/\d[\d.,/^]*/g) ?? []
  if (numbers.length < 2 || numbers.length > MOST) return undefined
  for (const pattern of [OWNED, LABELLED, MEASURED, EITHER]) {
    const given = matchesOf(sentence, pattern)
    const names = new Set(given.map(([, name]) => name.toLowerCase()))
    if (given.length !== numbers.length || names.size < given.length) continue
    const counting = given.every(([, name]) => COUNTING.test(name))
    const said = given.map(({ index, 0: whole, 1: name, 2: value }) => {
      const end = index + whole.length
      const quantity = sentence.slice(end - value.length, quantityEnd(sentence, end - value.length, end))
      return counting ? quantity : `${name}: ${quantity}`
    })
    return { text: said.join(', '), at: given[0].index }
  }
  const behind = [...sentence.matchAll(BEHIND)].map(([whole, value, bracketed, dimension, quality]) => ({
    whole,
    value,
    name: bracketed ?? dimension ?? QUALITIES[quality],
  }))
  if (behind.length !== numbers.length || new Set(behind.map(({ name }) => name)).size < behind.length) return undefined
  const said = behind.map(({ whole, value, name }) => `${name}: ${whole.slice(0, quantityEnd(whole, 0, value.length))}`)
  return { text: said.join(', '), at: sentence.indexOf(behind[0].whole) }
}
