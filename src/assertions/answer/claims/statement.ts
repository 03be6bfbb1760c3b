/** What the end of a text states, and how it stands to that. */

import { answerIn } from './answer-line.ts'
import { isCaseDistinction, isImagined, isLimited, isOtherCase } from './cases.ts'
import { effectOf } from './corrections.ts'
import { isCutOff, isPlan, isStepBegun } from './cut-off.ts'
import type { Expected } from './expected.ts'
import { FORMULA, isAnswer, joinLines, lastMath, leadingFence } from './formulas.ts'
import { isOfAnother, isOperated } from './operations.ts'
import { ROOTS } from './predicates.ts'
import { contrasted, lastSentence, withoutAsides, withoutRate } from './sentences.ts'
import { deniesItself, type Status, statusBefore, statusBehind } from './status.ts'
import { numberIn, valueIn } from './values.ts'

export interface Statement {
  text: string
  status: Status
  /** Where it was found. */
  where: string
}

/** What takes the answer before it back, or leaves it open. */
const DOUBT = /\b(?:not|no|never|cannot|can't|don't|unsure|doubt|wrong|mistake|incorrect|however|but|give up|wait|check|actually|guess)\b/i

const COURTESY = /\b(?:hope|let me know|feel free|questions?|help|thank|happy to|clarif)/i

/** A text without closing paragraphs that hold no number, formula or capital letter alone: "Let me know if you have questions!" */
function withoutChatter(text: string, expected: Expected): string {
  let out = text.replace(/\s?\$?\\(?:blacksquare|square|Box|qed)\$?\s{0,4}\.?$/, '')
  for (let round = 0; round < 2; round++) {
    const start = out.lastIndexOf('\n\n')
    const last = start < 0 ? '' : out.slice(start)
    const rest = start < 0 ? '' : out.slice(0, start).trimEnd()
    const chatter =
      last.length <= 400 &&
      /[!?.]\s*$/.test(last) &&
      !/[\d$\\*=`|]|\b[A-Z]\b(?!')/.test(last.replaceAll('I', '')) &&
      !DOUBT.test(last) &&
      // Words may be the answer, courtesies are not.
      (expected.kind !== 'text' || COURTESY.test(last))
    if (!chatter || !/[\d$)\]*.]$/.test(rest) || !/[\d$]/.test(rest.slice(-200))) break
    out = rest
  }
  return out
}

/** "So it is 30. (At the left end it would be f(0) = 5.)" without the sentence in brackets, unless that takes the answer back. */
function withoutRemark(text: string): string {
  const remark = /(?<=[.!$])\s\((?=[A-Z])((?:[^()\n]|\([^()\n]{0,40}\)){1,300}[.!])\)$/.exec(text.slice(-400))
  if (!remark || DOUBT.test(remark[1]) || /\b(?:I|if|else|otherwise|unless|or)\b/i.test(remark[1]) || effectOf(remark[1]) !== 'nothing')
    return text
  return text.slice(0, text.length - remark[0].length)
}

/** What introduces a block that is no result. */
const UNSTATED =
  /\b(?:not|wrong|candidates?|possib\w+|options?|choices?|attempt|given?|gives us|question (?:is|gives|was|says)|problem (?:is|gives|was|says)|input|data|start|begin|original|initial|consider|suppose|if|were|try|test|check|plot|enter|run|example)\b/i

/** Values in a block of their own at the end, below a line that introduces them: in a code block, or one an item. */
function apart(text: string): Statement | undefined {
  const tail = text.slice(-FORMULA)
  const block = /(?:^|\n)([^\n]{0,300})\n\s{0,4}((?:```|~~~)[^`~]{1,600}(?:```|~~~))$/.exec(tail)
  const items = block ? null : /(?:^|\n)([^\n]{0,300}:)\n\s{0,4}((?:[-*•] [^\n=]{1,60}(?:\n|$)){2,40})$/.exec(tail)
  const said = block ? leadingFence(block[2]) : items?.[2].split('\n').map((item) => item.slice(2).trim())
  const intro = (block ?? items)?.[1].trim() ?? ''
  if (said === undefined || !/(?:\b(?:is|are|[a-z]{3,12})|:)[\s*]{0,4}$/i.test(intro)) return undefined
  const values = typeof said === 'string' ? [said] : said.filter((item) => item !== '')
  if (!values.every(isAnswer)) return undefined
  const status = UNSTATED.test(intro) ? 'denied' : statusBefore(lastSentence(intro))
  return { text: values.join(', '), status, where: block ? 'code block at the end' : 'list at the end' }
}

