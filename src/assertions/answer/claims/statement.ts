/** What the end of a text states, and how it stands to that. */

import { matchesOf } from '../reading/matches.ts'
import { remembered } from '../reading/remembered.ts'
import { answerIn } from './answer-line.ts'
import { upToAnswering } from './answering.ts'
import { approximationOfAsked, withoutApproximation } from './approximations.ts'
import { focusIn } from './asked.ts'
import { isAssumption } from './assumptions.ts'
import { apart, assignedInCode, labelledLines, solutionLine, tableAtEnd } from './blocks.ts'
import { exceptionIn } from './bounds.ts'
import { isCaseDistinction, isContrary, isImagined, isLimited, isOtherCase, isTried } from './cases.ts'
import { chosenLetter } from './choice.ts'
import { leavesOne } from './chosen.ts'
import { conclusionOf } from './conclusion.ts'
import { deniedOfItself, effectOf } from './corrections.ts'
import { countedPair } from './counted-pair.ts'
import { isCutOff, isPlan, isStepBegun } from './cut-off.ts'
import { beforeCheck, withoutRemarkBegun, withoutRemarks } from './ending.ts'
import type { Expected } from './expected.ts'
import { inFigures } from './figures.ts'
import { FORMULA, isAnswer, joinLines, lastMath, restatedIn } from './formulas.ts'
import { gatheredParts, gatheredValues } from './gathered.ts'
import { labelledInSentence } from './labelled-in-sentence.ts'
import { leavesOut } from './left-out.ts'
import { isLeftOpen, isNone, noneCounted } from './open.ts'
import { isOfAnother, isOperated } from './operations.ts'
import { markedOption } from './options.ts'
import { polarIn, verdictIn } from './polar.ts'
import { ROOTS } from './predicates.ts'
import { numbersIn, proofsAtEnd } from './proven.ts'
import { isAttributed } from './quoted.ts'
import { NAMED_ROLE } from './roles.ts'
import { resultOfRows } from './rows.ts'
import { contrasted, lastSentence, sentencesOf, withoutAsides, withoutRate } from './sentences.ts'
import { inSigns } from './signs.ts'
import { asksPlace, isPlaceBeside, placeStated } from './spelled.ts'
import { deniesItself, type Status, statusBefore, statusBehind } from './status.ts'
import { otherSolutions, twoSolutions } from './two-solutions.ts'
import { countOfListed, sumIn, valueIn } from './values.ts'
import { type Answering, weighed } from './weighing/weighing.ts'

export interface Statement {
  text: string
  status: Status
  /** Where it was found. */
  where: string
}

/** A text without the pictures at its end: "the number is 9! 🎉" */
function withoutPictures(text: string): string {
  if (!/[\ud800-\udfff\u2600-\u27bf]/.test(text.slice(-8))) return text
  const end = text.slice(-PICTURES)
  return text.slice(0, text.length - end.length) + end.replace(/(?:\s|\p{Extended_Pictographic}|\p{Variation_Selector})+$/u, '')
}

/** How many characters at the end may be pictures. */
const PICTURES = 80

/** What the end of a text states, or what stands before a check at its end. Undefined: it states nothing. */
export function lastStatement(text: string, expected: Expected): Statement | undefined {
  if (/[:：][*_\s]{0,6}$/.test(text.slice(-12)))
    return { text: lastSentence(text.trimEnd().slice(-400)).trim(), status: 'cut off', where: 'last line' }
  const words = expected.kind === 'text' || expected.kind === 'choice'
  // "a quarter to four" is no fraction.
  const shown = withoutPictures(words || expected.time ? text : inFigures(text, expected.problem)).trimEnd()
  const trimmed = withoutRemarks(expected.kind !== 'text' && isCutOff(shown) ? withoutRemarkBegun(shown) : shown, expected)
  const parts = expected.parts && gatheredParts(trimmed, expected.parts, expected, lastStatement)
  const gathered = parts ?? (expected.names && gatheredValues(trimmed, expected.names))
  if (gathered) return gathered
  if (noneCounted(trimmed, expected)) return { text: '0', status: 'stated', where: 'none in the last sentence' }
  const option = expected.kind === 'choice' ? markedOption(trimmed) : undefined
  if (option) return { text: option, status: 'stated', where: 'marked option' }
  const check = beforeCheck(trimmed)
  const checked =
    check === undefined ? undefined : settled(withoutRemarks(words ? check : inFigures(check, expected.problem), expected), expected)
  if (checked?.status === 'stated' && (expected.kind === 'choice' || isAnswer(checked.text))) return checked
  const said = (words ? undefined : proven(trimmed, expected)) ?? settled(trimmed, expected)
  return coordinatesOf(trimmed, said, expected) ?? said
}

