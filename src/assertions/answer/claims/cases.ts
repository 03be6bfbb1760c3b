/** Claims that hold in one case only, and sentences that tell cases apart. */

import { cues } from './cues.ts'

/** "would be 16" */
const WOULD = /(?:\bwould|\b(?:it|that|this|there)['’]d)\s(?:\w+\s)?(?:be|have been|equal|come to)\s(?:\w+\s)?[$€£]?$/i

const ONLY_IF =
  /^[^.;]{0,60}?\s(?:if\s(?!(?:we|you|one)\s(?:add|sum|count|take|combine)\b)|unless\s|provided\s|had\s(?:he|she|it|we|they|the)\b|were\s(?:it|the)\b)/i

/** Whether a claim holds only in a case that the sentence imagines: "it would be 16 if the coin were fair". */
export const isImagined = (before: string, behind: string): boolean =>
  WOULD.test(before.slice(-80)) && (ONLY_IF.test(behind) || REFUTED.test(behind))
/** "but we must use the square" */
const REFUTED = /^[-−$\d.,/]{1,20}(?: [a-z]+)?,? (?:but|however|yet)\b/i

/** "Only if n is odd is it 16", "as long as m is prime" */
const ONLY_CASE = cues(
  String.raw`
    ^\W{0,4}(?:(?:and|so|then|but) )?(?:only (?:if|when|in|for|under|with)\b(?! (?:all|both)\b)|provided(?: that)?\s)
    ^\W{0,4}(?:(?:and|so|then|but) )?(?:(?:as|so) long as\s|on (?:the )?condition\s|in the event\s)`,
)

/** The same behind a claim: "31 only when both are even", "7 provided that x is positive". */
const LIMITED =
  /^[^.;,]{0,60}?\s(?:only (?:if|when|under|in case|for (?:even|odd|positive|negative|prime|large|small|some|certain)\b)|provided that|(?:as|so) long as|on (?:the )?condition|in the event)\b/i

/** Whether a sentence says its value of one case only. `behind` begins with the value. */
export const isLimited = (before: string, behind: string): boolean => ONLY_CASE.test(before) || LIMITED.test(behind)

/** "Had we counted the ends, we would have 33.", "If he were older, it would be 33" */
const CONTRARY = cues(
  String.raw`
    ^\W{0,4}(?:(?:and|but|so) )?(?:had|were) (?:we|he|she|it|they|I|you|there|the [a-z]+|[A-Z][a-z]+|[a-z]) [^.;]{1,120}(?:\bwould\b|['’]d\b)
    ^\W{0,4}(?:(?:and|but|so) )?if (?:we|you|one|he|she|it|they|I|there|the [a-z]+|[A-Z][a-z]+|[a-z]) (?:[a-z]+ly |only |just )?(?:had|were|did|could|took|forgot|left|chose|(?!add|summ|combin)[a-z]{3,}ed)\b[^.;]{1,120}(?:\bwould\b|['’]d\b)
    ^\W{0,4}(?:(?:and|but|so) )?(?:suppos|assum)ing (?:the|that|it|he|she|they|we|all|there) [^.;,]{1,80}\b(?:were|had)\b[^.;,]{0,60}, [^.;]{0,60}(?:\bwould\b|['’]d\b)`,
)

/** "Suppose that k = 53.", "We may try 53 next.", "It remains to show that it is 53": nothing is said of whether it holds. */
const TRIED = cues(
  String.raw`
    ^\W{0,4}(?:(?:now|so|but|next|then|first),? )?(?:we (?:can |may |could )?|let(?:['’]s| us) (?:now )?)?(?:suppose|assume|imagine)\b(?!.*(?:\b(?:then|so|thus|hence|therefore|gives?|get|follows|means|yields)\b|[;⇒]))
    ^\W{0,4}(?:(?:now|so|but|next|then|first),? )?(?:(?:we|I|you|one) (?:can|could|may|might|should|will) (?:now |next |also |then |still )?|let(?:['’]s| us) (?:now |next )?)?try (?:again )?(?:with |using )?[^.;,=]{0,12}(?:= ?)?[$(\\]{0,3}[-−]?\d[^=;,]{0,30}$
    \b(?:one|another|a|the (?:first|next|second)) (?:possible |good )?(?:candidate|possibility|guess|idea) (?:is|would be)\b[^.;,]{1,40}$
    \b(?:left|remains?|have|need|want|task is|goal is|must|still)(?: still)?(?: only)? (?:to )?(?:show|prove|verify|check|see)(?: that| whether| if)\b
    ^\W{0,4}(?:[a-z]+,? )?(?:the|an|a|our|this) (?:rough |crude |first |trivial )?(?:upper|lower) bound (?:is|equals|of)\b[^.;,]{1,40}$
    ^\W{0,4}(?:and )?if only\b[^.;,]{1,80}\bwere\b
    ^(?!.{0,80}\b(?:although|though|while)\b).{0,80}\b(?:seems|looks|sounds|appears) (?:to be )?(?:plausible|promising|likely|possible|reasonable|good)[.!\s]*$
    \bis worth (?:a (?:try|look|shot)|trying|checking|testing)[.!\s]*$`,
)

/** Whether a sentence only supposes or tries its value, and does not conclude. */
export const isTried = (sentence: string): boolean =>
  sentence.length < 300 && TRIED.test(sentence) && !/\b(?:works|worked|holds|fits|does it|succeeds)\b/i.test(sentence)

/** Whether a sentence tells what would be in a case that is contrary to fact. */
export const isContrary = (sentence: string): boolean => CONTRARY.test(sentence.slice(0, 300))

const ALTERNATIVES = cues(
  String.raw`
    \b(?:otherwise|unless(?! (?:I|we)(?:['’]m| am|['’]ve| have|['’]re| are)\b)|depending on|depends on|in which case|or else|else it)\b
    \d\S{0,20}\s(?:if|when|for (?:odd|even))\b.{1,160}\d\S{0,20}\s(?:if|when|for (?:odd|even))\b
    \bfor (?:odd|even)\b.{1,160}\bfor (?:odd|even)\b
    \bif\b[^.]{1,80}\d[^.]{0,40}[,;] (?:and |but )?(?:for|in|with) (?:all |the |any )?other\b
    \d[\d.,]*(?: [a-z]+)? (?:in|on|at|for) [a-z ]{3,20}, (?:and |but )?\d[\d.,]*(?: [a-z]+)? (?:in|on|at|for) [a-z ]{3,20}[.\s]*$
    \bfor [a-z] ?[<>=≤≥].{1,160}\bfor [a-z] ?[<>=≤≥]
    \bif\b.{1,160}\d.{0,20}(?:and|but|or|,|;)\sif\b.{1,160}\d`,
)

/** "when x = 0, y = 0 and when x = 1, y = 1", "y is 2 when x is 1, and y is 4 when x is 3" */
const EACH_CASE = cues(
  String.raw`
    \b(when|at|for|if) [a-z] ?=[^.;]{1,120}\b(?:and|but|or|,|;) \1 [a-z] ?=
    \bwhen\b[^.;$]{1,120}\d[^$]{0,20}(?:\b(?:and|but|or)|,|;) when\b[^$]{1,120}\d
    \d\S{0,20} when [a-z] (?:is|=)\b.{1,120}\d\S{0,20} when [a-z] (?:is|=)
    ^\W{0,4}(for|on|in|at) [a-z][a-z ]{2,24}(?:,|\s(?:it|this|that|there|they))(?: ?(?:is|are|['’]s)\b)? ?[^.;,\d]{0,30}\d[\d.,/%]*[^.;,\d]{0,20}[,;] (?:and |but |while )?\2 [a-z][a-z ]{2,24}[^.;,\d]{0,24}\d[\d.,/%]*[^.;\d]{0,12}[.\s]{0,3}$
    ^\W{0,4}(?:with|without|including|excluding|counting|not counting)\b[^.\d]{1,60}\d[\d.,/%]*[^.\d]{0,30}[,;] (?:and |but )?(?:with|without|including|excluding|counting|not counting)\b[^.\d]{0,30}\d[\d.,/%]*[^.\d]{0,20}[.\s]{0,3}$`,
)

/** Whether a sentence distinguishes cases, of which each has its own answer. */
export const isCaseDistinction = (sentence: string): boolean => {
  const said = sentence.slice(0, 600)
  return ALTERNATIVES.test(said) || EACH_CASE.test(said)
}

/** "If not, it is 6.", "Case 2: it is 6." */
const OTHER_CASE = cues(
  String.raw`
    ^\W{0,4}(?:(?:and|or|but) )?(?:if not\b|otherwise\b|else\b|case \w{1,2}\b)
    ^\W{0,4}(?:(?:and|or|but) )?(?:in|for) the (?:other|second|latter|first|remaining) case
    ^\W{0,4}(?:(?:and|or|but) )?(?:if it (?:is|does)(?: not|n['’]t)\b|on the other hand)`,
)

export const isOtherCase = (sentence: string): boolean => OTHER_CASE.test(sentence)

/** A case among others. That "we add them up" is none. */
const CASE = cues(
  String.raw`
    ^\W{0,4}(?:and |or |so |then |only )?(?:if|when|unless|in case|assuming|supposing|suppose|for (?:odd|even|positive|negative
      |every|all|any))\s(?!(?:we|you|I|one|all of|everything|both)\b)`,
)

/** Whether a sentence is about one case only. */
export const isCase = (sentence: string): boolean => CASE.test(sentence)
