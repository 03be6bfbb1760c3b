/**
 * Group relative policy optimization, top to bottom: draw prompts, roll out a group for each, reward by the suite's
 * assertions, advantages within the group, drop groups without signal, pack every token in the context it was sampled
 * in and the prompt of a group once, forward, clipped policy loss, backward, update.
 */

import { layoutTrajectory, packLayouts } from '../thinking/layout.ts'
import { branchLength, samePrompt, sharePrompt } from '../thinking/shared-prompt.ts'
import { sampledLogprobs } from '../thinking/trajectory.ts'
import type { Layout } from '../thinking/types.ts'
import { groupAdvantages, isInformative } from './advantages.ts'
import { drawIndices, packByBudget, runsAlike, splitEvenly } from './batches.ts'
import type { GrpoStage } from './config.ts'
import { PolicyLoss } from './objective.ts'
import { type Recipe, type RolloutReport, type Session, type StepReport, updateOptions } from './recipe.ts'
import { compileReward } from './rewards.ts'
import { type Rollout, Rollouts } from './rollouts.ts'
import { learningRate } from './schedule.ts'
import { Scorer } from './scoring.ts'
import type { Suite } from './suite.ts'

/** A rollout with what the loss needs of it. */
interface Sample {
  layout: Layout
  temperature: number
  /** Log-probabilities of the sampled tokens, in the order of `layout.sampledIndex`. */
  sampledLogprobs: number[]
  advantage: number
}

export async function grpoRecipe(session: Session, stage: GrpoStage, suite: Suite): Promise<Recipe> {
  const { model, seed, sharesPrompts } = session
  const { attention } = session.checkpoint.parallel
  const reward = await compileReward(stage.reward)
  const rollouts = new Rollouts(session, stage, suite, await Scorer.open(suite))
  const { request, budgets } = rollouts.first
  const { paths, maxBlocks, mode } = request

  async function step(step: number): Promise<StepReport> {
    const rows = drawIndices(suite.rows.length, stage.prompts, step, seed, stage.name).map((index) => suite.rows[index])
    const groups = await rollouts.sample(rows, step)
    // Expressions count steps from 1.
    const rewards = groups.map((group) => group.map(({ metrics }) => reward.evaluate(metrics, step + 1)))
    const informative = groups.flatMap((group, g) => (isInformative(rewards[g]) ? [toSamples(group, rewards[g])] : []))

    const lr = learningRate({ ...stage, kind: stage.schedule }, step, stage.steps)
    const done: { loss: PolicyLoss; gradNorm: number; skipped: boolean }[] = []
    for (const part of splitEvenly(informative, stage.updates)) {
      const loss = await accumulate(part.flat())
      done.push({ loss, ...(await model.update(updateOptions(stage, lr))) })
    }

    const { loss, ...shares } = PolicyLoss.merge(done.map((update) => update.loss))
    return {
      loss,
      lr,
      gradNorm: done.at(-1)?.gradNorm ?? 0,
      skipped: done.filter((update) => update.skipped).length,
      tokens: groups.flat().reduce((sum, { thought }) => sum + thought.totalTokens, 0),
      rollouts: { ...describe(groups, rewards), informative: informative.length, ...shares, gap: done[0]?.loss.gap ?? { mean: 0, max: 0 } },
    }
  }

  function toSamples(group: readonly Rollout[], rewards: readonly number[]): Sample[] {
    const advantages = groupAdvantages(rewards, stage.advantage)
    return group.map(({ thought: { trajectory } }, member) => ({
      layout: layoutTrajectory(trajectory, attention, { loss: 'sampled' }),
      temperature: trajectory.temperature,
      sampledLogprobs: sampledLogprobs(trajectory),
      advantage: advantages[member],
    }))
  }

  /** Gradients of one update, token-level: every token with loss weighs the same, in whatever micro-batch it is. */
  async function accumulate(samples: readonly Sample[]): Promise<PolicyLoss> {
    const tokens = samples.reduce((sum, sample) => sum + sample.sampledLogprobs.length, 0)
    const loss = new PolicyLoss(stage, tokens)
    for (const alike of runsAlike(samples, (a, b) => a.temperature === b.temperature)) {
      for (const part of packByBudget(alike, addedTokens, stage.microBatchTokens)) {
        const runs = runsAlike(part, share)
        const layouts = runs.map((run) => sharePrompt(run.map((sample) => sample.layout)))
        const { batch, starts } = packLayouts(layouts)
        const { logprobs, entropies } = await model.forward({ ...batch, temperature: part[0].temperature }, { entropy: true })
        const weights = new Float32Array(logprobs.length)
        runs.forEach((run, k) => {
          let next = 0
          for (const { sampledLogprobs, advantage } of run) {
            for (const sampled of sampledLogprobs) {
              const i = starts[k] + layouts[k].sampledIndex[next++]
              weights[i] = loss.add(logprobs[i], sampled, advantage, entropies![i])
            }
          }
        })
        await model.backward(weights)
      }
    }
    return loss
  }

  function share(before: Sample, sample: Sample): boolean {
    return sharesPrompts && samePrompt(before.layout, sample.layout)
  }

  /** A group that a micro-batch cannot hold is cut; each part has the prompt once. */
  function addedTokens(sample: Sample, before?: Sample): number {
    return before && share(before, sample) ? branchLength(sample.layout) : sample.layout.ids.length
  }

  // In causal mode all paths but the first are packed twice.
  const longest = rollouts.longestPrompt + budgets.response * (attention === 'causal' && mode === 'parallel' ? 2 : 1)
  return {
    steps: stage.steps,
    forwardTokens: Math.max(stage.microBatchTokens, longest),
    data: `${suite.rows.length} rows, ${stage.prompts} prompts x ${stage.group} samples a step, ${stage.steps} steps, ${mode} decoding, at most ${budgets.response} tokens a response`,
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