const SYSTEM = /\bsystem\b|(?<![a-z\\])x(?![a-z])[^.?]{0,40}(?<![a-z\\])y(?![a-z])/i

/** "so x = 3. Then y = 5 - 3 = 2.": both letters of the problem for a point, where the end gives the last one only. */
function coordinatesOf(trimmed: string, said: Statement | undefined, expected: Expected): Statement | undefined {
  if (!expected.entries?.ordered || expected.names || expected.problem === undefined || !SYSTEM.test(expected.problem)) return undefined
  if (said?.status !== 'stated' || !/^\s?(?:[xyz]\s?=[^=]{0,40}=?\s?)?[-−]?\d[\d./]*\s?$/.test(said.text)) return undefined
  return gatheredValues(trimmed, ['x', 'y', 'z'].slice(0, expected.entries.count))
}

/** What stands before a check at the end that calculates with it. */
function proven(trimmed: string, expected: Expected): Statement | undefined {
  for (const { before, parts } of proofsAtEnd(trimmed, expected.problem)) {
    const said = settled(withoutRemarks(inFigures(before, expected.problem), expected), expected)
    if (said?.status !== 'stated' || !isAnswer(said.text)) continue
    const values = numbersIn(said.text)
    if (values.length > 0 && values.every((one) => parts.includes(one)))
      return { ...said, where: `${said.where}, the conclusion before a check` }
  }
  return undefined
}

/** What a text without remarks and checks at its end states: the part that answers the question, its conclusion, or its end. */
function settled(trimmed: string, expected: Expected): Statement | undefined {
  const found = weighing(trimmed, expected)
  const earlier = found && (found.against.length > 0 || found.only) ? statedBy(found, trimmed, expected) : undefined
  if (earlier && !isCoordinate(earlier.text, trimmed, expected)) return earlier
  const usual = answering(trimmed, expected) ?? concluded(trimmed, expected) ?? statementOf(trimmed, expected)
  const open =
    found?.against.length === 0 &&
    (usual?.status !== 'stated' || /[,;]| and /.test(usual.text) || isElsewhere(usual.text, found.part, trimmed))
  return (open ? statedBy(found, trimmed, expected) : undefined) ?? usual
}

/** "b^2-4ac=1-24=-23": a formula and what is put into it. */
function isWorkedOut(text: string): boolean {
  const [, ...sides] = text.split('=')
  return (
    sides.length > 1 &&
    sides.length < 8 &&
    !/[<>]/.test(text) &&
    /^\s?[-−]?[\d.,/]{1,12}\s?$/.test(sides.at(-1)!) &&
    sides.slice(0, -1).some((side) => /\d\s?(?:[-+*/×·÷−]|\\(?:cdot|times)(?![a-z]))/.test(side))
  )
}

/** "3x = 21", "y > 4": on the way to a value. */
const isEquation = (text: string): boolean => {
  if (isWorkedOut(text)) return false
  const plain = text.replace(/\\[a-z]+/gi, ' ')
  return /[<>≤≥]|\\[lg]eq?(?![a-z])/.test(text) || /^[^=]*[a-z][^=]*=/i.test(plain.replace(/^\s*[a-z]\w?\s*=/i, ''))
}

