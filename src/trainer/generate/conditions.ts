/** The conditions of `accept`: expressions as in a reward, which also know figures of an answer that no assertion reports. */

import { ConfigError } from '../../engine/errors.ts'
import type { GenerateStage } from '../config/config.ts'
import { compileReward, type Reward } from '../rewards/rewards.ts'

/** Figures of every answer, beside the metrics of the assertions. */
export const FIGURES = ['tokens', 'characters', 'finished'] as const

interface Condition {
  condition: Reward
  /** The same with only the names that an assertion of the suite must have. */
  ofSuite: Omit<Reward, 'evaluate'>
}

/** Throws ConfigError where one does not parse, or asks for a step. */
export async function compileConditions({ accept, name }: Pick<GenerateStage, 'accept' | 'name'>): Promise<Condition[]> {
  return Promise.all(
    accept.map(async (expression) => {
      const condition = await compileReward(expression, 'condition')
      if (/\bstep\b/.test(expression)) {
        throw new ConfigError(`"accept" of stage "${name}" has no step: an answer is judged once. Got "${expression}". Leave it out.`)
      }
      const symbols = condition.symbols.filter((symbol) => !(FIGURES as readonly string[]).includes(symbol))
      return { condition, ofSuite: { ...condition, symbols } }
    }),
  )
}
