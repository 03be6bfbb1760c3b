/**
 * A teacher's responses as tests to learn from. The teacher is any provider of promptfoo, the filter are the assertions
 * of its suite: `promptfoo eval -c teacher.yaml -o teacher.json`, and then in the suite of an SFT stage
 *
 *   tests: { path: 'file://…/parallel-r1/dist/data/loaders.js:passedResponses', config: { results: teacher.json } }
 *
 * with `response: "{{ response }}"` in train.yaml.
 */

import path from 'node:path'
import { outputText } from '../assertions/output.ts'
import { type ConfigObject, checkKeys, readInt, readObject } from '../config-keys.ts'
import { type Vars, verbatimVars } from '../gate/verbatim.ts'
import { fields, type Row, readResults } from '../report/rows.ts'
import { DataError, excerpt } from './problem.ts'

interface ResponseTest {
  /** Those of the row, and `response`. */
  vars: Record<string, unknown>
  options: { disableVarExpansion: true }
}

const WHERE = 'the loader config of passedResponses'

/**
 * The rows that passed, in the order of the run; equal responses to a problem once. Keys: `results`, a file that
 * `promptfoo eval -o` wrote, below the folder of the YAML file; `perProblem`, most responses of a problem (all).
 * Throws DataError, ConfigError, and ReportError where the file holds no results.
 */
export async function passedResponses(raw: ConfigObject = {}): Promise<ResponseTest[]> {
  const { basePath, ...config } = readObject(raw, WHERE)
  checkKeys(config, ['results', 'perProblem'], WHERE)
  const { results } = config
  if (typeof results !== 'string' || results === '') {
    throw new DataError(
      `"results" in ${WHERE} must name a file. Got ${excerpt(results)}. Write one with: npx promptfoo eval -c teacher.yaml -o teacher.json.`,
    )
  }
  const most = readInt(config, 'perProblem', Number.MAX_SAFE_INTEGER, WHERE, { min: 1 })
  const file = path.resolve(typeof basePath === 'string' ? basePath : '', results)
  const { rows } = readResults(file)
  const ordered = [...rows].sort((a, b) => Number(a.testIdx) - Number(b.testIdx))
  const taken = new Map<string, Set<string>>()
  const tests: ResponseTest[] = []
  for (const row of ordered) {
    if (row.success !== true) continue
    const vars = ownVars(row)
    const problem = JSON.stringify(vars)
    const response = outputText(fields(row.response).output)
    const known = taken.get(problem) ?? new Set()
    if (known.size >= most || known.has(response)) continue
    taken.set(problem, known.add(response))
    tests.push({ vars: verbatimVars({ ...vars, response }), options: { disableVarExpansion: true } })
  }
  if (tests.length === 0) {
    throw new DataError(`No response of ${file} passed. Got ${rows.length} row(s). Look at why with: npx promptfoo view.`)
  }
  return tests
}

/** Without promptfoo's own. */
function ownVars({ vars }: Row): Vars {
  return Object.fromEntries(Object.entries(vars).filter(([name]) => !name.startsWith('__')))
}
