/** Whoever answers: a provider of promptfoo or the model in training. Both are asked through here, which repeats what failed. */

import { setTimeout as sleep } from 'node:timers/promises'
import { ParallelR1Error } from '../../engine/errors.ts'
import { backoffMs } from '../../retry.ts'
import type { SuiteRow } from '../suite/suite.ts'
import type { Answer } from './journal.ts'

/** A teacher that gives no answers. Those that it gave are kept. */
export class TeacherError extends ParallelR1Error {
  override name = 'TeacherError'
}

export interface Question {
  row: SuiteRow
  /** From 0. */
  try: number
  seed: number
}

export interface Teacher {
  /**
   * An answer, or what the teacher said in its place. Throws where it cannot be asked at all, and an AbortError where `signal` ends before it
   * could be asked: what was asked is answered.
   */
  ask(question: Question, signal?: AbortSignal): Promise<Answer | { error: string }>
  close(): Promise<void>
}

interface Patience {
  retries: number
  /** Seconds of the first wait. */
  backoff: number
  signal?: AbortSignal
}

/** Longest wait. */
const LONGEST_MS = 60_000

/**
 * Asks until there is an answer, at most `retries` times more. Waits between them, but not where the error says that the same question will
 * never do. Returns the last error. Throws an AbortError where `signal` ends a wait, or the start of the teacher.
 */
export async function askPatiently(
  teacher: Teacher,
  question: Question,
  { retries, backoff, signal }: Patience,
): Promise<Answer | { error: string }> {
  for (let again = 0; ; again++) {
    const answer = await teacher.ask(question, signal)
    if (!('error' in answer) || again >= retries || isFinal(answer.error)) return answer
    await sleep(backoffMs(again + 1, { firstMs: 1000 * backoff, longestMs: LONGEST_MS }), undefined, { signal })
  }
}

/** Errors of a request that is wrong as it is: an HTTP status of the caller's fault, or a key that is missing. Too many requests (429) are none. */
function isFinal(error: string): boolean {
  return (
    /\b(?:error|status|code|http)\W{0,3}(?:code\W{0,2})?(?:400|401|403|404|413|422)\b/i.test(error) || /API key is not set/i.test(error)
  )
}
