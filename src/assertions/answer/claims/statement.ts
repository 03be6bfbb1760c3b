/** What a sentence or an answer line states. */

import { chosenLetter } from './choice.ts'
import { FORMULA, isAnswer, joinLines, lastMath, leadingFence, leadingMath } from './formulas.ts'
import { type Found, resultAt, statedNumber, statement } from './numbers.ts'
import { contrasted, firstLine, lastSentence, trimEnd, withoutAsides } from './sentences.ts'
import { deniesItself, isCaseDistinction, isCutOff, isOtherCase, isPlan, type Status, statusBefore, statusBehind } from './status.ts'

/** Of the reference only its kind matters here: boxes are joined for a list, a letter or words count for a choice or a text. */
export interface Expected {
  kind: 'list' | 'choice' | 'text' | 'other'
  /** The reference holds an exclamation mark, so that one behind a number is more than joy. */
  factorial: boolean
}

export interface Statement {
  text: string
  status: Status
  /** Where it was found. */
  where: string
}

/** What an answer line states. `direct`: the answer stands there and had not to be looked for. */
export interface Line {
  text: string
  status: Status
  direct: boolean
}

/** What ends the answer inside its sentence. */
const SENTENCE_END =
  /[.!?](?=\s|$)|,? but |,? because |,? since |,? which |; |, (?:so|not|it|as|or (?:about|approximately|exactly|equivalently)|i\.e|e\.g|half|one less|one more|and (?:we|the|I))[ .]|[,\s]*\(not | i\.e\./
/** What says the same once more. */
const APPOSITION = /,? \(?(?:i\.e\.|that is,|in other words|or equivalently)[ ,]/
/** What leaves the answer open, or makes another thing of it. */
const OPEN =
  /^(?:not|never|either|at (?:least|most)|no (?:more|less|fewer) than|(?:more|less|greater|fewer|larger|smaller|bigger|lower|higher) than|between|one of|neither|none of|unknown|cannot|I (?:can(?:not|'t)?|do|am)|we can(?:not|'t)?|excluding|except|other than|any|some|every(?:thing)?)\b/i
const UNCERTAIN = /^(?:perhaps|maybe|possibly|probably|likely|presumably|might|may|could|unclear|uncertain|unsure)\b/i
const TAKEN_BACK = /\b(?:is|are|was) (?:wrong|incorrect|false|not)\b/i

/** The answer right behind a marker: in a formula, in a code block, or on the rest of the line or the next one. */
export function answerBehind(rest: string, expected: Expected): Line | undefined {
  const text = rest.replace(/^[\s*_]{0,40}/, '')
  if (/^(?:```|~~~)/.test(text)) {
    const inside = leadingFence(text)
    return inside === undefined || inside === '' ? undefined : answerBehind(inside, expected)
  }
  const math = leadingMath(text)
  if (math && !/^\s*[-+*/=<>^,]?\s*(?:\$|\\[([])/.test(text.slice(math.end, math.end + 6))) {
    const goesOn = /^\s*(?:,?\s*(?:and|or)\s|,\s*[-\d(])/.test(text.slice(math.end, math.end + 12))
    if (!goesOn) return { text: math.content, status: statusBehind(firstSentence(text.slice(math.end))), direct: true }
  }
  const line = firstLine(joinLines(text.slice(0, FORMULA)) + text.slice(FORMULA))
  return line === '' ? undefined : answerIn(line, expected)
}

const firstSentence = (text: string): string => firstLine(text).split(/[.!?]\s/)[0]

/** From the line that states the answer to the answer in it. */
export function answerIn(line: string, expected: Expected): Line {
  const calm = expected.factorial || /\$\W*$/.test(line) ? line : line.replace(/(\d[\s*_]{0,4})!+[\s*_]{0,4}$/, '$1')
  const head = /[.!?]\s+(?=[A-Z][a-z])/.exec(calm)
  const first = head && isAnswer(trimEnd(calm.slice(0, head.index))) ? calm.slice(0, head.index) : calm
  const whole = trimEnd(first.split(APPOSITION)[0]) || trimEnd(calm)
  const own = trimEnd(calm.split(SENTENCE_END)[0])
  const behind = (text: string): Status => statusBehind(firstSentence(calm.slice(calm.indexOf(text) + text.length)))
  for (const text of expected.kind === 'choice' ? [whole, own] : []) {
    if (chosenLetter(text) !== undefined) return { text, status: behind(text), direct: true }
  }
  if (UNCERTAIN.test(whole)) return { text: whole, status: 'hedged', direct: true }
  if (TAKEN_BACK.test(own) && expected.kind !== 'text') return { text: whole, status: 'denied', direct: true }
  if (isAnswer(whole)) return { text: whole, status: 'stated', direct: true }
  if (isCaseDistinction(line) && expected.kind !== 'text') return { text: whole, status: 'conditional', direct: true }
  if (expected.kind === 'text') return { text: own || whole, status: behind(own || whole), direct: false }
  if (OPEN.test(whole))
    return {
      text: whole,
      status: /^(?:not|never|cannot)\b/i.test(whole) ? 'denied' : /^(?:either|one of|unknown|I |we )/i.test(whole) ? 'hedged' : 'operation',
      direct: true,
    }
  if (own !== '' && (isAnswer(own) || own.length <= 3)) return { text: own, status: behind(own), direct: true }
  const sentence = trimEnd(withoutAsides(own))
  if (sentence !== own && isAnswer(sentence)) return { text: sentence, status: 'stated', direct: true }
  const found = /(?:\$|\\[)\]])$/.test(sentence) ? lastMath(sentence) : undefined
  const text = found ?? copula(sentence)?.text ?? lastMath(sentence) ?? statedNumber(sentence)?.text
  return text === undefined
    ? { text: own || whole, status: /\d/.test(own) ? 'operation' : 'stated', direct: false }
    : { text, status: 'stated', direct: false }
}

/** What takes the answer before it back, or leaves it open. */
const DOUBT = /\b(?:not|no|never|cannot|can't|don't|unsure|doubt|wrong|mistake|incorrect|however|but|give up|wait|check|actually|guess)\b/i

/** A text without closing paragraphs that hold no number, formula or capital letter alone: "Let me know if you have questions!" */
function withoutChatter(text: string): string {
  let out = text.replace(/\s?\$?\\(?:blacksquare|square|Box|qed)\$?\s{0,4}\.?$/, '')
  for (let round = 0; round < 2; round++) {
    const start = out.lastIndexOf('\n\n')
    const last = start < 0 ? '' : out.slice(start)
    const rest = start < 0 ? '' : out.slice(0, start).trimEnd()
    const chatter =
      last.length <= 400 && /[!?.]\s*$/.test(last) && !/[\d$\\*=`|]|\b[A-Z]\b(?!')/.test(last.replaceAll('I', '')) && !DOUBT.test(last)
    if (!chatter || !/[\d$)\]*.]$/.test(rest) || !/[\d$]/.test(rest.slice(-200))) break
    out = rest
  }
  return out
}

/** What the end of a text states: a formula or bold number of its own, or the last sentence. Undefined: it states nothing. */
export function lastStatement(text: string, expected: Expected): Statement | undefined {
  const trimmed = withoutChatter(text.trimEnd())
  const end = trimmed.slice(0, -FORMULA) + joinLines(trimmed.slice(-FORMULA))
  if (end.endsWith('?')) return undefined
  const block = /(?:\$\$|\\\])[.\s]{0,4}$/.test(end) || /\n\s*(?:\$|\\\))[.\s]{0,4}$/.test(end.slice(-40)) ? lastMath(end) : undefined
  if (block !== undefined) return { text: block.trim(), status: 'stated', where: 'formula at the end' }
  const line = end.slice(end.lastIndexOf('\n') + 1)
  const bold = /\*\*([^*\n]{1,200})\*\*([^*\d]{0,60})$/.exec(line.slice(-300))
  if (bold && /\d/.test(bold[1])) {
    const before = statusBefore(lastSentence(line.slice(-600, line.length - bold[0].length)))
    const said = answerIn(bold[1], { ...expected, kind: 'other' })
    const status = [before, said.status, statusBehind(bold[2])].find((one) => one !== 'stated') ?? 'stated'
    return { text: said.text, status, where: 'bold text at the end' }
  }
  const sentence = lastSentence(line)
  if (isCutOff(end) && !/[.。।]\s*$/.test(end)) return { text: sentence.trim(), status: 'cut off', where: 'last line' }
  // "The angle is 90 degrees. Now let"
  const started =
    expected.kind !== 'text' && sentence.trim() !== '' && sentence.length < line.length && /[a-z]$/i.test(end) && !/[\d$\\]/.test(sentence)
  if ((started && expected.kind !== 'choice') || isPlan(sentence)) return { text: sentence.trim(), status: 'cut off', where: 'last line' }
  return standing(sentence, line, expected)
}

