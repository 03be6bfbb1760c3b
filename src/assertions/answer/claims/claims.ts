/**
 * The claims of a response: what it says that the answer is, each with where it stands and its status. The last one that
 * stands is the answer. docs/claims.md describes it.
 */

import { isNumeric } from '../equality/values.ts'
import { LIMITS } from '../limits.ts'
import { exceptionOf } from '../reading/described-sets.ts'
import { inBase, inPlainFigures, isMyriad } from '../reading/grouped.ts'
import { stripDelimiters } from '../reading/normalize.ts'
import { readAnswer } from '../reading/read.ts'
import { answerBehind } from './answer-line.ts'
import { approximationOfAsked } from './approximations.ts'
import { askedBehind } from './asked-behind.ts'
import { attemptChosen } from './attempts.ts'
import { boundAlone } from './bounds.ts'
import { type Boxed, lastBoxed } from './boxed.ts'
import { isCase, isCaseDistinction, isContrary, isImagined, isLimited, isTried } from './cases.ts'
import { chosenLetter } from './choice.ts'
import { lastLetter } from './chosen.ts'
import { comparedIn } from './compared.ts'
import { effectOn, isCompleted, isRevised } from './corrections.ts'
import type { Expected } from './expected.ts'
import { measureBehind } from './extent.ts'
import { fractionsInFigures, inEnglish } from './foreign.ts'
import { isAnswer, joinLines, jsonAnswer, leadingFence, withDollars, withoutDollars } from './formulas.ts'
import { leadOf } from './lead.ts'
import { endOfItems, opensOptions } from './listed.ts'
import { isQualified } from './operations.ts'
import { rowPointedAt } from './pointed.ts'
import { verdictIn } from './polar.ts'
import { placeNamed } from './predicates.ts'
import { isQuoted } from './quoted.ts'
import { withoutMarkup } from './response.ts'
import { contrasted, firstLine, isWorded, sentenceBefore, sentenceBehind, sentencesOf } from './sentences.ts'
import { boxesTogether, type Together } from './several-boxes.ts'
import { lastStatement } from './statement.ts'
import { deniesItself, isGuess, type Status, statusBefore, statusBehind } from './status.ts'
import { twoSolutions } from './two-solutions.ts'
import { whoIn } from './who.ts'

export interface Claim {
  text: string
  where: string
  status: Status
  /** Where it begins and ends in the response. */
  at: number
  end: number
  /** An explicit claim outweighs one dug out of an answer line, and that one what the last sentence says. */
  weight: 'explicit' | 'found' | 'last sentence'
  boxed?: true
  /** Why there is no text: the box is empty or not closed. */
  missing?: string
}

/** Which claims count: `boxed` and `final-answer` only those. */
export type Sources = 'auto' | 'boxed' | 'final-answer'

/** How many boxes and answer markers are looked at, from the end. */
const BOXES = 6
const MARKERS = 12
/** How much behind a claim is searched for its correction. */
const BEHIND = 8000

/** The claim that stands for the answer of a response; one that doesn't stand says what the response says instead. Undefined: it claims nothing. */
export function finalClaim(response: string, sources: Sources, expected: Expected): Claim | undefined {
  const plain = asPlainClaims(response)
  const said = expected.bounds || expected.entries?.ordered ? plain.replace(SEMICOLON_PAIR, '$1$2, $3$4') : plain
  const text = figured(
    fractionsInFigures(withoutDollars(expected.kind === 'choice' ? said : said.replace(/^\s{0,4}A: (?=[^:]{0,400}$)/, ''))),
  )
  const found = chosen(text, sources, expected)
  const claim = found?.weight === 'explicit' && found.status === 'stated' ? found : (otherwise(text, sources, expected) ?? found)
  return claim && { ...claim, text: withDollars(withoutMarkup(claim.text)) }
}

/** Of a response with a box its content is read, and that by itself. */
const figured = (text: string): string => (text.includes('boxed{') ? text : inPlainFigures(text.includes('(base') ? inBase(text) : text))

/** What a text claims without marks of HTML, or in English. Undefined: it has none and is English. */
function otherwise(text: string, sources: Sources, expected: Expected): Claim | undefined {
  const plain = withoutMarkup(text)
  const english = sources === 'boxed' ? undefined : inEnglish(plain.slice(-LIMITS.tail))
  return english === undefined && plain === text ? undefined : chosen(english ?? plain, sources, expected)
}

