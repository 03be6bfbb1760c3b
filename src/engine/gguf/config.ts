import type { JsonObject } from '../../json.ts'
import { problem, show } from '../checkpoint/problem.ts'
import type { KeyName } from '../families/keys.ts'
import { familyNames } from '../families/names.ts'
import type { GgufHeader, GgufTensor } from './header.ts'
import type { GgufMetadata } from './metadata.ts'
import { architectures, familyOf, ggufName } from './names.ts'

/**
 * What the metadata of a GGUF file say about the model, as the `config.json` that the families read. Keys are those of gguf-py's
 * constants.py. What llama.cpp has built into its graphs of an architecture stands here too.
 */

/** Divisors of the frequencies of RoPE, where llama.cpp keeps them as a tensor: see {@link llama3Scaling}. */
export const ropeFactorsName = 'rope_freqs.weight'

/** Keys that change the arithmetic of an architecture and are not computed, with the value that changes nothing. */
const departures: Readonly<Record<string, number | boolean | undefined>> = {
  ...{ expert_count: 0, expert_used_count: 0, use_parallel_residual: undefined, 'attention.causal': true, pooling_type: 0 },
  ...{
    attn_logit_softcapping: 0,
    final_logit_softcapping: 0,
    logit_scale: undefined,
    residual_scale: undefined,
    embedding_scale: undefined,
  },
  ...{ 'attention.scale': undefined, 'attention.clamp_kqv': 0, 'attention.max_alibi_bias': 0, 'attention.temperature_scale': undefined },
}

/**
 * The `config.json` of a model.
 * @param ropeFactors what {@link ropeFactorsName} holds, where the file has it
 * @throws CheckpointError naming file, key, expected and found
 */
export function configJson({ metadata, tensors }: GgufHeader, ropeFactors?: Float32Array): JsonObject {
  const architecture = metadata.string('general.architecture')
  const family = architecture === undefined ? undefined : familyOf(architecture)
  if (architecture === undefined || family === undefined) {
    const known = [...new Set(Object.values(architectures))].join(', ')
    throw metadata.fail('general.architecture', known, `Other architectures are not supported. The families are ${familyNames.join(', ')}.`)
  }
  const keys = new ArchitectureKeys(metadata, architecture)
  refuseDepartures(keys)
  const layers = keys.count('block_count')
  const hiddenSize = keys.count('embedding_length')
  const heads = keys.count('attention.head_count')
  const headDim = keys.optional('attention.key_length') ?? hiddenSize / heads
  if ((keys.optional('attention.value_length') ?? headDim) !== headDim)
    throw keys.fail('attention.value_length', `${headDim}, as attention.key_length says`)
  const name = (parameter: string) => ggufName(family, parameter)!
  const context = keys.count('context_length')
  return {
    model_type: family,
    vocab_size: rowsOf(tensors, name('model.embed_tokens.weight'), metadata),
    hidden_size: hiddenSize,
    num_hidden_layers: layers,
    num_attention_heads: heads,
    num_key_value_heads: keys.optional('attention.head_count_kv') ?? heads,
    head_dim: headDim,
    intermediate_size: keys.count('feed_forward_length'),
    max_position_embeddings: context,
    rms_norm_eps: shortest(keys.required('attention.layer_norm_rms_epsilon')),
    tie_word_embeddings: !tensors.has(name('lm_head.weight')),
    ...ropeKeys(keys, headDim, context, ropeFactors),
    ...(family === 'gemma3_text' ? gemmaKeys(keys, layers, hiddenSize, heads, headDim) : refuseWindow(keys, context)),
  }
}