/** The last statement of a sentence that stands; if none does, the last one. */
function standing(sentence: string, line: string, expected: Expected): Statement | undefined {
  let fallen: Statement | undefined
  const parts = contrasted(sentence)
  const cases = expected.kind !== 'text' && (isCaseDistinction(sentence) || isOtherCase(sentence))
  for (const [i, part] of [...parts.entries()].reverse()) {
    const plain = withoutAsides(part)
    const found = valueIn(plain, expected) ?? (parts.length === 1 && expected.kind !== 'text' ? numberIn(line, 'last number') : undefined)
    if (!found) continue
    const letter = expected.kind === 'choice' || expected.kind === 'text'
    const behind = plain.slice(Math.max(found.at, plain.indexOf(found.text, found.at)) + found.text.length)
    const about = [
      statusBefore(plain.slice(0, found.at), letter),
      statusBehind(behind),
      statusBehind(parts.slice(i + 1).join(' ')),
      deniesItself(found.text) ? 'denied' : 'stated',
    ] as const
    const status: Status = cases ? 'conditional' : (about.find((one) => one !== 'stated') ?? 'stated')
    const statement = { text: found.text, status, where: found.where }
    if (status === 'stated') return statement
    fallen ??= statement
  }
  return fallen
}

type Placed = Found & { where: string }

