/** Folders of runs as pr1-train leaves them. */

import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'

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