/** Keys `ARCHITECTURE.*` of what {@link configJson} says. Some keys of `config.json` follow from others, the last ones here. */
const stored: Readonly<Record<string, string>> = {
  ...{ hidden_size: 'embedding_length', num_hidden_layers: 'block_count', intermediate_size: 'feed_forward_length' },
  ...{ num_attention_heads: 'attention.head_count', num_key_value_heads: 'attention.head_count_kv', head_dim: 'attention.key_length' },
  ...{ max_position_embeddings: 'context_length', rms_norm_eps: 'attention.layer_norm_rms_epsilon' },
  ...{ rope_theta: 'rope.freq_base', 'rope_scaling.rope_type': 'rope.scaling.type', 'rope_scaling.factor': 'rope.scaling.factor' },
  ...{ 'rope_scaling.original_max_position_embeddings': 'rope.scaling.original_context_length' },
  ...{ 'rope_scaling.beta_fast': 'rope.scaling.yarn_beta_fast', 'rope_scaling.beta_slow': 'rope.scaling.yarn_beta_slow' },
  ...{ rope_local_base_freq: 'rope.freq_base_swa', sliding_window: 'attention.sliding_window' },
  ...{ 'rope_scaling.attention_factor': 'rope.scaling.factor', query_pre_attn_scalar: 'attention.key_length' },
  layer_types: 'attention.sliding_window_pattern',
}

/** What the file calls a key of {@link configJson}: a key of its metadata, or a tensor. */
export function storedKey({ metadata, tensors }: GgufHeader): KeyName {
  const architecture = metadata.string('general.architecture')!
  const table = ggufName(familyOf(architecture)!, 'model.embed_tokens.weight')!
  return (key) => {
    if (key === 'model_type') return 'general.architecture'
    if (key === 'vocab_size') return table
    if (key.startsWith('rope_scaling') && tensors.has(ropeFactorsName)) return ropeFactorsName
    return Object.hasOwn(stored, key) ? `${architecture}.${stored[key]}` : key
  }
}

/** Typed look at the keys `ARCHITECTURE.*`. */
class ArchitectureKeys {
  readonly metadata: GgufMetadata
  readonly #architecture: string

  constructor(metadata: GgufMetadata, architecture: string) {
    this.metadata = metadata
    this.#architecture = architecture
  }

  name(key: string): string {
    return `${this.#architecture}.${key}`
  }

  fail(key: string, expected: string, next?: string): Error {
    return this.metadata.fail(this.name(key), expected, next)
  }

  number(key: string): number | undefined {
    return this.metadata.number(this.name(key))
  }

  required(key: string): number {
    const value = this.number(key)
    if (value === undefined) throw this.fail(key, 'a number')
    return value
  }

  /** A size of 1 or more. Some files have a list with one for each layer: only equal ones can be read. */
  optional(key: string): number | undefined {
    const each = this.metadata.get(this.name(key))
    if (typeof each === 'object') throw this.fail(key, 'one number for all layers', 'Models whose layers differ are not supported.')
    const value = this.metadata.count(this.name(key))
    if (value === 0) throw this.fail(key, 'a whole number, 1 or more')
    return value
  }

  count(key: string): number {
    const value = this.optional(key)
    if (value === undefined) throw this.fail(key, 'a whole number, 1 or more')
    return value
  }
}

function refuseDepartures(keys: ArchitectureKeys): void {
  for (const [key, harmless] of Object.entries(departures)) {
    const value = keys.metadata.get(keys.name(key))
    if (value === undefined || value === harmless) continue
    throw keys.fail(key, harmless === undefined ? 'no such key' : show(harmless), 'What it asks for is not computed.')
  }
}

/** Rows of a matrix: a file can name more tokens than it has. */
function rowsOf(tensors: ReadonlyMap<string, GgufTensor>, tensor: string, { file }: GgufMetadata): number {
  const shape = tensors.get(tensor)?.shape
  const next = tensors.size === 0 ? 'It holds a vocabulary only. Name a file with weights.' : ''
  if (shape === undefined) throw problem({ file, tensor }, 'the table of embeddings', 'no such tensor', next)
  if (shape.length !== 2) throw problem({ file, tensor }, 'two sizes', show(shape))
  return shape[0]
}

