/** How a response stands to something it says, told by the words around it. */

import { matchesOf } from '../reading/matches.ts'
import { cues } from './cues.ts'
import { FAILING } from './failing.ts'
import { isChanged } from './operations.ts'

/**
 * `corrected`: the response takes it back itself. `quoted`: others say it, or the question. `conditional`: it holds in one
 * case. `operation`: it is part of a calculation, a comparison or an exclusion ("four times 19", "at most 19").
 */
export type Status = 'stated' | 'hedged' | 'denied' | 'corrected' | 'conditional' | 'quoted' | 'cut off' | 'operation'

/** For messages. */
export const SAID: Readonly<Record<Status, string>> = {
  stated: 'stated',
  hedged: 'hedged',
  denied: 'denied',
  corrected: 'taken back',
  conditional: 'conditional',
  quoted: 'quoted from others',
  'cut off': 'cut off',
  operation: 'inside an operation',
}

const NOT = /\bno (?:doubt|question|wonder|matter|need)\b|\bnot (?:only|hard|difficult|surprising|just)\b|\bwithout (?:a )?doubt\b/gi

/** A negation that only describes what is counted: "those who do not play". */
const RELATIVE =
  /\b(?:who|that|which|whom)\s(?:[\w’']+\s){0,2}?(?:(?:do|does|did|is|are|was|were|have|has|had|will|would|could|can)\s?n[o’']t|not|never|cannot)\b/gi

const NEGATED = cues(
  String.raw`
    \b(?:is|are|was|were|be|do|does|did|can|could|will|would|must|should|has|have|may|might)\s(?:[a-z]+\s)?not\b
    \b(?:[a-z]{2,6}n['’]t|cannot|never|neither|nor|doubt|deny|disagree|impossible|false|untrue|incorrect|wrong|unlikely)\b
    \bfar from\b|\bno way\b|\bnone of (?:them|these|the)\b`,
)

const REJECTED = /\b(?:discard|eliminat|rul(?:e|es|ed|ing) out|exclud|reject|contradict|refut|disprov|avoid|dismiss|cross(?:ed|es)? out)/i

/** A number may be rejected too, but apples are also discarded. */
const DISCARDED = cues(
  String.raw`
    \b(?:this|that|which|it|condition|equation|parity) (?:\w+ )?(?:rules out|excludes|eliminates|refutes|contradicts)\s$
    \b(?:we|I|you|must|can|should|to) (?:\w+ )?(?:reject|discard|rule out|exclude|dismiss|eliminate)\b(?: the (?:value|root|case
      |solution|answer))?(?: of)?(?: [a-z] =)?\s$`,
)

const QUOTED = cues(
  String.raw`
    \b(?:people|students|solvers|textbook|book|friend|neighbou?r|teacher|classmate|colleague|some|many|most|others|everyone
      |someone|he|she|they|problem|question|task|exercise|text|statement|author|key|prompt|instructions?|website|internet|paper)\s(?:(?:would|might|may|will|often|also
      |wrongly|mistakenly)\s){0,2}(?:says?|said|mentions?|mentioned|states?|stated|claims?|claimed|thinks?|thought|believes?
      |believed|argues?|guess(?:es|ed)?|suggests?|insists?|tells?)\b
    \b(?:one|you|we|a student|a reader) (?:might|may|could) (?:\w+ )?(?:think|expect|guess|say|assume|believe|be tempted)
    \b(?:one|you|we|a student|a reader) would (?:\w+ )?(?:think|guess|be tempted)
    \bat first (?:glance|sight)
    \b(?:tempting|naive|naively|mistakenly|wrongly|erroneously|carelessly?|supposedly|allegedly)\b
    \b(?:first|initially|originally|previously|earlier) (?:thought|said|guessed|assumed|answered|believed)\b
    \bit is (?:said|claimed|rumou?red)\b
    \b(?:common|typical|usual|frequent) (?:mistake|error|misconception|wrong)
    \baccording to\b|\b(?:we|I) (?:are|were|am|was) told\b`,
)

const HEDGED = cues(
  String.raw`
    \bfor (?:instance|example)\b
    \bsomewhere (?:around|near|between|in|about|close)\b
    \b(?:ballpark|vicinity|region|neighbou?rhood|on the order) of\b
    \bsomething like\b|\bleaning to(?:wards?)?\b
    \b(?:I(?:['’]d| would)|I (?:had to|must)) (?:wager|bet|guess|estimate|pick)\b
    \b(?:my|rough) (?:\w+ )?estimate\b|\broughly speaking\b
    \bI (?:suppose|reckon|imagine)\b
    \b(?:it|this|that|answer|which) (?:just |only )?(?:looks|feels|sounds) like\b
    \b(?:perhaps|maybe|possibly|probably|presumably|likely(?! to\b)|(?:I|my|best|a|wild|us|to|let['’]s) guess|suspect)\b
    \b(?:unsure|uncertain (?:if|whether|that)|unclear|wonder|hopefully)\b
    (?<!\b(?:that|which|who) )\b(?:might|may|could|seems? to|appears? to) (?:\w+ )?be\b(?! \w+(?:ed|en|ught|ade)\b)
    \bnot (?:entirely |quite |so |really |completely )?(?:sure|certain|clear)\b
    \b(?:my|a) (?:gut|hunch)\b|\boff the cuff\b|\brough guess\b|\bcould be anything\b`,
)