/** Whether a statement was found outside of a part, which is no remark in brackets. */
function isElsewhere(text: string, part: string, trimmed: string): boolean {
  const number = numbersOf(text).at(-1)
  // 6 is not in 66.
  const within = number === undefined ? part.includes(text) : numbersOf(part).includes(number)
  return !within && !/^\s*\(/.test(lastSentence(trimmed.slice(trimmed.lastIndexOf('\n') + 1)))
}

const numbersOf = (text: string): string[] => (text.match(/\d[\d.,/]*/g) ?? []).map((one) => one.replace(/[.,]$/, ''))

/** "y = -2", where the end of the text states (3, -2). */
function isCoordinate(text: string, trimmed: string, expected: Expected): boolean {
  const value = /^\s*[a-z]\s?=\s?([-−\d./]{1,12})\s*$/.exec(text)?.[1]
  const end = value === undefined ? undefined : statementOf(trimmed, expected)
  return end?.status === 'stated' && (/^\(([^()]{1,60})\)$/.exec(end.text.trim())?.[1].split(/,\s?/) ?? []).includes(value!)
}

/** The part of a text that answers the problem. */
function weighing(trimmed: string, expected: Expected): Answering | undefined {
  if (
    expected.problem === undefined ||
    expected.kind === 'text' ||
    expected.kind === 'choice' ||
    expected.kind === 'list' ||
    /\?\W{0,2}$/.test(trimmed) ||
    isCutOff(trimmed) ||
    sumIn(lastSentence(trimmed.slice(trimmed.lastIndexOf('\n') + 1)), expected.problem)
  )
    return undefined
  return weighed(trimmed, expected.problem)
}

/** What that part states. Undefined: nothing, or the text leaves its answer open. */
function statedBy(found: Answering, trimmed: string, expected: Expected): Statement | undefined {
  if (isLeftOpen(sentencesOf(trimmed.slice(-SEARCHED)).slice(-EARLIER))) return undefined
  for (const part of found.alone === found.text ? [found.text] : [found.alone, found.text]) {
    const stated = statementOf(part, expected)
    const said =
      stated?.status === 'stated' && found.value && !stated.text.includes(found.value) ? { ...stated, text: found.value } : stated
    if (
      said?.status === 'stated' &&
      /\d/.test(said.text) &&
      found.part.includes(said.text.replace(/^-/, '').trim()) &&
      !isEquation(said.text) &&
      (said.where === 'formula at the end' || isAnswer(said.text))
    )
      return {
        ...said,
        where: `${said.where}, which answers the question${found.against.length > 0 ? `, and what follows has ${found.against.join(', ')}` : ''}`,
      }
  }
  return undefined
}

/** What a text states of the thing that the problem asks for, where it goes on with other things. */
function answering(trimmed: string, expected: Expected): Statement | undefined {
  if (expected.problem === undefined || expected.kind === 'text' || expected.kind === 'choice' || trimmed.endsWith('?')) return undefined
  const part = isCutOff(trimmed) ? undefined : upToAnswering(trimmed, expected.problem)
  const said = part === undefined ? undefined : statementOf(part, expected)
  if (said?.status !== 'stated' || !(said.where === 'formula at the end' || isAnswer(said.text))) return undefined
  return { ...said, where: `${said.where}, what the problem asks for` }
}

/** What the conclusion of a text states, where elaborations stand behind it. */
function concluded(trimmed: string, expected: Expected): Statement | undefined {
  if (trimmed.endsWith('?') || trimmed.endsWith(':') || isCutOff(trimmed)) return undefined
  const words = expected.kind === 'text' || expected.kind === 'choice'
  const conclusion = conclusionOf(trimmed, expected.problem, words)
  const said = conclusion && statementOf(withoutRemarks(conclusion.text, expected), expected)
  if (said?.status !== 'stated' || !(words || said.where === 'formula at the end' || isAnswer(said.text))) return undefined
  return { ...said, where: `${said.where}, the conclusion before ${NAMED_ROLE[conclusion!.before]}` }
}

/** A formula or bold number of its own at the end, or the last sentence. */
function statementOf(trimmed: string, expected: Expected): Statement | undefined {
  const set =
    expected.kind === 'text' || expected.kind === 'choice'
      ? apart(trimmed)
      : (apart(trimmed) ??
        tableAtEnd(trimmed, expected) ??
        labelledLines(trimmed, expected) ??
        solutionLine(trimmed, expected) ??
        labelledInSentence(trimmed, expected) ??
        countedPair(trimmed, expected) ??
        assignedInCode(trimmed))
  if (set) return set
  const result = resultOfRows(trimmed)
  if (result !== undefined) return { text: result, status: 'stated', where: 'last row of the formula at the end' }
  const two = expected.kind === 'text' || expected.kind === 'choice' ? undefined : twoSolutions(trimmed)
  if (two) return { text: two, status: expected.kind === 'list' ? 'stated' : 'hedged', where: 'two solutions' }
  const others = expected.kind === 'list' ? otherSolutions(trimmed) : undefined
  if (others) return { text: others.text, status: others.all ? 'stated' : 'hedged', where: 'all solutions' }
  const end = trimmed.slice(0, -FORMULA) + joinLines(trimmed.slice(-FORMULA))
  if (end.endsWith('?')) return undefined
  const block = /(?:\$\$|\\\])[.\s]{0,4}$/.test(end) || /\n\s*(?:\$|\\\))[.\s]{0,4}$/.test(end.slice(-40)) ? lastMath(end) : undefined
  if (block !== undefined) return { text: restatedIn(block).trim(), status: 'stated', where: 'formula at the end' }
  const line = end.slice(end.lastIndexOf('\n') + 1)
  const polar = expected.polar
    ? (polarIn(lastSentence(line)) ?? (expected.problem === undefined ? undefined : verdictIn(lastSentence(line), expected.problem)))
    : undefined
  if (polar) return { text: polar.text, status: 'stated', where: 'yes or no in the last sentence' }
  const word = expected.kind === 'text' ? boldWord(line) : undefined
  if (word) return word
  const several = expected.kind === 'text' || expected.kind === 'choice' ? undefined : boldValues(line)
  if (several) return { text: several, status: expected.kind === 'list' ? 'stated' : 'hedged', where: 'bold values at the end' }
  const items = expected.kind === 'text' || expected.kind === 'choice' ? undefined : boldItems(line)
  if (items) return items
  const bold = line.includes('**') ? (/\*\*([^*\n]{1,200})\*\*([^*\d]{0,60})$/.exec(line.slice(-300)) ?? boldBeforeAdjuncts(line)) : null
  if (bold && /\d/.test(bold[1])) {
    const before = statusBefore(lastSentence(line.slice(-600, line.length - bold[0].length)))
    const said = answerIn(bold[1], { ...expected, kind: 'other' })
    const operated = isOperated(line.slice(0, line.length - bold[0].length)) ? 'operation' : 'stated'
    const status = ([before, said.status, statusBehind(bold[2]), operated] as const).find((one) => one !== 'stated') ?? 'stated'
    return { text: said.text, status, where: 'bold text at the end' }
  }
  const sentence = lastSentence(line)
  if (isCutOff(end) && (!/[.。।]\s*$/.test(end) || /(?:i\.e|e\.g|viz)\.\s*$/.test(end)))
    return { text: sentence.trim(), status: 'cut off', where: 'last line' }
  // "The angle is 90 degrees. Now let"
  const started =
    expected.kind !== 'text' && sentence.trim() !== '' && sentence.length < line.length && /[a-z]$/i.test(end) && !/[\d$\\]/.test(sentence)
  if ((started && expected.kind !== 'choice') || isPlan(sentence) || isStepBegun(line))
    return { text: sentence.trim(), status: 'cut off', where: 'last line' }
  return ending(sentence, line, expected)
}

