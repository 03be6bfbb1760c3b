import type { Family } from './families/names.ts'

/** RoPE frequencies, as in transformers' modeling_rope_utils.py. */
export interface RopeConfig {
  theta: number
  scaling?: RopeScaling
}

export type RopeScaling =
  | { type: 'llama3'; factor: number; lowFreqFactor: number; highFreqFactor: number; originalMaxPositions: number }
  /** Every frequency is divided by the factor. */
  | { type: 'linear'; factor: number }
  | {
      type: 'yarn'
      factor: number
      originalMaxPositions: number
      betaFast: number
      betaSlow: number
      /** Whether the bounds of the ramp are whole pairs. */
      truncate: boolean
      /** Factor of cosines and sines. */
      attentionFactor: number
    }
  /**
   * NTK scaling by the length of the sequence. Up to the positions of the model it changes nothing, and the engine goes no further: a longer sequence
   * would turn keys that are in the cache.
   */
  | { type: 'dynamic'; factor: number }

/** Attention of one layer where the layers of a checkpoint differ. */
export interface LayerAttention {
  /** null: no rotation. */
  rope: RopeConfig | null
  /** A token sees the last this many of the rows visible to it, itself counted; 0: all of them. */
  window: number
}

/** What is a checkpoint's own, whatever spelling its `config.json` used; what follows from its family is in spec.ts. */
export interface ModelConfig {
  family: Family
  vocabSize: number
  hiddenSize: number
  layers: number
  heads: number
  kvHeads: number
  headDim: number
  intermediateSize: number
  rmsNormEps: number
  rope: RopeConfig
  tiedEmbeddings: boolean
  maxPositions: number
  /** One entry a layer; absent: every layer rotates by `rope` and sees everything. */
  attention?: readonly LayerAttention[]
  /** q·k is divided by its root before the softmax; absent: headDim. */
  queryScalar?: number
}