/** What hedges all that follows in the sentence. */
const HEDGING =
  /^\W{0,4}(?:(?:so|well|but|and),? )?(?:roughly speaking|at a guess|if (?:I (?:had to|must|remember|recall)|memory serves)|give or take|off the (?:top|cuff)|by a rough|(?:a |my )?(?:rough|wild|best) guess)\b/i

/** "Tom said that" */
const NAMED = /\b[A-Z][a-z]{1,15} (?:said|says|claims|claimed|thinks|thought|believes|argues|guessed|insists) /

const ACCORDING = cues(
  String.raw`
    \b[Aa]ccording to (?:my|his|her|their|your|a|some|other|the) (?:\w+ ){0,2}(?:friend|classmate|teacher|neighbou?r)
    \b[Aa]ccording to (?:my|his|her|their|your|a|some|other|the) (?:\w+ ){0,2}(?:textbook|book|people|students|colleague)
    \b[Aa]ccording to (?:my|his|her|their|your|a|some|other|the) (?:\w+ ){0,2}(?:brother|sister|key|internet|solver)
    \b[Aa]ccording to (?:some|others|many|[A-Z][a-z]{2,})`,
  '',
)

/** Directly before a claim, these leave open whether it holds. */
const SUPPOSED = cues(
  String.raw`
    \b(?:if|whether|suppos(?:e|ing)|assum(?:e|ing)|imagine|in case)(?: that)?(?: (?:the|my|our|your|a|this))?(?: (?:final
      |correct|right|true))?\s*[*_]{0,3}$`,
)

const UNSURE = cues(
  String.raw`
    ^[,\s]{0,2}(?:\w+ )?or (?:so|thereabouts)\b
    ^[\s,(*_-]{0,4}(?:\w+,? ){0,3}(?:give or take|more or less)\b(?! \w)
    ^-?ish\b|\bdon['’]t (?:quote|hold) me\b|\bI (?:have(?: not|n['’]t)|did(?: not|n['’]t)) (?:actually |really |yet )?(?:solved?|finish(?:ed)?|work(?:ed)? (?:it|this) out|verif(?:y|ied)|prove[dn]?|check(?:ed)?) ?(?:it|this|anything|the proof)?(?=[\s.,;!]|$)|\bhard to (?:say|tell)\b
    \bnot (?:entirely |quite |so |really |completely |at all )?(?:sure|certain)\b
    \bunsure\b|\b(?:may|might|could) be wrong\b
    \b(?:just|only|merely) a guess\b`,
)

/** Behind a claim: it is denied. */
const REFUSED = cues(
  String.raw`
    ^[^a-z\d]{0,8}(?:(?:and|but|which|this|that|it)\s){0,2}(?:is|are|was|would be|seems|looks|turns out to be)\s(?:(?:clearly
      |also|certainly|therefore|definitely)\s)?(?:not(?: (?:the|an?|correct|right|true|valid|possible|allowed|acceptable|it|so
      |what|one of|among|permitted)\b|\s*$|[.,])|(?:the |a )?wrong|incorrect|false|impossible|invalid|extraneous|too [a-z]+|never|ruled out|excluded|rejected|an? (?:wrong|mistake|misprint|trap|error|typo|common|incorrect)|what (?:a|an
      |some|many|most|my|his|her|their|[A-Z][a-z]+ (?:got|said|found))\b)
    ^[^a-z\d]{0,8}(?:which is |this is |that is )?(?:an? )?(?:contradiction|absurd|(?:wrong|incorrect|false) (?:answer|result|value|number|total|conclusion))\b
    ^[^a-z\d]{0,8}(?:(?:and|but|which|this|that|it)\s){1,2}(?:cannot|can['’]t) be (?:right|correct|true|the answer|so)\b
    ^[^a-z\d]{0,8}(?:(?:which|and|but|that|this)\s){0,2}(?:(?:cannot|can['’]t)(?! be (?:simplif|reduc|factor|written|expressed|further))|does(?: not|n['’]t)|(?:isn|wasn)['’]t(?! (?:wrong|incorrect|false|bad)\b)|fails?\b|is out\b)
    ^\s(?:also )?(?:appears?|occurs?|is (?:mentioned|given|printed)|stands) in (?:the|this|our) (?:statement|question|problem|text|task|exercise)\b
    ^\sto be (?:an? )?[a-z]+[.!\s]{0,3}$
    ${FAILING}`,
)