const placed = (found: Found | undefined, where: string): Placed | undefined => found && { ...found, where }

/** The last formula, the chosen letter, the last "= X" or "is X", the last number: the first of these that is there. */
function valueIn(whole: string, expected: Expected): Placed | undefined {
  const sentence = statement(whole)
  const shift = whole.indexOf(sentence)
  const math = lastMath(sentence)
  if (math !== undefined) return { text: math.trim(), at: Math.max(0, whole.lastIndexOf(math.trim())), where: 'formula at the end' }
  const moved = (found: Placed | undefined): Placed | undefined => found && { ...found, at: found.at + shift }
  const letter = expected.kind === 'choice' ? CHOICE.exec(sentence.slice(-200)) : null
  if (letter) return { text: letter[1] ?? letter[2], at: shift, where: 'choice in the last line' }
  if (expected.kind === 'text') {
    const at = Math.max(0, ...[...sentence.slice(-FORMULA).matchAll(/ (?:is|are) /g)].map(({ index, 0: word }) => index + word.length))
    return moved({ text: trimEnd(sentence.slice(-FORMULA).slice(at)), at: Math.max(0, sentence.length - FORMULA) + at, where: 'last line' })
  }
  const said = placed(copula(sentence), 'last line')
  if (said) return moved(said)
  const chosen = lastLetter(sentence)
  return moved(chosen ?? numberIn(sentence, 'last number'))
}

/** "Option B is correct", "(B) is the answer", "B is right". */
const CHOICE =
  /^(?:.*\s)?(?:(?:option|choice|only)\s+\(?([A-Z])\)?|\(?([A-Z])\)?)\s+(?:(?:is|must be)\s+(?:the\s+)?(?:correct|right|answer|best|left)|remains|works|fits)/i
