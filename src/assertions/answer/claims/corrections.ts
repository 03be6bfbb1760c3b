/** What the sentences behind a claim do to it. */

import { cues } from './cues.ts'
import { sentencesOf } from './sentences.ts'

const ABOUT_OTHERS = cues(
  String.raw`
    \b(?:common|typical|easy) (?:mistake|error|trap)
    \bmistake (?:is|would be|to)\b
    \b(?:people|students|others|you) (?:get|got|forget|make|made|often|might|may|would)\b
    \bif (?:you|one|someone)\b`,
)

/** Takes back what was said before. */
const WITHDRAWN = cues(
  String.raw`
    \b(?:that|this|it|which|above|previous|earlier|answer)(?:['’]s| is| was| can(?:not|['’]t) be| must be)\s(?:(?:clearly
      |actually|obviously)\s)?(?:not (?:right|correct|true|the answer)|wrong|incorrect|right\b(?<=cannot be right
      |can['’]t be right)|correct\b(?<=cannot be correct|can['’]t be correct)|a mistake|an error|false)
    \bI (?:\w+ )?(?:made an? (?:\w+ )?(?:mistake|error)|was wrong|mis\w+|forgot|overlooked|neglected)
    \bI (?:\w+ )?(?:(?:double[- ])?counted|missed|meant|take (?:that|it) back|should have|retract)
    \b(?:scratch|strike|ignore|forget|disregard) that\b
    \b(?:above|everything|results?|answers?|totals?|it|this|that|(?:all|these|those)(?: the)? (?:numbers|values|figures|counts)) (?:must|has to|have to|needs? to|should) (?:still |all |both |now )?be (?:doubled|tripled|quadrupled|halved|squared|multiplied|divided|corrected|increased|reduced|raised|lowered|added)\b
    ^\W{0,4}(?:edit|update|erratum|errata|corrigendum)\b\W{0,3}:
    ^\W{0,4}(?:correction|oops|sorry|my (?:mistake|bad|apologies)|apologies|no\b[,.!]|on second thought|rather)
    \b(?:so|actually|answer|it|this|that|there|value|total) should (?:actually |rather |instead )?(?:be|have been)\b
    \blet me (?:correct|redo|fix|recompute|recalculate)\b
    ^\W{0,4}(?:but|however),? (?:the|our) (?:question|problem|task|exercise) (?:(?:asks?|asked) (?:us )?(?:for|to)|wants?|wanted)\b
    \bcan(?: ?not|['’]t) be (?:determined|decided)\b`,
)

/** Casts doubt on what was said before. */
const DOUBTED =
  /^\W{0,4}(?:but |oh |no,? |hmm,? |uh,? )?(?:wait|let me reconsider|on reflection|upon (?:review|reflection)|hold on|hmm|hang on|not so fast)\b/i

/** Turns to another statement, where one follows. */
const TURNED = /^\W{0,4}(?:actually|in fact|in reality)\b/i

const CONFIRMED = cues(
  String.raw`
    \b(?:yes|yep|indeed|confirmed|confirms|verified|matches|consistent|checks out|holds(?! [$€£]?\d))\b
    \b(?:(?:still|result|answer|it|value|so) stands(?! on)|nothing changes|as expected|all good|agrees)\b
    \b(?:is|are|was|looks|that['’]s)\s(?:indeed |also |in fact )?(?:correct|right)\b
    ^\W{0,4}(?:correct|right|good|great)\b`,
)

/** What a sentence behind a claim does to it. */
export type Effect = 'withdraws' | 'doubts' | 'turns' | 'confirms' | 'nothing'

export function effectOf(sentence: string): Effect {
  if (ABOUT_OTHERS.test(sentence) && !/\bI\b/.test(sentence)) return 'nothing'
  if (WITHDRAWN.test(sentence)) return /\?$/.test(sentence) ? 'doubts' : 'withdraws'
  if (DOUBTED.test(sentence)) return 'doubts'
  if (TURNED.test(sentence)) return 'turns'
  return CONFIRMED.test(sentence) ? 'confirms' : 'nothing'
}

/** "I initially had 20, but I had forgotten the ends" */
const ATTEMPT =
  /^[\W_]{0,4}(?:(?:at first|initially|originally|earlier|previously|before),? I (?:had |have )?[a-z]+|I (?:at first|initially|originally|first|earlier|previously) (?:had |have )?(?:got|had|found|wrote|thought|computed|said|counted|obtained|used)|(?:an )?earlier (?:drafts?|attempts?|versions?|guess)|my (?:first|initial|earlier|original) (?:attempt|guess|try|answer|result|draft))\b[^\d]{0,40}(\d[\d.,/]*\d|\d)(.{0,160})$/i

/** Whether a sentence behind a claim tells of another value that was found before, and corrected. */
export function isEarlierAttempt(sentence: string, claimed: string): boolean {
  const attempt = ATTEMPT.exec(sentence)
  return attempt !== null && !claimed.includes(attempt[1]) && !/\d/.test(attempt[2])
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
