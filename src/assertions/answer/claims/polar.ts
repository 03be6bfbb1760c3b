/** Yes and no before, behind and inside their reasons. */

import type { Found } from './numbers.ts'

/** "No remainder" is no no. */
const SAID =
  /(?:^|[,;:—–-]\s|\b(?:so|but|thus|hence|therefore|then|is|answer is)\s)[*_"“]{0,3}(yes|no)\b(?=[*_"”]{0,3}(?:[,.;:!—–]|\s[—–-]|\s*$|\s(?:it|there|they|he|she|this|that|because|since|the|we|\d)\b))/gi
const OPEN = /\b(?:if|unless|otherwise|depends|depending|maybe|perhaps|whether|sometimes)\b/i

/** The last yes or no that a sentence says. Undefined: it says none, or says it of a case only. */
export function polarIn(sentence: string): Found | undefined {
  if (OPEN.test(sentence)) return undefined
  const said = [...sentence.slice(0, 600).matchAll(SAID)].filter(
    ({ 1: word, index, 0: whole }) =>
      /yes/i.test(word) || !/^\s(?:it|there|they|he|she|this|that|the|we|\d)/.test(sentence.slice(index + whole.length)),
  )
  const last = said.at(-1)
  return last && { text: last[1], at: last.index + last[0].length - last[1].length }
}