/** "x can't be anything but 15" and "x is nothing other than 15" as "x is 15", "-4 as well as 7" as "-4 and 7". */
function asPlainClaims(response: string): string {
  if (!PLAINER.test(response)) return response
  return response.replace(SURELY, 'must be').replace(NOTHING_ELSE, '$1').replace(AS_WELL, ' and ').replace(WHILE, ' and ')
}

/** "x ∈ (−2; 8)", as some countries write it */
const SEMICOLON_PAIR = /([([\]])\s?([^;,()[\]\n]{1,20});\s?([^;,()[\]\n]{1,20})([)\][])/g
const PLAINER = /but|other than|as well as| while [a-z] ?=/
/** "b = 5 while a = 2" */
const WHILE = /(?<=[a-z] ?= ?[-−]?\d[\d./]{0,12}),? while (?=[a-z] ?= ?[-−]?\d)/g
const NOTHING_ELSE = /\b(is|are|was|equals) (?:nothing|none|no) (?:other than|else (?:than|but))\b/gi
const AS_WELL = /(?<=[\d$)}]),? as well as (?=[-−$\d(\\])/g
/** "It can't be anything but 15." */
const SURELY = /\b(?:can(?:no|['’])t|cannot|could(?: not|n['’]t)) be any(?:thing|one|thing else) (?:but|other than)\b/gi

function chosen(text: string, sources: Sources, expected: Expected): Claim | undefined {
  const attempt = sources === 'auto' && expected.kind !== 'choice' ? attemptClaim(text, expected) : undefined
  if (attempt) return attempt
  const boxes = sources === 'final-answer' ? [] : boxClaims(text, expected)
  if (sources === 'boxed') return afterCorrection(text, pick(boxes), sources, expected)
  // What stands before a box that is stated can't outweigh it.
  const box = boxes.findLast(({ status }) => status === 'stated')
  const from = box?.at ?? 0
  const tagged = [tagClaim(text, expected, from), hashClaim(text, from), jsonClaim(text)].filter((claim) => claim !== undefined)
  if (boxes.length + tagged.length === 0 && sources === 'auto') {
    const row = expected.kind === 'text' || expected.kind === 'choice' ? undefined : rowClaim(text)
    if (row) return row
    const parts = expected.parts ? closingClaim(text, expected) : undefined
    if (parts?.where === 'parts') return parts
    const polar = expected.polar ? polarClaim(text) : undefined
    if (polar) return polar
    const whole = wholeClaim(text, expected)
    // "51 = 3 * 17. So: NO" is no formula where a yes or a no is asked for.
    const verdict =
      whole && expected.polar && /\d/.test(whole.text) && !/^\W{0,4}(?:yes|no)\b/i.test(text) ? closingClaim(text, expected) : undefined
    if (verdict?.where.startsWith('yes or no')) return verdict
    if (whole) return whole
  }
  const lead = sources === 'auto' && boxes.length + tagged.length === 0 ? leadClaim(text, expected) : undefined
  const deniedBox = boxes.some(({ status }) => status === 'denied')
  const lines: Claim[] = []
  for (const said of lineClaims(text, expected, sources, box?.end)) {
    const line = boxes.length > 0 ? besideBox(said, expected) : said
    lines.unshift(line)
    // Nothing before it can outweigh it.
    if (line.weight === 'explicit' && line.status === 'stated' && !deniedBox && !lines.some(({ status }) => status === 'denied')) break
  }
  const later = sources === 'auto' && box && expected.kind === 'other' ? laterClaim(text, box, expected) : undefined
  const claims = [...boxes, ...tagged, ...lines, ...(lead ? [lead] : []), ...(later ? [later] : [])].sort((a, b) => a.at - b.at)
  return afterCorrection(text, pick(claims), sources, expected)
}

/** The quantity that the problem asks for, behind the box of another one. */
function laterClaim(text: string, box: Claim, { problem }: Expected): Claim | undefined {
  const value = problem === undefined ? undefined : askedBehind(text, box, problem)
  return value === undefined
    ? undefined
    : { text: value, where: 'quantity asked for', status: 'stated', at: box.end, end: text.length, weight: 'explicit' }
}

/** The value in the row of a table at which the last sentence points. */
function rowClaim(text: string): Claim | undefined {
  const row = rowPointedAt(text)
  const said = row && ([row.value ?? row.sentence, row.value === undefined ? 'hedged' : 'stated'] as const)
  return said && { text: said[0], where: 'row of a table', status: said[1], at: 0, end: text.length, weight: 'last sentence' }
}

/** What the attempt states that the last sentence chooses. */
function attemptClaim(text: string, expected: Expected): Claim | undefined {
  const found = attemptChosen(text)
  if (!found) return undefined
  const said = found.part === undefined ? undefined : chosen(found.part, 'auto', expected)
  const claim = said ?? { text: found.sentence.trim(), where: 'last line', status: 'hedged', weight: 'last sentence' }
  return { ...claim, at: 0, end: text.length, where: said ? `${said.where} of the attempt chosen` : claim.where }
}

/** Words behind a box take no formula's place: "so the answer to that question is yes". */
const besideBox = (claim: Claim, expected: Expected): Claim =>
  claim.status !== 'stated' || expected.kind === 'text' || expected.kind === 'choice' || isAnswer(claim.text)
    ? claim
    : { ...claim, weight: 'found' }

/** The last standing claim, explicit ones first; where none stands the last one. */
function pick(claims: readonly Claim[]): Claim | undefined {
  if (claims.length < 2) return claims[0]
  const last = claims.findLast(({ weight }) => weight === 'explicit')
  if (last?.missing !== undefined) return last
  const deniedBehind = ({ text }: Claim, i: number): boolean =>
    claims.slice(i + 1).some((later) => later.status === 'denied' && later.text.trim() === text.trim())
  const stands = (claim: Claim, i: number): boolean => claim.status === 'stated' && claim.missing === undefined && !deniedBehind(claim, i)
  const standing = claims.filter(stands)
  return standing.findLast(({ weight }) => weight === 'explicit') ?? standing.at(-1) ?? claims.at(-1)
}

/** What the text behind a claim makes of it: it may be taken back, and another statement may take its place. */
function afterCorrection(text: string, claim: Claim | undefined, sources: Sources, expected: Expected): Claim | undefined {
  const closing = (): Claim | undefined => (sources === 'auto' ? closingClaim(text, expected) : undefined)
  if (claim === undefined) return closing()
  if (claim.missing !== undefined) return claim
  if (claim.status !== 'stated') {
    // What follows in the same sentence was read with the claim.
    const rest = text.slice(claim.at + sentenceBehind(text, claim.at).length)
    const last = sources === 'auto' && rest.trim() !== '' ? closingClaim(rest, expected) : undefined
    return last?.status === 'stated' ? { ...last, at: claim.end } : claim
  }
  const behind = text.slice(claim.end, claim.end + BEHIND)
  if (!isWorded(behind)) return claim
  let effect: 'none' | 'turns' | 'doubts' | 'withdraws' = isRevised(behind) ? 'withdraws' : 'none'
  const sentences = sentencesOf(behind).slice(0, 80)
  for (const [i, sentence] of sentences.entries()) {
    const does = isCompleted(sentence, sentences[i + 1]) ? 'withdraws' : effectOn(claim.text, sentence)
    if (does === 'withdraws') effect = 'withdraws'
    else if (does === 'doubts' && effect !== 'withdraws') effect = 'doubts'
    // Behind a box "in fact" goes on about the same.
    else if (does === 'turns' && effect === 'none' && !(claim.boxed && /^\W{0,4}in fact/i.test(sentence))) effect = 'turns'
    else if (does === 'confirms') effect = 'none'
  }
  if (effect === 'none') return claim
  const other = lastStatement(behind, expected)
  if (other?.status === 'stated' && (effect === 'withdraws' || isAnswer(other.text))) {
    return { ...other, at: claim.end, end: text.length, weight: 'last sentence', where: `${other.where}, a correction` }
  }
  return effect === 'turns' ? claim : { ...claim, status: effect === 'withdraws' ? 'corrected' : 'hedged' }
}

/** What the end of the response says. */
function closingClaim(text: string, expected: Expected): Claim | undefined {
  const tail = text.slice(-LIMITS.tail)
  const last = lastStatement(tail, expected)
  return last && { ...last, at: text.length - tail.length, end: text.length, weight: 'last sentence' }
}

/** The last boxes. Adjacent ones are one claim where a list is expected. A failed last box hides those before it. */
function boxClaims(text: string, expected: Expected): Claim[] {
  const out: Claim[] = []
  let before = text.length
  while (out.length < BOXES) {
    const last = lastBoxed(text, before)
    if (!last) break
    if (last.kind !== 'box') {
      const missing = last.kind === 'empty' ? 'the last \\boxed{} is empty' : 'the last \\boxed{ is not closed'
      if (out.length === 0)
        out.push({ text: '', where: '\\boxed{}', status: 'cut off', at: last.start, end: text.length, weight: 'explicit', missing })
      break
    }
    const together = out.length === 0 ? boxesTogether(text, expected) : undefined
    if (together) return [joined(text, together)]
    const named = out.length === 0 ? namedPair(text, last) : undefined
    if (named) return [named]
    const { contents, start } = expected.kind === 'list' ? adjacent(text, last) : { contents: [last.content], start: last.start }
    const where = contents.length === 1 ? '\\boxed{}' : `${contents.length} boxes`
    out.unshift({
      text: contents.length === 1 ? withScale(contents[0], text, last.end, expected) : contents.join(', '),
      where,
      status: boxStatus(text, start, last.end),
      at: start,
      end: last.end,
      weight: 'explicit',
      boxed: true,
    })
    if (out[0].status === 'stated') break
    before = start
  }
  return out
}

/** Boxes that are one answer, as one claim. */
function joined(text: string, { text: said, boxes }: Together): Claim {
  const statuses = boxes.map(({ start, end }) => boxStatus(text, start, end))
  const status = statuses.find((one) => one !== 'stated') ?? 'stated'
  return {
    text: said,
    where: `${boxes.length} boxes`,
    status,
    at: boxes[0].start,
    end: boxes.at(-1)!.end,
    weight: 'explicit',
    boxed: true,
  }
}

/** "\\boxed{350}万", "\\boxed{8} pints" */
function withScale(content: string, text: string, end: number, expected: Expected): string {
  const sign = text[end] === '$' ? text[end + 1] : text[end]
  if (isMyriad(sign)) return content + sign
  return expected.bare ? content : withMeasure(content, text, end)
}

/** "\\boxed{8} pints" */
function withMeasure(content: string, text: string, end: number): string {
  const measure = measureBehind(text, end)
  return measure !== '' && /(?:\d|\}|\\pi)\s?$/.test(content) ? content + unitOf(content, measure) : content
}

