/** What is kept of a step of GRPO: each rollout as its assertions saw it, with its scores and what it taught. */

import { createHash } from 'node:crypto'
import type { ProviderResponse } from 'promptfoo'
import type { KeptRollout, StepHeader } from '../../rollouts/format.ts'
import { runsOf } from '../../thinking/trajectory.ts'
import type { Trajectory } from '../../thinking/types.ts'
import type { GrpoStage } from '../config/config.ts'
import type { TermRewards } from '../rewards/advantages.ts'
import type { JudgedGroups } from '../rewards/path-credit.ts'
import type { RewardTerm } from '../rewards/reward-terms.ts'
import type { Rollout } from '../samples/rollouts.ts'
import type { SuiteRow } from '../suite/suite.ts'

/** A step without its place in the run. */
export interface JudgedStep {
  header: Pick<StepHeader, 'terms' | 'advantage' | 'combine'>
  rollouts: KeptRollout[]
}

interface StepSamples {
  /** Of each group: the row that it samples, and its index in the suite. */
  rows: readonly SuiteRow[]
  indices: readonly number[]
  groups: readonly (readonly Rollout[])[]
  /** [group][sample] of each term. */
  evaluated: readonly TermRewards[]
  judged: JudgedGroups
  penalties?: readonly (readonly number[])[]
  /** [group][sample]: it teaches nothing, as a budget ended it. */
  masked: readonly (readonly boolean[])[]
}

export function judgedStep(stage: Pick<GrpoStage, 'advantage' | 'combine'>, terms: readonly RewardTerm[], step: StepSamples): JudgedStep {
  const { rows, indices, groups, evaluated, judged, penalties, masked } = step
  return {
    header: { terms: terms.map(termText), advantage: stage.advantage, combine: stage.combine },
    rollouts: groups.flatMap((group, g) =>
      group.map(({ text, metadata, metrics, thought }, m): KeptRollout => {
        // How much was guessed ahead depends on what else ran.
        const { speculation: _, ...kept } = metadata
        return {
          group: g,
          member: m,
          row: indices[g],
          problem: problemOf(rows[g], indices[g]),
          prompt: rows[g].prompt,
          text,
          metadata: kept,
          digest: digestOf(thought.trajectory),
          metrics,
          rewards: evaluated.map(({ rewards }) => rewards[g][m] ?? null),
          reward: judged.rewards[g][m],
          ...(penalties && { penalty: penalties[g][m] }),
          advantage: judged.advantages[g][m],
          ...(judged.paths && {
            paths: judged.paths.advantages[g][m].map((block, b) =>
              block.map((advantage, k) => ({ found: judged.paths!.found[g][m][b][k], advantage })),
            ),
            outside: judged.paths.outside[g][m],
          }),
          teaches: judged.informative[g] && !masked[g][m],
        }
      }),
    ),
  }
}

/** The response as the assertions saw it, but for its log-probabilities: those are not kept. */
export function keptResponse({ text, metadata }: KeptRollout): ProviderResponse {
  const { promptTokens: prompt, totalTokens: completion, finishReason } = metadata
  const tokenUsage = { prompt, completion, total: prompt + completion, numRequests: 1 }
  return { output: text, tokenUsage, finishReason, metadata: { ...metadata } }
}

/** A term as its configuration has it. */
function termText({ reward, weight, where }: RewardTerm): StepHeader['terms'][number] {
  return { reward: reward.expression, weight, ...(where && { where: where.expression }) }
}

function problemOf({ vars: { id } }: SuiteRow, index: number): string {
  return typeof id === 'string' || typeof id === 'number' ? String(id) : String(index + 1)
}

/** Of ids and log-probabilities, bit for bit. */
function digestOf(trajectory: Trajectory): string {
  const hash = createHash('sha256')
  for (const { ids, logprobs } of runsOf(trajectory)) {
    hash.update(Int32Array.from(ids)).update(Float64Array.from(logprobs))
  }
  return hash.digest('base64url').slice(0, 22)
}
