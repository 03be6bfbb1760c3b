/**
 * Credit of single paths. A response with blocks is right if one of its paths finds the answer, and its reward alone says of every path the same. So a
 * path is judged by what it adds: its difference reward (Wolpert & Tumer, arXiv cs/9908014), which here is the gradient of pass@n in the n
 * paths of a block, drawn independently after the same tokens.
 *
 * A path finds c = reward of the path alone × reward of its response, so what the response did not use is not found. Its advantage is
 *
 *   (1 − the most that a sibling in its block finds) × (c − mean of c over the other paths of the group)
 *
 * Neither the factor nor the mean depends on what the path itself says, so both are baselines that leave the gradient what it is. A path whose
 * sibling finds the same has added nothing and learns nothing.
 *
 * What stands outside of paths is not to blame for what they failed to find. So it is compared with responses that stood in the same place: after
 * as many blocks, with something found in them or nothing ({@link outsideAdvantages}).
 *
 * That holds where a path cannot spoil what others find. One that says in vain that it found the answer can: the summary may take it, and the
 * search ends. Its difference is what the response would have won without it, for which the other responses of the group stand:
 *
 *   l = (1 − reward of the path alone) × max(0, mean reward of the other responses − reward of its response) for one that claims, else 0
 *
 * and l − mean of l over the other paths of the group is taken off its advantage.
 */

import { segmentRuns } from '../../thinking/trajectory.ts'
import type { Trajectory } from '../../thinking/types.ts'
import { type AdvantageKind, deviation, STD_EPSILON, type StepAdvantages } from './advantages.ts'
import { RewardError } from './rewards.ts'

/** What was found in a response. */
export interface Found {
  /** [block][path], each 0 … 1. */
  paths: readonly (readonly number[])[]
  /** The same reward of the response itself, 0 … 1. */
  response: number
  /** [block][path]: which say that they found the answer. Absent where nothing tells. */
  claims?: readonly (readonly boolean[])[]
}

/** Each [group][sample][block][path]. */
interface PathAdvantages {
  /** c − l: what a path found, as far as its response used it, or below 0 what it cost. */
  found: number[][][][]
  advantages: number[][][][]
}

/** Advantages of one response. */
interface ResponseCredit {
  /** [block][path] */
  paths: readonly (readonly number[])[]
  /** Of tokens outside of paths, [blocks before them]. */
  outside: readonly number[]
}

/** What a step learns from. */
export interface JudgedGroups extends StepAdvantages {
  /** Where paths are credited. */
  paths?: PathAdvantages & { outside: number[][][] }
}

/**
 * Advantages of paths, [group][sample][block][path]. `std`: divided by the deviation of what the paths of the group find; `batch`: of the step;
 * `mean`: not divided. 0 everywhere in a group whose paths find the same.
 * @throws RewardError where a reward is outside 0 … 1
 */
export function pathAdvantages(groups: readonly (readonly Found[])[], kind: AdvantageKind): PathAdvantages {
  const judged = groups.map(judgeGroup)
  const found = judged.map((group) => group.map((blocks) => blocks.map((block) => block.map(({ found, lost }) => found - lost))))
  const spread = kind === 'batch' ? deviation(found.flat(3)) : 0
  const advantages = judged.map((group, g) => {
    const own = found[g].flat(2)
    if (own.every((one) => one === own[0])) return group.map((blocks) => blocks.map((block) => block.map(() => 0)))
    const all = group.flat(2)
    const sum = all.reduce((sum, { found }) => sum + found, 0)
    const sumLost = all.reduce((sum, { lost }) => sum + lost, 0)
    const meanOfOthers = (sum: number, one: number): number => (sum - one) / (all.length - 1)
    const divisor = kind === 'mean' ? 1 : (kind === 'batch' ? spread : deviation(own)) + STD_EPSILON
    const advantage = (block: readonly Judged[], { found, lost }: Judged, k: number): number => {
      const others = 1 - mostOf(block, k)
      const added = others === 0 ? 0 : others * (found - meanOfOthers(sum, found))
      return (added - (lost - meanOfOthers(sumLost, lost))) / divisor
    }
    return group.map((blocks) => blocks.map((block) => block.map((path, k) => advantage(block, path, k))))
  })
  return { found, advantages }
}

/** Of a path: c and l. */
interface Judged {
  found: number
  lost: number
}

function judgeGroup(group: readonly Found[]): Judged[][][] {
  const responses = group.map(({ response }) => within(response))
  const sum = responses.reduce((sum, one) => sum + one, 0)
  return group.map(({ paths, claims }, m) => {
    const response = responses[m]
    const missed = group.length < 2 ? 0 : Math.max(0, (sum - response) / (group.length - 1) - response)
    return paths.map((block, b) =>
      block.map((path, k) => ({ found: within(path) * response, lost: claims?.[b][k] ? (1 - path) * missed : 0 })),
    )
  })
}

/**
 * Advantages of the tokens outside of paths, [group][sample][s]: of those after s blocks, the summary of the last of them included.
 *
 *   A − mean of A over the other responses of the group that have s blocks too, in which some path found something as here, or none as here
 *
 * `advantages`: A of the responses, [group][sample]. The place is decided before these tokens are, so the mean is a baseline. 0 where no other
 * response came to that place, and so where none of them can be right any more.
 */
export function outsideAdvantages(groups: readonly (readonly Found[])[], advantages: readonly (readonly number[])[]): number[][][] {
  return groups.map((group, g) => {
    const places = group.map(({ paths }) => placesOf(paths))
    return places.map((own, m) =>
      own.map((place, s) => {
        const others = advantages[g].filter((_, other) => other !== m && places[other][s] === place)
        return others.length === 0 ? 0 : advantages[g][m] - others.reduce((sum, a) => sum + a, 0) / others.length
      }),
    )
  })
}

/** Whether some path of the first s blocks found something, for every s. */
function placesOf(paths: Found['paths']): boolean[] {
  const places = [false]
  for (const block of paths) places.push(places.at(-1)! || block.some((path) => path > 0))
  return places
}

/** The advantage of each sampled token, in the order of `Layout.sampledIndex`. */
export function tokenAdvantages(trajectory: Trajectory, { paths, outside }: ResponseCredit): Float64Array {
  const advantages: number[] = []
  let blocks = 0
  for (const segment of trajectory.segments) {
    for (const run of segmentRuns(segment)) {
      const k = segment.kind === 'block' ? segment.paths.indexOf(run) : -1
      const closes = segment.kind === 'block' && run === segment.close
      const advantage = k >= 0 ? paths[blocks][k] : outside[closes ? blocks + 1 : blocks]
      for (const sampled of run.sampled) if (sampled) advantages.push(advantage)
    }
    if (segment.kind === 'block') blocks++
  }
  return Float64Array.from(advantages)
}

/** The most that another path of the block finds. */
function mostOf(block: readonly Judged[], path: number): number {
  return block.reduce((most, { found }, k) => (k === path ? most : Math.max(most, found)), 0)
}

function within(reward: number): number {
  if (reward >= 0 && reward <= 1) return reward
  throw new RewardError(
    `The reward of "pathCredit" must be from 0 to 1. Got ${reward}. Scale the expression, or use a metric such as answer.`,
  )
}
