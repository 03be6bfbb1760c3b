/** What is drawn of a run over its steps: each number of metrics.jsonl with its name, its meaning and its section of the page. */

import { formatValue, type Unit } from '../format.ts'
import type { Run, Step } from './read.ts'

export type Section = 'reward' | 'learning' | 'thinking' | 'speed'

export interface Quantity {
  /** In metrics.jsonl. */
  key: string
  name: string
  section: Section
  /** What is counted over what; empty where the suite says it. */
  meaning: string
  unit: Unit
  /** Values of very different size are drawn on a logarithmic axis. */
  spread?: true
  value: (step: Step) => number | undefined
}

const told = (key: string) => (step: Step) => step.values.get(key)

/** Share of the groups of a step. */
const ofGroups =
  (key: string) =>
  ({ values }: Step): number | undefined => {
    const [part, groups] = [values.get(key), values.get('groups')]
    return part === undefined || !groups ? undefined : part / groups
  }

const KNOWN: readonly (Omit<Quantity, 'value'> & { value?: Quantity['value'] })[] = [
  { key: 'reward', name: 'reward', section: 'reward', unit: 'number', meaning: 'mean over all rollouts of a step' },
  { key: 'rewardStd', name: 'spread of the reward', section: 'reward', unit: 'number', meaning: 'standard deviation over all rollouts of a step' },
  { key: 'loss', name: 'loss', section: 'learning', unit: 'number', meaning: 'mean over the tokens with loss; of grpo the surrogate, which need not fall' },
  { key: 'entropy', name: 'entropy', section: 'learning', unit: 'number', meaning: 'mean over the tokens with loss, nats: how undecided the model is' },
  { key: 'informative', name: 'informative groups', section: 'learning', unit: 'share', meaning: 'groups whose rollouts differ in reward, of all groups of a step', value: ofGroups('informative') },
  { key: 'allRight', name: 'groups without signal, all right', section: 'learning', unit: 'share', meaning: 'groups of equal rewards above 0: too easy', value: ofGroups('allRight') },
  { key: 'allWrong', name: 'groups without signal, all wrong', section: 'learning', unit: 'share', meaning: 'groups of equal rewards not above 0: too hard', value: ofGroups('allWrong') },
  { key: 'gradNorm', name: 'gradient norm', section: 'learning', unit: 'number', spread: true, meaning: 'global, before clipping, of the last update of a step' },
  { key: 'skipped', name: 'skipped updates', section: 'learning', unit: 'number', meaning: 'updates of a step whose gradient was not finite' },
  { key: 'lr', name: 'learning rate', section: 'learning', unit: 'number', meaning: '' },
  { key: 'clipFraction', name: 'clipped tokens', section: 'learning', unit: 'share', meaning: 'tokens whose ratio is at a clip bound, of those with loss' },
  { key: 'kl', name: 'KL to the reference', section: 'learning', unit: 'number', spread: true, meaning: 'k3, mean over the tokens with loss, nats' },
  { key: 'entropyBonus', name: 'entropy bonus', section: 'learning', unit: 'number', meaning: 'its weight after the step' },
  { key: 'gap.mean', name: 'gap, mean', section: 'learning', unit: 'number', meaning: '|training − sampling| log-probability, mean over the tokens with loss, nats' },
  { key: 'gap.max', name: 'gap, largest', section: 'learning', unit: 'number', meaning: 'the same, largest of a step' },
  { key: 'parallelRatio', name: 'parallel ratio', section: 'thinking', unit: 'share', meaning: 'rollouts with a block' },
  { key: 'responseTokens', name: 'total tokens', section: 'thinking', unit: 'tokens', meaning: 'mean of a rollout, every path counted' },
  { key: 'criticalPathTokens', name: 'critical path', section: 'thinking', unit: 'tokens', meaning: 'mean tokens along the longest chain of a rollout' },
  { key: 'kept.position', name: 'relative position of the blocks', section: 'thinking', unit: 'share', meaning: 'tokens before a block over all tokens of its response, mean over the blocks of a step' },
  { key: 'kept.blocks', name: 'blocks of a response', section: 'thinking', unit: 'number', meaning: 'mean over the rollouts of a step' },
  { key: 'kept.paths', name: 'paths of a block', section: 'thinking', unit: 'number', meaning: 'mean over the blocks of a step' },
  { key: 'kept.ended', name: 'ended paths', section: 'thinking', unit: 'share', meaning: 'paths that were ended because a sibling had settled the block, of all paths of a step' },
  { key: 'truncated', name: 'truncated', section: 'thinking', unit: 'share', meaning: 'rollouts that a budget ended' },
  { key: 'tokensPerSecond', name: 'tokens/s', section: 'speed', unit: 'tokens', meaning: 'of the whole step: packed (sft) or generated (grpo)' },
  { key: 'seconds', name: 'seconds', section: 'speed', unit: 'number', meaning: 'time of a step' },
  { key: 'tokens', name: 'tokens', section: 'speed', unit: 'tokens', meaning: 'that tokens/s counts, of a step' },
] // biome-ignore format: a table

