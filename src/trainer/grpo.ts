/**
 * Group relative policy optimization, top to bottom: draw prompts, roll out a group for each, reward by the suite's
 * assertions, advantages within the group, drop groups without signal, pack every token in the context it was sampled
 * in and the prompt of a group once, forward, policy loss, backward, update.
 */

import { CheckpointError } from '../engine/errors.ts'
import type { UpdateResult } from '../engine/types.ts'
import { layoutTrajectory } from '../thinking/layout.ts'
import { sampledLogprobs } from '../thinking/trajectory.ts'
import type { GrpoStage } from './config/config.ts'
import { GraderClock } from './doctor/grader-clock.ts'
import { namesOf } from './doctor/metrics.ts'
import type { Probe, ProbeOptions } from './doctor/probe.ts'
import { type Graders, openGraders, unlessItThrows } from './grading/grader-host.ts'
import { judgedStep } from './kept/step.ts'
import { lossNamed } from './losses/index.ts'
import { meanOver, type Tally } from './losses/loss.ts'
import { k3 } from './losses/parts/kl.ts'
import type { Session } from './model/session.ts'
import { type Recipe, type RolloutReport, type StepReport, updateOptions } from './recipe.ts'
import { type StepAdvantages, stepAdvantages, type TermRewards } from './rewards/advantages.ts'
import { efficiencyWarnings } from './rewards/efficiency.ts'
import { type JudgedGroups, outsideAdvantages, pathAdvantages, tokenAdvantages } from './rewards/path-credit.ts'
import { compileCredit, type Metrics, type PathCredit } from './rewards/path-grader.ts'
import { compileTerms, evaluateTerms, expressionsOf, type RewardTerm } from './rewards/reward-terms.ts'
import { checkMetrics, type Doubt, type Reward, resolveDoubts, symbolOf } from './rewards/rewards.ts'
import { sampleRefilled } from './samples/refill.ts'
import { type Rollout, Rollouts } from './samples/rollouts.ts'
import type { Suite, SuiteRow } from './suite/suite.ts'
import { drawIndices, splitEvenly } from './update/batches.ts'
import { afterUpdate, coefficientNow, firstControl, hasBonus } from './update/entropy-bonus.ts'
import { accumulate, type UpdateSample } from './update/micro-batches.ts'
import { ReferencePolicy } from './update/reference.ts'
import { learningRate } from './update/schedule.ts'
import { largestShard } from './update/shards.ts'

export async function grpoRecipe(session: Session, stage: GrpoStage, suite: Suite): Promise<Recipe> {
  const terms = await compileTerms(stage)
  const credit = await compileCredit(stage)
  const expressions = [...expressionsOf(terms), ...(credit ? [credit.reward] : [])]
  const doubts = expressions.map((expression) => checkMetrics(expression, suite))
  const graders = await openGraders(suite, stage.graderTimeout)
  return unlessItThrows(graders, () => gradedRecipe(session, stage, suite, { terms, credit, expressions, doubts, graders }))
}

interface Judging {
  terms: RewardTerm[]
  credit: PathCredit | undefined
  /** All of these. */
  expressions: Reward[]
  doubts: Doubt[][]
  graders: Graders
}