/** What a letter at the end of a sentence is chosen by. */
const CHOOSES =
  /(?:\b(?:is|be|['’]s|choose|chose|pick|select|mark|answer|option|choice|only|leaves|leaving|letter|with|to|gives|get|so|therefore|thus|hence|matches|statement|say)|[:=>→⇒])\s*[*_(]*$/i

/** The letter that a sentence ends in and chooses. */
function lastLetter(sentence: string): Placed | undefined {
  const tail = sentence.slice(-60)
  const chosen = /(?:^|[\s(*])([A-Z])[)*]{0,3}\.?$/.exec(tail)
  if (!chosen || /(?:\b(?:and|or|nor|both|not)|[,/&])\s*\(?[A-Z]\)?\.?$/.test(tail)) return undefined
  const at = chosen.index + chosen[0].indexOf(chosen[1])
  return CHOOSES.test(tail.slice(0, at)) ? { text: chosen[1], at: sentence.length - tail.length + at, where: 'last word' } : undefined
}

function numberIn(text: string, where: string): Placed | undefined {
  const number = statedNumber(text)
  // A bare row of numbers states none.
  return number === undefined || /\d[\s,;.]+$/.test(text.slice(-2000, text.lastIndexOf(number.text))) ? undefined : { ...number, where }
}

const COPULAS = [' is ', ' are ', ' equals ', "'s ", '’s ', '=', ': ', ' get ', ' gives ', ' obtain ', ' be ']

/** X of the last "is X" or "= X", where X is an answer; the result of a calculation. */
export function copula(sentence: string): Found | undefined {
  const text = sentence.slice(-1000)
  const shift = sentence.length - text.length
  const whole = listBehind(text)
  if (whole) return { ...whole, at: whole.at + shift }
  const found = COPULAS.map((word) => ({ word, at: text.lastIndexOf(word) })).filter(({ at }) => at >= 0)
  for (const { word, at } of found.sort((a, b) => b.at - a.at)) {
    const rest = trimEnd(text.slice(at + word.length))
    const placedAt = shift + at + word.length
    if (word === '=' && /^[a-z]$/i.test(rest)) {
      const value = trimEnd(text.slice(0, at).slice(text.slice(0, at).trimEnd().lastIndexOf(' ') + 1))
      if (/\d/.test(value) && isAnswer(value)) return { text: value, at: shift }
    }
    const start = trimEnd(rest.split(SENTENCE_END)[0])
    const relation = trimEnd(text.slice(at + word.length).split(/ is | as /)[0])
    for (const said of [rest, start, relation]) if (said !== '' && isAnswer(said)) return { text: said, at: placedAt }
    const result = word === '=' && !TAKEN_BACK.test(text) ? resultAt(text, at) : undefined
    if (result !== undefined) return { text: result, at: placedAt }
  }
  return relationIn(text, shift)
}

/** Several values behind one verb: "the solutions are y = 1 and y = -6". */
function listBehind(text: string): Found | undefined {
  const verb = [
    ...text.matchAll(
      /(?:^|\s)(?:is|are|get|gives|obtain|so|thus|hence|therefore|has|have|be|(?:solutions|roots|zeros|values)(?=[,:])),?:?\s(?:either\s|both\s)?(?=[^.]{0,200}(?:\s(?:and|or)|,)\s)/gi,
    ),
  ]
  for (const { index, 0: word } of verb.slice(-3).reverse()) {
    const rest = trimEnd(text.slice(index + word.length))
    if (/[=\d]\S{0,40}(?:\s(?:and|or)|,)\s\S/.test(rest) && isAnswer(rest)) return { text: rest, at: index + word.length }
  }
  return undefined
}

/** "We find that x < 3" or "Thus x <= 2 is our answer". */
function relationIn(text: string, shift: number): Found | undefined {
  const match = /(?:^|\s)([a-zA-Z]\w{0,3}\s{0,3}(?:<=?|>=?|=|\\[lg](?:eq?|t)\b)\s{0,3}[^\s]{1,60})(?=\s|$)(?!\s{1,3}[-+*/=])/.exec(text)
  return match && isAnswer(match[1]) ? { text: match[1], at: shift + match.index } : undefined
}
