/**
 * Group relative policy optimization, top to bottom: draw prompts, roll out a group for each, reward by the suite's
 * assertions, advantages within the group, drop groups without signal, pack every token in the context it was sampled
 * in and the prompt of a group once, forward, clipped policy loss, backward, update.
 */

import type { UpdateResult } from '../engine/types.ts'
import { layoutTrajectory } from '../thinking/layout.ts'
import { sampledLogprobs } from '../thinking/trajectory.ts'
import { groupAdvantages, isInformative } from './advantages.ts'
import { drawIndices, splitEvenly } from './batches.ts'
import type { GrpoStage } from './config.ts'
import { openGraders } from './grader-host.ts'
import { lossNamed } from './losses/index.ts'
import { meanOver, type Tally } from './losses/loss.ts'
import { accumulate, type UpdateSample } from './micro-batches.ts'
import { type Recipe, type RolloutReport, type Session, type StepReport, updateOptions } from './recipe.ts'
import { checkMetrics, compileReward, resolveDoubts } from './rewards.ts'
import { type Rollout, Rollouts } from './rollouts.ts'
import { learningRate } from './schedule.ts'
import type { Suite } from './suite.ts'

export async function grpoRecipe(session: Session, stage: GrpoStage, suite: Suite): Promise<Recipe> {
  const { model, seed, sharesPrompts } = session
  const { microBatchTokens } = stage
  const { attention } = session.checkpoint.parallel
  const reward = await compileReward(stage.reward)
  const doubts = checkMetrics(reward, suite)
  const graders = await openGraders(suite, stage.graderTimeout)
  const rollouts = new Rollouts(session, stage, suite, graders)
  const warnings = await resolveDoubts(reward, suite, doubts, (row) => rollouts.gradeEmpty(row))
  const { request, budgets } = rollouts.first
  const { paths, maxBlocks, mode } = request
  const loss = lossNamed(stage.loss)({ ...stage, responseTokens: budgets.response })

  async function step(step: number): Promise<StepReport> {
    const rows = drawIndices(suite.rows.length, stage.prompts, step, seed, stage.name).map((index) => suite.rows[index])
    const groups = await rollouts.sample(rows, step)
    // Expressions count steps from 1.
    const rewards = groups.map((group) => group.map(({ metrics }) => reward.evaluate(metrics, step + 1)))
    const informative = groups.flatMap((group, g) =>
      isInformative(rewards[g]) && group.some(teaches) ? [toSamples(group, rewards[g])] : [],
    )

    const lr = learningRate({ ...stage, kind: stage.schedule }, step, stage.steps)
    const tallies: Tally[] = []
    const updates: UpdateResult[] = []
    for (const part of splitEvenly(informative, stage.updates)) {
      tallies.push(await accumulate(model, part.flat(), loss, { microBatchTokens, sharesPrompts }))
      updates.push(await model.update(updateOptions(stage, lr)))
    }

    return {
      loss: meanOver(tallies, 'loss'),
      lr,
      updates,
      tokens: groups.flat().reduce((sum, { thought }) => sum + thought.totalTokens, 0),
      rollouts: {
        ...describe(groups, rewards),
        informative: informative.length,
        clipFraction: meanOver(tallies, 'clipped'),
        entropy: meanOver(tallies, 'entropy'),
        lossTokens: tallies.reduce((sum, { lossTokens }) => sum + lossTokens, 0),
        // Later updates of a step train on samples of older weights.
        gap: { mean: tallies[0]?.mean('gap') ?? 0, max: tallies[0]?.max('gap') ?? 0 },
      },
    }
  }

  function teaches({ thought }: Rollout): boolean {
    return !stage.maskTruncated || thought.finishReason !== 'length'
  }

  function toSamples(group: readonly Rollout[], rewards: readonly number[]): UpdateSample[] {
    const advantages = groupAdvantages(rewards, stage.advantage)
    return group.map((rollout, member) => {
      const { trajectory } = rollout.thought
      return {
        layout: layoutTrajectory(trajectory, attention, { loss: 'sampled' }),
        temperature: trajectory.temperature,
        sampled: sampledLogprobs(trajectory),
        advantage: advantages[member],
        masked: !teaches(rollout),
      }
    })
  }

  // In causal mode all paths but the first are packed twice.
  const longest = rollouts.longestPrompt + budgets.response * (attention === 'causal' && mode === 'parallel' ? 2 : 1)
  return {
    steps: stage.steps,
    forwardTokens: Math.max(microBatchTokens, longest),
    data: `${suite.rows.length} rows, ${stage.prompts} prompts x ${stage.group} samples a step, ${stage.steps} steps, ${mode} decoding, at most ${budgets.response} tokens a response`,
    prompts: rollouts.prompts,
    warnings,
    close: () => graders.close(),
    decoding: mode === 'parallel' ? { budgets, paths, maxBlocks } : { budgets },
    step,
  }
}

/** Means over all samples of a step, those of dropped groups too. */
function describe(groups: readonly Rollout[][], rewards: readonly number[][]) {
  const samples = groups.flat()
  const values = rewards.flat()
  const mean = (numbers: readonly number[]): number => numbers.reduce((sum, n) => sum + n, 0) / Math.max(1, numbers.length)
  const reward = mean(values)
  const names = [...new Set(samples.flatMap(({ metrics }) => Object.keys(metrics)))]
  const report: Omit<RolloutReport, 'informative' | 'entropy' | 'clipFraction' | 'gap' | 'lossTokens'> = {
    reward,
    rewardStd: Math.sqrt(mean(values.map((value) => (value - reward) ** 2))),
    // A metric that only some rows have is the mean over those.
    metrics: Object.fromEntries(names.map((name) => [name, mean(samples.flatMap(({ metrics }) => metrics[name] ?? []))])),
    groups: groups.length,
    parallelRatio: mean(samples.map(({ thought }) => (thought.blocks.length > 0 ? 1 : 0))),
    responseTokens: mean(samples.map(({ thought }) => thought.totalTokens)),
    criticalPathTokens: mean(samples.map(({ thought }) => thought.criticalPathTokens)),
    truncated: mean(samples.map(({ thought }) => (thought.finishReason === 'length' ? 1 : 0))),
  }
  return report
}
