/** Two solutions that a response states one after the other: "30 is one answer, and the other is 150". */

import { isAnswer } from './formulas.ts'
import { trimEnd } from './sentences.ts'

const NOUN = '(?:solution|root|answer|value|zero|possibility|one)'
const VALUE = String.raw`((?:\$|\\\()?(?:[a-zθ]|\\theta)?\s?=?\s?[^\s,;]{1,40}?(?:\$|\\\))?)`
const SECOND = String.raw`(?:,? and|;|[.,]|,? while)\s(?:so )?(?:the|an|a)?\s?(?:other|another|second)(?: ${NOUN})? (?:is|are|equals|=)\s(?:at )?${VALUE}[.\s]{0,4}$`
const FORMS = [
  new RegExp(String.raw`\b(?:one|an?|the first|first)(?: such| possible)? ${NOUN} (?:is|equals|=)\s${VALUE}${SECOND}`, 'i'),
  new RegExp(String.raw`(?:^|\s)${VALUE} is (?:one|an?|the first)(?: such| possible)?(?: ${NOUN})?${SECOND}`, 'i'),
]

/** Both of them, as a list. Undefined: the text ends in no such statement. */
export function twoSolutions(text: string): string | undefined {
  const end = text.slice(-300)
  if (!/\b(?:other|another|second)\b/i.test(end)) return undefined
  for (const form of FORMS) {
    const found = form.exec(end)
    if (!found) continue
    const values = [found[1], found[2]].map((value) => trimEnd(value).replace(/^(?:\$|\\\()|(?:\$|\\\))$/g, ''))
    if (values.every((value) => isAnswer(value))) return values.join(', ')
  }
  return undefined
}