/** A unit where it is read as one: of "4 erg/s" the letters are read. */
function unitOf(content: string, measure: string): string {
  const answer = readAnswer(content.slice(content.lastIndexOf('=') + 1) + measure)
  return answer.kind === 'expression' && answer.unit !== undefined ? measure : ''
}

/** "$x=\\boxed{3}$ and $y=\\boxed{-1}$": one claim of two letters. */
function namedPair(text: string, last: Extract<Boxed, { kind: 'box' }>): Claim | undefined {
  const second = /(?:\$|\\\)|\s|\})?,? and (?:\$|\\\()?\s?([a-z])\s?=\s?$/.exec(text.slice(Math.max(0, last.start - 40), last.start))
  const before = second ? lastBoxed(text, last.start) : undefined
  if (before?.kind !== 'box' || last.start - before.end > second![0].length + 3) return undefined
  const first = /(?<![a-zA-Z\\])([a-z])\s?=\s?$/.exec(text.slice(Math.max(0, before.start - 8), before.start))?.[1]
  if (first === undefined || first === second![1]) return undefined
  return {
    text: `${first}=${before.content}, ${second![1]}=${last.content}`,
    where: '2 boxes',
    status: boxStatus(text, before.start, last.end),
    at: before.start,
    end: last.end,
    weight: 'explicit',
    boxed: true,
  }
}

