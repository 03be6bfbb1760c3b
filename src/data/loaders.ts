/**
 * Test loaders for promptfoo:
 *
 *   tests: { path: 'file://…/parallel-r1/dist/data/loaders.js:problems', config: { set: math-test, count: 100, seed: 1, level: [4, 5] } }
 *
 * The usual sets have loaders of their own, such as `mathTest`, which take the same keys without `set`. The same config
 * returns the same rows.
 */

import { type ConfigObject, checkKeys, readBoolean, readInt, readNumber, readObject } from '../config-keys.ts'
import { type VerbatimText, verbatimVars } from '../gate/verbatim.ts'
import { notice } from '../plain.ts'
import { usableTraces } from './cold-start.ts'
import { overlaps } from './contamination.ts'
import { loadProblems } from './load.ts'
import { DataError, excerpt, type Problem } from './problem.ts'
import { select } from './selection.ts'
import { type SetName, setNamed } from './sets.ts'

/** The part of promptfoo's TestCase that the suites use. */
export interface ProblemTest {
  vars: {
    id: VerbatimText
    /** A list of one text where promptfoo would alter the text; `{{ problem }}` prints it exactly in either form. */
    problem: VerbatimText
    /** Reference for mathAnswer. */
    answer: VerbatimText
    /** With `solution: true`. */
    solution?: VerbatimText
    /** Of cold-start sets. */
    trace?: VerbatimText
  }
  /** For `--filter-metadata level=5`. */
  metadata: { set: SetName; level?: number; subject?: string }
  options: { disableVarExpansion: true }
}

/** A loader as promptfoo calls it, with the `config` of the YAML file. */
export type Loader = (config?: ConfigObject) => Promise<ProblemTest[]>

const KEYS = ['count', 'seed', 'level', 'subject', 'exclude', 'solution', 'strict']

/** Rows of a set: selected, decontaminated, as promptfoo tests. Throws DataError and ConfigError. */
export async function problemTests(
  name: SetName,
  raw: ConfigObject = {},
  prepare: (problems: Problem[]) => Problem[] = usableIfTraced,
): Promise<ProblemTest[]> {
  const where = `the loader config of ${name}`
  // promptfoo adds the folder of the YAML file.
  const { basePath: _, ...config } = readObject(raw, where)
  checkKeys(config, KEYS, where)
  const strict = readBoolean(config, 'strict', false, where)
  const withSolution = readBoolean(config, 'solution', false, where)
  const selection = {
    levels: listOf(config, 'level', where, Number, (value) => Number.isInteger(value)),
    subjects: listOf(config, 'subject', where, String, (value) => value !== ''),
    count: readInt(config, 'count', undefined, where, { min: 1 }),
    seed: readInt(config, 'seed', 1, where),
  }
  const others = listOf(config, 'exclude', where, String, () => true)?.map((other) => setNamed(other).name) ?? []
  let problems = await loadProblems(name, { strict })
  for (const other of others) problems = await without(problems, name, other, strict)
  const chosen = select(prepare(problems), selection, name)
  if (chosen.length === 0) throw new DataError(`No problem of ${name} is left. Got ${excerpt(config)}. Ask for less.`)
  return chosen.map((problem) => toTest(problem, name, withSolution))
}

/** Of a set of trajectories those that are well-formed. */
function usableIfTraced(problems: Problem[]): Problem[] {
  return problems.some(({ trace }) => trace !== undefined) ? usableTraces(problems) : problems
}

/** Problems that do not occur in `other`; what is left out is said. */
async function without(problems: Problem[], name: SetName, other: SetName, strict: boolean): Promise<Problem[]> {
  if (other === name) throw new DataError(`"exclude" of ${name} names the set itself. Name the sets that the model was trained on.`)
  const found = overlaps(problems, await loadProblems(other, { strict }))
  if (found.length === 0) return problems
  const out = new Set(found.map(({ test }) => test.id))
  notice(`${out.size} problems of ${name} occur in ${other} and are left out: ${[...out].join(', ')}`)
  return problems.filter(({ id }) => !out.has(id))
}

