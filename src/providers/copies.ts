/**
 * Copies of a problem: tests of one suite whose prompts read the same. A request draws from its prompt, its repeat and the number of its
 * copy, so copies draw samples of their own. The number follows from the place of the test in the list, never from the order of calls: any
 * concurrency and a resumed run give the same.
 */

import type { CallApiContextParams } from 'promptfoo'
import { ConfigError } from '../engine/errors.ts'
import { templateNames } from '../template-names.ts'

/**
 * Test variable that holds the number, absent in the first copy. promptfoo saves variables with a leading underscore with the result, does not
 * compare tests by them, and sets them again where `--filter-failing` and its like run a test once more.
 */
export const COPY_INDEX = '_copyIndex'

/** The part of promptfoo's test suite that prompts are made of. */
export interface CopiedSuite {
  prompts?: readonly { raw?: unknown; function?: unknown }[]
  tests?: readonly SuiteTest[]
  defaultTest?: unknown
}

interface SuiteTest {
  vars?: Readonly<Record<string, unknown>>
  options?: { prefix?: unknown; suffix?: unknown; transformVars?: unknown }
}

/**
 * The tests of a suite, copies numbered 1, 2, … in the order of the list. A number that a test has already stays, and no other copy gets it.
 * Tests are copies where some prompt reads the same for both.
 */
export function numberCopies({ prompts = [], tests = [], defaultTest }: CopiedSuite): SuiteTest[] {
  const defaults: SuiteTest = typeof defaultTest === 'object' && defaultTest !== null ? defaultTest : {}
  const sources = prompts.map((prompt) => (prompt.function === undefined && typeof prompt.raw === 'string' ? prompt.raw : undefined))
  const groups = new Map<string, { next: number; taken: Set<number> }>()
  const found = tests.map((test) => {
    const vars: Record<string, unknown> = { ...defaults.vars, ...test.vars }
    const options = { ...defaults.options, ...test.options }
    const members = sources.map((source, prompt) => {
      const key = JSON.stringify([prompt, options.prefix, options.suffix, readBy(options.transformVars ? undefined : source, vars)])
      const group = groups.get(key) ?? { next: 0, taken: new Set() }
      groups.set(key, group)
      return group
    })
    const own = copyIndexOf(vars)
    if (own !== undefined) for (const { taken } of members) taken.add(own)
    return { test, own, members }
  })
  return found.map(({ test, own, members }) => {
    if (own !== undefined) return test
    let index = members.reduce((most, { next }) => Math.max(most, next), 0)
    while (members.some(({ taken }) => taken.has(index))) index++
    for (const group of members) group.next = index + 1
    return index === 0 ? test : { ...test, vars: { ...test.vars, [COPY_INDEX]: index } }
  })
}

/** The number of a test's copy, 0 for the first. Throws ConfigError where the variable holds something else. */
export function readCopyIndex(vars: Readonly<Record<string, unknown>> = {}): number {
  const value = vars[COPY_INDEX] ?? 0
  const index = copyIndexOf(vars) ?? (value === 0 ? 0 : undefined)
  if (index !== undefined) return index
  throw new ConfigError(
    `The test variable ${COPY_INDEX} numbers the copies of a problem: 0, 1, 2, … Got ${JSON.stringify(value)}. Correct it or leave it out.`,
  )
}

/** A table of tests in CSV has texts only. */
function copyIndexOf(vars: Readonly<Record<string, unknown>>): number | undefined {
  const value = vars[COPY_INDEX]
  const index = typeof value === 'string' && /^\d+$/.test(value) ? Number(value) : value
  return typeof index === 'number' && Number.isSafeInteger(index) && index >= 0 ? index : undefined
}

/** Names and values of the variables that a prompt reads. Where that cannot be told (a function, an included file) all of them but promptfoo's own. */
function readBy(source: string | undefined, vars: Readonly<Record<string, unknown>>): [string, unknown][] {
  const all = Object.keys(vars)
    .filter((name) => !name.startsWith('_'))
    .sort()
  const names = new Set<string>()
  // promptfoo renders variables too: one may name others.
  const texts = source === undefined ? [] : [source]
  for (let text = texts.pop(); text !== undefined; text = texts.pop()) {
    for (const name of templateNames(text)) {
      if (names.has(name)) continue
      names.add(name)
      const value = vars[name]
      if (typeof value === 'string') texts.push(value)
    }
  }
  const unknown = source === undefined || ELSEWHERE.some((tag) => names.has(tag))
  return all.filter((name) => unknown || names.has(name)).map((name) => [name, vars[name]])
}

/** Tags that bring in the text of another file. */
const ELSEWHERE = ['include', 'import', 'from', 'extends']

/** Notices rows of an evaluation that draw the same samples: copies that nothing has numbered. */
export class SameDraws {
  #evaluation: unknown
  /** By seed: the row that drew with it. */
  readonly #rows = new Map<number, string>()

  /** What to say where another row of the same evaluation has drawn with this seed; `who` names the provider. */
  note({ vars }: Pick<CallApiContextParams, 'vars'>, seed: number, who: string): string | undefined {
    const row = /^test-(\d+)-/.exec(String(vars.__evalStepId))?.[1]
    if (row === undefined) return undefined
    if (vars.__evalId !== this.#evaluation) this.#rows.clear()
    this.#evaluation = vars.__evalId
    const other = this.#rows.get(seed)
    this.#rows.set(seed, other ?? row)
    if (other === undefined || other === row) return undefined
    return `Rows ${other} and ${row} ask the same and get the same sample ("${who}"). Copies of a problem draw samples of their own where they are numbered. Put "file://node_modules/parallel-r1/dist/providers/hooks.js:beforeAll" into the extensions of the config, or give every copy a variable ${COPY_INDEX} of its own: 0, 1, 2, …`
  }
}
