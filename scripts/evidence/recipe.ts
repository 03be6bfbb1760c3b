/**
 * What the arms take from the training files. The forms share the stages with which their files begin alike: base and reading. Then each file
 * has its cold start, and then RL. Nothing is copied by hand, so a change of the recipe changes the arms.
 */

import { readFileSync } from 'node:fs'
import path from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import { parse } from 'yaml'
import { type ConfigObject, readObject } from '../../src/config-keys.ts'
import { ConfigError } from '../../src/engine/errors.ts'

/** A stage as its file has it, with an absolute suite. */
export type Stage = ConfigObject & { name: string; kind: string; suite: string; steps?: number }

export interface Recipe {
  file: string
  /** Keys of the file beside output, seed, model, stages and save. */
  settings: ConfigObject
  /** From random weights, with an absolute tokenizer. */
  model: ConfigObject
  save: ConfigObject
  common: Stage[]
  coldStart: Stage[]
  rl: Stage[]
}

/** What depends on a run and not on the recipe. Evaluations on the way would cost time, and the last weights are what is compared. */
const LEFT_OUT = ['evaluate', 'patience']

interface TrainFile extends Pick<Recipe, 'file' | 'settings' | 'model' | 'save'> {
  stages: Stage[]
}

/** Reads the training files of all forms. Throws ConfigError where they are no recipe of the same beginning, cold start and RL. */
export function readRecipes(files: readonly string[]): Map<string, Recipe> {
  const read = [...new Set(files)].map(readTrainFile)
  for (const { model, file } of read) {
    if (!isDeepStrictEqual(model, read[0].model)) {
      throw new ConfigError(`The forms must train the same model. "model" in ${file} is not that in ${read[0].file}. Make them alike.`)
    }
  }
  let common = 0
  const alike = (index: number) => read.every(({ stages }) => stages[index] && isDeepStrictEqual(stages[index], read[0].stages[index]))
  while (read.length > 1 && alike(common) && read[0].stages[common].kind === 'sft') common++
  return new Map(read.map((one) => [one.file, divide(one, common)]))
}

function divide({ stages, file, ...rest }: TrainFile, common: number): Recipe {
  const own = stages.slice(common)
  const first = own.findIndex(({ kind }) => kind === 'grpo')
  const rl = first < 0 ? [] : own.slice(first)
  const coldStart = first < 0 ? own : own.slice(0, first)
  if (coldStart.length === 0 || rl.length === 0 || rl.some(({ kind }) => kind !== 'grpo')) {
    const got = own.map(({ name, kind }) => `${name} (${kind})`).join(', ') || 'none'
    throw new ConfigError(
      `Behind the stages that all forms share, ${file} needs a cold start (sft) and then RL (grpo) to its end. Got ${got}. Correct it, or name other files in the table of arms.`,
    )
  }
  return { ...rest, file, common: stages.slice(0, common), coldStart, rl }
}

function readTrainFile(file: string): TrainFile {
  let raw: ConfigObject
  try {
    raw = readObject(parse(readFileSync(file, 'utf8')), file)
  } catch (error) {
    if (error instanceof ConfigError) throw error
    throw new ConfigError(`The training file ${file} cannot be read: ${(error as Error).message}. Correct "train" in the table of arms.`)
  }
  const { model, stages, save, output: _, seed: __, ...settings } = raw
  const folder = path.dirname(file)
  const init = readObject(readObject(model, `"model" in ${file}`).init, `"init" in "model" in ${file}`)
  if (!Array.isArray(stages)) throw new ConfigError(`${file} has no list of stages. Name a training file.`)
  return {
    file,
    settings,
    model: { ...(model as ConfigObject), init: { ...init, tokenizer: path.resolve(folder, String(init.tokenizer)) } },
    save: readObject(save ?? {}, `"save" in ${file}`),
    stages: stages.map((stage, i) => readStage(stage, folder, `stage ${i + 1} of ${file}`)),
  }
}

function readStage(raw: unknown, folder: string, where: string): Stage {
  const stage = readObject(raw, where)
  if (typeof stage.suite !== 'string') throw new ConfigError(`"suite" is missing in ${where}. Add it.`)
  if ('difficulty' in stage)
    throw new ConfigError(`${where} takes problems by the pass rate of an earlier run (difficulty), which the arms do not have. Remove it.`)
  const kept = Object.fromEntries(Object.entries(stage).filter(([name]) => !LEFT_OUT.includes(name)))
  return { ...kept, suite: path.resolve(folder, stage.suite) } as Stage
}

/** At most `steps` steps a stage; undefined: as the file has it. */
export function shortened(stages: readonly Stage[], steps: number | undefined): Stage[] {
  if (steps === undefined) return [...stages]
  return stages.map(({ epochs: _, ...stage }) => ({ ...stage, steps: Math.min(steps, stage.steps ?? steps) }) as Stage)
}
