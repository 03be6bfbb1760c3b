/** A real model, small enough for a test: what the tests of decoding and training with the real engine share. */

import { randomWeights } from '../../src/engine/checkpoint/init.ts'
import type { InitialWeights, ModelConfig } from '../../src/engine/types.ts'

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
