/** What is wrong with a row before it is sampled. Its error then costs no token and counts in no figure. */

import type { CallApiContextParams } from 'promptfoo'
import { ConfigError } from '../engine/errors.ts'
import { EMPTY } from '../gate/suite.ts'
import { isTemplate } from '../gate/verbatim.ts'
import type { SuiteAssertion } from '../grading/references.ts'
import type { ScorableCheck } from '../grading/scorable.ts'
import { variableFault } from '../grading/variables.ts'

/**
 * Throws ConfigError where the row cannot be scored (see {@link ScorableCheck}), where a variable is not what somebody wrote or was run as a
 * template, and where the prompt has variables and the test has none: of an empty list of tests promptfoo makes one such row. A row
 * without assertions is sampled: somebody may want to read it.
 */
export async function checkRow({ test, vars, prompt }: CallApiContextParams, scorable: ScorableCheck): Promise<void> {
  const names = Object.keys(vars).filter((name) => !name.startsWith('__'))
  const variable = names.length === 0 ? variableOf(prompt.template) : undefined
  if (variable !== undefined) {
    throw new ConfigError(`The prompt uses {{ ${variable} }}, and the test has no variables. ${EMPTY}`)
  }
  // Of a variable that names a file promptfoo gives the text, of one that names another variable its test alone has the template.
  for (const [name, value] of [...Object.entries(vars), ...Object.entries(test?.vars ?? {})]) {
    if (typeof value !== 'string' || !isTemplate(value)) continue
    throw new ConfigError(`promptfoo ran the variable "${name}" as a template. Got ${JSON.stringify(value.slice(0, 80))}. ${GATE}`)
  }
  const fault = variableFault(vars)
  if (fault !== undefined) throw new ConfigError(fault)
  const { assert = [], options } = (test ?? {}) as { assert?: SuiteAssertion[]; options?: Record<string, unknown> }
  try {
    await scorable.checkTransforms(options?.transform, options?.postprocess)
    await scorable.check(assert, vars)
  } catch (error) {
    if (names.length > 0 || !(error instanceof ConfigError)) throw error
    throw new ConfigError(`${error.message} The test has no variables. ${EMPTY}`, { cause: error })
  }
}

const GATE =
  'If it is text, add the extension "file://node_modules/parallel-r1/dist/providers/hooks.js:beforeAll" to the config, which hands it on as it is. If it is a template, write it into the prompt.'

/** A variable that a template needs. One with statements, calls or defaults may do without. */
function variableOf(template: unknown): string | undefined {
  if (typeof template !== 'string' || template.includes('{%')) return undefined
  return /\{\{-?\s*(?!env\b)([A-Za-z_]\w*)[\w.]*\s*-?\}\}/.exec(template)?.[1]
}
