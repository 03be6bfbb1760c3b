/** Kept rollouts scored once more, through the graders of training, with other assertions or another reward. */

import type { KeptRollout, StepHeader, StepPlace } from '../../rollouts/format.ts'
import { RolloutsError } from '../../rollouts/format.ts'
import { type KeptFile, readStep } from '../../rollouts/reader.ts'
import type { GrpoStage } from '../config/config.ts'
import { type Graders, openGraders } from '../grading/grader-host.ts'
import { GraderError, NEXT_STEP } from '../grading/scoring.ts'
import { stepAdvantages } from '../rewards/advantages.ts'
import { compileTerms, evaluateTerms, expressionsOf, type RewardTerm } from '../rewards/reward-terms.ts'
import { checkMetrics, resolveDoubts } from '../rewards/rewards.ts'
import type { Rollout } from '../samples/rollouts.ts'
import type { Suite, SuiteRow } from '../suite/suite.ts'
import { RowFinder } from './rows.ts'
import { keptResponse } from './step.ts'

export interface RegradeOptions {
  files: readonly KeptFile[]
  stage: GrpoStage
  /** Whose assertions grade. */
  suite: Suite
  /** As the run resolved it. */
  own: Suite
  /** In place of how the steps were judged. */
  judge?: Partial<Pick<GrpoStage, 'reward' | 'rewards' | 'advantage' | 'combine'>>
  onStep?(done: number, of: number): void
}

/** A rollout then and now. An advantage is that which taught: 0 where its group did not, or it was masked as truncated. */
export interface Regraded extends StepPlace, Pick<KeptRollout, 'group' | 'member' | 'problem'> {
  reward: [number, number]
  advantage: [number, number]
  metrics: Record<string, [number | undefined, number | undefined]>
}

export interface Regrading {
  rollouts: Regraded[]
  steps: number
  /** Then and now. */
  groups: { all: number; teaching: [number, number] }
  /** Groups whose prompt the suite has no more. */
  leftOut: number
  /** Steps whose file is damaged, with what is wrong. */
  damaged: string[]
  warnings: string[]
}

/** Throws ConfigError where the reward names a metric that no assertion has, GraderError, RewardError, RolloutsError where nothing is left to grade. */
export async function regrade(options: RegradeOptions): Promise<Regrading> {
  const { files, stage, suite, own } = options
  const graders = await openGraders(suite, stage.graderTimeout)
  try {
    const finder = new RowFinder(suite, own)
    const result: Regrading = { rollouts: [], steps: 0, groups: { all: 0, teaching: [0, 0] }, leftOut: 0, damaged: [], warnings: [] }
    const checked = new Set<string>()
    for (const [i, file] of files.entries()) {
      const step = readOrNote(file, result.damaged)
      options.onStep?.(i + 1, files.length)
      if (!step) continue
      result.steps += 1
      const judge = judgeOf(step.header, options.judge)
      const terms = await compileTerms(judge)
      const groups = groupsOf(step.rollouts)
      const found = groups.flatMap((group) => {
        const row = finder.find(group[0])
        return row ? [{ row, group }] : []
      })
      result.leftOut += groups.length - found.length
      if (found.length === 0) continue
      if (!checked.has(JSON.stringify(judge))) result.warnings.push(...(await checkTerms(terms, suite, graders, found[0].group[0])))
      checked.add(JSON.stringify(judge))
      await gradeStep(found, { header: step.header, judge, terms, graders, stage, result })
    }
    if (result.rollouts.length === 0) throw nothingLeft(result, suite)
    return result
  } catch (error) {
    if (!(error instanceof GraderError)) throw error
    throw new GraderError(error.message.replace(NEXT_STEP, 'Correct the grader and regrade again.'), { cause: error })
  } finally {
    await graders.close()
  }
}

type Judge = Pick<GrpoStage, 'reward' | 'rewards' | 'advantage' | 'combine'>