/** Numbers that others are made of. */
const INSIDE = ['groups', 'lossTokens']

/** Every number of the runs, metrics of the suite behind the reward; a key that this version does not know joins the section of learning. */
export function quantitiesOf(runs: readonly Run[]): Quantity[] {
  const keys = new Set(runs.flatMap(({ steps }) => steps.flatMap(({ values }) => [...values.keys()])))
  const known = new Set([...KNOWN.map(({ key }) => key), ...INSIDE])
  const [first, ...rest] = KNOWN.filter(({ key }) => keys.has(key)).map(
    ({ value, ...one }): Quantity => ({ ...one, value: value ?? told(one.key) }),
  )
  const others = [...keys].filter((key) => !known.has(key))
  const metrics = others.filter((key) => key.startsWith('metrics.'))
  const unknown = others.filter((key) => !key.startsWith('metrics.'))
  const quantity = (key: string, name: string, section: Section, meaning: string): Quantity => ({
    key,
    name,
    section,
    meaning,
    unit: 'number',
    value: told(key),
  })
  return [
    ...(first ? [first] : []),
    ...metrics.map((key) =>
      quantity(key, key.slice('metrics.'.length), 'reward', 'metric of the suite, mean over the rollouts that have it'),
    ),
    ...rest,
    ...unknown.map((key) => quantity(key, key, 'learning', '')),
  ]
}

export interface Point {
  /** Steps of the run so far. */
  at: number
  value: number
}

/** Steps of one stage: a line breaks where the next begins. */
export interface Curve {
  points: Point[]
}

/** A quantity of one run: a curve for each stage that has it. Numbers that are not finite are left out. */
export function curvesOf({ steps }: Run, value: (step: Step) => number | undefined): Curve[] {
  const curves = new Map<string, Curve>()
  for (const step of steps) {
    const found = value(step)
    if (found === undefined || !Number.isFinite(found)) continue
    const curve = curves.get(step.stage) ?? { points: [] }
    curves.set(step.stage, curve)
    curve.points.push({ at: step.total, value: found })
  }
  return [...curves.values()]
}

interface StageOf {
  name: string
  kind: string
  /** Steps of the run before it. */
  from: number
  /** Done, and to be done. */
  done: number
  steps: number
}

export function stagesOf({ steps }: Run): StageOf[] {
  const stages: StageOf[] = []
  for (const { stage, kind, total, step, steps: planned } of steps) {
    if (stages.at(-1)?.name !== stage) stages.push({ name: stage, kind, from: total - 1, done: 0, steps: planned })
    Object.assign(stages.at(-1)!, { done: step, steps: planned })
  }
  return stages
}

/** Means of the first and the last tenth of the points, one at least; undefined without points. */
export function firstAndLast(points: readonly Point[]): { first: number; last: number; each: number } | undefined {
  if (points.length === 0) return undefined
  const each = Math.max(1, Math.round(points.length / 10))
  const mean = (part: readonly Point[]): number => part.reduce((sum, { value }) => sum + value, 0) / part.length
  return { first: mean(points.slice(0, each)), last: mean(points.slice(-each)), each }
}

/** `0.25`, `1.2e-5`, `12k`. */
export function shortNumber(value: number): string {
  const size = Math.abs(value)
  if (size >= 10_000) return `${Number((value / 1000).toPrecision(3))}k`
  return size > 0 && size < 1e-3 ? value.toExponential().replace(/(\.\d)\d+/, '$1') : String(Number(value.toPrecision(3)))
}

/** Rates and norms are of any size. */
export const formatFigure = (value: number, unit: Unit): string => (unit === 'number' ? shortNumber(value) : formatValue(value, unit))