/** What denies or supposes a box directly before it. */
const BOX_APART = /\b(?:not|isn['’]t|cannot be|can['’]t be|instead of|rather than|(?:could|might|may) be)[\s:]*$/i
/** What only describes a box: "\\boxed{161051}, which is not a palindrome". */
const DESCRIBED = /^[^a-z\d]{0,8}which is not an? (?!(?:valid|correct|possible|right)\b|(?:answer|solution|option|choice)\b)/i

/** Text without the signs that open a formula at its end: " $", " \\[", "**(". */
function withoutOpening(text: string): string {
  let end = text.length
  const skip = (signs: RegExp): void => {
    while (end > 0 && signs.test(text[end - 1])) end--
  }
  skip(/[\s*]/)
  if (text[end - 2] === '\\' && (text[end - 1] === '(' || text[end - 1] === '[')) end -= 2
  skip(/[\s$(*]/)
  return text.slice(0, end)
}

function boxStatus(text: string, start: number, end: number): Status {
  const before = withoutOpening(sentenceBefore(text, start))
  if (BOX_APART.test(before.slice(-40))) return /be[\s:]*$/i.test(before) && !/can/i.test(before.slice(-12)) ? 'hedged' : 'denied'
  if (isGuess(before)) return 'quoted'
  if (/\bif\b[^.;]{1,120}\b(?:it|this|that|the (?:answer|sum|result|total|value)) would (?:be|have been)[\s:]*$/i.test(before))
    return 'conditional'
  const behind = sentenceBehind(text, end).replace(/^[\s$*)\]\\.]{1,8}/, ' ')
  return DESCRIBED.test(behind) ? 'stated' : statusBehind(behind)
}