function judgeOf({ terms, advantage, combine }: StepHeader, other: RegradeOptions['judge'] = {}): Judge {
  const { reward, rewards, ...rest } = other
  const said = reward === undefined && rewards === undefined ? { rewards: terms } : { reward, rewards }
  return { advantage, combine, ...Object.fromEntries(Object.entries(rest).filter(([, value]) => value !== undefined)), ...said }
}

function readOrNote({ file }: KeptFile, damaged: string[]) {
  try {
    return readStep(file)
  } catch (error) {
    if (!(error instanceof RolloutsError)) throw error
    damaged.push(error.message)
    return undefined
  }
}

function groupsOf(rollouts: readonly KeptRollout[]): KeptRollout[][] {
  const groups = new Map<number, KeptRollout[]>()
  for (const rollout of rollouts) {
    const group = groups.get(rollout.group)
    if (group) group.push(rollout)
    else groups.set(rollout.group, [rollout])
  }
  return [...groups.values()]
}

/** As a run checks its reward before step 0. */
async function checkTerms(terms: readonly RewardTerm[], suite: Suite, graders: Graders, like: KeptRollout): Promise<string[]> {
  const metadata = { ...like.metadata, totalTokens: 0, criticalPathTokens: 0, finishReason: 'stop' as const, tree: { blocks: [] } }
  const empty = keptResponse({ ...like, text: '', metadata })
  const warnings: string[] = []
  for (const expression of expressionsOf(terms)) {
    warnings.push(...(await resolveDoubts(expression, suite, checkMetrics(expression, suite), (row) => graders.score(row, empty))))
  }
  return warnings
}

interface StepGrading {
  header: StepHeader
  judge: Judge
  terms: readonly RewardTerm[]
  graders: Graders
  stage: GrpoStage
  result: Regrading
}

async function gradeStep(
  found: readonly { row: SuiteRow; group: readonly KeptRollout[] }[],
  { header, judge, terms, graders, stage, result }: StepGrading,
): Promise<void> {
  const graded = await Promise.all(
    found.map(({ row, group }) =>
      Promise.all(group.map(async (one): Promise<Pick<Rollout, 'metrics'>> => ({ metrics: await graders.score(row, keptResponse(one)) }))),
    ),
  )
  const penalties = found.every(({ group }) => group.every(({ penalty }) => penalty !== undefined))
    ? found.map(({ group }) => group.map(({ penalty }) => penalty!))
    : undefined
  const { stage: name, step, total } = header
  const judged = stepAdvantages(evaluateTerms(terms, graded, step), { kind: judge.advantage, combine: judge.combine, penalties })
  for (const [g, { group }] of found.entries()) {
    const masked = group.map(({ metadata }) => stage.maskTruncated && metadata.finishReason === 'length')
    const teaches = group.map((_, m) => judged.informative[g] && !masked[m])
    result.groups.all += 1
    result.groups.teaching[0] += group.some((one) => one.teaches) ? 1 : 0
    result.groups.teaching[1] += teaches.some(Boolean) ? 1 : 0
    for (const [m, was] of group.entries()) {
      const { metrics } = graded[g][m]
      const names = [...new Set([...Object.keys(was.metrics), ...Object.keys(metrics)])]
      result.rollouts.push({
        stage: name,
        step,
        total,
        group: was.group,
        member: was.member,
        problem: was.problem,
        reward: [was.reward, judged.rewards[g][m]],
        advantage: [was.teaches ? was.advantage : 0, teaches[m] ? judged.advantages[g][m] : 0],
        metrics: Object.fromEntries(names.map((metric) => [metric, [was.metrics[metric], metrics[metric]]])),
      })
    }
  }
}

function nothingLeft({ damaged, leftOut }: Regrading, { file }: Suite): RolloutsError {
  if (leftOut > 0)
    return new RolloutsError(`No prompt of the kept rollouts is in ${file}. Name a suite with the same prompts; its assertions may differ.`)
  return new RolloutsError(`Nothing can be graded again. ${damaged.join(' ')}`)
}
