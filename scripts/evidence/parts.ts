/**
 * What is to be done, as parts that are done once each: of every seed the stages that all forms share, a cold start a form, RL an arm, and the
 * answers of every arm to the evaluation. A part has a folder and a digest of all that decides its result.
 *
 *   seed-1/base                 the shared stages
 *   seed-1/cold-start-parallel  from there
 *   seed-1/rl-s1                from there
 *   seed-1/answers-s1           results.json of promptfoo
 */

import { createHash } from 'node:crypto'
import path from 'node:path'
import { ConfigError } from '../../src/engine/errors.ts'
import { type Recipe, readRecipes, type Stage, shortened } from './recipe.ts'
import { armStages, type MadeSuites } from './rewards.ts'
import { derivedSuite } from './suite.ts'
import { type Arm, chooseArms, type EvidenceTable, type Form } from './table.ts'

interface Common {
  /** Its folder below that of the evidence. */
  id: string
  seed: number
  /** What the terminal calls it. */
  title: string
  /** The part whose checkpoint it begins with. */
  needs?: string
  digest: string
}

export interface TrainPart extends Common {
  kind: 'train'
  /** The training file, without the place of the run. Paths are absolute. */
  train: { [key: string]: unknown; stages: Stage[] }
  suites: MadeSuites
  /** Key of what a step costs, one a stage: arms of a form and stage cost alike. */
  rates: string[]
}

export interface EvaluationPart extends Common {
  kind: 'evaluation'
  arm: string
  /** Labels of the provider entries that answer. */
  columns: string[]
  variable: string
}

export type Part = TrainPart | EvaluationPart

export interface Sizes {
  seeds: readonly number[]
  arms?: readonly string[]
  /** At most so many steps a stage. */
  steps?: number
  /** At most so many problems are asked. */
  problems?: number
}

export interface Plan {
  table: EvidenceTable
  /** Chosen, in the order of the table. */
  arms: Arm[]
  seeds: readonly number[]
  parts: Part[]
  /** Steps of the first reward, by arm. */
  switches: Map<string, number>
  recipes: Map<string, Recipe>
  /** Of a try-out: its figures say nothing of the method. */
  small: boolean
  problems?: number
}

/** Absolute paths would make another digest of a checkout that was moved. */
const digestOf = (content: unknown, home: string, root: string): string =>
  createHash('sha256').update(JSON.stringify(content).replaceAll(home, 'evidence:').replaceAll(root, 'root:')).digest('hex')

/** All parts, each behind what it needs. `home` is the folder of the evidence, `root` that of the repository. Throws ConfigError. */
export function planOf(table: EvidenceTable, sizes: Sizes, home: string, root: string): Plan {
  const { seeds, steps, problems } = sizes
  const arms = chooseArms(table, sizes.arms)
  // All forms, whatever is chosen: what they share does not depend on that.
  const recipes = readRecipes([...table.forms.values()].map(({ train }) => train))
  const switches = new Map<string, number>()
  const parts: Part[] = []
  const digests = new Map<string, string>()
  const digest = (content: object, needs: string | undefined) =>
    digestOf([content, needs === undefined ? undefined : digests.get(needs)], home, root)
  const train = (recipe: Recipe, one: Omit<TrainPart, 'kind' | 'digest' | 'train'> & { stages: Stage[] }) => {
    const { stages, ...part } = one
    const { settings, save } = recipe
    // The exact weights are what the next part begins with and what answers.
    const { best: _, bestMode: __, ...saved } = save as Record<string, unknown>
    const content = { ...settings, seed: part.seed, stages, save: { ...saved, dtype: 'float32' } }
    const model = part.needs === undefined ? recipe.model : { checkpoint: path.join(home, part.needs, 'run', 'final') }
    const whole = { ...content, model }
    digests.set(part.id, digest({ whole, suites: [...part.suites.values()] }, part.needs))
    parts.push({ ...part, kind: 'train', train: whole, digest: digests.get(part.id)! })
  }

  for (const seed of seeds) {
    const base = `seed-${seed}/base`
    const [{ common }] = recipes.values()
    if (common.length === 0) {
      throw new ConfigError(`The training files of ${table.file} share no stage, so there is no base to begin with. Let them begin alike.`)
    }
    const [recipe] = recipes.values()
    const stages = shortened(common, steps)
    train(recipe, { id: base, seed, title: 'base', suites: new Map(), rates: stages.map(({ name }) => name), stages })
    for (const form of table.forms.values()) {
      if (arms.some((arm) => arm.form === form.name)) addColdStart(form, seed, base)
    }
    for (const arm of arms) addArm(arm, table.forms.get(arm.form)!, seed)
  }
  const small = steps !== undefined || problems !== undefined
  return { table, arms, seeds, parts, switches, recipes, small, problems }

  function addColdStart(form: Form, seed: number, needs: string): void {
    const id = coldStartId(form.name, seed)
    const recipe = recipes.get(form.train)!
    const suites: MadeSuites = new Map()
    const stages = shortened(recipe.coldStart, steps).map((stage) => {
      if (!form.coldStart) return stage
      const file = path.join(home, id, 'suites', `${stage.name}.yaml`)
      suites.set(file, derivedSuite(form.coldStart.suite, { loader: form.coldStart.loader }))
      return { ...stage, suite: file }
    })
    const rates = stages.map(({ name }) => `${name}, ${form.name}`)
    train(recipe, { id, seed, title: `cold start, ${form.name}`, needs, suites, rates, stages })
  }

  function addArm(arm: Arm, form: Form, seed: number): void {
    const recipe = recipes.get(form.train)!
    const trained = arm.reward === undefined ? coldStartId(form.name, seed) : `seed-${seed}/rl-${arm.name}`
    if (arm.reward !== undefined) {
      const made = armStages(arm, form, shortened(recipe.rl, steps), path.join(home, trained, 'suites'))
      if (made.switchAfter !== undefined) switches.set(arm.name, made.switchAfter)
      const needs = coldStartId(form.name, seed)
      const rates = made.stages.map(() => rlRate(form.name))
      train(recipe, { id: trained, seed, title: arm.title, needs, suites: made.suites, rates, stages: made.stages })
    }
    const { column, plain, variable } = form
    const columns = [column, ...(plain === undefined ? [] : [plain])]
    const content = { evaluation: table.evaluation, columns, variable, problems }
    const id = `seed-${seed}/answers-${arm.name}`
    parts.push({
      kind: 'evaluation',
      id,
      seed,
      title: `answers of ${arm.title}`,
      arm: arm.name,
      needs: trained,
      columns,
      variable,
      digest: digest(content, trained),
    })
  }
}

export const rlRate = (form: string): string => `RL, ${form}`

const coldStartId = (form: string, seed: number): string => `seed-${seed}/cold-start-${form}`

/** Folder of the run of RL of an arm, below that of the evidence; undefined where it has none. */
export const runOf = (arm: Arm, seed: number): string | undefined =>
  arm.reward === undefined ? undefined : path.join(`seed-${seed}`, `rl-${arm.name}`, 'run')

/** File of the answers of an arm, below the folder of the evidence. */
export const answersOf = (arm: Arm, seed: number): string => path.join(`seed-${seed}`, `answers-${arm.name}`, 'results.json')
