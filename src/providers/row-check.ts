/** What is wrong with a row before it is sampled. Its error then costs no token and counts in no figure. */

import type { CallApiContextParams } from 'promptfoo'
import { ConfigError } from '../engine/errors.ts'
import type { SuiteAssertion } from '../grading/references.ts'
import type { ScorableCheck } from '../grading/scorable.ts'

/**
 * Throws ConfigError where the row cannot be scored (see {@link ScorableCheck}), and where the prompt has variables and the test has none: of
 * an empty list of tests promptfoo makes one such row. A row without assertions is sampled: somebody may want to read it.
 */
export async function checkRow({ test, vars, prompt }: CallApiContextParams, scorable: ScorableCheck): Promise<void> {
  const names = Object.keys(vars).filter((name) => !name.startsWith('__'))
  const variable = names.length === 0 ? variableOf(prompt.template) : undefined
  if (variable !== undefined) {
    throw new ConfigError(`The prompt uses {{ ${variable} }}, and the test has no variables. ${EMPTY}`)
  }
  const { assert = [] } = (test ?? {}) as { assert?: SuiteAssertion[] }
  try {
    await scorable.check(assert, vars)
  } catch (error) {
    if (names.length > 0 || !(error instanceof ConfigError)) throw error
    throw new ConfigError(`${error.message} The test has no variables. ${EMPTY}`, { cause: error })
  }
}

const EMPTY = 'Is the list of tests empty? Look at "tests" in the config, and at the file or loader that it names.'

/** A variable that a template needs. One with statements, calls or defaults may do without. */
function variableOf(template: unknown): string | undefined {
  if (typeof template !== 'string' || template.includes('{%')) return undefined
  return /\{\{-?\s*(?!env\b)([A-Za-z_]\w*)[\w.]*\s*-?\}\}/.exec(template)?.[1]
}
