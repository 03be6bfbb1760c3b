/** Formulas in model text: what stands between $, \( or \[, and what reads as mathematics without them. */

import { type Answer, BLANK } from '../node.ts'
import { matchesOf } from '../reading/matches.ts'
import { readAnswer } from '../reading/read.ts'
import { parseUnit } from '../units/units.ts'
import { firstLine } from './sentences.ts'

/** Longest text in prose that is tried as a formula. */
export const FORMULA = 1000

/** Stands for \$ while $ delimits formulas. */
const DOLLAR = '\ue000'
export const withoutDollars = (text: string): string => (text.includes('\\$') ? text.replaceAll('\\$', DOLLAR) : text)
export const withDollars = (text: string): string => (text.includes(DOLLAR) ? text.replaceAll(DOLLAR, '\\$') : text)

/** It reads as mathematics throughout: no prose but a unit behind a number. */
export function isAnswer(text: string): boolean {
  return text.length <= FORMULA && !/\bans(?:wer)?/i.test(text) && isMathematics(readAnswer(withDollars(text)))
}

function isMathematics(answer: Answer): boolean {
  switch (answer.kind) {
    case 'text':
      // The missing side of a bare relation.
      return answer === BLANK
    case 'expression':
      return answer.unit === undefined || answer.unit.length < 24 || parseUnit(answer.unit)?.strict === true
    case 'list':
    case 'set':
    case 'tuple':
    case 'operation':
    case 'logic':
      return answer.items.every(isMathematics)
    case 'ratio':
      // "3 to 5" may be a range.
      return !answer.key.includes(' to ') && answer.items.every(isMathematics)
    case 'relation':
      return answer.sides.every((side) => isMathematics(side) || isAcronym(side))
    case 'matrix':
      return answer.rows.every((row) => row.every(isMathematics))
    default:
      return true
  }
}

/** Sides of MR = SRMC, as economists write. */
const isAcronym = (side: Answer): boolean => side.kind === 'text' && /^[A-Z]{2,6}$/.test(side.key)

interface Environment {
  content: string
  start: number
  end: number
}

const DELIMITERS = [
  ['$$', '$$'],
  ['$', '$'],
  ['\\[', '\\]'],
  ['\\(', '\\)'],
] as const

/** The formula at the very start. */
export function leadingMath(text: string): Environment | undefined {
  for (const [open, close] of DELIMITERS) {
    if (!text.startsWith(open)) continue
    const end = text.indexOf(close, open.length)
    const content = text.slice(open.length, end)
    if (end > 0 && !isMoney(open, content)) return { content, start: 0, end: end + close.length }
  }
  return undefined
}

/** "$x > 3$ or $x < 1$" is another set than both at once. */
const INEQUALITY = /[<>≤≥]|\\[lg](?:eq?|t)(?:slant)?(?![a-z])/

/** The last formula of a text; "$x = 1$ and $x = 2$" is one. */
export function lastMath(text: string): string | undefined {
  const last = lastEnvironment(text)
  if (!last) return undefined
  const contents = [last.content]
  const glues: string[] = []
  for (let { start } = last; contents.length < 20; ) {
    const glue = /(?:,|;|\band|\bor|, ?and|, ?or|\bwith)\s*$/.exec(text.slice(Math.max(0, start - 8), start))
    if (!glue) break
    const head = text.slice(0, start - glue[0].length).trimEnd()
    const before = lastEnvironment(head)
    if (
      before?.end !== head.length ||
      (/with/.test(glue[0]) && !(RELATION.test(before.content) && /\\neq?(?![a-z])|≠/.test(contents[0]))) ||
      isStepTo(before.content, contents[0]) ||
      (glue[0].startsWith(',') && LEADS_UP.test(head.slice(Math.max(0, before.start - 120), before.start))) ||
      /\bfor (?:all|every|any|each)\s*$/.test(head.slice(Math.max(0, before.start - 12), before.start))
    )
      break
    contents.unshift(before.content)
    glues.unshift(/or/.test(glue[0]) && INEQUALITY.test(before.content) && INEQUALITY.test(contents[1]) ? ' or ' : ', ')
    start = before.start
  }
  if (contents.length === 1) return last.content
  return contents.map((content, i) => `${content.trim()}${glues[i] ?? ''}`).join('')
}

/** "Since $f(x) = x^2 - 1$, $f(4) = 15$": what gives the reason stands in front. */
const LEADS_UP =
  /(?:^|[.;:!?]\s|\n)\W{0,4}(?:(?:and|but|so|now),? )?(?:since|because|as|with|if|given(?: that)?|when|for|from|using|substituting|letting|at)\s[^.;:!?]{0,80}$/i

/** "¬¬p → ¬¬q, i.e. p → q": the form said last. */
const RESTATED =
  /^.{1,400}?[,;]?(?:\s|\\q?quad|\\[,; ]|,|;)*\\(?:text|mbox|textrm|mathrm)\s?\{[^{}]{0,12}\b(?:i\.e\.|that is|in other words|equivalently)[,:]?\s*\}(.{1,400})$/s

export const restatedIn = (formula: string): string => {
  const behind = /\\(?:text|mbox|mathrm)/.test(formula) ? RESTATED.exec(formula)?.[1] : undefined
  return behind !== undefined && isAnswer(behind.trim()) ? behind : formula
}

const RELATION = /[<>≤≥]|\\[lg]eq?(?![a-z])/

