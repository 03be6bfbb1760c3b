import { isDeepStrictEqual } from 'node:util'
import { problem, show } from '../checkpoint/problem.ts'
import type { ModelConfig, RopeConfig, RopeScaling } from '../model-config.ts'
import { architectures } from './names.ts'
import type { WrittenValue } from './write.ts'

/**
 * What llama.cpp is told of a model's sizes and rotation. Its graphs have some things built in, such as which layers of SmolLM 3 rotate.
 * A model that needs another value is refused: llama.cpp would load it and answer wrongly.
 */

export type Metadata = Map<string, WrittenValue>

const uint = (value: number) => ({ uint32: value })
const float = (value: number) => ({ float32: value })

/**
 * The keys `ARCHITECTURE.*`.
 * @param where of the model, for messages
 * @throws CheckpointError naming what llama.cpp does not compute
 */
export function architectureMetadata(config: ModelConfig, where: string): Metadata {
  refuse(config, where)
  const { headDim, rope } = config
  const keys: [string, WrittenValue][] = [
    ['vocab_size', uint(config.vocabSize)],
    ['context_length', uint(config.maxPositions)],
    ['embedding_length', uint(config.hiddenSize)],
    ['block_count', uint(config.layers)],
    ['feed_forward_length', uint(config.intermediateSize)],
    ['attention.head_count', uint(config.heads)],
    ['attention.head_count_kv', uint(config.kvHeads)],
    ['attention.key_length', uint(headDim)],
    ['attention.value_length', uint(headDim)],
    ['attention.layer_norm_rms_epsilon', float(config.rmsNormEps)],
    ['rope.dimension_count', uint(headDim)],
    ['rope.freq_base', float(rope.theta)],
    ...scalingKeys(rope),
    ...windowKeys(config),
  ]
  return new Map(keys.map(([key, value]) => [`${architectures[config.family]}.${key}`, value]))
}

/** llama3 has no keys of its own: its factors are a tensor, {@link ropeFactors}. dynamic changes nothing up to the length of the context. */
function scalingKeys({ scaling }: RopeConfig): [string, WrittenValue][] {
  if (scaling?.type !== 'linear' && scaling?.type !== 'yarn') return []
  const common: [string, WrittenValue][] = [
    ['rope.scaling.type', scaling.type],
    ['rope.scaling.factor', float(scaling.factor)],
  ]
  if (scaling.type === 'linear') return common
  return [
    ...common,
    ['rope.scaling.original_context_length', uint(scaling.originalMaxPositions)],
    ['rope.scaling.yarn_beta_fast', float(scaling.betaFast)],
    ['rope.scaling.yarn_beta_slow', float(scaling.betaSlow)],
  ]
}

function windowKeys({ family, attention }: ModelConfig): [string, WrittenValue][] {
  const local = attention?.find(({ window }) => window > 0)
  if (family !== 'gemma3_text' || attention === undefined || local === undefined) return []
  const slides = attention.map(({ window }) => window > 0)
  // Older versions of llama.cpp know no list. They have this pattern built in.
  const usual = slides.every((slide, layer) => slide === ((layer + 1) % 6 !== 0))
  return [
    ['attention.sliding_window', uint(local.window)],
    ['rope.freq_base_swa', float(local.rope?.theta ?? 0)],
    ...(usual ? [] : [['attention.sliding_window_pattern', Int32Array.from(slides, Number)] satisfies [string, WrittenValue]]),
  ]
}

/**
 * `rope_freqs.weight`, (headDim / 2): what each frequency is divided by; undefined where all of them stay or one factor is for all.
 * As in transformers' `_compute_llama3_parameters`.
 */
export function ropeFactors({ rope: { theta, scaling }, headDim }: ModelConfig): Float32Array | undefined {
  if (scaling?.type !== 'llama3') return undefined
  const { factor, lowFreqFactor, highFreqFactor, originalMaxPositions } = scaling
  return Float32Array.from({ length: headDim / 2 }, (_, i) => {
    const turns = (originalMaxPositions * theta ** ((-2 * i) / headDim)) / (2 * Math.PI)
    if (turns > highFreqFactor) return 1
    if (turns < lowFreqFactor) return factor
    const smooth = (turns - lowFreqFactor) / (highFreqFactor - lowFreqFactor)
    return 1 / ((1 - smooth) / factor + smooth)
  })
}

/** Kinds of scaling that an architecture's graph has where they are not the usual ones. */
const scales: Partial<Record<string, readonly RopeScaling['type'][]>> = {
  llama: ['linear', 'dynamic', 'yarn', 'llama3'],
  // Its layers that slide would be damped, too.
  gemma3: ['linear', 'dynamic'],
}

function refuse(config: ModelConfig, where: string): void {
  const { family, rope, attention, layers, heads, headDim, hiddenSize } = config
  const architecture = architectures[family]
  const wrong = (key: string, expected: string, found: unknown) =>
    problem({ file: where, key }, `${expected}, as llama.cpp computes ${architecture}`, show(found), 'It cannot be written as GGUF.')
  const kinds = [...(scales[architecture] ?? ['linear', 'dynamic', 'yarn'])]
  const { scaling } = rope
  if (scaling && !kinds.includes(scaling.type)) throw wrong('rope_scaling', kinds.join(', '), scaling.type)
  if (scaling?.type === 'yarn') {
    const usual = 0.1 * Math.log(scaling.factor) + 1
    if (!scaling.truncate) throw wrong('rope_scaling.truncate', 'true', false)
    if (Math.abs(scaling.attentionFactor / usual - 1) > 1e-6)
      throw wrong('rope_scaling.attention_factor', `${usual}`, scaling.attentionFactor)
  }
  const turned = attention?.findIndex(({ rope: own, window }) => own !== null && window === 0 && !isDeepStrictEqual(own, rope)) ?? -1
  if (turned >= 0) throw wrong('rope_parameters', 'one rotation for all layers that see everything', `layer ${turned}`)
  if (family === 'smollm3') {
    const rotates = (layer: number) => (attention ? attention[layer].rope !== null : true)
    const odd = Array.from({ length: layers }, (_, layer) => layer).find((layer) => rotates(layer) !== ((layer + 1) % 4 !== 0))
    if (odd !== undefined) throw wrong('no_rope_layers', 'no rotation in every fourth layer and only there', `layer ${odd}`)
  }
  if (family !== 'gemma3_text') {
    const odd = attention?.findIndex(({ rope: own, window }) => window > 0 || (own === null && family !== 'smollm3')) ?? -1
    if (odd >= 0) throw wrong('layer_types', 'layers that rotate and see everything', `layer ${odd}`)
    return
  }
  const scalar = layers === 62 ? Math.floor(hiddenSize / heads) : headDim
  if ((config.queryScalar ?? headDim) !== scalar) throw wrong('query_pre_attn_scalar', `${scalar}`, config.queryScalar)
  const [first, ...rest] = (attention ?? []).filter(({ window }) => window > 0)
  const other = rest.find((layer) => !isDeepStrictEqual(layer, first)) ?? (first?.rope?.scaling && first)
  if (other) throw wrong('sliding_window', 'one window and one unscaled rotation for all layers that slide', other)
}