/** A box and those before it that belong to it. */
function adjacent(text: string, last: Extract<Boxed, { kind: 'box' }>): { contents: string[]; start: number } {
  const contents = [last.content]
  let { start } = last
  while (contents.length < 50) {
    const before: Boxed | undefined = lastBoxed(text, start)
    if (before?.kind !== 'box' || before.end > start || !isGlue(text.slice(before.end, start))) break
    contents.unshift(before.content)
    start = before.start
  }
  return { contents, start }
}

/** What stands between boxes that belong together. */
function isGlue(between: string): boolean {
  if (between.length > 48) return false
  const plain = between.replace(/\\(?:quad|qquad|text|mathrm|mbox|and|[()[\],;! ])|[\s${}]/g, ' ').trim()
  return (
    plain === '' ||
    /^\(?(?:[a-h]|i{1,3}|iv|v)[).:]{1,2}$/.test(plain) ||
    /^(?:[,;]|[\w()]+ ?)?(?:[\w()]+ ){0,4}(?:and|or|,|;|y_2 =|y_\w =)\s*(?:[\w=,]+ ?){0,2}$/i.test(plain)
  )
}

function tagClaim(text: string, expected: Expected, from: number): Claim | undefined {
  if (text.indexOf('answer>', from) < 0) return undefined
  const name = text.includes('</answer>') ? 'answer>' : 'final_answer>'
  const close = text.lastIndexOf(`</${name}`)
  const open = close < 0 ? -1 : text.lastIndexOf(`<${name}`, close)
  if (open < 0 || open < from) return undefined
  const inner = text.slice(open + name.length + 1, close).trim()
  return {
    text: wholeClaim(inner, expected)?.text ?? lastStated(inner, expected) ?? inner,
    where: '<answer>',
    status: 'stated',
    at: open,
    end: close,
    weight: 'explicit',
  }
}

/** What the last answer line that stands in a text says. */
function lastStated(text: string, expected: Expected): string | undefined {
  for (const line of lineClaims(text.slice(-LIMITS.tail), expected, 'final-answer')) if (line.status === 'stated') return line.text
  return undefined
}

function hashClaim(text: string, from: number): Claim | undefined {
  if (text.indexOf('####', from) < 0) return undefined
  const at = text.lastIndexOf('####')
  if (at < 0 || (at > 0 && text[at - 1] !== '\n' && text[at - 1] !== ' ')) return undefined
  const rest = firstLine(text.slice(at + 4, at + 4 + LIMITS.candidate)).trimEnd()
  const line = rest.trim()
  return line !== '' && isAnswer(line)
    ? { text: line, where: '####', status: 'stated', at, end: at + 4 + rest.length, weight: 'explicit' }
    : undefined
}

/** The answer key of a JSON object that ends the response. */
/** Where a claim stood that JSON writes in brackets. */
export const LIST_IN_JSON = 'JSON list'

