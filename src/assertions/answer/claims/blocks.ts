/** Values in a block at the end of a response: a code block, a list, a table, code that assigns. */

import { valueOfChain } from '../chains.ts'
import type { Expected } from './expected.ts'
import { FORMULA, isAnswer, leadingFence } from './formulas.ts'
import { lastSentence } from './sentences.ts'
import type { Statement } from './statement.ts'
import { statusBefore } from './status.ts'

/** What introduces a block that is no result. */
const UNSTATED =
  /\b(?:not|wrong|candidates?|possib\w+|options?|choices?|attempt|given?|gives us|question (?:is|gives|was|says)|problem (?:is|gives|was|says)|input|data|start|begin|original|initial|consider|suppose|if|were|try|test|check|plot|enter|run|example)\b/i

/** A session of a shell whose last line is what it printed, and a remark on it without a number. */
const SHELL = /```[a-z]{0,12}\n(?:[^`]{0,1800}\n)?\s{0,4}>>> [^\n`]{1,400}\n(?![>.]{3})([^`\n]{1,80})\n```((?:[^\d\n`$]|\n){0,240})$/
const DOUBTS =
  /\b(?:not|wrong|but|however|instead|twice|half|bug|error|mistake|only|yet|still|must|should|add|subtract|minus|plus|double|multipl\w*)\b|n['’]t\b/i

/** Values in a block of their own at the end, below a line that introduces them: in a code block, or one an item. */
export function apart(text: string): Statement | undefined {
  const tail = text.slice(-FORMULA)
  const fenced = tail.endsWith('```') || tail.endsWith('~~~')
  const block = fenced ? /(?:^|\n)([^\n]{0,300})\n\s{0,4}((?:```|~~~)[^`~]{1,600}(?:```|~~~))$/.exec(tail) : null
  const printed =
    text.includes('```') &&
    /```[a-z]{1,12}\n[^`]{1,2000}```\s{0,8}(?:output|result|prints?)?:?\s{0,4}```(?:output|text|console|stdout)?\n([^`\n]{1,200})\n```(?:\s{1,4}[^\n`=]{1,200}\b(?:printed|the output|is printed)\b[^\d\n`]{0,60})?$/i.exec(
      text.slice(-2600),
    )
  const shell = text.includes('>>>') ? SHELL.exec(text.slice(-2600)) : null
  if (shell && isAnswer(shell[1].trim()) && !DOUBTS.test(shell[2]))
    return { text: shell[1].trim(), status: 'stated', where: 'output of code' }
  if (printed && isAnswer(printed[1].trim())) return { text: printed[1].trim(), status: 'stated', where: 'output of code' }
  const items = block || !tail.includes(':\n') ? null : /(?:^|\n)([^\n]{0,300}:)\n\s{0,4}((?:[-*•] [^\n=]{1,60}(?:\n|$)){2,40})$/.exec(tail)
  const said = block ? leadingFence(block[2]) : items?.[2].split('\n').map((item) => item.slice(2).trim())
  const intro = (block ?? items)?.[1].trim() ?? ''
  if (said === undefined || !/(?:\b(?:is|are|[a-z]{3,12})|:)[\s*]{0,4}$/i.test(intro)) return undefined
  const values = typeof said === 'string' ? [said] : said.filter((item) => item !== '')
  if (!values.every(isAnswer)) return undefined
  const status = UNSTATED.test(intro) ? 'denied' : statusBefore(lastSentence(intro))
  return { text: values.join(', '), status, where: block ? 'code block at the end' : 'list at the end' }
}

const ROW = /^\|\s?([^|\n]{1,40}?)\s?\|\s?([^|\n]{1,60}?)\s?\|?\s*$/
const TOTAL = /\b(?:total|sum|answer|result|altogether|average|mean|difference)\b/i
const ROWS = 12

/** "| a | 2 |", "| b | 5 |" at the end: a value for each name. Longer names count where a list is expected. */
export function tableAtEnd(text: string, expected: Expected): Statement | undefined {
  if (!text.endsWith('|')) return undefined
  const rows: { name: string; value: string }[] = []
  for (const line of text.slice(-FORMULA).split('\n').reverse()) {
    if (/^\|[\s:|-]+\|?\s*$/.test(line)) break
    const row = rows.length < ROWS ? ROW.exec(line) : null
    if (!row) return undefined
    const [name, value] = [row[1], row[2]].map((cell) => cell.replace(/^[$*_\s]+|[$*_\s]+$/g, ''))
    rows.unshift({ name, value })
  }
  const letters = rows.every(({ name }) => /^[a-zA-Z]$/.test(name))
  const named = letters || (expected.kind === 'list' && rows.every(({ name }) => /^[a-z][a-z ]*$/i.test(name) && !TOTAL.test(name)))
  const distinct = new Set(rows.map(({ name }) => name.toLowerCase())).size === rows.length
  if (rows.length < 2 || !named || !distinct || !rows.every(({ value }) => isAnswer(value))) return undefined
  const said = rows.map(({ name, value }) => (letters ? `${name} = ${value}` : `${name}: ${value}`)).join(', ')
  return { text: said, status: 'stated', where: 'table at the end' }
}

const SUMMED = /\b(?:total|sum|answer|result|altogether)\b/i
const LABELLED =
  /^[\s*•>-]{0,6}[*_]{0,2}([A-Za-z][A-Za-z ]{0,30}?)[*_]{0,2}\s?[:=][*_]{0,2}\s{1,3}[*_$]{0,3}((?:[^\n:=]{1,60}=){0,2}[^\n:=]{1,40}?)[*_$]{0,3}[.;,]?\s*$/

/** "**Width:** 6 cm", "**Length:** 15 cm" on lines of their own at the end, where a list is expected. */
export function labelledLines(text: string, expected: Expected): Statement | undefined {
  // "(width, length)"
  const order = expected.entries?.ordered
    ? /\(([a-z]{3,15}), ?([a-z]{3,15})(?:, ?([a-z]{3,15}))?\)/i.exec(expected.problem ?? '')?.slice(1)
    : undefined
  if (expected.kind !== 'list' && order === undefined) return undefined
  const rows: { name: string; value: string }[] = []
  for (const line of text.slice(-FORMULA).split('\n').reverse()) {
    const row = rows.length < ROWS ? LABELLED.exec(line) : null
    const value = row?.[2].includes('=') ? valueOfChain(row[2]) : row?.[2]
    if (!row || value === undefined || !isAnswer(value)) break
    rows.unshift({ name: row[1], value })
  }
  const distinct = new Set(rows.map(({ name }) => name.toLowerCase())).size === rows.length
  if (rows.length < 2 || !distinct || rows.some(({ name }) => SUMMED.test(name) || UNSTATED.test(name))) return undefined
  if (order === undefined)
    return { text: rows.map(({ name, value }) => `${name}: ${value}`).join(', '), status: 'stated', where: 'labelled lines at the end' }
  const values = order
    .filter((name) => name !== undefined)
    .map((one) => rows.find(({ name }) => name.toLowerCase() === one.toLowerCase())?.value)
  if (values.length !== rows.length || values.includes(undefined)) return undefined
  return {
    text: `(${values.map((value) => value!.replace(/\s?[a-z]{1,8}$/i, '')).join(', ')})`,
    status: 'stated',
    where: 'labelled lines at the end',
  }
}

const ASSIGNED = /`[A-Za-z_]\w{0,40}\s?[=:]\s?([^`\n#]{1,100}?)\s*(?:#[^`\n]{0,80})?`[.\s]{0,4}$/

/** "`total = 42`" at the end */
export function assignedInCode(text: string): Statement | undefined {
  const found = text.endsWith('`') || text.endsWith('`.') ? ASSIGNED.exec(text.slice(-240)) : null
  const value = found?.[1].split('=').at(-1)?.trim()
  if (!found || !value || !isAnswer(value)) return undefined
  const line = text.slice(text.lastIndexOf('\n') + 1)
  const before = lastSentence(line.slice(0, line.length - found[0].length))
  const status =
    UNSTATED.test(before) || /\b(?:when|while|until|unless|(?<!\bends? )with|where|from|at|for|after|before)\s*$/i.test(before)
      ? 'denied'
      : statusBefore(before)
  return { text: value, status, where: 'code at the end' }
}

const VALUE_OF = String.raw`\$?\s?[a-zA-Z]\s?=\s?[-−]?[^=,;:\s][^=,;:\n]{0,40}?`
const SOLUTION = new RegExp(
  String.raw`(?:^|\n)[#\s*_-]{0,6}(?:final |the )?(?:solutions?|results?)[*_]{0,2}(?::[*_]{0,2}\s{1,3}|\n)(${VALUE_OF}(?:(?:, and |,|;| and )\s?${VALUE_OF}){1,4})[.\s*_$]{0,4}$`,
  'i',
)

/** "**Solution:** x = 3, y = 1", where a point or a list is expected. */
export function solutionLine(text: string, expected: Expected): Statement | undefined {
  if (expected.kind !== 'list' && expected.entries === undefined) return undefined
  const line = text.slice(-200)
  const said = line.includes('=') ? SOLUTION.exec(line)?.[1].replaceAll('$', '') : undefined
  return said !== undefined && isAnswer(said) ? { text: said, status: 'stated', where: 'solution line' } : undefined
}