/** What goes on behind a value without a claim of its own: "for the task she does between 8 and 11", "from his target of 120". */
const ADJUNCT =
  /^(?: (?!times\b|dozen\b|or\b|and\b|to\b)[a-z]{2,14}){0,3},? (?:for|from|between|in|on|at|per|than|when|after|before|by|out of|during|within|with|of)\b[^*=<>≈:;!?]{0,160}$/i
/** A value or a verdict may stand behind these. */
const GOES_ON =
  /\b(?:is|are|was|were|be|equals?|gives?|leaves?|makes?|but|so|thus|hence|therefore|not|instead|wrong|remain(?:s|ing)?|left|total|altogether|rather)\b|[.!?]\s/i

/** "Susan earns **$75** for the task she does between 8 and 11": the one bold value of the last sentence. */
function boldBeforeAdjuncts(line: string): RegExpExecArray | null {
  const sentence = lastSentence(line.slice(-600))
  const bold = /\*\*([^*\n]{1,60})\*\*([^*]{0,200})$/.exec(sentence)
  if (!bold || sentence.slice(0, bold.index).includes('**') || !isAnswer(bold[1])) return null
  return ADJUNCT.test(bold[2]) && !GOES_ON.test(bold[2].replace(/[.\s]{0,4}$/, '')) ? bold : null
}