function jsonClaim(text: string): Claim | undefined {
  const tail = text.slice(-LIMITS.tail)
  if (!/\}[\s`]{0,40}$/.test(tail.slice(-41))) return undefined
  const found = jsonAnswer(tail)
  return (
    found && {
      text: found.text,
      where: found.bracketed ? LIST_IN_JSON : 'JSON',
      status: 'stated',
      at: text.length - tail.length + found.at,
      end: text.length,
      weight: 'explicit',
    }
  )
}

/** "21 km / 6 km per hour = 3.5 hours" states its result. */
const CALCULATION = /^[$€£]?\d[\d.,]{0,20} ?[a-z][^=<>\n]{0,60}[-+*/×÷·][^=<>\n]{0,60}=([^=<>\n]{1,60})$/i

function isCalculation(text: string): boolean {
  const result = CALCULATION.exec(text)
  const value = result ? readAnswer(result[1]) : undefined
  return value?.kind === 'expression' && value.unit !== undefined && isNumeric(value.node)
}

/** "2x > 10, i.e. x > 5": the form said last. */
const RESTATED = /,? (?:i\.e\.|that is,|in other words,|or equivalently,)/
/** "9 × 7 = 63 → (B)" */
const choosesAtEnd = (text: string): boolean => chosenLetter(text) === undefined && /\d/.test(text) && lastLetter(text) !== undefined

/** "2x = 7 so x = 7/2" */
const STEPS =
  /[=<>≤≥][^=<>≤≥]{1,60}(?:\s(?:so|thus|hence|therefore)|;\s(?:since|because|as|so|we|but|hence|thus)|[.;,]\s?(?:⇒|⟹|→|\\(?:Rightarrow|implies|therefore)|∴))\s[^=<>≤≥]{1,60}[=<>≤≥]/i

/** The whole output where it is an answer and not prose. */
function wholeClaim(text: string, expected: Expected): Claim | undefined {
  const trimmed = text.trim()
  const fenced = /(?:```|~~~)$/.test(trimmed.slice(-3))
  if (trimmed.length > 400 && !fenced) return undefined
  if (/^(?:By|From|Let|Using|Since|As|If|When|Suppose|Assume)\s/.test(trimmed)) return undefined
  if (/[\w)$]\. [A-Z][a-z]+\b/.test(trimmed) && expected.kind !== 'text' && expected.kind !== 'choice') return undefined
  if (expected.kind === 'text' && /\$\. [A-Z][a-z]+\b/.test(trimmed)) return undefined
  const plain = joinLines(fenced ? (leadingFence(trimmed) ?? trimmed) : trimmed)
  if (plain.length > 400 || stripDelimiters(plain).includes('\n')) return undefined
  if (expected.kind !== 'text' && (RESTATED.test(plain) || (expected.kind === 'choice' && choosesAtEnd(plain)))) return undefined
  if (expected.kind !== 'text' && STEPS.test(plain)) return undefined
  // "8:15 + 2:50 = 11:05"
  if (expected.time && plain.includes('=')) return undefined
  if (expected.polar && expected.problem !== undefined && verdictIn(plain, expected.problem)) return undefined
  if (expected.kind !== 'text' && (deniesItself(plain) || isTried(plain) || isCalculation(plain))) return undefined
  if (expected.problem !== undefined && approximationOfAsked(plain, expected.problem) !== plain) return undefined
  const words =
    expected.kind === 'text' &&
    !expected.time &&
    plain.length <= 120 &&
    !(expected.problem !== undefined && whoIn(plain, expected.problem)) &&
    !/answer| (?:is|are|was|were) |[a-z] \*\*[^*\n]{1,80}\*\*|, (?:so|thus|hence|therefore) | will be |\b(?:it|that|this|statement)['’]s (?!not\b)|\b(?:lands?|falls?) on |back to |[a-z]{2}[.!] [A-Z]|^[^:]*\b(?:so|thus|hence|therefore|on|verdict|conclusion|result)\b[^:]*: /i.test(
      plain,
    )
  const one =
    expected.problem === undefined
      ? undefined
      : (comparedIn(plain, expected.problem) ?? (/\bwhich\b/i.test(expected.problem) ? placeNamed(plain) : undefined))
  if (one?.text === '') return undefined
  if (one) return { text: one.text, where: 'whole output', status: 'stated', at: 0, end: text.length, weight: 'explicit' }
  const bound = expected.bounds ? boundAlone(plain) : undefined
  if (bound !== undefined) return { text: bound, where: 'whole output', status: 'stated', at: 0, end: text.length, weight: 'explicit' }
  const answers = words || isAnswer(plain) || (expected.kind === 'choice' && chosenLetter(plain) !== undefined)
  return answers ? { text: plain, where: 'whole output', status: 'stated', at: 0, end: text.length, weight: 'explicit' } : undefined
}

/** "**9 days.**\n\nReasoning: 3 workers need 12 days.": an answer that comes first, unless what follows concludes something else. */
function leadClaim(text: string, expected: Expected): Claim | undefined {
  const lead = leadOf(text)
  const claim = lead && wholeClaim(lead.text, expected)
  return claim && { ...claim, where: 'answer before its reasons', at: 0, end: lead.end }
}