/** What the end of a text states: a formula or bold number of its own, or the last sentence. Undefined: it states nothing. */
export function lastStatement(text: string, expected: Expected): Statement | undefined {
  const trimmed = withoutRemark(withoutChatter(text.trimEnd(), expected))
  const set = apart(trimmed)
  if (set) return set
  const end = trimmed.slice(0, -FORMULA) + joinLines(trimmed.slice(-FORMULA))
  if (end.endsWith('?')) return undefined
  const block = /(?:\$\$|\\\])[.\s]{0,4}$/.test(end) || /\n\s*(?:\$|\\\))[.\s]{0,4}$/.test(end.slice(-40)) ? lastMath(end) : undefined
  if (block !== undefined) return { text: block.trim(), status: 'stated', where: 'formula at the end' }
  const line = end.slice(end.lastIndexOf('\n') + 1)
  const bold = /\*\*([^*\n]{1,200})\*\*([^*\d]{0,60})$/.exec(line.slice(-300))
  if (bold && /\d/.test(bold[1])) {
    const before = statusBefore(lastSentence(line.slice(-600, line.length - bold[0].length)))
    const said = answerIn(bold[1], { ...expected, kind: 'other' })
    const operated = isOperated(line.slice(0, line.length - bold[0].length)) ? 'operation' : 'stated'
    const status = ([before, said.status, statusBehind(bold[2]), operated] as const).find((one) => one !== 'stated') ?? 'stated'
    return { text: said.text, status, where: 'bold text at the end' }
  }
  const sentence = lastSentence(line)
  if (isCutOff(end) && !/[.。।]\s*$/.test(end)) return { text: sentence.trim(), status: 'cut off', where: 'last line' }
  // "The angle is 90 degrees. Now let"
  const started =
    expected.kind !== 'text' && sentence.trim() !== '' && sentence.length < line.length && /[a-z]$/i.test(end) && !/[\d$\\]/.test(sentence)
  if ((started && expected.kind !== 'choice') || isPlan(sentence) || isStepBegun(line))
    return { text: sentence.trim(), status: 'cut off', where: 'last line' }
  return standing(sentence, line, expected)
}

/** "twice that is 20" says 20. */
const unlessSaid = (before: string): string => (/\b(?:is|are|was|were|equals)\s*$|=\s*$/.test(before) ? '' : before)

/** What opens a formula. */
const OPENED = /(?:\$|\\[([])\s*$/

/** The last statement of a sentence that stands; if none does, the last one. */
function standing(whole: string, line: string, expected: Expected): Statement | undefined {
  let fallen: Statement | undefined
  const { said: sentence, open } = withoutRate(whole)
  const parts = contrasted(sentence)
  const cases = expected.kind !== 'text' && (isCaseDistinction(sentence.slice(0, FORMULA).replace(ROOTS, ' ')) || isOtherCase(sentence))
  for (const [i, part] of [...parts.entries()].reverse()) {
    const plain = withoutAsides(part)
    const found =
      valueIn(plain, expected) ??
      (parts.length === 1 && expected.kind !== 'text' ? numberIn(withoutAsides(line), 'last number') : undefined)
    if (!found) continue
    const letter = expected.kind === 'choice' || expected.kind === 'text'
    const behind = plain.slice(Math.max(found.at, plain.indexOf(found.text, found.at)) + found.text.length)
    const about = [
      statusBefore(plain.slice(0, found.at), letter),
      statusBehind(behind),
      statusBehind(parts.slice(i + 1).join(' ')),
      deniesItself(found.text) ? 'denied' : 'stated',
      isOperated(unlessSaid(plain.slice(0, found.at).replace(OPENED, ''))) || isOfAnother(plain.slice(0, found.at))
        ? 'operation'
        : 'stated',
      isImagined(plain.slice(0, found.at), found.text + behind) ? 'conditional' : 'stated',
      expected.kind !== 'text' && isLimited(plain.slice(0, found.at), found.text + behind) ? 'conditional' : 'stated',
    ] as const
    const status: Status = cases ? 'conditional' : open ? 'hedged' : (about.find((one) => one !== 'stated') ?? 'stated')
    const statement = { text: found.text, status, where: found.where }
    if (status === 'stated') return statement
    fallen ??= statement
  }
  return fallen
}
