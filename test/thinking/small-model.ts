/** A real model, small enough for a test: what the tests of decoding and training with the real engine share. */

import { expect } from 'vitest'
import { randomWeights } from '../../src/engine/checkpoint/init.ts'
import type { ModelConfig } from '../../src/engine/model-config.ts'
import { openEngine } from '../../src/engine/open.ts'
import type { InitialWeights, Model } from '../../src/engine/types.ts'
import { Scheduler } from '../../src/thinking/scheduler.ts'
import type { ThinkRequest, Thought } from '../../src/thinking/types.ts'

/** 64 ids: those of toy-model.ts. */
export const SMALL: ModelConfig = {
  family: 'qwen3',
  vocabSize: 64,
  hiddenSize: 32,
  layers: 2,
  heads: 4,
  kvHeads: 2,
  headDim: 16,
  intermediateSize: 64,
  rmsNormEps: 1e-6,
  rope: { theta: 10000 },
  tiedEmbeddings: true,
  maxPositions: 1024,
}

/** Larger than an initialisation, so that what a token sees matters to its log-probability. */
export const largeWeights: InitialWeights = (spec) => {
  const values = randomWeights(3)(spec)
  return spec.shape.length > 1 ? values.map((value) => value * 8) : values
}

/** Opens the model in float32 on the CPU, and releases it. */
export async function withSmallModel<R>(threads: number, weights: InitialWeights, use: (model: Model) => Promise<R>): Promise<R> {
  const engine = await openEngine({ device: 'cpu', precision: 'f32', threads })
  try {
    return await use(await engine.create(SMALL, weights, { cacheTokens: 1 << 15 }))
  } finally {
    await engine.dispose()
  }
}

/** All requests at once. The cache is whole again behind them. */
export async function thinkAll(model: Model, requests: readonly ThinkRequest[], maxStepTokens = 512): Promise<Thought[]> {
  const scheduler = new Scheduler(model, { maxStepTokens })
  const thoughts = await Promise.all(requests.map((one) => scheduler.think(one)))
  await scheduler.close()
  expect(model.cacheFree).toBe(model.cacheCapacity)
  return thoughts
}
