/** What a stage may say of evaluation during a run: the keys, and what several of them decide together. */

import { basename, dirname, extname, resolve } from 'node:path'
import { z } from 'zod'
import { choice, type Filled, int, key, mapping, number, text } from '../../config/table.ts'
import { ConfigError } from '../../engine/errors.ts'
import { isObject } from '../../json.ts'
import { nearestName } from '../../nearest-name.ts'

const evaluation = mapping({
  name: key(text().optional(), 'what the log and `save.best` call it', {
    absent: 'after the file of the suite, or after its folder where that is `promptfooconfig.yaml`',
    change: 'free',
  }),
  suite: key(text(), 'a promptfoo config, relative to this file: its tests are asked, its assertions score', { change: 'free' }),
  provider: key(text().optional(), 'label of the provider entry whose settings decode', { absent: "the suite's first", change: 'free' }),
  metric: key(text().default('answer'), 'the metric that says what is right, by a score of 1', { change: 'free' }),
  every: key(int({ min: 1 }).optional(), 'how often, beside before the first step and after the last', {
    unit: 'steps',
    absent: 'only then',
    change: 'free',
  }),
  samples: key(int({ min: 1 }).default(1), 'responses to a test, each with a seed of its own', { change: 'free' }),
  maxProblems: key(int({ min: 1 }).optional(), 'only the first so many tests', { absent: 'all', change: 'free' }),
  graderTimeout: key(number({ above: 0 }).default(60), 'longest time in which no grader gives a verdict, after which the run stops', {
    unit: 'seconds',
    change: 'free',
  }),
})

/** Keys of a stage of either kind. */
export const evaluationKeys = {
  evaluate: key(
    z.array(evaluation).min(1).optional(),
    'held-out suites that are evaluated during the stage, one or a list: [A run](runs.md#evaluate-during-a-run)',
    { absent: 'none', hint: 'Each has suite, and may have every, samples and others.', change: 'free', orOne: true },
  ),
  patience: key(int({ min: 1 }).optional(), 'evaluations in a row without a better `save.best`, after which the stage ends', {
    absent: 'it does all its steps',
    change: 'free',
  }),
}

/** Keys of `save`. */
export const bestKeys = {
  best: key(
    text().optional(),
    'the figure of an evaluation whose best checkpoint is kept in `best`: `NAME.METRIC`, such as `countdown.answer`, or `NAME.pass@4`',
    { absent: 'none is kept', change: 'free' },
  ),
  bestMode: key(choice(['max', 'min']).default('max'), 'whether more of it is better, or less', { change: 'free' }),
}

/** Folders of a run that evaluates: every sample, and the best checkpoint. */
export const SAMPLES_FOLDER = 'evaluations'
export const BEST_FOLDER = 'best'

/** With a name and an absolute path. */
export type EvaluationConfig = Filled<z.output<typeof evaluation>, 'name'>

/** What several keys of the file decide together. */
interface Evaluated {
  stages: readonly { name: string; evaluate?: readonly EvaluationConfig[]; patience?: number }[]
  save: { best?: string }
}

/** Raw stages in which `evaluate` is always a list. */
export function withEvaluationLists(stages: unknown): unknown {
  if (!Array.isArray(stages)) return stages
  return stages.map((stage: unknown) => {
    const { evaluate } = (stage ?? {}) as { evaluate?: unknown }
    return isObject(evaluate) ? { ...(stage as object), evaluate: [evaluate] } : stage
  })
}

/** Names and paths filled in. Throws ConfigError on a name that cannot stand in `save.best` or twice in a stage. */
export function fillEvaluations(
  evaluate: readonly z.output<typeof evaluation>[] | undefined,
  folder: string,
  where: string,
): EvaluationConfig[] | undefined {
  const names = new Set<string>()
  return evaluate?.map((one) => {
    const suite = resolve(folder, one.suite)
    const name = one.name ?? nameOf(suite)
    if (!/^[A-Za-z0-9][\w-]*$/.test(name)) {
      throw new ConfigError(
        `The name of an evaluation in ${where} becomes a folder and stands before the dot in save.best. Got "${name}". Use letters, digits, - and _.`,
      )
    }
    if (names.has(name)) throw new ConfigError(`Two evaluations in ${where} are called "${name}". Give one of them another name.`)
    names.add(name)
    return { ...one, name, suite }
  })
}

function nameOf(suite: string): string {
  const file = basename(suite, extname(suite))
  return (file === 'promptfooconfig' ? basename(dirname(suite)) : file).replace(/[^\w-]/g, '-')
}

/** `NAME.METRIC`; a metric may hold dots. */
export function splitBest(best: string): { name: string; figure: string } | undefined {
  const [, name, figure] = /^([^.]+)\.(.+)$/.exec(best) ?? []
  return name === undefined ? undefined : { name, figure }
}

/** Throws ConfigError where `save.best` or `patience` speak of what is not evaluated, or one name means two evaluations. */
export function checkEvaluations({ stages, save }: Evaluated, file: string): void {
  const taken = [...(stages.some(({ evaluate }) => evaluate) ? [SAMPLES_FOLDER] : []), ...(save.best === undefined ? [] : [BEST_FOLDER])]
  const meanings = new Map<string, string>()
  for (const { name: stage, evaluate = [], patience } of stages) {
    if (taken.includes(stage)) {
      throw new ConfigError(`"${stage}" is a folder of a run that evaluates. Got a stage of ${file} with this name. Give it another name.`)
    }
    for (const { name, every: _, graderTimeout: __, ...rest } of evaluate) {
      const meaning = JSON.stringify(rest)
      if ((meanings.get(name) ?? meaning) !== meaning) {
        throw new ConfigError(
          `The evaluation "${name}" of stage "${stage}" of ${file} is another in an earlier stage. Give it a name of its own, or the same suite, provider, metric, samples and maxProblems.`,
        )
      }
      meanings.set(name, meaning)
    }
    if (patience === undefined) continue
    if (save.best === undefined) {
      throw new ConfigError(`"patience" in stage "${stage}" of ${file} waits for a better "save.best", which is not set. Add it.`)
    }
    const waitsFor = splitBest(save.best)?.name
    if (!evaluate.some(({ name }) => name === waitsFor)) {
      throw new ConfigError(
        `"patience" in stage "${stage}" of ${file} waits for a better ${save.best}, which the stage does not evaluate. Got ${listed(evaluate.map(({ name }) => name))}. Add "${waitsFor}" to its "evaluate".`,
      )
    }
  }
  if (save.best === undefined) return
  const parts = splitBest(save.best)
  if (!parts) {
    throw new ConfigError(
      `"best" in "save" in ${file} is the name of an evaluation, a dot and a metric. Got "${save.best}". Write for example countdown.answer.`,
    )
  }
  const known = [...meanings.keys()]
  if (known.includes(parts.name)) return
  const nearest = nearestName(parts.name, known)
  throw new ConfigError(
    `"best" in "save" in ${file} names the evaluation "${parts.name}", which no stage has. ${nearest ? `Did you mean "${nearest}"?` : `There are: ${listed(known)}.`}`,
  )
}

const listed = (names: readonly string[]): string => names.join(', ') || 'none'