/** "2x = −7 and x = −7/2", "a = 18, and a + b = 20": the one is a step to the other. */
function isStepTo(before: string, after: string): boolean {
  const [left, right] = [before, after].map((formula) => (/^[^=<>]{1,60}=[^=]/.test(formula) ? formula.split('=')[0].trim() : undefined))
  const member = /^\s?([a-z])\s?\\in(?![a-z])/.exec(after)?.[1]
  if (member !== undefined && left !== undefined && /^[a-z]$/.test(left) && left !== member)
    return !new RegExp(`(?<![a-zA-Z\\\\])${member}(?![a-zA-Z])`).test(before)
  if (left === undefined || right === undefined) return false
  const plain = /^[a-zA-Z](?:_\{?\w{1,3}\}?)?$/
  return !(plain.test(left) && plain.test(right)) && left !== right && !/^[a-zA-Z]'?\(|\\text/.test(left)
}

function lastEnvironment(text: string): Environment | undefined {
  let best: Environment | undefined
  for (const [open, close] of DELIMITERS) {
    const end = text.lastIndexOf(close)
    const start = end <= 0 ? -1 : text.lastIndexOf(open, end - 1)
    if (start < 0 || end < start + open.length) continue
    const content = text.slice(start + open.length, end)
    if (content.trim() === '' || content.includes('$') || isMoney(open, content)) continue
    if (!best || start > best.start) best = { start, end: end + close.length, content }
  }
  return best
}

/** What $ encloses is no formula but what stands between two prices: "$100 - $58 = $42", "how many $? about $42". */
function isMoney(open: string, content: string): boolean {
  if (open !== '$' || content.includes('\\')) return false
  return /[-+*/=]\s*$/.test(content) || (/^[\d?]/.test(content) && /[a-z]{2,}\s/i.test(content))
}

/** The inside of the code block that a text begins with; undefined where it is a program or there is none. */
export function leadingFence(text: string): string | undefined {
  const fence = /^(?:```|~~~)([a-z]{0,12})[ \t]{0,4}\n([^`]{1,1000}?)(?:```|~~~)/i.exec(text.slice(0, 1100))
  return fence && /^(?:|text|txt|plaintext|plain|latex|tex|math|markdown|md|answer|output)$/i.test(fence[1]) ? fence[2].trim() : undefined
}

/** Line breaks inside braces and environments are blanks. */
export function joinLines(text: string): string {
  if (text.length > FORMULA || !text.includes('\n')) return text
  return text
    .replace(/\{[^{}]*\}/g, (group) => group.replace(/\n/g, ' '))
    .replace(/\n?(\\begin\{|\\end\{[a-z]+\}\n?)/g, (found) => found.replace(/\n/g, ' '))
}

/** `[,{]` … `"answer": "42"`: the value of an answer in JSON, and where its key stands. */
const KEY = /["'](?:final[_ -]?(?:answer|choice)|answer(?:[_ -]?letter)?|final[_ -]?result|choice|option)["']\s{0,4}:\s{0,4}/gi
/** Keys that hold the answer where no other one does. */
const RESULT_KEY = /["'](?:result|final[_ -]?value|solution|total|output)["']\s{0,4}:\s{0,4}/gi

/** {"x": 3, "y": -5} as (x, y) = (3, -5); longer names as "width: 7, length: 12". */
function partsOf(inside: string): string | undefined {
  const parts = matchesOf(inside, /["']([\w ]{1,20})["']\s{0,4}:\s{0,4}(?:"([^"\n]{1,80})"|([^",\n]{1,80}))\s{0,20}(?:,|$)/g)
  if (parts.length < 2 || parts.length !== inside.split(/["'][\w ]{1,20}["']\s{0,4}:/).length - 1) return undefined
  const names = parts.map(([, name]) => name)
  const values = parts.map(([, , string, bare]) => (string ?? bare).trim())
  if (names.every((name) => /^[a-z]$/i.test(name))) return `(${names.join(', ')}) = (${values.join(', ')})`
  return names.map((name, i) => `${name}: ${values[i]}`).join(', ')
}

/** {"value": 20, "unit": "cm"} */
const MEASURED =
  /^\s*["']value["']\s{0,4}:\s{0,4}(?:"([^"\n]{1,80})"|([-\d.,/]{1,40}?))\s{0,20}(?:,\s{0,20}["']units?["']\s{0,4}:\s{0,4}"([^"\n]{1,30})"\s{0,20})?$/
const onlyOne = <T>(found: readonly T[]): T | undefined => (found.length === 1 ? found[0] : undefined)

/** The value that the last answer key of a JSON object holds. */
export function jsonAnswer(text: string): { text: string; at: number; bracketed?: boolean } | undefined {
  const key = matchesOf(text, KEY).at(-1) ?? onlyOne(matchesOf(text, RESULT_KEY))
  if (!key || !/[{,]\s*$/.test(text.slice(0, key.index))) return undefined
  const rest = text.slice(key.index + key[0].length)
  const parts = /^\{([^{}]{1,400})\}\s{0,40}[,}]/.exec(rest)
  const measured = parts && MEASURED.exec(parts[1])
  if (measured) return { text: `${measured[1] ?? measured[2]} ${measured[3] ?? ''}`.trim(), at: key.index }
  const bound = parts && partsOf(parts[1])
  if (bound) return { text: bound, at: key.index }
  const string = /^"((?:[^"\\\n]|\\.){0,1000})"\s{0,40}[,}]/s.exec(rest.slice(0, 1100))
  const bare = string ? string[1].replace(/\\([\\"/])/g, '$1') : /^(\[[^\]\n]{0,400}\]|[^,}"\n{[]{1,200})\s{0,40}[,}]/.exec(rest)?.[1]
  if (bare === undefined) return undefined
  // "[2, 5)" is an interval.
  const bracketed = /^\[[^\n]*\]$/.test(bare)
  const list = bracketed ? bare.slice(1, -1).replaceAll('"', '') : bare.replace(/^'(.*)'$/s, '$1')
  return { text: firstLine(list.trim()), at: key.index, bracketed }
}
