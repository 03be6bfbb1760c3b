/** Values that a response only points at: "the one in the second row", "the maximum is f(3)". */

import { matchesOf } from '../reading/matches.ts'
import { isAnswer } from './formulas.ts'
import { lastSentence } from './sentences.ts'

const ORDINALS = ['first', 'second', 'third', 'fourth', 'fifth', 'sixth', 'seventh', 'eighth']
const POINTER =
  /\b(?:answer|result|(?:requested|required|wanted|sought|desired|needed) (?:[a-z]+)|[a-z]+ (?:asked|looked) for|what (?:is|was) (?:asked|wanted)(?: for)?)\b[^.\d]{0,40}\b(?:is|stands|lies|found|read|given|shown)\b[^.\d]{0,40}\b(?:in|from|of) the (first|second|third|fourth|fifth|sixth|seventh|eighth|last|\d(?:st|nd|rd|th)) (?:row|line)\b[^\d]{0,40}$/i
const DENIES = /\b(?:not|never|no|wrong|if|maybe|perhaps|might|may|unless|or)\b|n['’]t\b/i

/** How much before the end is searched for a table. */
const SEARCHED = 4000

/** `value` is undefined where no row has one to show. */
export interface Pointed {
  value?: string
  sentence: string
}

/** The value of the row that the last sentence points at. Undefined: it points at none. */
export function rowPointedAt(text: string): Pointed | undefined {
  if (!text.includes('|') || !/\b(?:row|line)\b/.test(text.slice(-120))) return undefined
  const sentence = lastSentence(text.trimEnd().slice(-400))
  const pointer = POINTER.exec(sentence.slice(sentence.lastIndexOf('\n') + 1))
  if (!pointer) return undefined
  const rows = tableIn(text.slice(-SEARCHED))?.rows ?? []
  const word = pointer[1].toLowerCase()
  const at = word === 'last' ? rows.length - 1 : /^\d/.test(word) ? Number(word[0]) - 1 : ORDINALS.indexOf(word)
  const row = rows[at]
  const value = row?.length === 2 && !DENIES.test(pointer[0]) && isAnswer(row[1]) ? row[1] : undefined
  return { value, sentence: sentence.trim() }
}

interface Table {
  head: string[]
  rows: string[][]
}

const RULE = /^[\s:|-]+$/

/** The last table with a head. */
function tableIn(text: string): Table | undefined {
  const lines = text.split('\n')
  const rule = lines.findLastIndex(
    (line, i) => i > 0 && line.includes('|') && line.includes('-') && RULE.test(line) && lines[i - 1].includes('|'),
  )
  if (rule < 0) return undefined
  const behind = lines.slice(rule + 1)
  const end = behind.findIndex((line) => !line.includes('|'))
  return { head: cellsOf(lines[rule - 1]), rows: behind.slice(0, end < 0 ? behind.length : end).map(cellsOf) }
}

const cellsOf = (line: string): string[] =>
  line
    .trim()
    .replace(/^\||\|$/g, '')
    .split('|')
    .map((cell) => cell.replace(/^[$*_\s]+|[$*_\s]+$/g, ''))

const CALL = /^[\s$(]{0,4}([a-zA-Z])\s?\(\s?([-−]?[\d./]{1,8})\s?\)[\s$).]{0,4}$/
const MENTIONS = 20

/** The value that a response gives to f(3), in a table of f or as "f(3) = 18". Undefined: none, or several. */
export function valueOfCall(text: string, response: string): string | undefined {
  const call = text.length < 40 ? CALL.exec(text) : null
  if (!call) return undefined
  const [, name, argument] = call
  const tail = response.slice(-SEARCHED)
  const table = tail.includes('|') ? tableIn(tail) : undefined
  const found = new Set<string>()
  if (table?.head.length === 2 && new RegExp(`^${name}\\s?\\([a-z]\\)$`).test(table.head[1]))
    for (const [of, value] of table.rows) if (of === argument && value !== undefined) found.add(value)
  const said = new RegExp(`(?<![a-zA-Z(])${name}\\s?\\(\\s?${argument.replace(/[./]/g, '\\$&')}\\s?\\)\\s?=([^$\\n,;]{1,120})`, 'g')
  for (const { index, 0: whole, 1: sides } of matchesOf(tail, said).slice(-MENTIONS)) {
    const behind = tail.slice(index + whole.length, index + whole.length + 60)
    if (DENIES.test(behind.split(/[.\n]/)[0])) return undefined
    found.add(
      sides
        .slice(sides.lastIndexOf('=') + 1)
        .replace(/\.?\s*$/, '')
        .trim(),
    )
  }
  const [value] = found
  return found.size === 1 && isAnswer(value) ? value : undefined
}
