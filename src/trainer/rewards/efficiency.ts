/**
 * What is known to go wrong with rewards for short or parallel responses. Terms that do not ask whether the answer is right have collapsed
 * responses to a few tokens, and the division by the group's deviation has cost points against centring alone (ThreadWeaver,
 * arXiv 2512.07843): where all answers of a group are right, the smallest difference in length counts as much as an answer.
 */

import { allAssertions } from '../../grading/references.ts'
import type { GrpoStage } from '../config/config.ts'
import type { Suite } from '../suite/suite.ts'
import type { RewardTerm } from './reward-terms.ts'
import { type Reward, symbolOf } from './rewards.ts'

/** Assertions of this package that score tokens and no content. */
const ASSERTIONS = /^package:parallel-r1:(parallelEfficiency|lengthBudget)$/

/** And names that others give to theirs. */
const NAMES = /efficien|latenc|length|speed|brevity|depth/i

/** Lines for the plan of a run; none where no reward counts tokens. */
export function efficiencyWarnings(
  terms: readonly RewardTerm[],
  { advantage, name }: Pick<GrpoStage, 'advantage' | 'name'>,
  suite: Pick<Suite, 'rows'>,
): string[] {
  const metrics = new Set(
    suite.rows.flatMap(({ test }) =>
      allAssertions(test.assert ?? []).flatMap(({ metric, value }) => (metric && ASSERTIONS.test(String(value)) ? symbolOf(metric) : [])),
    ),
  )
  const counts = (symbol: string): boolean => metrics.has(symbol) || NAMES.test(symbol)
  const lines: string[] = []
  for (const { reward, where } of terms) {
    const symbol = reward.symbols.find(counts)
    if (symbol === undefined) continue
    if (advantage !== 'mean') {
      lines.push(
        `Warning: "advantage: ${advantage}" of stage "${name}" divides by a deviation, and "${symbol}" counts tokens. Where all answers of a group are right, the smallest difference in tokens then counts as much as an answer. Use advantage: mean.`,
      )
    }
    if (where === undefined && paysWrong(reward, symbol)) {
      lines.push(
        `Warning: the reward "${reward.expression}" of stage "${name}" pays for "${symbol}" where every other metric is 0, so for wrong answers too: responses may shrink to nothing. Give it \`where: answer\` as a reward of its own (suites/rewards/efficiency.yaml).`,
      )
    }
  }
  return lines
}

/** Whether the reward changes with the metric where all others are 0, at some early step. */
function paysWrong(reward: Reward, symbol: string): boolean {
  const at = (value: number, step: number): number =>
    reward.evaluate(Object.fromEntries(reward.symbols.map((name) => [name, name === symbol ? value : 0])), step)
  try {
    return Array.from({ length: 10 }, (_, i) => i + 1).some((step) => at(0, step) !== at(0.5, step))
  } catch {
    // Such as a division by another metric.
    return false
  }
}
