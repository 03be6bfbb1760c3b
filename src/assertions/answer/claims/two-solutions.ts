/** Two solutions that a response states one after the other: "30 is one answer, and the other is 150". */

import { matchesOf } from '../reading/matches.ts'
import { isAnswer } from './formulas.ts'
import { trimEnd } from './sentences.ts'

const NOUN = '(?:solution|root|answer|value|zero|possibility|one)'
const VALUE = String.raw`((?:\$|\\\()?(?:[a-zθ]|\\theta)?\s?=?\s?[^\s,;]{1,40}?(?:\$|\\\))?)`
const SECOND = String.raw`(?:,? and|;|[.,]|,? while)\s(?:so )?(?:the|an|a)?\s?(?:other|another|second)(?: ${NOUN})? (?:is|are|equals|=)\s(?:at )?${VALUE}[.\s]{0,4}$`
const FORMS = [
  new RegExp(String.raw`\b(?:one|an?|the first|first)(?: such| possible)? ${NOUN} (?:is|equals|=)\s${VALUE}${SECOND}`, 'i'),
  new RegExp(String.raw`(?:^|\s)${VALUE} is (?:one|an?|the first)(?: such| possible)?(?: ${NOUN})?${SECOND}`, 'i'),
]

const ONE_VALUE = String.raw`(?:\$[^$]{1,40}\$|\\\([^()]{1,40}\\\)|[-−]?\d[\d./]{0,12})`
const REST = new RegExp(
  String.raw`\b(?:the|its)\s(?:(?:remaining|other|further)(?: two| three| four)?(?: ones| roots| solutions| zeros| values)|others|rest) (?:are|is) (${ONE_VALUE}(?:(?:,? and |, )${ONE_VALUE}){1,5})[.\s]{0,4}$`,
  'i',
)
const FIRST = [
  new RegExp(
    String.raw`\b(?:one|an?|the first|the)(?: such| possible| obvious| real| trivial| integer| rational)? (?:solution|root|zero|value) (?:is|equals|at) (${ONE_VALUE})`,
    'gi',
  ),
  new RegExp(
    `(${ONE_VALUE}) is (?:clearly |obviously |certainly |already )?(?:one|an?|the first)(?: such| possible| obvious| real| trivial)? (?:solution|root|zero|value)`,
    'gi',
  ),
]

/** "One root is 2. The other roots are 3 and 7.": all of them, or only the rest where the first is not found. Undefined: the text ends in no such statement. */
export function otherSolutions(text: string): { text: string; all: boolean } | undefined {
  const end = text.slice(-500)
  const rest = REST.exec(end)
  if (!rest) return undefined
  const bare = (value: string): string => value.replace(/^(?:\$|\\\()|(?:\$|\\\))$/g, '').trim()
  const others = rest[1].split(/,? and |, /).map(bare)
  const before = end.slice(0, rest.index)
  const first = FIRST.flatMap((form) => matchesOf(before, form))
    .sort((a, b) => a.index - b.index)
    .map(([, value]) => bare(value))
  const all = [...new Set([...first, ...others])]
  return all.every((value) => isAnswer(value)) ? { text: all.join(', '), all: first.length > 0 } : undefined
}

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
