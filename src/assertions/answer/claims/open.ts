/** Responses that leave the question open, ask back, or say that nothing fits. */

import { matchesOf } from '../reading/matches.ts'
import { askedOf } from './asked.ts'
import { cues } from './cues.ts'
import type { Expected } from './expected.ts'
import { lastSentence } from './sentences.ts'

/** What says that the response gives no answer: it asks back, misses something, or gives up. */
const LEFT_OPEN = cues(
  String.raw`
    \b(?:figure|diagram|picture|image|graph|table|chart|drawing|sketch|attachment|photo|(?:rest|part) of the (?:question|problem))
      \s(?:[^.,;:!?]{1,40}\s)?(?:(?:is|was|are|were)(?:n['’]t| not)\s(?:\w+\s)?(?:included|attached|given|shown|visible|provided
      |here|there|legible|available|part of)|(?:is|was|are|were|seems to be) (?:missing|absent|cut off|unreadable|illegible))
    \b(?:I|we) (?:can(?:not| ?n[o’']t|['’]t)|could ?n[o’']t|could not|(?:am|are|was|were) (?:unable|not able) to) (?:\w+ly )?(?:see|view|open|read) (?:the|your
      |any) (?:figure|diagram|picture|image|graph|table|chart|drawing|sketch|attachment|photo)
    \bI (?:can(?:not| ?n[o’']t|['’]t)|could ?n[o’']t|could not|(?:am|was) (?:unable|not able) to|do(?: not|n['’]t) know how to) (?:\w+ly )?(?:solve|answer|finish
      |complete|work out|help with|determine)(?: (?:it|this(?: one| problem| question| exercise)?|that|the (?:problem|question|task|exercise
      |answer|rest(?: of (?:it|this|the \w+))?)))?(?=\s?(?:[.:;,!]|$|without\b|because\b|since\b|from\b))
    \b(?:problem|question|exercise|task|it|this) (?:cannot|can ?not|can['’]t|could not) be (?:solved|answered|determined|decided|worked out)\b
    \b(?:need|require)s? (?:\w+ ){0,3}(?:more|further|additional) (?:information|details?|data|context)\b
    \b(?:not enough|insufficient|too little|lacks?(?: the)?) (?:information|data)\b(?=\s?(?:[.:;,!]|$|to\b|is\b|was\b|about\b))
    \b(?:please|(?:could|can|would) you(?: please)?) (?:provide|share|send|attach|post|upload|clarify|specify|tell me|include|give me|confirm)\b
    \b(?:once|if|when|until|unless) you (?:can )?(?:share|send|attach|post|upload|provide|clarify|specify|tell me|give me)\b
    \b(?:impossible|not possible|no way) to (?:determine|solve|answer|tell|say|know|decide)\b
    \bI (?:can(?:not| not|['’]t)|could(?: not|n['’]t)|(?:was|am) (?:not able|unable) to) (?:determine|find out|decide|tell (?:which|whether|what|if))\b
    \b(?:I|we) (?:only|just) know (?:that|the)\b
    \ball (?:that is given|I can (?:say|show|prove|tell)|we (?:can (?:say|show|tell)|know)|I know)\b
    \b(?:exact|actual|final|true|precise) (?:value|number|answer|result|count) (?:remains?|is|stays?) (?:still )?(?:unknown|open|unclear|undetermined)\b
    \bnot (?:entirely |quite |so |really |completely |at all )?(?:sure|certain)\b(?! at first| initially)|\bunsure\b|\b(?:I have|with) no idea\b|\bI (?:do not|don['’]t) know\b
    \b(?:unable|not able|could not|couldn['’]t|can(?:not|['’]t)) (?:to )?(?:decide|resolve|tell (?:which|whether|them apart)|settle)\b
    \b(?:the two|they|both|(?:two|three|my) \w+) (?:results |answers |methods |values )?(?:disagree|contradict)\b
    \bI (?:could not|couldn['’]t|can(?:not|['’]t)) (?:compute|calculate|evaluate|find|give|say|tell)(?: (?:it|this|that|the \w+))?(?: (?:exactly|precisely|for sure))?(?=[.,;!]|$)
    \b(?:could not|couldn['’]t|can(?:not|['’]t)) (?:finish|complete it|go on|get (?:any )?further)\b
    \bI(?:['’]d| would) (?:need|have) to know\b
    \bdon['’]t (?:hold|quote) me\b
    \bI (?:have(?: not|n['’]t)|did(?: not|n['’]t)) (?:actually |really |yet )?(?:solved? (?:it|this|the problem)|finish(?:ed)? (?:it|this|the (?:proof|problem|solution))|work(?:ed)? (?:it|this) out)\b
    \bI (?:have(?: not|n['’]t)|did(?: not|n['’]t)) (?:actually |really |yet )?(?:multipl(?:y|ied)|add(?:ed)?|comput(?:e|ed)|calculat(?:e|ed)|test(?:ed)?|check(?:ed)?|verif(?:y|ied)) (?:it|this|that|them)\b`,
  'gi',
)

/** What turns to an answer all the same. */
const TURNS = /\b(?:but|so|however|still|yet|nevertheless|thus|hence|therefore|anyway|luckily|assuming|assume|instead|answer|reading it)\b/i

