/** Answers that say more than their value: "7 (because 3·7 = 21)", "the smallest such n is 15, since 14! has only two factors of 5". */

import { answerIn } from './answer-line.ts'
import { askedOf, stems } from './asked.ts'
import type { Expected } from './expected.ts'
import { isAnswer } from './formulas.ts'

const LONGEST = 400
/** What explains in brackets, or sets apart what the answer is not. */
const REMARK = /^\s*(?:since|because|as|by|from|using|while|where(?:as)?|with|i\.e\.|that is|not|proven?|found|obtained|rounded|and)\b/i
/** What limits the value, or offers another one. */
const LIMITS =
  /\b(?:or|if|unless|but|except|maybe|perhaps|possibly|probably|might|may|could|when|whenever|provided|otherwise|depending|wrong|only|all|both|twice|half|times)\b/i
const REASON = /^(.{1,200}?)\s?,\s?(?:since|because|as|given that)\s(.{1,300})$/is
const TOLD = /^\s*(?:the|there|it|so|thus|hence|therefore|our|we)\b/i

/** A formula with the words in it as words. */
const inWords = (text: string): string =>
  text
    .replace(/\\(?:text|mathrm|textbf|mbox)\s?\{([^{}]*)\}/g, '$1')
    .replace(/\\[ ,;]|\\q?quad(?![a-z])/g, ' ')
    .replace(/\s+/g, ' ')
    .trim()

/** An answer in words and signs without what explains it. Undefined: nothing does. `several`: what "and" adds would be a part of the answer. */
export function unexplained(text: string, several: boolean): string | undefined {
  if (text.length > LONGEST || !/\)\}?\s*$|since|because|\bas |given that/.test(text)) return undefined
  const flat = inWords(text)
  const head = withoutReason(withoutRemark(flat, several))
  if (head === flat) return undefined
  const value = head.trim()
  if (/^[^=]*[a-z]{2}/i.test(value.replace(/\\[a-z]+/gi, '')) && TOLD.test(value) && !LIMITS.test(value)) {
    const said = (value.match(/\d[\d.,]*/g) ?? []).length === 1 ? answerIn(value, OTHER) : undefined
    if (said?.status === 'stated' && isAnswer(said.text)) return said.text
  }
  return value
}

const OTHER: Expected = { kind: 'other', factorial: false }

/** "7 (because 3·7 = 21)" */
function withoutRemark(text: string, several: boolean): string {
  if (!text.endsWith(')')) return text
  let open = text.length - 1
  for (let depth = 0; open >= 0; open--) {
    if (text[open] === ')') depth++
    else if (text[open] === '(' && --depth === 0) break
  }
  const remark = open > 0 ? text.slice(open + 1, -1) : ''
  if (!REMARK.test(remark) || LIMITS.test(remark.replace(/^\s*not\b/i, '')) || (several && /^\s*(?:and|with|while)\b/i.test(remark)))
    return text
  return text.slice(0, open)
}

/** "15, since 14! has only two factors of 5" */
function withoutReason(text: string): string {
  const reason = REASON.exec(text)
  return reason && !/\b(?:or|if|unless|but|except|maybe|perhaps|otherwise)\b/i.test(reason[2]) ? reason[1] : text
}

/** "inconsistent only for k = -1", "it stops at t = 5" */
const FOR_WHICH =
  /^([^=<>$\\]{3,80}?)\s(?:(?:only|exactly|precisely|just) )?(?:for|at|when|if and only if|iff|if)\s((?:[a-z])\s?=\s?[-−]?[^=<>]{1,40})$/i
const ASKS_WHICH = /\b(?:for (?:which|what)|at (?:which|what)|when|(?:which|what) values?)\b/i
const LIMITING = /\b(?:not|never|no|non|unless|but|except|all|or|un[a-z]+)\b|n['’]t\b/i

/** The value for which an answer says just what the problem asks it for: k = -1 of "inconsistent only for k = -1". */
export function valueForWhich(text: string, problem: string): string | undefined {
  if (text.length > LONGEST || !text.includes('=')) return undefined
  const flat = inWords(text)
  const said = FOR_WHICH.exec(flat)
  const { sentence } = askedOf(problem)
  if (!said || !ASKS_WHICH.test(sentence) || LIMITING.test(said[1])) return undefined
  const words = stems(said[1]).filter((word) => !PLAIN.has(word))
  const asked = new Set(stems(sentence))
  return words.length > 0 && words.every((word) => asked.has(word)) ? said[2] : undefined
}

const PLAIN = new Set(['only', 'exactly', 'precisely', 'just'].flatMap((word) => stems(word)))

/** Words in which one says of a series, function or the like what it is, in any order and as verbs: "it converges, but only conditionally". */
const FILLING = /\b(?:it|they|this|that|the|an?|is|are|but|only|and|so|series|sequence|integral|sum|function)\b|[^a-z\s]/gi

/** Whether two texts of few words say the same of a series. */
export function sameConvergence(one: string, other: string): boolean {
  if (one.length > 100 || other.length > 100 || !/verg/i.test(one) || !/verg/i.test(other)) return false
  const words = (text: string): string =>
    text
      .replace(/\\text\s?\{([^{}]*)\}/g, '$1')
      .toLowerCase()
      .replace(FILLING, ' ')
      .replace(/\b(con|di)verg(?:es|ing)\b/g, '$1vergent')
      .split(/\s+/)
      .filter((word) => word !== '')
      .map((word) => word.replace(/^(conditional|absolute|uniform|pointwise)(?:ly|y)?$/, '$1'))
      .sort()
      .join(' ')
  return words(one) === words(other)
}