async function gradedRecipe(
  session: Session,
  stage: GrpoStage,
  suite: Suite,
  { terms, credit, expressions, doubts, graders }: Judging,
): Promise<Recipe> {
  const { model, seed, sharesPrompts, shards, runner } = session
  const { microBatchTokens } = stage
  const { attention, outlines: planned } = session.checkpoint.parallel
  const rollouts = new Rollouts(session, stage, suite, graders, credit?.asResponse)
  const warnings = efficiencyWarnings(terms, stage, suite)
  for (const [i, expression] of expressions.entries()) {
    warnings.push(...(await resolveDoubts(expression, suite, doubts[i], (row) => rollouts.gradeEmpty(row))))
  }
  const { request, budgets } = rollouts.first
  const { paths, maxBlocks, mode, outlines = false, pathStarts } = request
  const packing = { microBatchTokens, sharesPrompts, shards, runner }
  const inReward = stage.klIn === 'reward'
  /** Of the step under way. */
  let control = firstControl(stage)
  const loss = lossNamed(stage.loss)({
    ...stage,
    responseTokens: budgets.response,
    kl: inReward ? 0 : stage.kl,
    entropyBonus: hasBonus(stage) ? () => coefficientNow(control, stage) : undefined,
  })

  async function step(step: number, before = firstControl(stage)): Promise<StepReport> {
    control = before
    const { indices, groups, rounds } = await sampleRefilled(drawIndices(suite.rows.length, stage.prompts, step, seed, stage.name), {
      size: suite.rows.length,
      goal: stage.prompts,
      rounds: stage.refill,
      address: [seed, stage.name, step],
      sample: (some, before) => rollouts.sample(rowsAt(some), step, { before }),
      teaching: (some) => teachingOf(some, step),
    })
    const rows = rowsAt(indices)
    const reference = stage.kl > 0 ? referenceAt(step) : undefined
    const samples = groups.map((group) => group.map(layOut))
    const penalties = reference && inReward ? await penaltiesOf(samples, reference) : undefined
    // Expressions count steps from 1.
    const evaluated = evaluateTerms(terms, groups, step + 1)
    const judged = judge(groups, evaluated, step, penalties)
    const informative = samples.flatMap((group, g) =>
      judged.informative[g] && !group.every(({ masked }) => masked)
        ? [group.map((sample, m) => ({ ...sample, ...advantagesOf(judged, groups[g][m], g, m) }))]
        : [],
    )
    if (reference && !inReward) await scoreReference(informative.flat(), reference)

    const lr = learningRate({ ...stage, kind: stage.schedule }, step, stage.steps)
    const tallies: Tally[] = []
    const updates: UpdateResult[] = []
    for (const part of splitEvenly(informative, stage.updates)) {
      const tally = await accumulate(model, part.flat(), loss, packing)
      tallies.push(tally)
      updates.push(await model.update(updateOptions(stage, lr)))
      runner.updated?.()
      control = afterUpdate(control, tally, stage)
    }
    if (reference && stage.referenceEvery !== undefined && (step + 1) % stage.referenceEvery === 0) reference.follow(stage.referenceMix)

    const lossTokens = tallies.reduce((sum, tally) => sum + tally.lossTokens, 0)
    return {
      ...(lossTokens > 0 && { loss: meanOver(tallies, 'loss') }),
      lr,
      updates,
      tokens: groups.flat().reduce((sum, { thought }) => sum + thought.totalTokens, 0),
      rollouts: {
        ...describe(groups, judged.rewards),
        informative: informative.length,
        ...withoutSignal(judged),
        ...(stage.refill > 0 && { refills: rounds }),
        lossTokens,
        ...(lossTokens > 0 && learntFrom(tallies, reference !== undefined)),
        ...(hasBonus(stage) && { entropyBonus: control.coefficient }),
      },
      ...(hasBonus(stage) && { entropyControl: control }),
      kept: () => {
        const masked = samples.map((group) => group.map(({ masked = false }) => masked))
        return judgedStep(stage, terms, { rows, indices, groups, evaluated, judged, penalties, masked })
      },
    }
  }

  /** `step` from 0. A group whose rewards are all the same teaches where its paths differ. */
  function judge(
    groups: readonly Rollout[][],
    evaluated: readonly TermRewards[],
    step: number,
    penalties?: readonly (readonly number[])[],
  ): JudgedGroups {
    const judged = stepAdvantages(evaluated, { kind: stage.advantage, combine: stage.combine, penalties })
    if (!credit) return judged
    const worth = (metrics: Metrics): number => credit.reward.evaluate(metrics, step + 1)
    const { claim } = credit
    const found = groups.map((group) =>
      group.map(({ metrics, metadata, paths = [] }) => ({
        paths: paths.map((block) => block.map(worth)),
        response: worth(metrics),
        ...(claim !== undefined && { claims: metadata.tree.blocks.map(({ paths }) => paths.map(({ text }) => text.endsWith(claim))) }),
      })),
    )
    const paths = { ...pathAdvantages(found, stage.advantage), outside: outsideAdvantages(found, judged.advantages) }
    const informative = judged.informative.map((informs, g) => informs || paths.advantages[g].flat(2).some((advantage) => advantage !== 0))
    return { ...judged, informative, paths }
  }

  function advantagesOf({ advantages, paths }: JudgedGroups, { thought }: Rollout, g: number, m: number) {
    const advantage = advantages[g][m]
    const credit = paths && { paths: paths.advantages[g][m], outside: paths.outside[g][m] }
    return { advantage, ...(credit && { advantages: tokenAdvantages(thought.trajectory, credit) }) }
  }

  function rowsAt(indices: readonly number[]): SuiteRow[] {
    return indices.map((index) => suite.rows[index])
  }

  /** How many of these groups teach. A penalty of the KL makes none of them informative. */
  function teachingOf(groups: readonly Rollout[][], step: number): number {
    const { informative } = judge(groups, evaluateTerms(terms, groups, step + 1), step)
    return groups.filter((group, g) => informative[g] && !group.every(isMasked)).length
  }

  /** The first prompts of the run, with responses that no step of it draws. */
  async function probe({ prompts, group }: ProbeOptions): Promise<Probe> {
    const count = Math.min(prompts, suite.rows.length)
    const rows = drawIndices(suite.rows.length, count, 0, seed, stage.name).map((index) => suite.rows[index])
    const clock = new GraderClock()
    rollouts.watch = clock
    const began = performance.now()
    const groups = await rollouts.sample(rows, stage.steps, { size: group })
    const seconds = (performance.now() - began) / 1000
    rollouts.watch = undefined
    const rewards = evaluateTerms(terms, groups, 1)
    const judged = judge(groups, rewards, 0)
    const samples = groups.map((one) => one.map(layOut))
    const teaching = samples.flatMap((one, g) =>
      judged.informative[g] ? one.map((sample, m) => ({ ...sample, reference: sample.sampled, advantage: judged.advantages[g][m] })) : [],
    )
    const training = await timed(teaching)
    return {
      sample: layOut(groups.flat().find(({ thought }) => thought.blocks.length > 0) ?? groups[0][0]),
      rollouts: {
        groups,
        rewards: judged.rewards,
        classes: groups.map((one, g) => one.map((_, m) => JSON.stringify(rewards.map((term) => term.rewards[g][m] ?? null)))),
        used: new Set(namesOf(groups.flat()).filter((name) => expressions.some(({ symbols }) => symbols.includes(symbolOf(name))))),
        seconds,
        graderMs: clock.milliseconds,
        ...(training && { training }),
      },
    }
  }

  async function timed(samples: readonly UpdateSample[]): Promise<{ responses: number; seconds: number } | undefined> {
    if (samples.length === 0) return undefined
    const began = performance.now()
    await accumulate(model, samples, loss, packing)
    return { responses: samples.length, seconds: (performance.now() - began) / 1000 }
  }

  function isMasked({ thought }: Rollout): boolean {
    return stage.maskTruncated && thought.finishReason === 'length'
  }

  function layOut(rollout: Rollout): UpdateSample {
    const { trajectory } = rollout.thought
    return {
      layout: layoutTrajectory(trajectory, attention, { loss: 'sampled' }),
      temperature: trajectory.temperature,
      sampled: sampledLogprobs(trajectory),
      advantage: 0,
      masked: isMasked(rollout),
    }
  }

  /** The policy as the stage found it, or as it was when the reference last followed. */
  function referenceAt(step: number): ReferencePolicy {
    if (step === 0) session.reference = ReferencePolicy.of(model)
    const { reference } = session
    if (!reference) {
      throw new CheckpointError(
        `The state of step ${step} of stage "${stage.name}" has no reference policy, which its KL needs. Go on from another state.`,
      )
    }
    return reference
  }

  async function scoreReference(samples: readonly UpdateSample[], reference: ReferencePolicy): Promise<void> {
    const teaching = samples.filter(({ masked }) => !masked)
    const scored = await reference.score(teaching, packing)
    for (const [i, sample] of teaching.entries()) sample.reference = scored[i]
  }

  /** [group][sample]: kl times the KL of a whole sample, the sum over its tokens. */
  async function penaltiesOf(samples: readonly UpdateSample[][], reference: ReferencePolicy): Promise<number[][]> {
    await scoreReference(samples.flat(), reference)
    const of = ({ sampled, reference }: UpdateSample): number =>
      reference ? stage.kl * k3(sampled, reference).losses.reduce((a, b) => a + b, 0) : 0
    return samples.map((group) => group.map(of))
  }

  // In causal mode all paths but the first are packed twice, behind outlines all.
  const longest = rollouts.longestPrompt + budgets.response * (attention === 'causal' && mode === 'parallel' ? 2 : 1)
  return {
    steps: stage.steps,
    forwardTokens: Math.max(longest, Math.min(microBatchTokens, largestForward(stage, suite.rows.length, longest, session))),
    data: `${suite.rows.length} rows, ${stage.prompts} prompts x ${stage.group} samples a step${stage.refill > 0 ? `, refilled in at most ${stage.refill} rounds` : ''}, ${stage.steps} steps, ${mode} decoding, at most ${budgets.response} tokens a response`,
    prompts: rollouts.prompts,
    warnings,
    close: () => graders.close(),
    // Only a checkpoint that knows outlines says whether they were used.
    decoding:
      mode === 'parallel'
        ? {
            budgets,
            paths,
            maxBlocks,
            ...((outlines || planned) && { outlines }),
            ...(pathStarts && { pathStarts: pathStarts.map(({ text }) => text) }),
          }
        : { budgets },
    ...(stage.kl > 0 && { referenceBytes: ReferencePolicy.bytes(model) }),
    step,
    probe,
  }
}

