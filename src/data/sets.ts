/** The problem sets: where each comes from and how a row of its source becomes a problem. */

import { lastBoxed } from '../assertions/answer/boxed.ts'
import { nearestName } from '../config-keys.ts'
import { DataError, excerpt, type SourceProblem } from './problem.ts'

/** A split of a data set on the Hugging Face hub. */
export interface HubSource {
  dataset: string
  config: string
  split: string
}

export type HubRow = Readonly<Record<string, unknown>>

export interface ProblemSet {
  name: string
  title: string
  /** Its name in a data folder. */
  file: string
  /** Ids are `prefix-0`, `prefix-1`, … in the order of the manifest, unless the source has its own. */
  prefix: string
  /** Fingerprints of the expected problems, relative to the suites folder. */
  manifest?: string
  /** Of the source of which this is a selection, rows outside the manifest are left out. */
  selection?: boolean
  hub?: HubSource
  /** Reads a row of the hub; undefined where it holds no usable problem. */
  read?(row: HubRow): SourceProblem | undefined
}

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
function readGsm8k(row: HubRow): SourceProblem {
  const solution = column(row, 'answer')
  const mark = solution.lastIndexOf('####')
  if (mark < 0) throw new DataError(`A solution of GSM8K does not end in "#### answer". Got ${excerpt(solution.slice(-60))}.`)
  return { problem: column(row, 'question'), answer: plainInteger(solution.slice(mark + 4)), solution }
}

/** MATH: the answer is what the last box of the solution holds; "Level ?" is no level. */
function readMath(row: HubRow): SourceProblem | undefined {
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
function readIntegers(row: HubRow): SourceProblem {
  return { problem: column(row, 'problem', 'question'), answer: plainInteger(column(row, 'answer')) }
}

/** DAPO-Math-17k, processed: `solution` is the answer alone. */
function readDapo(row: HubRow): SourceProblem {
  const index = (row.extra_info as HubRow | null | undefined)?.index
  const id = typeof index === 'string' ? { id: `dapo-${index}` } : {}
  return { ...id, problem: column(row, 'prompt'), answer: plainInteger(column(row, 'solution')) }
}

const GSM8K = { dataset: 'openai/gsm8k', config: 'main' }
const MATH = { dataset: 'DigitalLearningGmbH/MATH-lighteval', config: 'default' }

export const SETS = [
  {
    name: 'gsm8k-train',
    title: 'GSM8K, train',
    file: 'gsm8k_train.jsonl',
    prefix: 'gsm8k-train',
    manifest: 'gsm8k/train.sums',
    hub: { ...GSM8K, split: 'train' },
    read: readGsm8k,
  },
  {
    name: 'gsm8k-test',
    title: 'GSM8K, test',
    file: 'gsm8k_test.jsonl',
    prefix: 'gsm8k-test',
    manifest: 'gsm8k/test.sums',
    hub: { ...GSM8K, split: 'test' },
    read: readGsm8k,
  },
  {
    name: 'math-train',
    title: 'MATH, train',
    file: 'math_train.jsonl',
    prefix: 'math-train',
    manifest: 'math/train.sums',
    selection: true,
    hub: { ...MATH, split: 'train' },
    read: readMath,
  },
  {
    name: 'math-test',
    title: 'MATH, test',
    file: 'math_test.jsonl',
    prefix: 'math-test',
    manifest: 'math/test.sums',
    hub: { ...MATH, split: 'test' },
    read: readMath,
  },
  {
    name: 'amc23',
    title: 'AMC 2023',
    file: 'amc23.jsonl',
    prefix: 'amc23',
    manifest: 'amc23/test.sums',
    hub: { dataset: 'math-ai/amc23', config: 'default', split: 'test' },
    read: readIntegers,
  },
  {
    name: 'aime24',
    title: 'AIME 2024',
    file: 'aime24.jsonl',
    prefix: 'aime24',
    manifest: 'aime24/test.sums',
    hub: { dataset: 'HuggingFaceH4/aime_2024', config: 'default', split: 'train' },
    read: readIntegers,
  },
  {
    name: 'aime25',
    title: 'AIME 2025',
    file: 'aime25.jsonl',
    prefix: 'aime25',
    manifest: 'aime25/test.sums',
    hub: { dataset: 'math-ai/aime25', config: 'default', split: 'test' },
    read: readIntegers,
  },
  {
    name: 'dapo-train',
    title: 'DAPO-Math-17k, selected',
    file: 'dapo17k_train.jsonl',
    prefix: 'dapo',
    manifest: 'dapo/train.sums',
    selection: true,
    hub: { dataset: 'open-r1/DAPO-Math-17k-Processed', config: 'all', split: 'train' },
    read: readDapo,
  },
  {
    name: 'parallel-gsm8k',
    title: 'Parallel-GSM8K, a sample',
    file: 'parallel_gsm8k_sample.jsonl',
    prefix: 'pgsm8k',
  },
] as const satisfies readonly ProblemSet[]

export type SetName = (typeof SETS)[number]['name']

/** The set of that name; throws DataError naming the nearest one. */
export function setNamed(name: unknown): ProblemSet & { name: SetName } {
  const names = SETS.map((set) => set.name)
  const found = SETS.find((set) => set.name === name)
  if (found) return found
  const nearest = typeof name === 'string' ? nearestName(name, names) : undefined
  throw new DataError(
    `There is no problem set ${excerpt(name)}. ${nearest ? `Did you mean "${nearest}"?` : `There are: ${names.join(', ')}.`}`,
  )
}
