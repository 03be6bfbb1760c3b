/** Kept steps for tests, without a model. */

import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import type { KeptRollout, StepHeader } from '../../src/rollouts/format.ts'

export const newRun = (): string => mkdtempSync(path.join(tmpdir(), 'pr1-rollouts-test-'))

export function header(step: number, more: Partial<StepHeader> = {}): Omit<StepHeader, 'format' | 'rollouts'> {
  const engine = { device: 'cpu', precision: 'f32', isa: 'portable' }
  return {
    stage: 'rl',
    step,
    total: step,
    terms: [{ reward: 'answer', weight: 1 }],
    advantage: 'std',
    combine: 'sum_then_normalize',
    engine,
    ...more,
  }
}

export function rollout(more: Partial<KeptRollout> = {}): KeptRollout {
  return {
    group: 0,
    member: 0,
    row: 2,
    problem: '3',
    prompt: '12+3=?',
    text: 'a\u2028b \ud800 <Parallel>\n',
    metadata: {
      seed: 7,
      promptTokens: 5,
      totalTokens: 9,
      criticalPathTokens: 9,
      finishReason: 'stop',
      tree: { blocks: [] },
      mode: 'parallel',
    },
    digest: 'x',
    metrics: { answer: 1 / 3 },
    rewards: [1 / 3, null],
    reward: 1 / 3,
    advantage: -1.25e-7,
    teaches: true,
    ...more,
  }
}
