/** How a row of a data set on the hub becomes a problem. */

import { lastBoxed } from '../assertions/answer/claims/boxed.ts'
import { DataError, excerpt, type SourceProblem } from './problem.ts'

export type HubRow = Readonly<Record<string, unknown>>

/** Undefined: the row holds no usable problem. */
export type ReadRow = (row: HubRow) => SourceProblem | undefined

/** Text of the first column there is; a data set whose columns have other names is an error. */
function column(row: HubRow, ...names: string[]): string {
  const name = names.find((key) => row[key] !== undefined && row[key] !== null)
  const value = name === undefined ? undefined : row[name]
  if (typeof value === 'number' || typeof value === 'bigint') return String(value)
  if (typeof value === 'string') return value
  throw new DataError(
    `A row of the hub has no text in column ${names.join(' or ')}. Got the columns ${excerpt(Object.keys(row))}. The data set has changed: use a data folder (PR1_DATA) until this package follows.`,
  )
}

/** "027", "27.0" and "2,700" are integers written in another way; anything else stays as it is. */
export function plainInteger(text: string): string {
  const match = /^([+-]?)(\d{1,3}(?:,\d{3})+|\d+)(?:\.0*)?$/.exec(text.trim())
  if (!match) return text.trim()
  const digits = match[2].replaceAll(',', '').replace(/^0+(?=\d)/, '')
  return match[1] === '-' && digits !== '0' ? `-${digits}` : digits
}

/** GSM8K: the worked solution ends in `#### 2,125`. */
export function readGsm8k(row: HubRow): SourceProblem {
  const solution = column(row, 'answer')
  const mark = solution.lastIndexOf('####')
  if (mark < 0) throw new DataError(`A solution of GSM8K does not end in "#### answer". Got ${excerpt(solution.slice(-60))}.`)
  return { problem: column(row, 'question'), answer: plainInteger(solution.slice(mark + 4)), solution }
}

/** MATH: the answer is what the last box of the solution holds; "Level ?" is no level. MATH-500 has the level as a number. */
export function readMath(row: HubRow): SourceProblem | undefined {
  const solution = column(row, 'solution')
  const box = lastBoxed(solution)
  if (box?.kind !== 'box') return undefined
  const level = /\d/.exec(column(row, 'level'))?.[0]
  return {
    problem: column(row, 'problem'),
    answer: box.content,
    ...(level && { level: Number(level) }),
    subject: column(row, 'type', 'subject'),
    solution,
  }
}

/** Competitions with integer answers. */
export function readIntegers(row: HubRow): SourceProblem {
  return { problem: column(row, 'problem', 'question'), answer: plainInteger(column(row, 'answer')) }
}

/** Answers of any form, as the source writes them: "1,101" may be two numbers. */
export function readAnswers(row: HubRow): SourceProblem {
  return { problem: column(row, 'problem', 'question'), answer: column(row, 'answer').trim() }
}

/** OlympiadBench: `final_answer` is a list of texts; the unit stands in a column of its own and is not part of the answer. */
export function readOlympiadBench(row: HubRow): SourceProblem {
  const answers = row.final_answer
  if (!Array.isArray(answers) || answers.length === 0 || !answers.every((one) => typeof one === 'string')) {
    throw new DataError(`"final_answer" of OlympiadBench must be a list of texts. Got ${excerpt(answers)}. Use a data folder (PR1_DATA).`)
  }
  return { problem: column(row, 'question'), answer: answers.join(',') }
}

/** DAPO-Math-17k, processed: `solution` is the answer alone. */
export function readDapo(row: HubRow): SourceProblem {
  const index = (row.extra_info as HubRow | null | undefined)?.index
  const id = typeof index === 'string' ? { id: `dapo-${index}` } : {}
  return { ...id, problem: column(row, 'prompt'), answer: plainInteger(column(row, 'solution')) }
}
