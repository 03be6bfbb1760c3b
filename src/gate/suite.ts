/**
 * The tests of a suite before promptfoo asks the first: variables are text, never templates or code. `hooks.ts:beforeAll` holds an
 * evaluation to it, `capture.ts` a training run.
 *
 * What promptfoo 0.121 and 0.123 render: string variables, prompts with prefix and suffix, what a prompt function returns, values and metric names of
 * assertions. Descriptions and metadata they do not. A template is the author's in `prompts` and `defaultTest.assert`, and may come from a
 * file of data in a test.
 */

import { ConfigError } from '../engine/errors.ts'
import { isLoaded, isTemplate, plainVars, printing, type Vars, verbatimVars } from './verbatim.ts'

interface GateAssertion {
  type?: string
  value?: unknown
  metric?: unknown
  assert?: GateAssertion[]
}

/** The part of promptfoo's TestCase that is looked at. */
export interface GateTest {
  vars?: Vars
  assert?: GateAssertion[]
  options?: Record<string, unknown>
}

type PromptFunction = (context: { vars: Vars }) => unknown

/** The part of promptfoo's TestSuite that is looked at. */
export interface GateSuite {
  prompts?: readonly { function?: unknown }[]
  tests?: readonly GateTest[]
  scenarios?: { config?: GateTest[]; tests?: GateTest[] }[]
  defaultTest?: unknown
}

/** What to do about an empty list. promptfoo itself makes one row without variables of it. */
export const EMPTY =
  'Is the list of tests empty? Look at "tests" in the config, at the file or loader that it names, and at filters. A prompt without variables takes "tests: [{ vars: {} }]".'

/** Test variables of which an assertion of this package takes a list as one value. */
const LISTS = ['answer', 'numbers']

/** The suite with variables that promptfoo leaves as they are. Throws ConfigError where a test brings a template, and where there is no test. */
export function gateSuite<Suite extends GateSuite>(suite: Suite): Suite {
  const { tests = [], scenarios = [], prompts = [] } = suite
  if (tests.length + scenarios.reduce((sum, { config = [] }) => sum + config.length, 0) === 0) {
    throw new ConfigError(`There is no test. ${EMPTY}`)
  }
  const defaults = (typeof suite.defaultTest === 'object' && suite.defaultTest !== null ? suite.defaultTest : {}) as GateTest
  checkDefaults(defaults)
  // In place: promptfoo tells by it that a hook kept its prompts.
  for (const prompt of prompts as { function?: PromptFunction }[]) if (prompt.function) prompt.function = verbatimFunction(prompt.function)
  const gate = (all: readonly GateTest[] | undefined, where: string) =>
    all?.flatMap((test, index) => gateTest(test, defaults, `test ${index + 1}${where}`))
  return {
    ...suite,
    tests: gate(suite.tests, ''),
    scenarios: suite.scenarios?.map((scenario, index) => {
      const where = ` of scenario ${index + 1}`
      return { ...scenario, config: gate(scenario.config, ` of the config${where}`), tests: gate(scenario.tests, where) }
    }),
  }
}

/** The test, or one for each combination of its lists where promptfoo would make them of texts that it alters. */
function gateTest(test: GateTest, defaults: GateTest, where: string): GateTest[] {
  for (const key of ['prefix', 'suffix']) refuseTemplate(test.options?.[key], `options.${key} of ${where}`, IN_PROMPT)
  checkAssertions(test.assert, where)
  const { vars } = test
  if (!vars) return [test]
  const expanded = !{ ...defaults.options, ...test.options }.disableVarExpansion
  const isExpanded = (value: unknown): value is unknown[] => expanded && Array.isArray(value) && typeof value[0] === 'string'
  for (const name of LISTS) {
    const value = vars[name]
    if (!isExpanded(value) || value.length < 2) continue
    throw new ConfigError(
      `promptfoo makes a row of each item of the list "${name}" of ${where}. Got ${value.length} items. If any of them may match, set "options: { disableVarExpansion: true }" on the test or on defaultTest. If a row of each is meant, write them as tests.`,
    )
  }
  const rows = combinations(vars, isExpanded).map(verbatimVars)
  // Where nothing was altered promptfoo expands what there is to expand.
  if (rows.every((row) => Object.values(row).every((value) => !Array.isArray(value)))) return [test]
  return rows.map((row) => ({ ...test, vars: row, options: { ...test.options, disableVarExpansion: true } }))
}

function combinations(vars: Vars, isExpanded: (value: unknown) => value is unknown[]): Vars[] {
  return Object.entries(vars).reduce<Vars[]>(
    (rows, [name, value]) => {
      const items = isExpanded(value) ? value : [value]
      return rows.flatMap((row) => items.map((item) => ({ ...row, [name]: item })))
    },
    [{}],
  )
}

const IN_PROMPT = 'Write it into the prompt.'
const IN_DEFAULTS = 'Write the template into the assertions of defaultTest, or the text into a variable.'

function refuseTemplate(value: unknown, what: string, next: string): void {
  if (typeof value !== 'string' || !isTemplate(value)) return
  throw new ConfigError(`promptfoo would run ${what} as a template. Got ${JSON.stringify(value.slice(0, 80))}. ${next}`)
}

function checkAssertions(assertions: readonly GateAssertion[] | undefined, where: string): void {
  for (const { type, value, metric, assert } of assertions ?? []) {
    for (const text of Array.isArray(value) ? value : [value]) refuseTemplate(text, `the assertion "${type}" of ${where}`, IN_DEFAULTS)
    refuseTemplate(metric, `the metric of an assertion of ${where}`, IN_DEFAULTS)
    checkAssertions(assert, where)
  }
}

/** Templates of defaultTest are the author's. What they print of a row must not be run in turn. */
function checkDefaults({ vars = {}, assert = [] }: GateTest): void {
  for (const [name, value] of Object.entries(vars)) {
    for (const text of Array.isArray(value) ? value : [value]) {
      if (typeof text !== 'string' || !(isTemplate(text) || isLoaded(text))) continue
      throw new ConfigError(
        `defaultTest.vars.${name} is filled in by promptfoo and the result is run as a template, with the text of a row in it. Got ${JSON.stringify(text.slice(0, 80))}. ${IN_PROMPT}`,
      )
    }
  }
  for (const { type = '', value, assert: inner } of assert) {
    if (inner) checkDefaults({ assert: inner })
    if (!/^(not-)?(javascript|python|ruby)$/.test(type) || typeof value !== 'string' || !isTemplate(value)) continue
    throw new ConfigError(
      `The ${type} code of an assertion of defaultTest holds a template, so the text of a row would be run as code. Got ${JSON.stringify(value.slice(0, 80))}. Read variables from context.vars in the code.`,
    )
  }
}

const GATED = Symbol.for('parallel-r1.gate')

/** promptfoo renders what a prompt function returns. It is the prompt itself here, and the function sees the texts of the variables. */
function verbatimFunction(inner: PromptFunction & { [GATED]?: true }): PromptFunction {
  if (inner[GATED]) return inner
  const gated: PromptFunction = async (context) => printed(await inner({ ...context, vars: plainVars(context.vars) }))
  return Object.assign(gated, { [GATED]: true })
}

function printed(value: unknown): unknown {
  if (typeof value === 'string') return printing(value)
  if (Array.isArray(value)) return value.map(printed)
  if (typeof value !== 'object' || value === null) return value
  const entries = Object.entries(value).map(([key, inner]) => [key, key === 'config' && 'prompt' in value ? inner : printed(inner)])
  return Object.fromEntries(entries)
}
