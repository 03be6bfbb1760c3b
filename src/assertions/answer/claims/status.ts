/** How a response stands to something it says, told by the words around it. */

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
const NEGATED =
  /\b(?:(?:is|are|was|were|be|do|does|did|can|could|will|would|must|should|has|have|may|might)\s(?:[a-z]+\s)?not|[a-z]{2,6}n['’]t|cannot|never|neither|nor|doubt|deny|disagree|impossible|false|untrue|incorrect|wrong|unlikely|far from)\b/i
const REJECTED = /\b(?:discard|eliminat|rul(?:e|es|ed|ing) out|exclud|reject|contradict|refut|disprov|avoid|dismiss|cross(?:ed|es)? out)/i
/** A number may be rejected too, but apples are also discarded. */
const DISCARDED =
  /\b(?:we|I|you|must|can|should|to) (?:\w+ )?(?:reject|discard|rule out|exclude|dismiss|eliminate)\b(?: the (?:value|root|case|solution|answer))?(?: of)?(?: [a-z] =)?\s$/i
const QUOTED =
  /\b(?:people|students|solvers|textbook|book|friend|neighbou?r|teacher|classmate|colleague|some|many|most|others|everyone|someone|he|she|they|problem|question|task|exercise|text|statement|author|key)\s(?:(?:would|might|may|will|often|also|wrongly|mistakenly)\s){0,2}(?:says?|said|mentions?|mentioned|states?|stated|claims?|claimed|thinks?|thought|believes?|believed|argues?|guess(?:es|ed)?|suggests?|insists?|tells?)\b|\b(?:one|you|we|a student|a reader) (?:(?:might|may|could) (?:\w+ )?(?:think|expect|guess|say|assume|believe|be tempted)|would (?:\w+ )?(?:think|guess|be tempted))|\bat first (?:glance|sight)|\b(?:tempting|naive|naively|mistakenly|wrongly|erroneously|carelessly?|supposedly|allegedly)\b|\b(?:first|initially|originally|previously|earlier) (?:thought|said|guessed|assumed|answered|believed)\b|\bit is (?:said|claimed|rumou?red)\b|\b(?:common|typical|usual|frequent) (?:mistake|error|misconception|wrong)|\baccording to\b|\b(?:we|I) (?:are|were|am|was) told\b/i
const HEDGED =
  /\bfor (?:instance|example)\b|\bsomewhere (?:around|near|between|in|about|close)\b|\b(?:ballpark|vicinity|region|neighbou?rhood|on the order) of\b|\bsomething like\b|\bleaning to(?:wards?)?\b|\b(?:I(?:['’]d| would)|I (?:had to|must)) (?:wager|bet|guess|estimate|pick)\b|\b(?:my|rough) (?:\w+ )?estimate\b|\broughly speaking\b|\bI (?:suppose|reckon|imagine)\b|\b(?:it|this|that|answer|which) (?:just |only )?(?:looks|feels|sounds) like\b|\b(?:perhaps|maybe|possibly|probably|presumably|likely(?! to\b)|(?:I|my|best|a|wild|us|to|let['’]s) guess|suspect|unsure|uncertain (?:if|whether|that)|unclear|wonder|hopefully)\b|(?<!\b(?:that|which|who) )\b(?:might|may|could|seems? to|appears? to) (?:\w+ )?be\b(?! \w+(?:ed|en|ught|ade)\b)|\bnot (?:entirely |quite |so |really |completely )?(?:sure|certain|clear)\b/i
/** What hedges all that follows in the sentence. */
const HEDGING = /^\W{0,4}(?:(?:so|well|but|and),? )?(?:roughly speaking|at a guess|if I (?:had to|must)|off the top|by a rough)\b/i
/** "Tom said that" */
const NAMED = /\b[A-Z][a-z]{1,15} (?:said|says|claims|claimed|thinks|thought|believes|argues|guessed|insists) /
const ACCORDING =
  /\b[Aa]ccording to (?:(?:my|his|her|their|your|a|some|other|the) (?:\w+ ){0,2}(?:friend|classmate|teacher|neighbou?r|textbook|book|people|students|colleague|brother|sister|key|internet|solver)|some|others|many|[A-Z][a-z]{2,})/
/** Directly before a claim, these leave open whether it holds. */
const SUPPOSED =
  /\b(?:if|whether|suppos(?:e|ing)|assum(?:e|ing)|imagine|in case)(?: that)?(?: (?:the|my|our|your|a|this))?(?: (?:final|correct|right|true))?\s*[*_]{0,3}$/i
/** A case among others. That "we add them up" is none. */
const CASE =
  /^\W{0,4}(?:and |or |so |then |only )?(?:if|when|unless|in case|assuming|supposing|suppose|for (?:odd|even|positive|negative|every|all|any))\s(?!(?:we|you|I|one|all of|everything|both)\b)/i
const ALTERNATIVES =
  /\b(?:otherwise|unless|depending on|depends on|in which case|or else|else it)\b|\d\S{0,20}\s(?:if|when|for (?:odd|even))\b.{1,160}\d\S{0,20}\s(?:if|when|for (?:odd|even))\b|\bfor (?:odd|even)\b.{1,160}\bfor (?:odd|even)\b|\bfor [a-z] ?[<>=≤≥].{1,160}\bfor [a-z] ?[<>=≤≥]|\bif\b.{1,160}\d.{0,20}(?:and|but|or|,|;)\sif\b.{1,160}\d/i
const UNSURE =
  /^\s?(?:\w+ )?or (?:so|thereabouts)\b|^[\s,(*_-]{0,4}(?:\w+,? ){0,3}(?:give or take|more or less)\b(?! \w)|^-?ish\b|\bdon['’]t quote me\b|\bhard to (?:say|tell)\b|\bnot (?:entirely |quite |so |really |completely |at all )?(?:sure|certain)\b|\bunsure\b|\b(?:may|might|could) be wrong\b|\b(?:just|only|merely) a guess\b/i
/** Behind a claim: it is denied. */
const REFUSED =
  /^[^a-z\d]{0,8}(?:(?:and|but|which|this|that|it)\s){0,2}(?:is|are|was|would be|seems|looks|turns out to be)\s(?:(?:clearly|also|certainly|therefore|definitely)\s)?(?:not(?: (?:the|an?|correct|right|true|valid|possible|allowed|acceptable|it|so|what|one of|among|permitted)\b|\s*$|[.,])|wrong|incorrect|false|impossible|invalid|extraneous|too (?:big|large|small|high|low|much|many)|ruled out|excluded|rejected|an? (?:wrong|mistake|misprint|trap|error|typo|common|incorrect)|what (?:a|an|some|many|most)\b)|^[^a-z\d]{0,8}(?:cannot|can't|does(?: not|n['’]t)|isn['’]t|wasn['’]t|fails?\b|is out\b)/i
/** What makes another thing of the claim behind it: "four times 19", "a multiple of 12", "at most 40", "the reciprocal of 6". */
const OPERATED =
  /\b(?:times|twice|thrice|double|triple|half|(?:half|thirds?|quarters?|fourths?|fifths?|sixths?|sevenths?|eighths?|ninths?|tenths?|multiples?|factors?|powers?|roots?|squares?|cubes?|reciprocal|inverse|negative|opposite|complement|logarithm|factorial) of|(?:divisible|multiplied|divided) by|sum of the first|(?:divisors?|fractions?|percent(?:age)?) of|plus|modulo|mod|than|at most|at least|exceeds?|exceeding|upwards? of|(?:short|shy) of|close to|neighbou?rhood of|almost|nearly|not|never|except|besides|neither|nor|over|under|below|above|beyond|any(?:thing|one)? but|every(?:thing|one)? but|all but|apart from|aside from)\s*[$€£]?$|\b(?:times|twice|double|triple|half|thrice)\s(?:of\s)?(?:the|an?|his|her|its|that|as)\s[^\d.,;=]{0,40}$|%\sof\s[$€£]?$|\b(?:(?:ranges?|ranging|varies|anywhere|anything) from|between)\s[$€£]?[\d.,]{1,20}\s(?:to|and)\s[$€£]?$|\b(?:bounded|limited|exceeded) (?:above |below )?by\s[$€£]?$/i
/** "older than Kim, who is 24": the number of another. */
const COMPARED = /\bthan\s[^.,;\d]{1,60}, (?:who|which|whose)\s[^.,;\d]{1,40}$/i

export const isOfAnother = (before: string): boolean => COMPARED.test(before.slice(-120))

/** Whether the words before a claim make it a part of another thing. */
export const isOperated = (before: string): boolean => OPERATED.test(before.slice(-40)) || isOfAnother(before)

/** "would be 16" */
const WOULD = /\bwould\s(?:\w+\s)?(?:be|have been|equal|come to)\s(?:\w+\s)?[$€£]?$/i
const ONLY_IF =
  /^[^.;]{0,60}?\s(?:if\s(?!(?:we|you|one)\s(?:add|sum|count|take|combine)\b)|unless\s|provided\s|had\s(?:he|she|it|we|they|the)\b|were\s(?:it|the)\b)/i

/** Whether a claim holds only in a case that the sentence imagines: "it would be 16 if the coin were fair". */
export const isImagined = (before: string, behind: string): boolean => WOULD.test(before.slice(-80)) && ONLY_IF.test(behind)

/** "not enough to decide whether it is 18" */
const UNDECIDED =
  /(?<!matter |regardless of )\b(?:whether|(?:decide|tell|know|determine|say|see|ask|wonder|clear|sure|unknown)\s(?:\w+\s)?if)\s(?:(?! or )[^,;.:]){1,80}$/i
/** "either it is 3 or it is 7" */
const EITHER = /\beither\b[^.;:]{1,120}\bor\b[^.;:,\d]{0,60}$/i

/** Parts of a sentence. */
const BREAK = /[,;:]\s|\b(?:so|thus|hence|therefore|but|then|which leaves|leaves|leaving|which is|because|since|as)\s/gi

/** The last part of what stands before a claim. */
function clauseBefore(before: string): string {
  const last = [...before.matchAll(BREAK)].at(-1)
  return last ? before.slice(last.index + last[0].length) : before
}

/** "not true that", "don't think", or a negation right before the claim. */
const NOT_SO =
  /\b(?:not|never|cannot|[a-z]{2,6}n['’]t)\s(?:\w+\s)?(?:true|the case|correct|right|say|said|think|thought|believe|claim|mean|certain|possible|conclude|so|know|be|equal)\b|\b(?:false|untrue|wrong|incorrect|impossible|unlikely|doubt|deny|disagree)\b.{0,40}\bthat\b|\b(?:not|never|cannot|neither|[a-z]{2,6}n['’]t)\s[^a-z]{0,60}$/i
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
const GUESSED =
  /\b(?:(?:might|may|could|would|to) (?:\w+ )?(?:guess|think|expect|be tempted)|(?:many|most|some|people|students) (?:\w+ )?say|tempting|tempted|(?:first|naive|wild|quick|initial|tempting) (?:guess|thought|try|attempt|answer)|at first (?:glance|sight))\b/i

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
  if (REFUSED.test(behind)) return 'denied'
  return UNSURE.test(behind) ? 'hedged' : 'stated'
}

/** "Only if n is odd is it 16", "as long as m is prime" */
const ONLY_CASE =
  /^\W{0,4}(?:(?:and|so|then|but) )?(?:only (?:if|when|in|for|under|with)\b(?! (?:all|both)\b)|provided(?: that)?\s|(?:as|so) long as\s|on (?:the )?condition\s|in the event\s)/i
/** The same behind a claim: "31 only when both are even", "7 provided that x is positive". */
const LIMITED = /^[^.;,]{0,60}?\s(?:only (?:if|when|under|in case)|provided that|(?:as|so) long as|on (?:the )?condition|in the event)\b/i

/** Whether a sentence says its value of one case only. `behind` begins with the value. */
export const isLimited = (before: string, behind: string): boolean => ONLY_CASE.test(before) || LIMITED.test(behind)

/** Whether a sentence distinguishes cases, of which each has its own answer. */
export const isCaseDistinction = (sentence: string): boolean => {
  const said = sentence.slice(0, 600)
  return ALTERNATIVES.test(said) || EACH_CASE.test(said)
}

/** "when x = 0, y = 0 and when x = 1, y = 1", "y is 2 when x is 1, and y is 4 when x is 3" */
const EACH_CASE =
  /\b(when|at|for|if) [a-z] ?=[^.;]{1,120}\b(?:and|but|or|,|;) \1 [a-z] ?=|\bwhen\b[^.;$]{1,120}\d[^$]{0,20}(?:\b(?:and|but|or)|,|;) when\b[^$]{1,120}\d|\d\S{0,20} when [a-z] (?:is|=)\b.{1,120}\d\S{0,20} when [a-z] (?:is|=)/i

/** "If not, it is 6.", "Case 2: it is 6." */
const OTHER_CASE =
  /^\W{0,4}(?:(?:and|or|but) )?(?:if not\b|otherwise\b|else\b|case \w{1,2}\b|(?:in|for) the (?:other|second|latter|first|remaining) case|if it (?:is|does)(?: not|n['’]t)\b|on the other hand)/i
export const isOtherCase = (sentence: string): boolean => OTHER_CASE.test(sentence)

/** Whether a sentence is about one case only. */
export const isCase = (sentence: string): boolean => CASE.test(sentence)

/** Words that make another thing of the number beside them. */
const QUALIFIED =
  /\b(?:other than|except|excluding|besides|anything but|all but|everything but|not|never|neither|(?:less|more|greater|fewer|larger|smaller|bigger|lower|higher) than|at (?:least|most)|up to|no more than|between|or (?:more|less|fewer|greater|larger|higher|lower)|multiple of|divisible by|times|if|unless|squared|cubed|factorial)\b|\d(?:st|nd|rd|th) [a-z]/i

/** Whether a candidate holds words that deny, compare or multiply: "All values except: 31". */
export const isQualified = (text: string): boolean =>
  text.length < 600 && /[a-z]{2}/i.test(text) && !text.includes('\\begin') && QUALIFIED.test(text.replace(/\\times/g, ''))

const ABOUT_OTHERS =
  /\b(?:common|typical|easy) (?:mistake|error|trap)|\bmistake (?:is|would be|to)\b|\b(?:people|students|others|you) (?:get|got|forget|make|made|often|might|may|would)\b|\bif (?:you|one|someone)\b/i
/** Takes back what was said before. */
const WITHDRAWN =
  /\b(?:that|this|it|which|above|previous|earlier|answer)(?:['’]s| is| was| can(?:not|['’]t) be| must be)\s(?:(?:clearly|actually|obviously)\s)?(?:not (?:right|correct|true|the answer)|wrong|incorrect|right\b(?<=cannot be right|can['’]t be right)|correct\b(?<=cannot be correct|can['’]t be correct)|a mistake|an error|false)|\bI (?:\w+ )?(?:made an? (?:\w+ )?(?:mistake|error)|was wrong|mis\w+|forgot|overlooked|neglected|(?:double[- ])?counted|missed|meant|take (?:that|it) back|should have|retract)|\b(?:scratch|strike|ignore|forget|disregard) that\b|^\W{0,4}(?:correction|oops|sorry|my (?:mistake|bad|apologies)|apologies|no\b[,.!]|on second thought|rather)|\b(?:so|actually|answer|it|this|that|there|value|total) should (?:actually |rather |instead )?(?:be|have been)\b|\blet me (?:correct|redo|fix|recompute|recalculate)\b|\bcan(?: ?not|['’]t) be (?:determined|decided)\b/i
/** Casts doubt on what was said before. */
const DOUBTED =
  /^\W{0,4}(?:but |oh |no,? |hmm,? |uh,? )?(?:wait|let me reconsider|on reflection|upon (?:review|reflection)|hold on|hmm|hang on|not so fast)\b/i
/** Turns to another statement, where one follows. */
const TURNED = /^\W{0,4}(?:actually|in fact|in reality)\b/i
const CONFIRMED =
  /\b(?:yes|yep|indeed|confirmed|confirms|verified|matches|consistent|checks out|holds|(?:still|result|answer|it|value|so) stands(?! on)|nothing changes|as expected|all good|agrees)\b|\b(?:is|are|was|looks|that['’]s)\s(?:indeed |also |in fact )?(?:correct|right)\b|^\W{0,4}(?:correct|right|good|great)\b/i

/** What a sentence behind a claim does to it. */
export type Effect = 'withdraws' | 'doubts' | 'turns' | 'confirms' | 'nothing'

export function effectOf(sentence: string): Effect {
  if (ABOUT_OTHERS.test(sentence) && !/\bI\b/.test(sentence)) return 'nothing'
  if (WITHDRAWN.test(sentence)) return /\?$/.test(sentence) ? 'doubts' : 'withdraws'
  if (DOUBTED.test(sentence)) return 'doubts'
  if (TURNED.test(sentence)) return 'turns'
  return CONFIRMED.test(sentence) ? 'confirms' : 'nothing'
}

const LOOSE =
  /(?:[,+\-−*/=(<>&^×·]|\b(?:an?|the|that|which|who|this|these|those|of|to|by|from|with|in|on|at|for|and|or|but|so|because|since|as|if|when|than|is|are|was|were|be|has|have|had|will|would|could|must|should|we|he|she|they|its|his|their|our|then|not|into|every|number of|(?:he|she|it|we|they|I|you) can|between|while|where|gives|yields|implies|equals|becomes|obtain|satisfy|satisfies|which means))$/i

/** Whether a text breaks off in the middle of a sentence, or of a formula. */
export const isCutOff = (text: string): boolean =>
  (LOOSE.test(text.slice(-40).trimEnd()) && !/(?:\d|sq|square|cu|cubic)\.? in$/i.test(text.slice(-12))) ||
  text.lastIndexOf('\\(') > text.lastIndexOf('\\)') ||
  text.lastIndexOf('\\[') > text.lastIndexOf('\\]')

/** "**Step 1:** The equation has 3 terms" and no more. */
const FIRST_STEP = /^[\s*_#]{0,8}(?:step 1\b|1[.)])[^\n]{0,200}[a-z]$/i
const CONCLUDED = /=|\b(?:is|are|so|thus|hence|therefore|total|answer|gives|get|equals)\b/i

/** Whether a line is a first step that breaks off before anything follows from it. */
export const isStepBegun = (line: string): boolean => FIRST_STEP.test(line) && !CONCLUDED.test(line)

/** "Now we need to subtract 12 from 60." */
const PLAN =
  /^\W{0,4}(?:(?:now|next|then|first|finally|so|to do this|for this|after that|step \d{1,2})\b[,:]?\s){0,2}(?:we|I|let['’]s|let us|you)\s(?:(?:still|now|then|first|next|only|just)\s)?(?:(?:need|have|want) to |must |should |will |can |could |(?<=let['’]s |let us ))(?:still |then |now |first )?(?:add|subtract|multiply|divide|find|calculate|compute|compare|check|solve|remove|substitute|plug|simplify|consider|start|begin)\b/i

/** Whether a sentence announces a step and no result. */
export const isPlan = (sentence: string): boolean =>
  PLAN.test(sentence) && !/=|\b(?:is|are|gives|get|getting|giving|equals|makes|which)\b/i.test(sentence)
