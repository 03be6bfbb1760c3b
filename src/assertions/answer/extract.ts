/** The one answer that a response states. */

import { type Boxed, lastBoxed } from './boxed.ts'
import { chosenLetter } from './choice.ts'
import { LIMITS } from './limits.ts'
import type { Answer } from './node.ts'
import { restoreCommands, stripDelimiters } from './normalize.ts'
import { resultAt, statedNumber, statement } from './prose.ts'
import { readAnswer } from './read.ts'

/** How the answer is found. `whole`: the output is the answer. */
export const EXTRACTIONS = ['auto', 'boxed', 'final-answer', 'whole'] as const
/** Or behind the last occurrence of a marker of one's own. */
export type Extraction = (typeof EXTRACTIONS)[number] | { marker: string }

export interface Extracted {
  text: string
  /** Where it was found, for the reason. */
  source: string
}

/** `missing` says why there is no answer. */
export type Extract = Extracted | { missing: string }

/** Of the reference only its kind matters here: boxes are joined for a list, a letter or words count for a choice or a text. */
export interface Expected {
  kind: 'list' | 'choice' | 'text' | 'other'
  /** The reference holds an exclamation mark, so that one behind a number is more than joy. */
  factorial: boolean
}

/** Longest text in prose that is tried as a formula, and how many "answer" markers are tried from the end. */
const FORMULA = 1000
const MARKERS = 12

/** Stands for \\$ while $ delimits formulas. */
const DOLLAR = '\ue000'

/** The one candidate of an output. */
export function extractAnswer(output: string, how: Extraction, expected: Expected): Extract {
  if (output.includes('\0')) return { missing: 'the output holds a NUL character' }
  const bounded = restoreCommands(output.length > LIMITS.output ? output.slice(-LIMITS.tail) : output)
  if (how === 'whole') return bounded.trim() === '' ? { missing: 'the output is empty' } : { text: bounded.trim(), source: 'whole output' }
  const text = response(bounded)
  if (text === undefined) return { missing: 'the thinking is not closed' }
  if (text.trim() === '') return { missing: 'the output is empty' }
  if (typeof how === 'object') return behindCustom(text, how.marker, expected)
  const box = how === 'final-answer' ? undefined : boxed(text, expected)
  if (box) return box
  if (how === 'boxed') return { missing: 'there is no \\boxed{}' }
  const explicit = tagged(text, expected) ?? hashes(text) ?? (how === 'auto' ? wholeAnswer(text, expected) : undefined)
  if (explicit) return explicit
  const tail = text.slice(-LIMITS.tail).replaceAll('\\$', DOLLAR)
  const marked = markedAnswer(tail, expected)
  if (marked) return restored(marked)
  if (how === 'final-answer') return { missing: 'there is no "final answer" line' }
  const last = trailing(tail, expected)
  return last ? restored(last) : { missing: 'there is no box, no answer line, and no number or formula at the end' }
}

const restored = ({ text, source }: Extracted): Extracted => ({ text: text.replaceAll(DOLLAR, '\\$'), source })

/** The text behind the thinking and before the next turn of a chat. */
function response(output: string): string | undefined {
  const thought = output.lastIndexOf('</think>')
  const open = output.lastIndexOf('<think>')
  if (open > thought && output.slice(0, open).trim() === '') return undefined
  const text = open > thought ? output.slice(0, open) : thought < 0 ? output : output.slice(thought + '</think>'.length)
  const turn = text.search(/<\|(?:im_start|im_end|endoftext|eot_id|end)\|>|<\/s>/)
  return turn > 0 ? text.slice(0, turn) : text
}

function boxed(text: string, expected: Expected): Extract | undefined {
  const last = lastBoxed(text)
  if (!last) return undefined
  if (last.kind !== 'box') return { missing: last.kind === 'empty' ? 'the last \\boxed{} is empty' : 'the last \\boxed{ is not closed' }
  if (expected.kind !== 'list') return { text: last.content, source: '\\boxed{}' }
  const contents = [last.content]
  for (let start = last.start; contents.length < 50; ) {
    const before: Boxed | undefined = lastBoxed(text, start)
    if (before?.kind !== 'box' || before.end > start || !isGlue(text.slice(before.end, start))) break
    contents.unshift(before.content)
    start = before.start
  }
  if (contents.length === 1) return { text: last.content, source: '\\boxed{}' }
  return { text: contents.join(', '), source: `${contents.length} boxes` }
}