/** A float32 as the shortest decimal that means it: 1e-5, where the file has 9.999999747378752e-6. So a copy as `config.json` says the same. */
function shortest(value: number): number {
  for (let digits = 1; digits < 9; digits++) {
    const short = Number(value.toPrecision(digits))
    if (Math.fround(short) === Math.fround(value)) return short
  }
  return value
}

function ropeKeys(keys: ArchitectureKeys, headDim: number, context: number, factors: Float32Array | undefined): JsonObject {
  const turned = keys.optional('rope.dimension_count') ?? headDim
  if (turned !== headDim) throw keys.fail('rope.dimension_count', `${headDim}, the whole head`, 'Partial rotation is not supported.')
  const theta = shortest(keys.number('rope.freq_base') ?? 10000)
  const scaling = scalingKeys(keys, context)
  if (factors === undefined) return { rope_theta: theta, ...(scaling && { rope_scaling: scaling }) }
  if (scaling !== undefined) throw keys.fail('rope.scaling.type', `none beside ${ropeFactorsName}`)
  return { rope_theta: theta, rope_scaling: llama3Scaling(keys, factors, headDim, theta) }
}

function scalingKeys(keys: ArchitectureKeys, context: number): JsonObject | undefined {
  const type = keys.metadata.string(keys.name('rope.scaling.type'))
  // Before there were types, a factor stood alone.
  const factor = keys.number('rope.scaling.factor') ?? keys.number('rope.scale_linear')
  const kind = type ?? (factor === undefined ? 'none' : 'linear')
  if (kind === 'none' || (kind === 'linear' && (factor ?? 1) === 1)) return undefined
  if (kind !== 'linear' && kind !== 'yarn')
    throw keys.fail('rope.scaling.type', 'none, linear or yarn', 'Other kinds of RoPE scaling are not supported.')
  const given = {
    factor: factor === undefined ? undefined : shortest(factor),
    original_max_position_embeddings: keys.optional('rope.scaling.original_context_length'),
  }
  if (kind === 'linear') return { rope_type: kind, factor: given.factor }
  const yarn = {
    ...given,
    beta_fast: keys.number('rope.scaling.yarn_beta_fast'),
    beta_slow: keys.number('rope.scaling.yarn_beta_slow'),
  }
  // llama.cpp multiplies its own 0.1 ln(factor) + 1 by attn_factor, and has an extrapolation and a logarithm that others lack.
  for (const [key, usual] of [
    ['attn_factor', 1],
    ['yarn_attn_factor', 1],
    ['yarn_ext_factor', 1],
    ['yarn_log_multiplier', 0],
  ] as const) {
    const value = keys.number(`rope.scaling.${key}`)
    if (value !== undefined && value !== usual) throw keys.fail(`rope.scaling.${key}`, `${usual}`)
  }
  const said = Object.entries(yarn).filter(([, value]) => value !== undefined)
  return {
    rope_type: kind,
    ...Object.fromEntries(said),
    original_max_position_embeddings: yarn.original_max_position_embeddings ?? context,
  }
}

/** Llama 3.1 to 3.3; llama.cpp's converter takes this length too. */
const llama3Context = 8192

/**
 * The scaling of Llama 3.1, out of what each frequency is divided by, (headDim / 2): 1 where the wave is short, one factor where it is
 * long, and between them 1 / ((1 − s) / factor + s) with s = (turns − low) / (high − low), turns the waves in the original context. Two
 * such numbers give the line. Only low, high and context by one common factor remain open, which changes nothing: the usual context is taken.
 * Short heads may have one such number or none, so several lines give the same factors: the widest is taken.
 * @throws CheckpointError where these are no such numbers (`longrope` has others)
 */
