/** The keys of a stage that asks a teacher, and what several of them decide together. */

import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { z } from 'zod'
import { choice, type Filled, int, key, mapping, number, text } from '../../config/table.ts'
import { ConfigError } from '../../engine/errors.ts'
import { nearestName, nearestPath } from '../../nearest-name.ts'

const exclude = mapping({
  suites: key(z.array(text()).min(1), 'promptfoo configs, relative to this file: problems of their tests are not asked', {
    change: 'free',
    hint: 'Usual: the configs that you evaluate with.',
  }),
  problem: key(text().optional(), 'a template of what makes a problem the same, over the vars of a row', {
    absent: 'the var that holds the question, else the prompt',
  }),
  near: key(
    number({ min: 0, max: 1 }).default(0.8),
    'similarity from which a problem counts as that of a test: [Jaccard index of trigrams](generate.md#problems-of-a-test-set), numbers masked; 0: only equal ones',
  ),
})

/** Prompts of the package that a stage may name in the place of a file. */
const PROMPTS = ['parallel', 'parallel-example', 'sequential'] as const

/** Seconds; what a teacher that thinks long may take. */
const ANSWER_SECONDS = 600

const promptKey = key(
  text().optional(),
  '`parallel`, `parallel-example` or `sequential`, [prompts of this package](../suites/prompts), or `file://` and a file',
  { absent: "the suite's own", change: 'free' },
)

/** Keys of `kind: generate` beside `name`, `kind` and `suite`. */
export const generateKeys = {
  provider: key(text().optional(), 'label of the provider entry that is asked; with `teacher: self` its settings decode', {
    absent: "the suite's first",
  }),
  teacher: key(
    choice(['provider', 'self']).default('provider'),
    '`provider`: the entry of the suite, whatever promptfoo can ask; `self`: the model in training as it is at this stage',
  ),
  prompt: promptKey,
  accept: key(
    z.array(text()).min(1),
    'expressions as in `reward`, all of which must hold. Beside the metric names of the assertions they may use `tokens`, `characters` and `finished`',
    { hint: 'Usual: ["answer == 1", "structure == 1"].' },
  ),
  maxProblems: key(int({ min: 1 }).optional(), 'only the first so many problems, those of test sets left out', { absent: 'all' }),
  tries: key(int({ min: 1 }).default(4), 'most answers to a problem, each with a seed of its own'),
  keep: key(int({ min: 1 }).default(1), 'most answers of a problem that are kept: then it is not asked again'),
  duplicates: key(
    number({ above: 0, max: 1 }).default(0.9),
    'similarity (Jaccard index of trigrams) to a kept answer to the same problem from which an answer is a duplicate; 1: only equal words',
  ),
  exclude: key(exclude.optional(), 'problems of test sets', { absent: 'all problems of the suite are asked' }),
  concurrency: key(int({ min: 1 }).optional(), 'problems that are asked at once', { absent: '8, with `teacher: self` 64', change: 'free' }),
  retries: key(int({ min: 0 }).default(5), 'how often a question is asked again after an error', { change: 'free' }),
  backoff: key(number({ min: 0 }).default(1), 'wait before the first of them; it doubles each time, up to a minute', {
    unit: 'seconds',
    change: 'free',
  }),
  timeout: key(number({ above: 0 }).default(ANSWER_SECONDS), 'longest time for an answer', { unit: 'seconds', change: 'free' }),
  maxFailures: key(int({ min: 1 }).default(3), 'questions in a row that failed with all their retries, after which the run stops', {
    change: 'free',
  }),
  graderTimeout: key(number({ above: 0 }).default(60), 'longest time in which no grader gives a verdict, after which the run stops', {
    unit: 'seconds',
    change: 'free',
  }),
}

type Raw = z.output<z.ZodObject<typeof generateKeys>>
/** What {@link fillGenerate} fills in, beside what every stage has. */
export type GenerateKeys = Filled<Raw, 'concurrency'>
export type ExcludeConfig = z.output<typeof exclude>

/** Absolute paths and defaults that depend on other keys. Throws ConfigError. */
export function fillGenerate<S extends Raw>(stage: S, folder: string, where: string): S & GenerateKeys {
  const { teacher, exclude, prompt } = stage
  return {
    ...stage,
    concurrency: stage.concurrency ?? (teacher === 'self' ? 64 : 8),
    ...(prompt !== undefined && { prompt: promptFile(prompt, folder, where) }),
    ...(exclude && { exclude: { ...exclude, suites: exclude.suites.map((suite) => resolve(folder, suite)) } }),
  }
}

/** Below src/ or dist/. */
const SHIPPED = fileURLToPath(new URL('../../../suites/prompts', import.meta.url))

/** As promptfoo takes it. */
export function promptFile(prompt: string, folder: string, where: string): string {
  if (prompt.startsWith('file://')) {
    const file = resolve(folder, prompt.slice('file://'.length))
    if (existsSync(file)) return `file://${file}`
    const near = nearestPath(file)
    throw new ConfigError(
      `"prompt" in ${where} names ${file}, which is not there. ${near ? `Did you mean ${near}?` : 'Paths are relative to the training file.'}`,
    )
  }
  if ((PROMPTS as readonly string[]).includes(prompt)) return `file://${resolve(SHIPPED, `${prompt}.j2`)}`
  const nearest = nearestName(prompt, PROMPTS)
  throw new ConfigError(
    `"prompt" in ${where} must be one of ${PROMPTS.join(', ')}, or file:// and a file. Got "${prompt}". ${nearest ? `Did you mean "${nearest}"?` : 'Correct it.'}`,
  )
}

/** What a stage that learns from such a stage may say. */
export const learnKeys = {
  from: key(text().optional(), 'an earlier stage of `kind: generate`, whose kept answers are learnt: [Answers of a teacher](generate.md)', {
    absent: 'the rows of `suite` alone',
  }),
  tags: key(choice(['kept', 'removed']).optional(), 'with `from`: `removed` learns the tag-free twins, for a control arm', {
    absent: '`kept`',
  }),
  prompt: promptKey,
}

/** A stage as the check of `from` sees it. */
interface Named {
  name: string
  kind: string
  suite?: string
  provider?: string
  prompt?: string
  from?: string
  tags?: string
  response?: string
}

/** Where the answers of a `from` come from: what the stage has that asks for them. Throws ConfigError. */
export function sourceOf<S extends Named>(stage: S, before: readonly Named[], where: string): Named | undefined {
  const { from, suite, tags, response } = stage
  if (from === undefined) {
    if (suite === undefined)
      throw new ConfigError(`"suite" is missing in ${where}: a promptfoo config whose tests are the rows. Add it, or "from".`)
    if (response === undefined)
      throw new ConfigError(`"response" is missing in ${where}: a template of the response over a row's vars. Add it.`)
    if (tags === 'removed') throw new ConfigError(`"tags: removed" in ${where} goes with "from". Leave it out.`)
    return undefined
  }
  const known = before.filter(({ kind }) => kind === 'generate').map(({ name }) => name)
  const source = before.find(({ name, kind }) => name === from && kind === 'generate')
  if (source) return source
  const nearest = nearestName(from, known)
  const next = nearest ? `Did you mean "${nearest}"?` : known.length > 0 ? `There are: ${known.join(', ')}.` : 'There is none before it.'
  throw new ConfigError(`"from" in ${where} must name an earlier stage of kind generate. Got "${from}". ${next}`)
}
