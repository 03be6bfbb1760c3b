/** Reference answers, checked. */

import { ConfigError } from '../engine/errors.ts'
import { referenceOf } from './answer/reference.ts'
import { excerpt } from './grading.ts'

/** What a reference may be. */
export const isReference = (value: unknown): value is string | number | bigint =>
  typeof value === 'string' || (typeof value === 'number' && Number.isFinite(value)) || typeof value === 'bigint'

/** The reference answers of an assertion. Throws ConfigError where one is missing or can't be read. */
export function readReferences(value: unknown, name: string): string[] {
  const values: unknown[] = Array.isArray(value) ? value : [value]
  const wrong = (why: string): ConfigError =>
    new ConfigError(
      `${name} needs a reference answer: ${why}. Got ${excerpt(JSON.stringify(value) ?? 'nothing')}. Set the test variable "answer" (or config.answer) to the right answer, or a list of right answers.`,
    )
  if (values.length === 0) throw wrong('the list is empty')
  if (values.length > 100) throw wrong('the list has more than 100 items')
  return values.map((one) => {
    if (one === undefined || one === null) throw wrong('there is none')
    if (!isReference(one)) throw wrong('it is no text and no finite number')
    const text = String(one).trim()
    const problem = referenceOf(text).problem
    if (problem !== undefined) throw wrong(problem)
    return text
  })
}