/** A problem as a promptfoo test. */
export function toTest({ id, problem, answer, level, subject, solution, trace }: Problem, set: SetName, withSolution = false): ProblemTest {
  return {
    vars: verbatimVars({
      id,
      problem,
      answer,
      ...(withSolution && solution !== undefined && { solution }),
      ...(trace !== undefined && { trace }),
    }),
    metadata: { set, ...(level !== undefined && { level }), ...(subject !== undefined && { subject }) },
    options: { disableVarExpansion: true },
  }
}

/** One value or a list of them at `key`. */
function listOf<T>(
  config: ConfigObject,
  key: string,
  where: string,
  convert: (value: unknown) => T,
  valid: (value: T) => boolean,
): T[] | undefined {
  const value = config[key]
  if (value === undefined || value === null) return undefined
  const list = (Array.isArray(value) ? value : [value]).map((one) => (typeof one === 'object' ? undefined : convert(one)))
  if (list.length === 0 || !list.every((one): one is T => one !== undefined && valid(one))) {
    throw new DataError(`"${key}" in ${where} must be one value or a list of them. Got ${excerpt(value)}. Leave it out to take all.`)
  }
  return list
}

const loader =
  (name: SetName): Loader =>
  (config) =>
    problemTests(name, config)

/** Any set, by the name that `pr1-data list` has. */
export const problems: Loader = async (raw = {}) => {
  const { set, ...config } = readObject(raw, 'the loader config')
  const variable = /\{\{\s*env\.(\w+)/.exec(String(set))?.[1]
  if (!set || variable) {
    const next = variable
      ? `Set the environment variable ${variable} to one, such as aime24.`
      : 'Write for example "config: { set: aime24 }".'
    throw new DataError(`The loader config names no problem set. ${next} "pr1-data list" has them all.`)
  }
  return problemTests(setNamed(set).name, config)
}

export const gsm8kTrain: Loader = loader('gsm8k-train')
export const gsm8kTest: Loader = loader('gsm8k-test')
export const mathTrain: Loader = loader('math-train')
export const mathTest: Loader = loader('math-test')
export const amc23: Loader = loader('amc23')
export const aime24: Loader = loader('aime24')
export const aime25: Loader = loader('aime25')
export const dapoTrain: Loader = loader('dapo-train')
/** Cold-start trajectories with parallel blocks, in `trace`; those that are not well-formed are left out. */
export const parallelGsm8k: Loader = loader('parallel-gsm8k')

/**
 * GSM8K train with responses made of its worked solutions, in `trace`. Two keys more: `form` (parallel, with one block of two paths, or sequential)
 * and `maxSteps`, the most calculations of a problem. `slips` is the share of blocks with a wrong path, 0 to 1. `pathStarts` has what the path in
 * words and the path in equations begin with.
 */
export const gsm8kWorked: Loader = async (raw = {}) => {
  // It brings mathjs, which the other loaders need not wait for.
  const { traceForms, workedTraces } = await import('./worked.ts')
  const where = 'the loader config of gsm8kWorked'
  const { form = 'parallel', maxSteps, slips, pathStarts, ...config } = readObject(raw, where)
  const asked = traceForms.find((one) => one === form)
  if (asked === undefined) throw new DataError(`"form" in ${where} must be ${traceForms.join(' or ')}. Got ${excerpt(form)}.`)
  const most = readInt({ maxSteps }, 'maxSteps', undefined, where, { min: 1 })
  const share = readNumber({ slips }, 'slips', 0, where, { min: 0, max: 1 })
  const starts = readStarts(pathStarts, where)
  const seed = readInt(config, 'seed', 1, where)
  return problemTests('gsm8k-train', config, (problems) =>
    workedTraces(problems, { form: asked, maxSteps: most, slips: share, seed, pathStarts: starts }),
  )
}

function readStarts(given: unknown, where: string): string[] | undefined {
  if (given === undefined) return undefined
  if (Array.isArray(given) && given.length === 2 && given.every((one) => typeof one === 'string' && one !== '')) return given
  throw new DataError(
    `"pathStarts" in ${where} must be two texts, of the path in words and of the one in equations. Got ${excerpt(given)}.`,
  )
}

export { passedResponses } from './teacher.ts'
