// Labelled cases of a file: JSON lines, JSON (a list, or an object that holds one) or CSV.
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { parse } from 'csv-parse/sync'

/** What the columns may be called, the form of shared/grading among them. */
const NAMES = {
  question: ['question', 'problem', 'prompt'],
  reference: ['reference', 'gold', 'ground_truth', 'target', 'expected_answer', 'answer'],
  output: ['output', 'pred', 'response', 'completion', 'prediction', 'generation'],
  label: ['label', 'expected', 'correct', 'is_correct'],
  kind: ['kind'],
}
const RIGHT = ['true', '1', 'yes', 'right', 'correct']
const WRONG = ['false', '0', 'no', 'wrong', 'incorrect']

/**
 * The cases of a file: { at, question?, references, output, right, pair, row }. `pair`: the output is nothing but an answer.
 * `keys` names columns that are called otherwise, `right` the label that means right, `kind` the kind of rows that name none. `drop`: a
 * regular expression, what it matches is left out of outputs. `allRight`: there is no label.
 */
export function readCases(file, { keys = {}, right, kind = 'output', drop, allRight = false } = {}) {
  const rows = readRows(file)
  if (rows.length === 0) throw new Error(`${file} holds no case.`)
  return rows.map((row, index) => {
    const at = `${path.basename(file)}:${index + 1}`
    const column = (noun, needed) => {
      const name = keys[noun] ?? NAMES[noun].find((key) => row[key] !== undefined && row[key] !== null)
      const value = name === undefined ? undefined : row[name]
      if (needed && (value === undefined || value === null)) {
        throw new Error(
          `Case ${at} has no ${noun}. Got the keys ${Object.keys(row).join(', ')}. Name the one that holds it with --${noun} KEY.`,
        )
      }
      return value
    }
    const parts = keys.output === undefined && row.output === undefined && row.pred === undefined ? row.pred_parts : undefined
    const whole = parts ? parts.map(([text, times]) => text.repeat(times)).join('') : String(column('output', true))
    const output = drop === undefined ? whole : whole.replace(new RegExp(drop, 'g'), '')
    const references = [column('reference', true)].flat().map(String)
    const label = allRight || readLabel(column('label', true), right, at)
    return { at, question: column('question'), references, output, right: label, pair: (column('kind') ?? kind) === 'pair', row }
  })
}

function readRows(file) {
  const text = readFileSync(file, 'utf8')
  if (/\.csv$/i.test(file)) return parse(text, { columns: true, bom: true, skip_empty_lines: true })
  try {
    if (/\.json$/i.test(file)) {
      const read = JSON.parse(text)
      const list = Array.isArray(read) ? read : Object.values(read).find(Array.isArray)
      if (!list) throw new Error('it holds no list')
      return list
    }
    return text
      .split('\n')
      .filter((line) => line.trim() !== '')
      .map((line) => JSON.parse(line))
  } catch (error) {
    throw new Error(`${file} does not read: ${error.message}. Give JSON lines, JSON or CSV.`, { cause: error })
  }
}

function readLabel(value, right, at) {
  const said = String(value).trim().toLowerCase()
  if (right !== undefined) return said === right.toLowerCase()
  if (RIGHT.includes(said)) return true
  if (WRONG.includes(said)) return false
  throw new Error(
    `The label of ${at} is neither right nor wrong. Got ${JSON.stringify(value)}. Say with --right VALUE which one means right.`,
  )
}
