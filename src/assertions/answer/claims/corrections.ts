/** What the sentences behind a claim do to it. */

import { remembered } from '../reading/remembered.ts'
import { cues } from './cues.ts'
import { FAILING } from './failing.ts'
import { sentencesOf } from './sentences.ts'

const ABOUT_OTHERS = cues(
  String.raw`
    \b(?:common|typical|easy) (?:mistake|error|trap)
    \bmistake (?:is|would be|to)\b
    \b(?:people|students|others|you) (?:get|got|forget|make|made|often|might|may|would)\b
    \bif (?:you|one|someone)\b`,
)

/** What a solver has failed to do. */
const OMITTED = String.raw`(?:left (?:out|off)|omitted|skipped|dropped|ignored|lost|left [a-z ]{1,24} out|did(?: not|n['’]t) (?:count|include|add|consider|carry|use)|failed to (?:count|include|add|consider|carry|use)|(?:counted|added|included|used|subtracted) [^.;,]{1,40}\b(?:twice|two times|double))`
/** And has done so for a reason. */
const MEANT = String.raw`[^.;]{0,60}\b(?:on purpose|deliberately|because|since|as (?:they|it|the|these|this|required|asked)|which)\b`

/** "I have to revise the result", "this changes the answer to 35" */
const REVISES = cues(
  String.raw`
    \b(?:I|we)(?:['’]ll|['’]d)? (?:\w+ ){0,4}?(?<!had to )(?:revise|amend|adjust|change|withdraw|retract|correct|update) (?:(?:my|the|our|this|that)(?: \w+){0,2} (?:answer|result|value|total|count|number|claim|statement|conclusion|solution)|(?:this|that|it)(?=[.:;,]|$))
    \b(?:this|that|which|it) (?:changes|corrects|revises) (?:my|the|our|this) (?:\w+ )?(?:answer|result|value|total|count|number|probability)\b
    \b(?:needs?|has|have|must|should|ought)(?: to)? be (?:revised|corrected|amended)\b`,
)
/** What keeps a revision from taking place: "there is no reason to revise it". */
const UNREVISED = /\b(?:no|not|never|without|nothing|needless|if|would(?! like)|could|might)\b|n['’]t\b/i

/** Whether a sentence announces that what was said is revised. */
function isRevision(sentence: string): boolean {
  if (!/revis|amend|adjust|chang|withdraw|retract|correct|updat/i.test(sentence)) return false
  const revision = REVISES.exec(sentence)
  return revision !== null && !UNREVISED.test(sentence.slice(Math.max(0, revision.index - 60), revision.index) + revision[0])
}

/** Takes back what was said before. */
const WITHDRAWN = cues(
  String.raw`
    \b(?:that|this|it|which|above|previous|earlier|answer)(?:['’]s| is| was| can(?:not|['’]t) be| must be)\s(?:(?:clearly
      |actually|obviously)\s)?(?:not (?:right|correct|true|the answer)|wrong|incorrect|right\b(?<=cannot be right
      |can['’]t be right)|correct\b(?<=cannot be correct|can['’]t be correct)|a mistake|an error|false)
    \bI (?:\w+ )?(?:made an? (?:\w+ )?(?:mistake|error)|was wrong|mis\w+\b(?! nothing\b)|forgot(?! (?:to (?:mention|say|note|state|write|point out)|nothing)\b)|overlooked(?! nothing\b)|neglected)
    \bI (?:\w+ )?(?:(?:double[- ])?counted|missed(?! nothing\b)|meant|take (?:that|it) back|should have|retract)
    ^\W{0,4}(?:oh|ah|argh|ugh|whoops|woops|uh-oh|damn|darn|hmm|d['’]oh|shoot)\b(?:,? (?:no|dear|my|snap|boy|wait|man))?\W{1,4}(?:(?:and|but|it seems|it looks like|apparently) )?(?:I|we)(?:['’]ve|['’]d| have| had| seem to have)? (?:\w+ )?${OMITTED}\b
    \b(?:I|we)(?:['’]ve|['’]d| have| had| seem to have)? (?:\w+ )?${OMITTED}\b(?!${MEANT})[^.!?]{0,80}(?:[;,:–—-] ?(?:and |but )?(?:so|with|without|counting|including|adding|that makes|making|then)\b[^.!?]{0,80}\d|\b(?:by mistake|by accident)\b)
    \b(?:scratch|strike|ignore|forget|disregard) that\b
    \b(?:above|everything|results?|answers?|totals?|it|this|that|the (?:count|number|area|value|figure|sum|probability|volume|length|cost|price|amount)|(?:all|these|those)(?: the)? (?:numbers|values|figures|counts)) (?:must|has to|have to|needs? to|should) (?:still |all |both |now )?be (?:doubled|tripled|quadrupled|halved|squared|multiplied|divided|corrected|increased|reduced|raised|lowered|added)\b
    ^\W{0,4}(?:edit|updated?|revised|revision|erratum|errata|corrigendum)\b\W{0,3}:(?!\W*(?:\w+ )?(?:format\w*|typos?|thanks?|spelling|grammar|layout|wording|links?)\b)
    ^\W{0,4}(?:actually|wait|hmm|oh|well),? no\b(?=\W)(?! other| more)
    ^\W{0,4}(?:correction|oops|sorry|my (?:mistake|bad|apologies)|apologies|no\b[,.!]|on second thought|rather)
    (?<!\bas )\b(?:so|actually|answer|it|this|that|there|value|total) should (?:actually |rather |instead )?(?:be|have been)\b
    \blet me (?:correct|redo|fix|recompute|recalculate)\b
    \b(?:revised|corrected|updated|amended) (?:answer|result|value|total|count|number|probability|solution)\b
    \b(?:answer|result|value|claim|statement|conclusion|count|total) (?:above )?(?:no longer (?:holds|stands|is)|(?:does|do)(?: not|n['’]t) hold|is(?: not|n['’]t) (?:quite )?(?:accurate|valid))\b
    ^\W{0,4}(?:but|however|hmm|unfortunately),? (?:this|that|it|the (?:above|answer)) (?:ignores|omits|neglects|overlooks|forgets|leaves out|misses|overcounts|undercounts|double-?counts)\b
    ^\W{0,4}(?:but|however),? (?:the|our) (?:question|problem|task|exercise) (?:(?:asks?|asked) (?:us )?(?:for|to)|wants?|wanted)\b
    \bcan(?: ?not|['’]t) be (?:determined|decided)\b
    ${FAILING}`,
)

/** Casts doubt on what was said before. */
const DOUBTED =
  /^\W{0,4}(?:but |oh,? |ah,? |no,? |hmm,? |uh,? )?(?:wait|let me reconsider|on reflection|upon (?:review|reflection)|hold on|hmm|hang on|not so fast)\b/i

/** Turns to another statement, where one follows. */
const TURNED = /^\W{0,4}(?:actually|in fact|in reality)\b/i

const CONFIRMED = cues(
  String.raw`
    \b(?:yes|yep|indeed|confirmed|confirms|verified|matches|consistent|checks out|holds(?! [$€£]?\d))\b
    \b(?:(?:still|result|answer|it|value|so) stands(?! on)|nothing changes|as expected|all good|agrees)\b
    \b(?:is|are|was|looks|that['’]s)\s(?:indeed |also |in fact )?(?:correct|right)\b
    ^\W{0,4}(?:correct|right|good|great)\b`,
)

/** "One often sees 12, and this is not correct.": of a value of its own. */
const OF_ITSELF = /(\d[\d.,/]{0,20}\d|\d)[^\d.;]{0,30},? (?:and|but|which) (?:this|that|it)? ?(?:is|was|isn['’]t|wasn['’]t) [^\d]{0,60}$/i

/** The value of which a sentence says itself that it is wrong. */
export const deniedOfItself = (sentence: string): string | undefined => OF_ITSELF.exec(sentence)?.[1]

/** Something is missing in what was said, or twice in it. */
const INCOMPLETE = cues(
  String.raw`
    \b(?:was|were|is|are|has been|have been|had been) (?:still |not yet |not |n['’]t )?(?:missing|left out|left off|omitted|forgotten|overlooked|uncounted|(?<=(?:not|n['’]t|yet) )(?:yet )?(?:counted|included|considered|in my count|part of)|(?:double-?)?counted (?:twice|double))\b
    \b(?:that|this|it|which|my (?:answer|count|total|sum|result)|the (?:count|total|sum|result)) (?:still )?(?:misses|omits|ignores|forgets|overlooks|leaves (?:\w+ ){0,4}out|left (?:\w+ ){0,4}out|does(?: not|n['’]t) (?:yet )?(?:include|count|contain|consider)|is(?: not|n['’]t) (?:yet )?(?:all|everything|complete|the whole)|counts? [^.;,]{1,30} twice)\b`,
)
/** "With it there are 81.", "Altogether 81" */
const NEW_RESULT =
  /(?:^|[,;:–—]\s?(?:and |but )?)\W{0,4}(?:so|thus|hence|therefore|that makes|this makes|making|with|without|including|counting|adding|altogether|in total|then|now|it is|it['’]s|there are|which (?:makes|gives)|the (?:correct|right|actual|true|real|new) \w+)\b[^\d]{0,60}\d/i

/** Whether a sentence says that something is missing in what was said, and it or the next one what comes out instead. */
export const isCompleted = (sentence: string, next: string | undefined): boolean => {
  const lack = INCOMPLETE.exec(sentence)
  if (
    !lack ||
    /\b(?:because|since|as (?:they|it|these|those|the)|nothing|none|no one|on purpose|deliberately|if|would|often|you|students?|people|(?:assum|suppos|presum)(?:e|ed|ing))\b/i.test(
      sentence,
    )
  )
    return false
  return NEW_RESULT.test(sentence.slice(lack.index + lack[0].length)) || (next !== undefined && NEW_RESULT.test(next))
}

/** What denies a value that stands before it. */
const FAILS_ITSELF =
  /^[\s$*)\\]{0,4} (?:fails?\b|(?:does|is|can|was)(?: not|n['’]t) (?:work|satisf|fit|solve|valid|right|correct|allowed|possible|divisible|large enough|enough|a solution|the answer|prime|even|odd|an? integer)|is (?:also |clearly )?(?:wrong|incorrect|extraneous|invalid|impossible|excluded|ruled out|too (?:small|large|big|low|high|many|few)))/i
/** What asks of a value just that: "8 is not prime, as required". */
const AS_ASKED = /\bas (?:required|desired|needed|asked|wanted|it should)\b/i

/** "So 11 fails, and 12 works.": whether a sentence says of the very value claimed that it fails. */
function deniesClaimed(sentence: string, claimed: string): boolean {
  const value = claimed.trim()
  if (!/^[-−]?[\d.,/]{1,20}$/.test(value) || AS_ASKED.test(sentence)) return false
  for (let at = sentence.indexOf(value); at >= 0; at = sentence.indexOf(value, at + 1)) {
    if (!/[\w.,]$/.test(sentence.slice(0, at)) && FAILS_ITSELF.test(sentence.slice(at + value.length, at + value.length + 60))) return true
  }
  return false
}

/** What a sentence behind a claim does to it. */
export type Effect = 'withdraws' | 'doubts' | 'turns' | 'confirms' | 'nothing'

export const effectOf = remembered((sentence: string): Effect => {
  if (ABOUT_OTHERS.test(sentence) && !/\bI\b/.test(sentence)) return 'nothing'
  if (WITHDRAWN.test(sentence) || isRevision(sentence)) return /\?$/.test(sentence) ? 'doubts' : 'withdraws'
  if (DOUBTED.test(sentence)) return 'doubts'
  if (TURNED.test(sentence)) return 'turns'
  return CONFIRMED.test(sentence) ? 'confirms' : 'nothing'
}, 8)

/** "I initially had 20, but I had forgotten the ends" */
const ATTEMPT =
  /^[\W_]{0,4}(?:(?:at first|initially|originally|earlier|previously|before),? I (?:had |have )?[a-z]+|I(?:['’]d| had|['’]ve| have)? (?:at first|initially|originally|first|earlier|previously|mistakenly|accidentally) (?:had |have )?(?:got|had|found|wrote|written|thought|computed|said|counted|obtained|used|typed|put|entered|noted|copied|filled in|given|gave|answered|boxed)|(?:an )?earlier (?:drafts?|attempts?|versions?|guess)|my (?:first|initial|earlier|original) (?:attempt|guess|try|answer|result|draft))\b[^\d]{0,40}(\d[\d.,/]*\d|\d)(.{0,160})$/i

/** Whether a sentence behind a claim tells of another value that was found before, and corrected. */
export function isEarlierAttempt(sentence: string, claimed: string): boolean {
  const attempt = ATTEMPT.exec(sentence)
  return attempt !== null && !claimed.includes(attempt[1]) && !/\d/.test(attempt[2])
}

/** What a sentence behind a claim does to it, where it speaks of the value claimed or of another. */
export function effectOn(claimed: string, sentence: string): Effect {
  const itself = deniedOfItself(sentence)
  if (isEarlierAttempt(sentence, claimed) || (itself !== undefined && !claimed.includes(itself))) return 'nothing'
  return deniesClaimed(sentence, claimed) ? 'withdraws' : effectOf(sentence)
}

const RECHECKS = /\b(?:re-?check|double-?check|check again|checking again|look again|on a second look|recount|recalculat|re-?do|verify)/i
const FINDS = /\b(?:but|also|forgot|missed|missing|however|instead|actually|not|left out|twice)\b/i
const RESULTS = /^\W{0,4}(?:so|thus|hence|therefore|that makes|making|then|total|in total)\b[^\d$]{0,60}[$€£]?\d[^=]{0,30}$/i

/** "Let me recheck. 7 * 4 = 28, but we also need the 2 corners. So 30.": what is looked at again ends in a result of its own. */
export function isRevised(behind: string): boolean {
  const sentences = sentencesOf(behind.slice(0, 1200)).slice(0, 12)
  const at = sentences.findIndex((one) => RECHECKS.test(one))
  return at >= 0 && RESULTS.test(sentences.at(-1)!) && sentences.slice(at, -1).some((one) => FINDS.test(one))
}