/** "Is the width 5 m or 6 m? With 5 m the area would be 35." */
const ASKS_WHICH = /(?:^|[.!]\s)\W{0,4}(?:is|are|was|were|should|does|do|did)\b[^.?!]{1,80}\bor\b[^.?!]{1,60}\?[^?]{1,200}$/i

/** Whether a text ends by leaving the answer open. `sentences` are its last ones. */
export function isLeftOpen(sentences: readonly string[]): boolean {
  const text = sentences.join(' ')
  if (ASKS_WHICH.test(text) && /\bwould\b/i.test(sentences.at(-1) ?? '')) return true
  const cue = matchesOf(text, LEFT_OPEN).at(-1)
  return cue !== undefined && !TURNS.test(text.slice(cue.index + cue[0].length).replace(/^\s(?:the|an|any) (?:\w+ )?answer\b/i, ''))
}

const ADJECTIVES =
  '(?:(?:such|real|integer|integral|positive|negative|rational|natural|whole|valid|possible|prime|complex|admissible|suitable) ){0,3}'
const THING = String.raw`(?:[a-z]|numbers?|values?(?: of \S{1,6})?|integers?|solutions?|roots?|primes?|pairs?|triples?|functions?|triangles?|polynomials?|sequences?|matri(?:x|ces)|sets?|points?)`
const FORMULA = String.raw`(?:\$[^$]{1,12}\$|\\\([^()]{1,12}\\\))`

/** "in the real numbers", "over ℝ", "to this equation" */
const WHERE = String.raw`(?: (?:in|over|among|within|for|to) (?:(?:the|any|this|that|these|our|either) )?(?:set of )?(?:(?:all )?(?:real|rational|positive|complex|natural|whole) )?(?:numbers?|reals?|integers|rationals|equation|system|problem|inequality|\$\\(?:mathbb|mathbf)\s?\{?[RZQNC]\}?\$|[ℝℤℚℕℂ]))?`

/** "with this property", "that satisfies both conditions" */
const SUCH = `(?: (?:with (?:this|that|the (?:required|desired|given)|these|such an?) propert(?:y|ies)|(?:that|which) (?:satisf(?:y|ies)|fulfils?|solves?|works?|fits?|meets?)(?: [a-z]{2,12}){0,5}|like this|of this kind))?`

/** "There is no such n.", "Hence the equation has no solution.", "No value of x satisfies it." */
const NONE = new RegExp(
  String.raw`(?:\bthere (?:is|are|exists?) no ${ADJECTIVES}(?:${THING}|${FORMULA})${SUCH}|\b(?:has|have|is|are) no ${ADJECTIVES}(?:solutions?|roots?)${WHERE}|\bno ${ADJECTIVES}(?:${THING}|${FORMULA}) (?:exists?|works?|(?:satisf(?:y|ies)|fulfils?|solves?|fits?|meets?) (?:it|them|this|(?:all|both|the|this|these|any) [a-z ]{3,40})))[.\s*_]{0,4}$`,
  'i',
)

/** Whether a sentence says that there is no solution. "No other solutions" says nothing of the kind. */
export const isNone = (sentence: string): boolean =>
  NONE.test(sentence.slice(-200)) && !/\b(?:if|unless|when|not true|suppose|assume|besides|except|apart from|other than)\b/i.test(sentence)

const COUNTED_NONE =
  /(?:^|[.!?:;\n]\s{0,3}|\b(?:so|thus|hence|therefore|that),? |, )[*_\s]{0,4}(?:(?:so|thus|hence|therefore|altogether|in total),? )?(?:there (?:are|is|were|will be) (?:exactly |therefore |thus |then )?none(?: (?:left|remaining|over|at all))?|none(?: (?:(?:is|are|were) left|remains?|at all))?)[.!*_\s]{0,6}$/i

const NONE_OF =
  /^[*_\s]{0,4}(?:(?:so|thus|hence|therefore),? )?none of (?:them|these|those|the [^.;]{1,60}?)(?: (?:is|are|was|were) (?:an? )?([a-z]{3,20}))?[.!*_\s]{0,6}$/i

/** "None of them.", "None of these numbers is prime." to "How many of the numbers are prime?" */
function isNoneOf(sentence: string, problem: string): boolean {
  const found = NONE_OF.exec(sentence)
  const asked = askedOf(problem).sentence
  return (
    found !== null &&
    !/\bnot\b|n['’]t\b/i.test(asked) &&
    (found[1] === undefined || new RegExp(String.raw`\b${found[1]}\W*$`, 'i').test(asked))
  )
}

/** "There are none.", where the problem asks how many. */
export const noneCounted = (text: string, { kind, problem }: Expected): boolean =>
  kind === 'other' &&
  problem !== undefined &&
  text.slice(-80).toLowerCase().includes('none') &&
  (COUNTED_NONE.test(text.slice(-120)) || isNoneOf(lastSentence(text.slice(-200)), problem)) &&
  /\bhow many\b|\bthe number of\b/i.test(askedOf(problem).sentence) &&
  !/\b(?:if|unless|when|suppose|might|maybe|perhaps|other|others|would)\b/i.test(lastSentence(text.slice(-200)))