/** Packed tokens of the largest forward that an update could fill, where every sample is of `longest` tokens. */
function largestForward(stage: GrpoStage, rows: number, longest: number, { shards, sharesPrompts }: Session): number {
  const groups = Math.ceil((stage.prompts * (1 + stage.refill)) / stage.updates)
  const tokens = groups * stage.group * longest
  // A reference, and the tokens of high entropy, are scored before an update is cut.
  if (stage.kl > 0 || stage.topEntropy < 1) return tokens
  // Of few rows one may be drawn several times in a row.
  const together = !sharesPrompts ? longest : rows < stage.prompts ? tokens : stage.group * longest
  return largestShard(tokens, shards, together)
}

/** Why groups say nothing. */
function withoutSignal({ rewards, informative }: StepAdvantages): Pick<RolloutReport, 'allRight' | 'allWrong'> {
  const dropped = rewards.filter((_, g) => !informative[g])
  const allRight = dropped.filter(([reward]) => reward > 0).length
  return { allRight, allWrong: dropped.length - allRight }
}

/** Means over the tokens with loss of a step that has some. */
function learntFrom(tallies: readonly Tally[], hasReference: boolean): Pick<RolloutReport, OfLossTokens> {
  return {
    clipFraction: meanOver(tallies, 'clipped'),
    entropy: meanOver(tallies, 'entropy'),
    // Later updates of a step train on samples of older weights.
    gap: { mean: tallies[0].mean('gap'), max: tallies[0].max('gap') },
    ...(hasReference && { kl: meanOver(tallies, 'kl') }),
  }
}

type OfLossTokens = 'entropy' | 'clipFraction' | 'gap' | 'kl'

/** Means over all samples of a step, those of dropped groups too. */
function describe(groups: readonly Rollout[][], rewards: readonly number[][]) {
  const samples = groups.flat()
  const values = rewards.flat()
  const mean = (numbers: readonly number[]): number => numbers.reduce((sum, n) => sum + n, 0) / Math.max(1, numbers.length)
  const reward = mean(values)
  const names = namesOf(samples)
  const report: Omit<RolloutReport, 'informative' | 'allRight' | 'allWrong' | 'lossTokens' | OfLossTokens> = {
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