/** What stands between boxes that belong together. */
function isGlue(between: string): boolean {
  if (between.length > 48) return false
  const plain = between.replace(/\\(?:quad|qquad|text|mathrm|mbox|and|[()[\],;! ])|[\s${}]/g, ' ').trim()
  return plain === '' || /^(?:[,;]|[\w()]+ ?)?(?:[\w()]+ ){0,4}(?:and|or|,|;|y_2 =|y_\w =)\s*(?:[\w=,]+ ?){0,2}$/i.test(plain)
}

function tagged(text: string, expected: Expected): Extracted | undefined {
  const close = text.lastIndexOf('</answer>')
  const open = close < 0 ? -1 : text.lastIndexOf('<answer>', close)
  if (open < 0) return undefined
  const inner = text.slice(open + '<answer>'.length, close).trim()
  const tail = inner.slice(-LIMITS.tail)
  return { text: wholeAnswer(inner, expected)?.text ?? markedAnswer(tail, expected)?.text ?? inner, source: '<answer>' }
}

/** The rest of the line behind the last marker, or the formula there. */
function behindCustom(text: string, marker: string, expected: Expected): Extract {
  const at = text.lastIndexOf(marker)
  if (at < 0) return { missing: `there is no ${JSON.stringify(marker)}` }
  const candidate = behindMarker(text.slice(at + marker.length).replaceAll('\\$', DOLLAR), expected)
  if (candidate === undefined) return { missing: `nothing stands behind ${JSON.stringify(marker)}` }
  return restored({ text: candidate, source: `behind ${JSON.stringify(marker)}` })
}

function hashes(text: string): Extracted | undefined {
  const at = text.lastIndexOf('####')
  if (at < 0 || (at > 0 && text[at - 1] !== '\n' && text[at - 1] !== ' ')) return undefined
  const line = firstLine(text.slice(at + 4, at + 4 + LIMITS.candidate)).trim()
  return line !== '' && isAnswer(line) ? { text: line, source: '####' } : undefined
}

/** The whole output where it is an answer and not prose. */
function wholeAnswer(text: string, expected: Expected): Extracted | undefined {
  const plain = joinLines(unfenced(text.trim()))
  if (plain.length > 400 || stripDelimiters(plain).includes('\n')) return undefined
  const words = expected.kind === 'text' && plain.length <= 120 && !/answer| (?:is|are) /i.test(plain)
  return words || isAnswer(plain) || (expected.kind === 'choice' && chosenLetter(plain) !== undefined)
    ? { text: plain, source: 'whole output' }
    : undefined
}

