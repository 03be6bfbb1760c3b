/** Problems that occur in a test set are not asked: a model that learns them would be tested on what it has seen. */

import { normalForm } from '../../data/contamination.ts'
import { NearIndex } from '../../data/near.ts'
import { ConfigError } from '../../engine/errors.ts'
import { questionOf } from '../../report/problems.ts'
import type { Suite, SuiteRow } from '../suite/suite.ts'
import type { ExcludeConfig } from './keys.ts'

/** What is left of a suite, and what was taken out. */
export interface Excluded {
  rows: SuiteRow[]
  /** Problems of tests that they were compared with. */
  tests: number
  /** Rows whose problem is that of a test, but for spaces, signs and case. */
  exact: number
  /** Rows whose problem is near one of a test. */
  near: number
  /** For the log: what was taken out, and the problem of a test that it is, of the most alike first. */
  examples: { problem: string; test: string; similarity: number }[]
}

const EXAMPLES = 3

/** Takes out the rows whose problem occurs in `tests`. Throws ConfigError where the template of `problem` does not render. */
export async function withoutTests(
  suite: Suite,
  tests: readonly Suite[],
  { problem, near }: Pick<ExcludeConfig, 'problem' | 'near'>,
): Promise<Excluded> {
  const textOf = await problemText(problem)
  // What a template makes is compared as it is: in "1 12" and "11 2" only the space differs.
  const formOf = problem === undefined ? normalForm : withEvenSpaces
  const known = [...new Set(tests.flatMap(({ rows, file }) => rows.map((row, i) => textOf(row, `test ${i + 1} of ${file}`))))]
  const forms = new Map(known.map((text) => [formOf(text), text]))
  forms.delete('')
  const index = new NearIndex(near > 0 ? known : [], { masked: true })
  const out: Excluded = { rows: [], tests: known.length, exact: 0, near: 0, examples: [] }
  for (const [i, row] of suite.rows.entries()) {
    const text = textOf(row, `test ${i + 1} of ${suite.file}`)
    const same = forms.get(formOf(text))
    const alike = same === undefined && near > 0 ? index.nearest(text) : undefined
    if (same !== undefined) {
      out.exact += 1
      out.examples.push({ problem: text, test: same, similarity: 1 })
    } else if (alike && alike.similarity >= near) {
      out.near += 1
      out.examples.push({ problem: text, test: known[alike.index], similarity: alike.similarity })
    } else out.rows.push(row)
  }
  out.examples = out.examples.sort((a, b) => b.similarity - a.similarity).slice(0, EXAMPLES)
  return out
}

/** One space in the place of many. */
export function withEvenSpaces(text: string): string {
  return text.replace(/\s+/g, ' ').trim()
}

/** The question where a variable holds it, else the prompt. */
export function problemOf({ vars, prompt }: SuiteRow): string {
  return questionOf(vars) ?? prompt
}

async function problemText(template: string | undefined): Promise<(row: SuiteRow, where: string) => string> {
  if (template === undefined) return problemOf
  const { default: nunjucks } = await import('nunjucks')
  const environment = new nunjucks.Environment(null, { autoescape: false, throwOnUndefined: true })
  const compiled = nunjucks.compile(template, environment)
  return ({ vars }, where) => {
    try {
      return compiled.render(vars)
    } catch (error) {
      throw new ConfigError(
        `"problem" in "exclude", the template "${template}", does not render for ${where}: ${(error as Error).message}. Vars of the row: ${Object.keys(vars).join(', ')}.`,
      )
    }
  }
}