function llama3Scaling(keys: ArchitectureKeys, factors: Float32Array, headDim: number, theta: number): JsonObject {
  const { file } = keys.metadata
  const place = { file, tensor: ropeFactorsName }
  if (factors.length !== headDim / 2) throw problem(place, `${headDim / 2} numbers, half of a head`, `${factors.length}`)
  const factor = factors.at(-1)!
  const turns = Array.from(factors, (_, i) => (llama3Context * theta ** ((-2 * i) / headDim)) / (2 * Math.PI))
  const between = turns.flatMap((x, i) =>
    factors[i] > 1 && factors[i] < factor ? [{ x, s: (1 / factors[i] - 1 / factor) / (1 - 1 / factor) }] : [],
  )
  const [first, last] = [between[0], between.at(-1)]
  const refuse = () =>
    problem(place, 'the factors of llama3', show([...factors].slice(0, 16)), 'Other kinds of RoPE scaling are not supported.')
  const [low, high] = first === last ? widest(first, turns, factors) : line(first!, last!)
  if (!(low < high)) throw refuse()
  for (const [i, x] of turns.entries()) {
    const s = Math.min(1, Math.max(0, (x - low) / (high - low)))
    const expected = 1 / ((1 - s) / factor + s)
    if (!(Math.abs(factors[i] / expected - 1) < 1e-4)) throw refuse()
  }
  return {
    rope_type: 'llama3',
    factor: shortest(factor),
    low_freq_factor: low,
    high_freq_factor: high,
    original_max_position_embeddings: llama3Context,
  }
}

interface Between {
  x: number
  s: number
}

/** Where the line through both is 0, and where it is 1. */
function line(first: Between, last: Between): [low: number, high: number] {
  const slope = (first.s - last.s) / (first.x - last.x)
  const low = round(last.x - last.s / slope)
  return [low, round(low + 1 / slope)]
}

/** The widest line through one point, or through none, that leaves the frequencies beside it alone. NaN where there are none on both sides. */
function widest(point: Between | undefined, turns: readonly number[], factors: Float32Array): [low: number, high: number] {
  const plain = turns.findLast((_, i) => factors[i] === 1) ?? Number.NaN
  const scaled = turns.find((_, i) => factors[i] > 1 && factors[i] === factors.at(-1)) ?? Number.NaN
  if (!point) return [scaled, plain]
  const { x, s } = point
  const high = Math.min(plain, (x - (1 - s) * scaled) / s)
  return [(x - s * high) / (1 - s), high]
}

/** To five digits: what is left after float32, so 1 and 4 come out as they are. */
function round(value: number): number {
  return Number(value.toPrecision(5))
}

/** gemma3 in llama.cpp: every sixth layer sees everything and is scaled; the others slide. The largest model divides by another root. */
function gemmaKeys(keys: ArchitectureKeys, layers: number, hiddenSize: number, heads: number, headDim: number): JsonObject {
  const window = keys.optional('attention.sliding_window')
  return {
    query_pre_attn_scalar: layers === 62 ? Math.floor(hiddenSize / heads) : headDim,
    rope_local_base_freq: shortest(keys.number('rope.freq_base_swa') ?? 10000),
    layer_types: window === undefined ? Array(layers).fill('full_attention') : slidingLayers(keys, layers),
    ...(window !== undefined && { sliding_window: window }),
  }
}

function slidingLayers(keys: ArchitectureKeys, layers: number): string[] {
  const key = 'attention.sliding_window_pattern'
  const value = keys.metadata.get(keys.name(key))
  const list = typeof value === 'object' ? keys.metadata.numbers(keys.name(key)) : undefined
  if (list !== undefined && (list.length !== layers || list.some((one) => one !== 0 && one !== 1)))
    throw keys.fail(key, `a number, or ${layers} times true or false`)
  const pattern = list === undefined ? (keys.optional(key) ?? 6) : layers
  const slides = (layer: number) => (list === undefined ? (layer + 1) % pattern !== 0 : list[layer] === 1)
  return Array.from({ length: layers }, (_, layer) => (slides(layer) ? 'sliding_attention' : 'full_attention'))
}

function refuseWindow(keys: ArchitectureKeys, context: number): JsonObject {
  const key = 'attention.sliding_window'
  const window = keys.optional(key)
  if (window !== undefined && window < context)
    throw keys.fail(key, `${context} or more, the whole context`, 'Sliding windows are not supported for this architecture.')
  return {}
}