/** "not enough to decide whether it is 18" */
const UNDECIDED = cues(
  String.raw`
    (?<!matter |regardless of )\bwhether\s(?:(?! or )[^,;.:]){1,80}$
    (?<!matter |regardless of )\b(?:decide|tell|know|determine|say|see|ask)\s(?:\w+\s)?if\s(?:(?! or )[^,;.:]){1,80}$
    (?<!matter |regardless of )\b(?:wonder|clear|sure|unknown)\s(?:\w+\s)?if\s(?:(?! or )[^,;.:]){1,80}$`,
)

/** "either it is 3 or it is 7" */
const EITHER = /\beither\b[^.;:]{1,120}\bor\b[^.;:,\d]{0,60}$/i

/** Parts of a sentence. */
const BREAK = /[,;:]\s|\band\s(?=only\b)|\b(?:so|thus|hence|therefore|but|then|which leaves|leaves|leaving|which is|because|since|as)\s/gi

/** The last part of what stands before a claim. */
function clauseBefore(before: string): string {
  const last = matchesOf(before, BREAK).at(-1)
  return last ? before.slice(last.index + last[0].length) : before
}

/** "not true that", "don't think", or a negation right before the claim. */
const NOT_SO = cues(
  String.raw`
    \b(?:not|never|cannot|[a-z]{2,6}n['’]t)\s(?:\w+\s)?(?:true|the case|correct|right|say|said|think|thought|believe)\b
    \b(?:not|never|cannot|[a-z]{2,6}n['’]t)\s(?:\w+\s)?(?:claim|mean|certain|possible|conclude|so|know|be|equal)\b
    \b(?:false|untrue|wrong|incorrect|impossible|unlikely|doubt|deny|disagree)\b.{0,40}\bthat\b
    \b(?:none|neither) of (?:them|these|the)\b[^.;]{0,40}$
    \b(?:not|never|cannot|neither|[a-z]{2,6}n['’]t)\s[^a-z]{0,60}$`,
)

/** A calculation, or a verb of its own, says the claim: "the money she did not spend is 26", "they did not use 30 - 10 = 20". */
const isAffirmed = (clause: string, near: string): boolean =>
  /\b(?:is|are|was|were|equals)\s[$€£]?$|=\s*[$€£]?$/.test(clause) ||
  (/\d[^a-z]{0,60}=\s*[$€£]?\d*$/i.test(near) && /=/.test(near.slice(-30)))

/** The status that the words before a claim give it in its sentence. `letter`: it is a choice or a word, that may be discarded. */
export function statusBefore(before: string, letter = false): Status {
  const near = before.slice(-400)
  if (SUPPOSED.test(near.slice(-80))) return 'conditional'
  if (UNDECIDED.test(near.slice(-120))) return 'conditional'
  if (EITHER.test(near)) return 'hedged'
  const clause = clauseBefore(near).replace(NOT, '').replace(RELATIVE, '')
  if (QUOTED.test(clause) || NAMED.test(clause) || ACCORDING.test(near)) return 'quoted'
  if ((letter ? REJECTED : DISCARDED).test(clause) || (isAffirmed(clause, near) ? NOT_SO : NEGATED).test(clause)) return 'denied'
  return HEDGED.test(clause) || HEDGING.test(near) ? 'hedged' : 'stated'
}

/** "One might guess", "it is tempting to write" */
const GUESSED = cues(
  String.raw`
    \b(?:might|may|could|would|to) (?:\w+ )?(?:guess|think|expect|be tempted)\b
    \b(?:(?:many|most|some|people|students) (?:\w+ )?say|tempting|tempted)\b
    \b(?:(?:first|naive|wild|quick|initial|tempting) (?:guess|thought|try|attempt|answer)|at first (?:glance|sight))\b`,
)

/** Whether the words before a claim call it a guess. */
export const isGuess = (before: string): boolean => {
  const near = before.slice(-400)
  return GUESSED.test(near) && GUESSED.test(clauseBefore(near))
}

/** Whether a statement says of its own value that it is none: "x = 7 is extraneous". */
export const deniesItself = (text: string): boolean =>
  /\s(?:is|are|was)\s(?:\w+\s)?(?:not\b|wrong|incorrect|false|impossible|invalid|extraneous|too (?:big|large|small|high|low)|ruled out|excluded|rejected)/i.test(
    text,
  )

/** The status that the rest of its sentence gives a claim. */
export function statusBehind(behind: string): Status {
  if (!/[a-z]/i.test(behind)) return 'stated'
  if (REFUSED.test(behind)) return 'denied'
  if (UNSURE.test(behind)) return 'hedged'
  return isChanged(behind) ? 'operation' : 'stated'
}