/** "No, the series does not converge." Undefined where the rest limits it or says the other word. */
function polarClaim(text: string): Claim | undefined {
  const said = /^\W{0,4}(yes|no)\b[*_]{0,2}[.,;:!]\s(?=([\s\S]{1,400})$)/i.exec(text.slice(0, 500))
  if (
    !said ||
    text.length > 450 ||
    /\b(?:yes|no|wait|if|unless|only|but|however|actually|depends|maybe|sometimes|answer|wrong|sorry|incorrect|false|mistake|error|hmm|let me|thanks?|that(?:['’]s| is) not)\b/i.test(
      said[2],
    )
  )
    return undefined
  return { text: said[1], where: 'first word', status: 'stated', at: 0, end: text.length, weight: 'explicit' }
}

/** "answer is 5", "Final Answer: 5", "**Answer** $$ 5 $$", "answer = 5", "answer comes out to 5", "answer to the question is 5". */
const MARKER =
  /^s?[\s*_:]{0,8}(?:,? (?:then|therefore|thus|hence),? |(?:to|for) (?:the|this|your|our) (?:\w{1,12} )?(?:question|problem|exercise) )?(?:is|are|was|(?:must|should|will|would|has to) be|comes (?:out )?(?:to|as)|turns out to be|becomes|equals|(might|may|could) be|(?:seems|appears) to be|=>|=|->|→|⇒|[:：]|[-–—](?=\s{1,3}[$\\(]{0,2}\d)|(?=\$|\\[([]))(?![a-z])[\s*_]{0,8}(?:for sure |simply |just |therefore |thus |indeed |definitely |clearly |then |[:：]\s?)?/
/** Whose answer it is, or which one. */
const OTHERS = /\b(?:wrong|incorrect|false|tempting|naive|bad)\s(?:\w+\s)?$/i
/** It is not told but looked at again. */
const CHECKED =
  /\b(?:check(?:ing)?|verify(?:ing)?|confirm(?:ing)?|test(?:ing)?|double-check(?:ing)?)\s(?:that\s|if\s)?(?:my|our|the|this|your)\s(?:final\s)?$/i
const EARLIER =
  /\b(?:initial|first|previous|earlier|old|original|preliminary|intermediate|partial|common|popular|his|her|their|[a-z]+['’]s)\s(?:\w+\s)?$/i

/** "So far the answer would be 31", "For now the answer is", "the tentative answer" */
const PROVISIONAL =
  /(?:^|[\s,;(])(?:(?:so|thus) far|for (?:now|the (?:moment|time being))|(?:at|up to) this (?:point|stage)|up to (?:here|now)|until now|as (?:things|matters) stand|as it stands|to begin with|provisionally|tentatively)\b[^.;]{0,30}$|\b(?:tentative|provisional|interim|temporary)\s(?:\w+\s)?$/i
const PROVISIONAL_BEHIND =
  /^[^.;,a-z]{1,30}(?:[a-z]{1,12} )?,? ?\(?(?:(?:so|thus) far|for (?:now|the (?:moment|time being))|(?:at|up to) this (?:point|stage)|up to (?:here|now)|provisionally|tentatively|as things stand)\b/i

/** "If n = 1 it is 3, if n = 2 it is 6, so the": what follows is drawn from the cases. */
const CONCLUDED = /,? (?:so|thus|hence|therefore),? (?:the|our|my) (?:\w+ )?$/i

const lowered = (text: string): string => text.replace(/[A-Z]+/g, (letters) => letters.toLowerCase())

/** The answer lines behind `from`, the last one first; each is read when it is asked for. */
function* lineClaims(text: string, expected: Expected, sources: Sources, from = 0): Generator<Claim> {
  const tail = text.slice(-LIMITS.tail)
  const skipped = text.length - tail.length
  for (const { index, 0: marker } of markersIn(tail, expected, Math.max(0, from - skipped)).reverse()) {
    // The box in an answer line is a claim itself.
    if (sources === 'auto' && /\\f?boxed/.test(firstLine(tail.slice(index, index + 600)))) continue
    const claim = lineClaim(tail, index, marker.length, expected)
    if (claim) yield { ...claim, at: claim.at + skipped, end: claim.end + skipped }
  }
}

const ANSWER = /answer/gi
const ANSWER_OR_CHOICE = /answer|(?<=\b(?:correct|right|best) )(?:option|choice)/gi

/** The last words behind `from` that may announce an answer. */
function markersIn(text: string, expected: Expected, from: number): RegExpExecArray[] {
  const word = expected.kind === 'choice' ? ANSWER_OR_CHOICE : ANSWER
  const out: RegExpExecArray[] = []
  word.lastIndex = from
  for (let match = word.exec(text); match; match = word.exec(text)) out.push(match)
  return out.slice(-MARKERS)
}

function lineClaim(tail: string, at: number, length: number, expected: Expected): Claim | undefined {
  const from = at + length
  const marker = MARKER.exec(lowered(tail.slice(from, from + 90)))
  const blank = marker !== null && marker[0].trim() === ''
  const heading =
    (marker === null || blank) &&
    /^\**\s*(?:#+\s*)?\n/.test(tail.slice(from, from + 12)) &&
    /(?:^|\n)[#*\s]{0,8}(?:final )?$/i.test(tail.slice(Math.max(0, at - 16), at))
  if (!marker && !heading) return undefined
  const start = marker ? from + marker[0].length : from + /^\**\s*(?:> )?/.exec(tail.slice(from))![0].length
  const rest = tail.slice(start, start + LIMITS.candidate)
  // "**Answer:** 6!" is set, and "the answer is 42!" is joy.
  const factorial = /[:：]/.test(marker?.[0] ?? '') && /^[\s*_]{0,8}\d{1,3}!+[\s*_.]{0,8}(?:\n|$)/.test(rest)
  const line = answerBehind(rest, factorial ? { ...expected, factorial } : expected)
  if (line === undefined) return undefined
  const before = sentenceBefore(tail, at)
  // "θ = 30 is one answer, and the other answer is": the end of the response is read as a whole.
  if (CHECKED.test(before) || (twoSolutions(tail) !== undefined && /\b(?:other|another|second|one|first)\s$/i.test(before)))
    return undefined
  const sentence = before + sentenceBehind(tail, at)
  const options = expected.kind !== 'list' && opensOptions(before, tail.slice(from, start))
  const about =
    options || marker?.[1] !== undefined || PROVISIONAL.test(before) || PROVISIONAL_BEHIND.test(sentenceBehind(tail, start))
      ? 'hedged'
      : OTHERS.test(before)
        ? 'denied'
        : EARLIER.test(before)
          ? 'quoted'
          : statusBefore(before)
  const concluded = CONCLUDED.test(before)
  const cases =
    expected.kind !== 'text' && (concluded ? isCaseDistinction(sentenceBehind(tail, at)) : isCaseDistinction(sentence) || isCase(before))
      ? 'conditional'
      : 'stated'
  const limited = expected.kind !== 'text' && isLimited(before, sentenceBehind(tail, start)) ? 'conditional' : 'stated'
  const imagined =
    isImagined(`${before}answer${marker?.[0] ?? ''}`, rest) || isContrary(`${before}answer${marker?.[0] ?? ''}`) ? 'conditional' : 'stated'
  const asked = /^[^\n.!?]{0,200}\?/.test(rest) ? 'hedged' : 'stated'
  const others = isQuoted(tail, at) ? 'quoted' : 'stated'
  const status = ([about, others, cases, limited, imagined, asked, line.status] as const).find((one) => one !== 'stated') ?? 'stated'
  const label = /[:：]/.test(marker?.[0] ?? '') || heading
  // Another statement that the sentence sets against this one: "Many say the answer is 55, but it is 50."
  const [own, ...turned] = contrasted(sentenceBehind(tail, start))
  const contrast = status === 'stated' || cases !== 'stated' || turned.length === 0 ? undefined : contrastIn(turned, expected)
  const end = start + rest.indexOf(firstLine(line.text)) + line.text.length
  const where = heading ? 'answer heading' : 'answer line'
  // "A calculator gives the answer $33.98$" says it in passing.
  const passing = blank && !heading
  const weight = (line.direct && !passing) || label ? 'explicit' : 'found'
  if (options) {
    const listed = endOfItems(tail, start)
    return { text: line.text, where, status, at: listed, end: listed, weight }
  }
  if (contrast?.status === 'stated')
    return { text: contrast.text, where, status: 'stated', at, end: Math.max(end, start + own.length), weight: 'found' }
  return { text: line.text, where, status, at, end: Math.max(start, end), weight }
}

/** What the statements behind a claim that doesn't stand say instead. */
function contrastIn(others: readonly string[], expected: Expected): { text: string; status: Status } | undefined {
  const last = others.at(-1)!.trim()
  if (expected.kind === 'choice' && chosenLetter(last) !== undefined) return { text: last, status: 'stated' }
  return lastStatement(others.join('; '), expected)
}

/** Why a claim can't be the answer as it stands, told by the words in it. */
export const withQualification = (claim: Claim, expected: Expected): Claim => {
  const bound = expected.bounds && claim.status === 'stated' ? boundAlone(claim.text) : undefined
  return bound === undefined ? unlessQualified(claim, expected) : { ...claim, text: bound }
}

const unlessQualified = (claim: Claim, expected: Expected): Claim =>
  claim.status === 'stated' &&
  expected.kind !== 'text' &&
  expected.kind !== 'choice' &&
  isQualified(claim.text) &&
  exceptionOf(claim.text) === undefined
    ? { ...claim, status: 'operation' }
    : claim
