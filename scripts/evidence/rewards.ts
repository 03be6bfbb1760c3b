/** The RL stages of an arm: those of the training file with the arm's reward. */

import { readFileSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { parse } from 'yaml'
import { ConfigError } from '../../src/engine/errors.ts'
import type { Stage } from './recipe.ts'
import { derivedSuite, type SuiteChanges } from './suite.ts'
import type { Arm, Form } from './table.ts'

const folder = fileURLToPath(new URL('../../suites/rewards', import.meta.url))

/** The expression in suites/rewards/NAME.yaml. Throws ConfigError where it is none. */
export function readReward(name: string): string {
  const file = path.join(folder, `${name}.yaml`)
  let content: unknown
  try {
    content = parse(readFileSync(file, 'utf8'))
  } catch (error) {
    throw new ConfigError(`There is no reward "${name}": ${(error as Error).message}. Name a file of suites/rewards without its ending.`)
  }
  if (typeof content === 'string') return content
  throw new ConfigError(`The reward ${file} is not one expression, which an arm needs. Use s1, s2 or strict.`)
}

/** `first` for so many steps of a stage and then `then`; `step` counts from 1 in each stage. */
export function switched(first: string, then: string, steps: number): string {
  return `step > ${steps} ? (${then}) : (${first})`
}

/** A suite that is made for an arm: name of its file and content. */
export type MadeSuites = Map<string, string>

export interface ArmStages {
  stages: Stage[]
  /** By the absolute path of the file that `stages` name. */
  suites: MadeSuites
  /** Steps of the first reward; undefined where there is one reward. */
  switchAfter?: number
}

/** The stages of RL. Suites that differ from the training file's are made in `home`. */
export function armStages(arm: Arm, form: Form, rl: readonly Stage[], home: string): ArmStages {
  const suites: MadeSuites = new Map()
  const suiteOf = (stage: Stage, more: SuiteChanges, name: string): string => {
    const changes = { ...(Object.keys(form.assertions).length > 0 && { assertions: form.assertions }), ...more }
    if (Object.keys(changes).length === 0) return stage.suite
    const file = path.join(home, `${name}.yaml`)
    suites.set(file, derivedSuite(stage.suite, changes))
    return file
  }
  // What a file says of rewards is replaced as a whole.
  const rewarded = ({ rewards: _, combine: __, ...stage }: Stage, reward: string, suite: string): Stage =>
    ({ ...stage, suite, reward }) as Stage
  const then = readReward(arm.reward!)
  const total = rl.reduce((sum, stage) => sum + stepsOf(stage), 0)
  const { first } = arm
  if (!first) return { stages: rl.map((stage) => rewarded(stage, then, suiteOf(stage, {}, stage.name))), suites }

  if (total < 2) throw new ConfigError(`Arm "${arm.name}" has two rewards, so RL needs 2 steps or more. Got ${total}. Raise --steps.`)
  const before = readReward(first.reward)
  const switchAfter = Math.min(total - 1, Math.max(1, Math.round(total * first.share)))
  const stages: Stage[] = []
  if (first.tests) {
    const suite = suiteOf(rl[0], { tests: first.tests }, 'first')
    stages.push({ ...rewarded(rl[0], before, suite), name: 'first', steps: switchAfter } as Stage)
  }
  let done = 0
  for (const stage of rl) {
    const steps = stepsOf(stage)
    const suite = suiteOf(stage, {}, stage.name)
    const left = Math.max(0, switchAfter - done)
    done += steps
    if (first.tests) {
      // The stage of its own takes the place of the first steps.
      if (steps > left) stages.push({ ...rewarded(stage, then, suite), steps: steps - left } as Stage)
    } else {
      const reward = left === 0 ? then : left >= steps ? before : switched(before, then, left)
      stages.push(rewarded(stage, reward, suite))
    }
  }
  return { stages, suites, switchAfter }
}

function stepsOf({ name, steps }: Stage): number {
  if (typeof steps === 'number') return steps
  throw new ConfigError(`Stage "${name}" has no "steps", which RL needs. Got ${String(steps)}. Add them to the training file.`)
}
