/** Folders of runs as pr1-train leaves them. */

import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { encodeStep, type KeptRollout, stepFile } from '../../../src/rollouts/format.ts'

/** Fields of a line of metrics.jsonl that a test cares about; the rest is as `metricsRecord` of the trainer writes it. */
export const sftLine = (step: number, more: Record<string, unknown> = {}): Record<string, unknown> => ({
  stage: 'base',
  kind: 'sft',
  step,
  steps: 10,
  loss: 4 / step,
  lr: 1e-3,
  gradNorm: 1,
  skipped: 0,
  tokens: 100,
  seconds: 2,
  tokensPerSecond: 50,
  etaSeconds: 1,
  ...more,
})

export const grpoLine = (step: number, more: Record<string, unknown> = {}): Record<string, unknown> => ({
  ...sftLine(step),
  stage: 'rl',
  kind: 'grpo',
  steps: 40,
  loss: 0.01,
  reward: step / 40,
  rewardStd: 0.4,
  metrics: { answer: step / 40, structure: 0.75 },
  groups: 8,
  informative: 6,
  allRight: 1,
  allWrong: 1,
  parallelRatio: 0.5,
  responseTokens: 180,
  criticalPathTokens: 60,
  truncated: 0.05,
  entropy: 0.5,
  clipFraction: 0,
  gap: { mean: 0, max: 0 },
  lossTokens: 800,
  ...more,
})

const upTo = <T>(n: number, of: (i: number) => T): T[] => Array.from({ length: n }, (_, i) => of(i + 1))

/** Ten steps of sft, forty of grpo. */
export const usualLines = (): Record<string, unknown>[] => [...upTo(10, (i) => sftLine(i)), ...upTo(40, (i) => grpoLine(i))]

/** A folder below a new one, with these lines; a text stands as it is. */
export function runFolder(lines: readonly (object | string)[], name = 'run'): string {
  const folder = path.join(mkdtempSync(path.join(tmpdir(), 'pr1-run-page-')), name)
  writeMetrics(folder, lines)
  return folder
}

function writeMetrics(folder: string, lines: readonly (object | string)[]): void {
  mkdirSync(folder, { recursive: true })
  writeFileSync(
    path.join(folder, 'metrics.jsonl'),
    lines.map((line) => (typeof line === 'string' ? line : `${JSON.stringify(line)}\n`)).join(''),
  )
}

/** A rollout of two blocks, the first at a tenth and the second at two fifths of the response; the rest is as the trainer keeps it. */
export function rollout(group: number, member: number, more: Partial<KeptRollout> = {}): KeptRollout {
  const block = (start: number, paths: number) => ({
    start,
    paths: Array.from({ length: paths }, (_, i) => ({ text: `path ${i + 1}`, tokens: 10 + i })),
    summary: { text: 'joined', tokens: 5 },
  })
  return {
    group,
    member,
    row: group,
    problem: `p${group}`,
    prompt: `What is ${group}?`,
    text: `first<Parallel><Path>path 1</Path><Path>path 2</Path></Parallel>\n<Summary>joined</Summary>then<Parallel><Path>path 1</Path><Path>path 2</Path><Path>path 3</Path></Parallel>\n<Summary>joined</Summary>so ${member}`,
    metadata: {
      mode: 'parallel',
      seed: 8 * group + member,
      promptTokens: 12,
      totalTokens: 100,
      criticalPathTokens: 70,
      finishReason: 'stop',
      tree: { blocks: [block(10, 2), block(40, 3)] },
    },
    digest: '0',
    metrics: { answer: member % 2, length: 0.25 },
    rewards: [member % 2],
    reward: member % 2,
    advantage: member % 2 === 1 ? 1 : -1,
    teaches: true,
    ...more,
  }
}

/** Keeps rollouts beside the lines of a run, as its trainer does: step `total` is step `step` of stage rl. */
export function keepStep(folder: string, { total, step }: { total: number; step: number }, rollouts: readonly KeptRollout[]): void {
  const home = path.join(folder, 'rollouts')
  mkdirSync(home, { recursive: true })
  const header: Parameters<typeof encodeStep>[0] = {
    stage: 'rl',
    total,
    step,
    terms: [{ reward: 'answer', weight: 1 }],
    advantage: 'std',
    combine: 'sum_then_normalize',
    engine: { device: 'cpu', precision: 'f32', isa: 'avx2' },
  }
  writeFileSync(path.join(home, stepFile(header)), encodeStep(header, rollouts))
}

/** Groups of two, so many. */
export const groups = (n: number, more: Partial<KeptRollout> = {}): KeptRollout[] =>
  Array.from({ length: n }, (_, group) => [rollout(group, 0, more), rollout(group, 1, more)]).flat()
