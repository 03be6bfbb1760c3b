/** A problem with its answer: what every source is brought to, and how it is recognised. */

import { createHash } from 'node:crypto'
import { ParallelR1Error } from '../engine/errors.ts'
import { isObject, parseJson } from '../json.ts'

/** Problem sets that cannot be had, or are not what they should be. */
export class DataError extends ParallelR1Error {
  override name = 'DataError'
}

export interface Problem {
  id: string
  /** Exactly as the source has it, white space included. */
  problem: string
  answer: string
  /** 1 (easy) to 5, where the source says. */
  level?: number
  subject?: string
  /** Worked solution. */
  solution?: string
  /** A response with parallel blocks, for a cold start. */
  trace?: string
}

/** A problem as a source gives it; sources without ids get them from the manifest. */
export type SourceProblem = Omit<Problem, 'id'> & { id?: string }

/** Bytes of a fingerprint: 48 bits tell some 40,000 problems apart. */
const FINGERPRINT_BYTES = 6

/** A short hash of problem and answer, white space evened out: the same for copies that differ only in line breaks. */
export function fingerprint({ problem, answer }: Pick<Problem, 'problem' | 'answer'>): string {
  const even = (text: string) => text.normalize('NFC').replace(/\s+/g, ' ').trim()
  return createHash('sha256')
    .update(`${even(problem)}\n${even(answer)}`)
    .digest()
    .subarray(0, FINGERPRINT_BYTES)
    .toString('base64url')
}

const TEXTS = ['subject', 'solution', 'trace'] as const

/**
 * Reads problems in JSON lines (`id`, `problem`, `answer`, and what else there is). A byte-order mark is no part of the first line, and an answer
 * or id may be an integer. Throws DataError naming file and line.
 */
export function parseProblems(text: string, file: string): Problem[] {
  const problems: Problem[] = []
  const ids = new Set<string>()
  for (const [index, line] of text
    .replace(/^\uFEFF/, '')
    .split('\n')
    .entries()) {
    if (line.trim() === '') continue
    const where = `line ${index + 1} of ${file}`
    let raw: unknown
    try {
      raw = parseJson(line)
    } catch (error) {
      throw new DataError(`${where} is not JSON: ${(error as Error).message}. Each line holds one object; restore the file.`)
    }
    const problem = readProblem(raw, where)
    if (ids.has(problem.id)) throw new DataError(`${where} repeats the id "${problem.id}". Give every problem an id of its own.`)
    ids.add(problem.id)
    problems.push(problem)
  }
  if (problems.length === 0) throw new DataError(`${file} holds no problems. Got ${text.length} characters. Restore the file.`)
  return problems
}

function readProblem(raw: unknown, where: string): Problem {
  if (!isObject(raw)) {
    throw new DataError(`${where} must be an object with id, problem and answer. Got ${excerpt(raw)}.`)
  }
  const row: Record<string, unknown> = { ...raw }
  for (const key of ['id', 'answer']) {
    const value = row[key]
    if (typeof value !== 'number' || !Number.isInteger(value)) continue
    if (!Number.isSafeInteger(value)) {
      throw new DataError(
        `"${key}" in ${where} was rounded when it was read. Got ${value}. Write a number above ${Number.MAX_SAFE_INTEGER} as text, in quotes.`,
      )
    }
    row[key] = String(value)
  }
  for (const key of ['id', 'problem', 'answer']) {
    if (typeof row[key] !== 'string' || row[key] === '') {
      throw new DataError(`"${key}" in ${where} must be text that is not empty. Got ${excerpt(row[key])}.`)
    }
  }
  const problem: Problem = { id: row.id as string, problem: row.problem as string, answer: row.answer as string }
  for (const key of TEXTS) {
    const value = row[key] ?? undefined
    if (value === undefined) continue
    if (typeof value !== 'string') throw new DataError(`"${key}" in ${where} must be text. Got ${excerpt(value)}.`)
    problem[key] = value
  }
  const level = row.level ?? undefined
  if (level !== undefined) {
    if (typeof level !== 'number') throw new DataError(`"level" in ${where} must be a number. Got ${excerpt(level)}.`)
    problem.level = level
  }
  return problem
}

/** A value in a message: at most 80 characters. */
export function excerpt(value: unknown): string {
  const text = typeof value === 'object' || typeof value === 'string' ? JSON.stringify(value) : String(value)
  return text.length > 80 ? `${text.slice(0, 79)}…` : text
}