/** The inside of a code block that is everything. */
function unfenced(text: string): string {
  if (!text.startsWith('```') || !text.endsWith('```')) return text
  const inner = /^```[a-z]{0,12}\n([^`]{1,1000})```$/.exec(text.slice(0, 1100))
  return inner ? inner[1].trim() : text
}

/** Line breaks inside braces and environments are blanks. */
function joinLines(text: string): string {
  if (text.length > FORMULA || !text.includes('\n')) return text
  return text
    .replace(/\{[^{}]*\}/g, (group) => group.replace(/\n/g, ' '))
    .replace(/\n?(\\begin\{|\\end\{[a-z]+\}\n?)/g, (found) => found.replace(/\n/g, ' '))
}

/** It reads as mathematics throughout: no prose but a unit behind a number. */
function isAnswer(text: string): boolean {
  return text.length <= FORMULA && !/\bans(?:wer)?/i.test(text) && isMathematics(readAnswer(text.replaceAll(DOLLAR, '\\$')))
}

function isMathematics(answer: Answer): boolean {
  switch (answer.kind) {
    case 'text':
      return false
    case 'expression':
      return (answer.unit ?? '').length < 24
    case 'list':
    case 'set':
    case 'tuple':
    case 'ratio':
    case 'operation':
      return answer.items.every(isMathematics)
    case 'relation':
      return answer.sides.every(isMathematics)
    case 'matrix':
      return answer.rows.every((row) => row.every(isMathematics))
    default:
      return true
  }
}

/** "answer is 5", "Final Answer: 5", "**Answer** $$ 5 $$", "answer = 5". */
const MARKER = /^s?[\s*_:]{0,8}(?:(?:is|are|=|[:：])|(?=\$|\\[([]))[\s*_]{0,8}(?:for sure |simply |just |therefore |thus |[:：]\s?)?/
/** What ends the answer inside its sentence. */
const SENTENCE_END =
  /\.(?=\s|$)|, but |,? because |,? since |,? which |; |, (?:so|not|it|as|or (?:about|approximately|exactly|equivalently)|i\.e|e\.g|and (?:we|the|I))[ .]|[,\s]*\(not | i\.e\./
/** What says the same once more. */
const APPOSITION = /,? \(?(?:i\.e\.|that is,|in other words|or equivalently)[ ,]/
/** A statement that leaves the answer open, or takes it back. */
const HEDGED =
  /^(?:not|never|either|at (?:least|most)|(?:more|less|greater|fewer|larger|smaller|bigger|lower|higher) than|between|one of|neither|none of|unknown|cannot|I (?:can(?:not|'t)?|do|am)|we can(?:not|'t)?)\b/i
const TAKEN_BACK = /\b(?:is|are|was) (?:wrong|incorrect|false|not)\b/i
const NEGATED =
  /\b(?:not|never|neither|cannot|can't|isn't|wrong|incorrect)\b(?!.*(?:\bbut\b|\bit(?: is|'s)\b|\brather\b|\binstead\b|[,;.:]))/i

function markedAnswer(text: string, expected: Expected): Extracted | undefined {
  const lower = text.replace(/[A-Z]+/g, (letters) => letters.toLowerCase())
  let at = lower.lastIndexOf('answer')
  for (let tries = 0; at >= 0 && tries < MARKERS; tries++) {
    const from = at + 'answer'.length
    const marker = MARKER.exec(lower.slice(from, from + 60))
    if (marker) {
      const candidate = behindMarker(text.slice(from + marker[0].length), expected)
      if (candidate && !/^(?:not|never)\b/i.test(candidate)) return { text: candidate, source: 'answer line' }
    } else if (
      /^\**\s*(?:#+\s*)?\n/.test(lower.slice(from, from + 12)) &&
      /(?:^|\n)[#*\s]{0,8}(?:final )?$/.test(lower.slice(Math.max(0, at - 16), at))
    ) {
      // A heading "## Final Answer" with the answer below it.
      const candidate = behindMarker(text.slice(from).replace(/^\**\s*/, ''), expected)
      if (candidate) return { text: candidate, source: 'answer heading' }
    }
    at = at === 0 ? -1 : lower.lastIndexOf('answer', at - 1)
  }
  return undefined
}

function behindMarker(rest: string, expected: Expected): string | undefined {
  const text = rest.replace(/^[\s*_]{0,40}/, '').slice(0, LIMITS.candidate)
  const math = leadingMath(text)
  if (math && !/^\s*[-+*/=<>^,]?\s*(?:\$|\\[([])/.test(text.slice(math.end, math.end + 6))) {
    const goesOn = /^\s*(?:,?\s*(?:and|or)\s|,\s*[-\d(])/.test(text.slice(math.end, math.end + 12))
    return goesOn ? refine(firstLine(text), expected) : math.content
  }
  const line = firstLine(text)
  return line === '' ? undefined : refine(line, expected)
}

/** The inside of a math environment at the very start. */
function leadingMath(text: string): { content: string; end: number } | undefined {
  for (const [open, close] of [
    ['$$', '$$'],
    ['$', '$'],
    ['\\[', '\\]'],
    ['\\(', '\\)'],
  ]) {
    if (!text.startsWith(open)) continue
    const end = text.indexOf(close, open.length)
    const content = text.slice(open.length, end)
    if (end > 0 && !isMoney(open, content)) return { content, end: end + close.length }
  }
  return undefined
}

/** From the sentence that states the answer to the answer in it. */
function refine(line: string, expected: Expected): string {
  const calm = expected.factorial || /\$\W*$/.test(line) ? line : line.replace(/(\d[\s*_]{0,4})!+[\s*_]{0,4}$/, '$1')
  const whole = trimEnd(calm.split(APPOSITION)[0]) || trimEnd(calm)
  const sentence = trimEnd(calm.split(SENTENCE_END)[0])
  for (const text of expected.kind === 'choice' ? [whole, sentence] : []) {
    if (chosenLetter(text) !== undefined) return text
  }
  if (TAKEN_BACK.test(sentence)) return whole
  if (isAnswer(whole)) return whole
  if (expected.kind === 'text') return sentence || whole
  if (HEDGED.test(whole)) return whole
  if (sentence !== '' && (isAnswer(sentence) || sentence.length <= 3)) return sentence
  if (/(?:\$|\\[)\]])$/.test(sentence)) return lastMath(sentence) ?? sentence
  return copula(sentence) ?? lastMath(sentence) ?? statedNumber(sentence) ?? (sentence || whole)
}

function trimEnd(text: string): string {
  return text.trim().replace(/[\s.*_]{1,8}$/, '')
}

/** The last math environment or bold number, the last `= X` or `is X`, the last number: in this order, at the end of the text. */
function trailing(text: string, expected: Expected): Extracted | undefined {
  const trimmed = withoutChatter(text.trimEnd())
  const end = trimmed.slice(0, -FORMULA) + joinLines(trimmed.slice(-FORMULA))
  if (end.endsWith('?')) return undefined
  const block = /(?:\$\$|\\\])[.\s]{0,4}$/.test(end) || /\n\s*(?:\$|\\\))[.\s]{0,4}$/.test(end.slice(-40)) ? lastMath(end) : undefined
  if (block !== undefined) return { text: block.trim(), source: 'formula at the end' }
  const line = end.slice(end.lastIndexOf('\n') + 1)
  const bold = /\*\*([^*\n]{1,200})\*\*[^*\d]{0,60}$/.exec(line.slice(-300))?.[1]
  if (bold !== undefined && /\d/.test(bold)) return { text: refine(bold, { ...expected, kind: 'other' }), source: 'bold text at the end' }
  const sentence = statement(lastSentence(line))
  const math = lastMath(sentence)
  if (math !== undefined) return { text: math.trim(), source: 'formula at the end' }
  const letter = expected.kind === 'choice' ? CHOICE.exec(sentence.slice(-200)) : null
  if (letter) return { text: letter[1] ?? letter[2], source: 'choice in the last line' }
  if (expected.kind === 'text') {
    const words = sentence.slice(-1000).split(/ (?:is|are) /)
    return { text: trimEnd(words.at(-1)!), source: 'last line' }
  }
  const said = copula(sentence)
  if (said !== undefined) return { text: said, source: 'last line' }
  const chosen = /(?:^|[\s(])([A-Z])\)?\.?$/.exec(sentence.slice(-8))
  if (NEGATED.test(sentence.slice(-400))) return undefined
  if (chosen && !/(?:\b(?:and|or|nor|both|not)|[,/&])\s*\(?[A-Z]\)?\.?$/.test(sentence.slice(-16)))
    return { text: chosen[1], source: 'last word' }
  const number = statedNumber(sentence) ?? statedNumber(line)
  if (number !== undefined && /\d[\s,;.]+$/.test(sentence.slice(-2000, sentence.lastIndexOf(number)))) return undefined
  return number === undefined ? undefined : { text: number, source: 'last number' }
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

/** "Option B is correct", "(B) is the answer", "B is right". */
const CHOICE = /^(?:.*\s)?(?:(?:option|choice)\s+\(?([A-Z])\)?|\(?([A-Z])\)?)\s+(?:is|must be)\s+(?:the\s+)?(?:correct|right|answer|best)/i

/** What $ encloses is no formula but what stands between two prices: "$100 - $58 = $42", "how many $? about $42". */
function isMoney(open: string, content: string): boolean {
  if (open !== '$' || content.includes('\\')) return false
  return /[-+*/=]\s*$/.test(content) || (/^[\d?]/.test(content) && /[a-z]{2,}\s/i.test(content))
}

function lastSentence(line: string): string {
  const end = line.trimEnd().replace(/[.。।]$/, '')
  const stop = Math.max(end.lastIndexOf('. '), end.lastIndexOf('。'), end.lastIndexOf('।'))
  return stop < 0 ? end : end.slice(stop + 1)
}

/** The last $…$, \(…\) or \[…\] of a text. */
function lastMath(text: string): string | undefined {
  const last = lastEnvironment(text)
  if (!last) return undefined
  // "$x = 1$ and $x = 2$" is one answer.
  const contents = [last.content]
  for (let { start } = last; contents.length < 20; ) {
    const glue = /(?:,|;|\band|\bor|, ?and|, ?or)\s*$/.exec(text.slice(Math.max(0, start - 8), start))
    if (!glue) break
    const before = lastEnvironment(text.slice(0, start - glue[0].length).trimEnd())
    if (!before || before.end !== text.slice(0, start - glue[0].length).trimEnd().length) break
    contents.unshift(before.content)
    start = before.start
  }
  return contents.length === 1 ? last.content : contents.map((content) => content.trim()).join(', ')
}

function lastEnvironment(text: string): { start: number; end: number; content: string } | undefined {
  let best: { start: number; end: number; content: string } | undefined
  for (const [open, close] of [
    ['\\(', '\\)'],
    ['\\[', '\\]'],
    ['$$', '$$'],
    ['$', '$'],
  ]) {
    const end = text.lastIndexOf(close)
    const start = end <= 0 ? -1 : text.lastIndexOf(open, end - 1)
    if (start < 0 || end < start + open.length) continue
    const content = text.slice(start + open.length, end)
    if (content.trim() === '' || content.includes('$') || isMoney(open, content)) continue
    if (!best || start > best.start) best = { start, end: end + close.length, content }
  }
  return best
}

const COPULAS = [' is ', ' are ', ' equals ', "'s ", '=', ': ', ' get ', ' gives ', ' obtain ', ' be ']

/** X of the last "is X" or "= X", where X is an answer; the result of a calculation. */
function copula(sentence: string): string | undefined {
  const text = sentence.slice(-1000)
  const found = COPULAS.map((word) => ({ word, at: text.lastIndexOf(word) })).filter(({ at }) => at >= 0)
  for (const { word, at } of found.sort((a, b) => b.at - a.at)) {
    const rest = trimEnd(text.slice(at + word.length))
    if (word === '=' && /^[a-z]$/i.test(rest)) {
      const value = trimEnd(text.slice(0, at).slice(text.slice(0, at).trimEnd().lastIndexOf(' ') + 1))
      if (/\d/.test(value) && isAnswer(value)) return value
    }
    if (rest !== '' && isAnswer(rest)) return rest
    const start = trimEnd(rest.split(SENTENCE_END)[0])
    if (start !== rest && start !== '' && isAnswer(start)) return start
    const relation = trimEnd(text.slice(at + word.length).split(/ is | as /)[0])
    if (relation !== rest && relation !== '' && isAnswer(relation)) return relation
    const result = word === '=' && !TAKEN_BACK.test(text) ? resultAt(text, at) : undefined
    if (result !== undefined) return result
  }
  return relationIn(text)
}

/** "We find that x < 3" or "Thus x <= 2 is our answer". */
function relationIn(text: string): string | undefined {
  const match = /(?:^|\s)([a-zA-Z]\w{0,3}\s{0,3}(?:<=?|>=?|=|\\[lg](?:eq?|t)\b)\s{0,3}[^\s]{1,60})(?=\s|$)(?!\s{1,3}[-+*/=])/.exec(text)
  return match && isAnswer(match[1]) ? match[1] : undefined
}

function firstLine(text: string): string {
  const end = text.indexOf('\n')
  return end < 0 ? text : text.slice(0, end)
}
