/** Remarks that say which values were assumed: "The apex angle was 30° by assumption." */

import { cues } from './cues.ts'

const ASSUMED = cues(
  String.raw`
    \d[^\s.,;]{0,6}(?:\s[a-z]{1,12})?\$?\s(?:by|per) (?:assumption|hypothesis)\b
    ^\W{0,4}by (?:assumption|hypothesis)\b[^.;]{0,80}\b(?:is|are|was|were|has|had)\s[^.;]{0,20}\d
    \b(?:was|were|is|are|been)\s(?:only\s)?(?:assumed|supposed|taken) (?:to be|as)\s[^.;a-z]{0,6}\d
    \d[^.;,]{0,30}\s(?:was|were|is|are)\s(?:assumed|(?:taken )?as given|taken for granted)\b`,
)
const CONCLUDES =
  /\b(?:so|thus|hence|therefore|then|answer|result|gives?|giving|leaves?|leaving|means?|follows?|get|find|obtain|conclude|must|not|but|n['’]t)\b|[⇒→]|\\(?:Rightarrow|implies)/i

/** Whether a sentence only recalls what was assumed, and concludes nothing from it. */
export const isAssumption = (sentence: string): boolean => ASSUMED.test(sentence.slice(-400)) && !CONCLUDES.test(sentence)