/** "The width is **5 cm** and the length is **11 cm**.": two things with a value each. */
const BOLD_PAIR =
  /\b(is|are|has|gets|have|equals|pays|needs|costs|earns|was|=)\s\*\*([^*\n]{1,40})\*\*,? (?:and|while|whereas) (?!(?:so|thus|hence|therefore|then)\b)[^*\d\n]{2,40}\s\1\s\*\*([^*\n]{1,40})\*\*[.!\s]{0,4}$/

function boldValues(line: string): string | undefined {
  const pair = line.includes('**') ? BOLD_PAIR.exec(line.slice(-240)) : null
  return pair && isAnswer(pair[2]) && isAnswer(pair[3]) ? `${pair[2]}, ${pair[3]}` : undefined
}

const BOLD_ITEMS = /(?:\*\*[^*\n]{1,40}\*\*(?:,? (?:and|or) |, )){1,9}\*\*[^*\n]{1,40}\*\*[.!\s]{0,4}$/

/** "The integers are **14**, **15**, and **16**." */
function boldItems(line: string): Statement | undefined {
  const found = line.includes('**, ') || /\*\* (?:and|or) \*\*/.test(line) ? BOLD_ITEMS.exec(line.slice(-400)) : null
  const items = found ? matchesOf(found[0], /\*\*([^*]{1,40})\*\*/g).map(([, item]) => item.trim()) : []
  if (!items.every(isAnswer) || items.length === 0) return undefined
  const status = statusBefore(lastSentence(line.slice(-600, line.length - found![0].length)))
  return { text: items.join(', '), status, where: 'bold items at the end' }
}

/** "It will be a **Thursday**." */
function boldWord(line: string): Statement | undefined {
  const bold = /\*\*([^*\n]{1,80}?)[.!]?\*\*(?: \([^()*\n]{1,80}\))?[.!\s]{0,4}$/.exec(line.slice(-200))
  if (!bold || /:$/.test(bold[1].trim())) return undefined
  const before = lastSentence(line.slice(-600, line.length - bold[0].length))
  return { text: bold[1].trim(), status: statusBefore(before, true), where: 'bold text at the end' }
}

/** "No, since 9 is odd." behind a question */
const DENIES =
  /^\W{0,4}(?:no|nope|wrong|incorrect|not at all|never|it (?:would|does|can|is) ?n(?:o|['’])t)\b(?![^.]*\b(?:it is|it['’]s|but|instead|answer|rather|so|only|must be)\b)/i

/** "take $12$ away from 60", "12, when halved, is the answer" */
const TO_BE_USED =
  /^[\s$)\\]{0,4}(?:(?:has|have|still has) to be |(?:must|should)(?: still)? be |still )?(?:away from|subtracted from|added to|taken (?:away|off) from|divided by|multiplied by)\s|^[\s$)\\]{0,3},? (?:when|once|if) (?:doubled|halved|tripled|squared|cubed|rounded|reduced|multiplied|divided)\b/i
/** "subtract $12$ from 60" */
const SUBTRACTED = /^[\s$)\\]{0,4}from\s[$]?\d/

/** "Should we halve it? That would be 15." */
const SHALL =
  /^\W{0,4}(?:(?:hmm|so|but|or|and|wait|now|then),? ){0,2}(?:should|shall|do|could|can|may|must|what if|why not)\b[^?]{1,160}\?$/i
const WOULD_BE =
  /^\W{0,4}(?:(?:that|this|it|then it|then that|which) would|(?:that|this|it)['’]d)\b(?!.*\b(?:so|thus|hence|therefore|yes)\b)/i

/** How much of the last line is searched for its sentences. */
const SEARCHED = 1000
/** How many sentences before the last one are looked at, where those behind state nothing. */
const EARLIER = 3

/** The last sentence of a line, or the one before it where it states nothing of its own. */
function ending(last: string, line: string, expected: Expected): Statement | undefined {
  if (expected.kind === 'text') return standing(last, expected)
  const sentences = sentencesOf(line.slice(-SEARCHED)).slice(-EARLIER - 1)
  if (expected.kind !== 'choice' && sentences.at(-2)?.endsWith('?') && DENIES.test(sentences.at(-1)!) && !expected.polar)
    return { text: sentences.at(-2)!, status: 'denied', where: 'last line' }
  if (expected.kind !== 'choice' && SHALL.test(sentences.at(-2) ?? '') && WOULD_BE.test(sentences.at(-1)!))
    return { text: last.trim(), status: 'conditional', where: 'last line' }
  if (isLeftOpen(expected.kind === 'choice' ? sentences.slice(-1) : sentences.slice(-EARLIER)))
    return { text: last.trim(), status: 'hedged', where: 'last line' }
  if (expected.kind !== 'choice' && isNone(last) && !/\bno (?:real |integer )?solutions?\b/i.test(expected.problem ?? ''))
    return { text: 'no solution', status: 'stated', where: 'last line' }
  let said = last
  // Behind "lbs." a sentence may go on.
  const whole = (sentences.at(-1)?.length ?? 0) <= last.trim().length + 1
  for (let i = whole ? sentences.length - 1 : sentences.length; ; ) {
    const statement = i > 0 && isAssumption(said) ? undefined : statementIn(said, sentences[i - 1], expected)
    // "The total is 81. 18 is a misreading.": what is denied is another value.
    const other = statement?.status === 'denied' && i > 0 ? standing(sentences[i - 1], expected) : undefined
    if (
      other?.status === 'stated' &&
      other.text !== statement!.text &&
      isAnswer(other.text) &&
      !(expected.kind === 'list' && leavesOut(other.text, said)) &&
      (effectOf(said) === 'nothing' || deniedOfItself(said) !== undefined) &&
      !SUPPOSED.test(sentences[i - 1])
    )
      return other
    if (statement?.status === 'stated' && SHALL.test(sentences[i - 1] ?? '') && WOULD_BE.test(sentences[i] ?? ''))
      return { ...statement, status: 'conditional' }
    if (statement || --i < 0) return statement
    const effect = effectOf(said)
    said = sentences[i]
    if (effect === 'withdraws' || effect === 'doubts')
      return { text: said, status: effect === 'doubts' ? 'hedged' : 'corrected', where: 'last line' }
  }
}

/** "Suppose it were 12", "We try 5" */
const SUPPOSED = /\b(?:suppos\w+|assum\w+|if|let|try|trying|were|would)\b/i

/** "Half of them are boys.", "So she paid twice that.": a value made of the one before. */
const SHARE =
  /^\W{0,4}(?:(?:so|thus|hence|therefore|then|now|and),? )?(?:(?:exactly|only|just|about) )?(?:half|an? (?:third|quarter|fourth|fifth|sixth|eighth|tenth)|(?:one|two|three|four) (?:thirds?|quarters?|fourths?|fifths?)|twice|double) (?:of )?(?:them|these|those|that|it|this|the (?:rest|others?|remainder|remaining))\b|^\W{0,4}(?:so|thus|hence|therefore)\b[^.;,]{1,60}\b(?:half|third|quarter|twice|double|triple) (?:of )?(?:them|these|those|that|it|this)[.!\s]*$/i

/** "So he needs triple 64 metres": it concludes another number than the one it names, and no sentence before it counts. */
function partial(sentence: string): Statement | undefined {
  if (!/\d/.test(sentence) && SHARE.test(sentence)) return { text: sentence.trim(), status: 'operation', where: 'last line' }
  const clause = /(?:^|[,;]\s)\W{0,4}(?:so|thus|hence|therefore)\b[^,;]*$/i.exec(sentence)?.[0]
  const number = clause === undefined ? null : /[$€£]?\d/.exec(clause)
  return number && isOperated(clause!.slice(0, number.index))
    ? { text: sentence.trim(), status: 'operation', where: 'last line' }
    : undefined
}

function statementIn(said: string, before: string | undefined, expected: Expected): Statement | undefined {
  const asked = expected.problem !== undefined && asksPlace(said, expected.problem) ? place(said, before, expected) : undefined
  if (asked?.status === 'stated') return asked
  const found = standing(said, expected)
  if (found && found.status !== 'operation') return found
  return (found ? undefined : partial(said)) ?? place(said, before, expected) ?? found
}

/** "He finishes on the 7th day." */
function place(sentence: string, before: string | undefined, expected: Expected): Statement | undefined {
  if (expected.kind !== 'choice' && isPlaceBeside(sentence, before))
    return { text: sentence.trim(), status: 'operation', where: 'last line' }
  const found = expected.kind === 'choice' ? undefined : placeStated(sentence, before, expected.problem, expected.ordinal === true)
  return found && { text: found.text, status: statusBefore(sentence.slice(0, found.at)), where: 'ordinal' }
}

/** "twice that is 20" says 20. */
const unlessSaid = (before: string): string => (/\b(?:is|are|was|were|equals)\s*$|=\s*$/.test(before) ? '' : before)

/** "If n is odd only A survives" */
const IN_CASE = /^\W{0,4}(?:if|unless)\b(?!.*\b(?:so|thus|hence|therefore|then)\b)/i

/** What opens a formula. */
const OPENED = /(?:\$|\\[([])\s*$/

/** "The perimeter is 30, while the area is 36.": the part that speaks of what the problem asks for. */
function besideAsked(sentence: string, problem: string): string {
  const [first, second, ...more] = sentence.split(/,? (?:while|whereas) (?=the |that of |its |his |her |[A-Z]|\$|\\\()/)
  return second !== undefined && more.length === 0 && /\d/.test(second) && focusIn(second, problem) > focusIn(first, problem)
    ? second
    : sentence
}

/** "The centre is $(2,-5)$ and the radius $6$." */
const TWO_FORMULAS =
  /\b(?:is|are|has) (?:\$[^$]{1,60}\$|\\\([^()]{1,60}\\\)) and (?:the|its) [a-z]+ (?:\$[^$]{1,60}\$|\\\([^()]{1,60}\\\))[.\s]*$/i

/** More parts of a sentence than these, its last ones, are not looked at: no sentence that anyone wrote has as many. */
const PARTS = 40

/** "the ones digit of $2^3 = 8$" */
const CALCULATED = /^\d[^=]{0,80}[-+*/^\\][^=]{0,80}=/
/** "So, the number is 9!" ends in joy. */
const JOY = /^(.{0,40}\d)!+$/

/** What sentences state, of the last reference and problem that were asked about: several rules look at the same end of a response. */
let stated: { of: Expected; by: (sentence: string) => Statement | undefined } | undefined
/** "6 cm (width) and 15 cm (length)" */
const NAMED_BEHIND = /\d[^()\d]{0,14}\((?:the )?[a-z]{3,15}\)[^()]{1,40}\((?:the )?[a-z]{3,15}\)/

/** "Answer (every value other than this one): " */
const LABEL =
  /^\W{0,6}(?:final )?answer\s?\([^()]{0,60}\b(?:other than|except|excluding|but not|wrong|incorrect)\b[^()]{0,60}\)\W{0,4}[:：]/i

/** The last statement of a sentence that stands; if none does, the last one. */
function standing(sentence: string, expected: Expected): Statement | undefined {
  if (stated?.of !== expected) stated = { of: expected, by: remembered((one) => standingIn(one, expected), 8) }
  return stated.by(sentence)
}

/** Whether a part of a sentence chooses a letter. */
const choiceOf = (part: string, expected: Expected): boolean => {
  const found = valueIn(leavesOne(part) ? part : withoutAsides(part), expected)
  return found !== undefined && chosenLetter(found.text) !== undefined
}

function standingIn(sentenceWhole: string, expected: Expected): Statement | undefined {
  const written = expected.kind === 'text' || expected.kind === 'choice' ? sentenceWhole : inSigns(sentenceWhole)
  const { problem } = expected
  const plain = problem === undefined ? written : besideAsked(written, problem)
  const whole =
    problem === undefined || expected.kind === 'text' ? plain : withoutApproximation(approximationOfAsked(plain, problem), problem)
  let fallen: Statement | undefined
  const { said: sentence, open } = withoutRate(whole)
  const parts = contrasted(sentence).slice(-PARTS)
  const cases =
    expected.kind !== 'text' &&
    (isCaseDistinction(sentence.slice(0, FORMULA).replace(ROOTS, ' ')) ||
      isOtherCase(sentence) ||
      isContrary(sentence) ||
      isTried(sentence))
  const letters = expected.kind === 'choice' && parts.length > 1 ? parts.map((part) => choiceOf(part, expected)) : []
  const chosen = letters.some((one) => one)
  for (const [i, part] of [...parts.entries()].reverse()) {
    // "That is answer B; answer C would be 9 × 8."
    if (chosen && !letters[i]) continue
    const left = expected.kind === 'choice' && leavesOne(part)
    const kept =
      left ||
      (expected.kind === 'list' && NAMED_BEHIND.test(part)) ||
      (expected.bounds && exceptionIn(part) !== undefined) ||
      countOfListed(part) !== undefined
    const plain = kept ? part : withoutAsides(part)
    const found = valueIn(plain, expected)
    if (!found) continue
    const letter = expected.kind === 'choice' || expected.kind === 'text'
    const behind = plain.slice(Math.max(found.at, plain.indexOf(found.text, found.at)) + found.text.length)
    const about = [
      left ? 'stated' : statusBefore(plain.slice(0, found.at), letter),
      statusBehind(behind),
      statusBehind(parts.slice(i + 1).join(' ')),
      deniesItself(found.text) || LABEL.test(sentence) ? 'denied' : 'stated',
      expected.kind === 'list' && leavesOut(found.text, sentence.slice(sentence.indexOf(found.text) + found.text.length))
        ? 'denied'
        : 'stated',
      isAttributed(plain, found.at) ? 'quoted' : 'stated',
      (!left && !CALCULATED.test(found.text) && isOperated(unlessSaid(plain.slice(0, found.at).replace(OPENED, '')))) ||
      isOfAnother(plain.slice(0, found.at))
        ? 'operation'
        : 'stated',
      ((TO_BE_USED.test(behind) && !/\b(?:is|are|was|were)\s(?:still |now )?[$€£]?$|['’](?:s|re)\s$/i.test(plain.slice(0, found.at))) ||
        (SUBTRACTED.test(behind) && /\b(?:subtract|take|deduct|remove)\s[$\\(]{0,3}\s?$/i.test(plain.slice(0, found.at)))) &&
      expected.kind !== 'text' &&
      expected.kind !== 'choice'
        ? 'operation'
        : 'stated',
      isImagined(plain.slice(0, found.at), found.text + sentence.slice(sentence.lastIndexOf(found.text) + found.text.length))
        ? 'conditional'
        : 'stated',
      expected.kind !== 'text' && isLimited(plain.slice(0, found.at), found.text + behind) ? 'conditional' : 'stated',
    ] as const
    const status: Status =
      cases || (expected.kind === 'choice' && IN_CASE.test(sentence))
        ? 'conditional'
        : open || (expected.kind !== 'list' && TWO_FORMULAS.test(sentence))
          ? 'hedged'
          : (about.find((one) => one !== 'stated') ?? 'stated')
    // "It is 5!!.", "there are 4! ways": what goes on is no joy.
    const calm = expected.factorial || found.where === 'formula at the end' || /^\s?\.(?:\s|$)|^\s[a-z]/.test(behind)
    const text = calm ? found.text : found.text.replace(JOY, '$1')
    const statement = { text, status, where: found.where }
    if (status === 'stated') return statement
    fallen ??= statement
  }
  return fallen
}
