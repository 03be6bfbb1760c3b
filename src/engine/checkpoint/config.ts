import type { Family, ModelConfig, RopeConfig, TensorSpec } from '../types.ts'
import { isObject, type JsonObject, own } from './files.ts'
import { problem, show } from './problem.ts'

/**
 * `config.json` of the families qwen3, qwen2 and llama, in the spelling of transformers 4 (`rope_theta`, `rope_scaling`,
 * `torch_dtype`) and of transformers 5 (`rope_parameters`, `dtype`). Whatever changes the arithmetic and is not computed
 * here is refused by name: a model that loads and answers wrongly is worse than one that does not load.
 */

const families: readonly Family[] = ['qwen3', 'qwen2', 'llama']

const architectures: Record<Family, string> = { qwen3: 'Qwen3ForCausalLM', qwen2: 'Qwen2ForCausalLM', llama: 'LlamaForCausalLM' }

type SizeField = 'vocabSize' | 'hiddenSize' | 'layers' | 'heads' | 'kvHeads' | 'headDim' | 'intermediateSize' | 'maxPositions'

/** Key of every size in `config.json`, and the most that is believed. */
const sizes: Record<SizeField, { key: string; most: number }> = {
  vocabSize: { key: 'vocab_size', most: 2 ** 24 },
  hiddenSize: { key: 'hidden_size', most: 2 ** 17 },
  layers: { key: 'num_hidden_layers', most: 1024 },
  heads: { key: 'num_attention_heads', most: 4096 },
  kvHeads: { key: 'num_key_value_heads', most: 4096 },
  headDim: { key: 'head_dim', most: 2048 },
  intermediateSize: { key: 'intermediate_size', most: 2 ** 20 },
  maxPositions: { key: 'max_position_embeddings', most: 2 ** 25 },
}

const otherKeys: Record<string, string> = { rmsNormEps: 'rms_norm_eps', 'rope.theta': 'rope_theta', 'rope.scaling': 'rope_scaling' }

interface ConfigProblem {
  field: string
  expected: string
  found: string
}

function isSize(value: number, most: number): boolean {
  return Number.isInteger(value) && value >= 1 && value <= most
}

function findProblem(config: ModelConfig): ConfigProblem | undefined {
  for (const [field, { most }] of Object.entries(sizes) as [SizeField, { most: number }][]) {
    const value = config[field]
    if (!Number.isInteger(value) || value < 1 || value > most)
      return { field, expected: `an integer from 1 to ${most}`, found: show(value) }
  }
  const { heads, kvHeads, headDim, rmsNormEps, rope } = config
  if (heads % kvHeads !== 0) return { field: 'kvHeads', expected: `a divisor of the ${heads} attention heads`, found: show(kvHeads) }
  if (headDim % 2 !== 0) return { field: 'headDim', expected: 'an even number (RoPE turns pairs)', found: show(headDim) }
  if (!(rmsNormEps > 0 && rmsNormEps < 1)) return { field: 'rmsNormEps', expected: 'a number between 0 and 1', found: show(rmsNormEps) }
  if (!(rope.theta > 0 && rope.theta <= 1e15))
    return { field: 'rope.theta', expected: 'a number above 0, at most 1e15', found: show(rope.theta) }
  if (rope.scaling !== undefined) {
    const { factor, lowFreqFactor, highFreqFactor, originalMaxPositions } = rope.scaling
    const values = [factor, lowFreqFactor, highFreqFactor, originalMaxPositions]
    if (!values.every((value) => Number.isFinite(value) && value > 0) || factor < 1 || highFreqFactor <= lowFreqFactor) {
      return {
        field: 'rope.scaling',
        expected: 'factor of at least 1, low_freq_factor below high_freq_factor and original_max_position_embeddings, all above 0',
        found: show({ factor, lowFreqFactor, highFreqFactor, originalMaxPositions }),
      }
    }
  }
  for (const [field, only] of [
    ['qkvBias', 'qwen2'],
    ['qkNorm', 'qwen3'],
  ] as const) {
    const expected = config.family === only
    if (config[field] !== expected) return { field, expected: `${expected} for family ${config.family}`, found: show(config[field]) }
  }
  return undefined
}

/**
 * Checks sizes and the features that go with the family of a configuration that was not read from a file.
 * @param where what the message calls it, e.g. `train.yaml: model.init.architecture`
 * @throws CheckpointError naming field, expected and found
 */
export function checkModelConfig(config: ModelConfig, where: string): void {
  if (!families.includes(config.family)) throw problem({ file: where, key: 'family' }, families.join(', '), show(config.family))
  const found = findProblem(config)
  if (found !== undefined) throw problem({ file: where, key: found.field }, found.expected, found.found)
}

/** Typed look at the keys of one JSON object; null counts as absent. */
class Keys {
  readonly object: JsonObject
  readonly file: string
  readonly prefix: string

  constructor(object: JsonObject, file: string, prefix = '') {
    this.object = object
    this.file = file
    this.prefix = prefix
  }

  get(key: string): unknown {
    return own(this.object, key)
  }

  fail(key: string, expected: string, next?: string): Error {
    return problem({ file: this.file, key: this.prefix + key }, expected, show(this.get(key)), next)
  }

  number(key: string, fallback?: number): number {
    const value = this.get(key) ?? fallback
    if (typeof value !== 'number' || !Number.isFinite(value)) throw this.fail(key, 'a number')
    return value
  }

  boolean(key: string, fallback: boolean): boolean {
    const value = this.get(key) ?? fallback
    if (typeof value !== 'boolean') throw this.fail(key, 'true or false')
    return value
  }

  part(key: string): Keys | undefined {
    const value = this.get(key)
    if (value === undefined) return undefined
    if (!isObject(value)) throw this.fail(key, 'an object or null')
    return new Keys(value, this.file, `${this.prefix}${key}.`)
  }

  refuse(key: string, harmless: (value: unknown) => boolean, expected: string, next: string): void {
    const value = this.get(key)
    if (value !== undefined && !harmless(value)) throw this.fail(key, expected, next)
  }
}

function parseRope(keys: Keys): RopeConfig {
  const current = keys.part('rope_parameters')
  const legacy = keys.part('rope_scaling')
  const thetas = [current?.get('rope_theta') === undefined ? undefined : current.number('rope_theta')]
  thetas.push(keys.get('rope_theta') === undefined ? undefined : keys.number('rope_theta'))
  if (thetas[0] !== undefined && thetas[1] !== undefined && thetas[0] !== thetas[1])
    throw keys.fail('rope_theta', `the same as rope_parameters.rope_theta, ${thetas[0]}`)
  const theta = thetas[0] ?? thetas[1] ?? 10000
  const scaled = current ?? legacy
  if (scaled === undefined) return { theta }
  const typeKey = scaled.get('rope_type') === undefined && scaled.get('type') !== undefined ? 'type' : 'rope_type'
  const type = scaled.get(typeKey) ?? (scaled === current ? 'default' : undefined)
  scaled.refuse('partial_rotary_factor', (value) => value === 1, '1', 'Partial rotation is not supported.')
  if (type === 'default') return { theta }
  if (type !== 'llama3') throw scaled.fail(typeKey, 'default or llama3', 'Other kinds of RoPE scaling are not supported.')
  return {
    theta,
    scaling: {
      type: 'llama3',
      factor: scaled.number('factor'),
      lowFreqFactor: scaled.number('low_freq_factor'),
      highFreqFactor: scaled.number('high_freq_factor'),
      originalMaxPositions: scaled.number('original_max_position_embeddings'),
    },
  }
}

function refuseUnsupported(keys: Keys, family: Family, layers: number): void {
  const named = keys.get('architectures')
  if (named !== undefined && !(Array.isArray(named) && (named.length === 0 || named.includes(architectures[family]))))
    throw keys.fail('architectures', `["${architectures[family]}"]`, 'Only causal language models are supported.')
  keys.refuse('hidden_act', (value) => value === 'silu', '"silu"', 'Other activations are not supported.')
  keys.refuse(
    'quantization_config',
    () => false,
    'none',
    'Quantised weights are not supported: use the float32, bfloat16 or float16 checkpoint.',
  )
  keys.refuse('partial_rotary_factor', (value) => value === 1, '1', 'Partial rotation is not supported.')
  keys.refuse('mlp_bias', (value) => value === false, 'false', 'Biases in the feed-forward layers are not supported.')
  if (family !== 'qwen2') {
    const next = 'It puts a bias on o_proj too, which is not supported.'
    keys.refuse('attention_bias', (value) => value === false, 'false', next)
  }
  const kinds = keys.get('layer_types')
  const next = 'Sliding windows are not supported.'
  if (kinds !== undefined) {
    if (!Array.isArray(kinds) || kinds.length !== layers) throw keys.fail('layer_types', `a list of ${layers} names`)
    const other = kinds.find((kind) => kind !== 'full_attention')
    if (other !== undefined) throw problem({ file: keys.file, key: 'layer_types' }, '"full_attention" only', show(other), next)
  } else if (family !== 'llama' && keys.boolean('use_sliding_window', false) && keys.get('sliding_window') !== undefined) {
    // Layers from max_window_layers on slide (transformers, Qwen2Config).
    if (keys.number('max_window_layers', 0) < layers) throw keys.fail('use_sliding_window', 'false', next)
  }
}

/**
 * Reads a parsed `config.json`.
 * @param file its name in messages
 * @throws CheckpointError naming file, key, expected and found
 */
export function parseModelConfig(json: unknown, file: string): ModelConfig {
  if (!isObject(json)) throw problem({ file }, 'a JSON object', show(json))
  const keys = new Keys(json, file)
  const family = families.find((name) => name === keys.get('model_type'))
  if (family === undefined) throw keys.fail('model_type', families.join(', '), 'Other families are not supported.')

  const size = (field: SizeField, fallback?: number) => {
    const { key, most } = sizes[field]
    const value = keys.number(key, fallback)
    if (!isSize(value, most)) throw problem({ file, key }, `an integer from 1 to ${most}`, show(value))
    return value
  }
  const hiddenSize = size('hiddenSize')
  const heads = size('heads')
  const layers = size('layers')
  const config: ModelConfig = {
    family,
    vocabSize: size('vocabSize'),
    hiddenSize,
    layers,
    heads,
    kvHeads: size('kvHeads', heads),
    headDim: size('headDim', hiddenSize / heads),
    intermediateSize: size('intermediateSize'),
    rmsNormEps: keys.number('rms_norm_eps', 1e-6),
    rope: parseRope(keys),
    tiedEmbeddings: keys.boolean('tie_word_embeddings', false),
    qkvBias: family === 'qwen2',
    qkNorm: family === 'qwen3',
    maxPositions: size('maxPositions'),
  }
  const found = findProblem(config)
  if (found !== undefined) {
    const key = sizes[found.field as SizeField]?.key ?? otherKeys[found.field] ?? found.field
    throw problem({ file, key }, found.expected, found.found)
  }
  refuseUnsupported(keys, family, layers)
  return config
}

/** Values of `config.json` that the arithmetic does not need. */
export interface ConfigExtra {
  bosTokenId?: number
  eosTokenId?: number | readonly number[]
  dtype?: 'float32' | 'bfloat16'
}

/**
 * `config.json` of a model, in the spelling of transformers 4, which transformers 5, vLLM and llama.cpp's converter read too.
 * @throws CheckpointError when no config.json can say what `config` says
 */
export function modelConfigToJson(config: ModelConfig, extra: ConfigExtra = {}): JsonObject {
  checkModelConfig(config, 'model configuration')
  const { family, rope } = config
  const json: JsonObject = {
    architectures: [architectures[family]],
    attention_dropout: 0,
    bos_token_id: extra.bosTokenId ?? null,
    eos_token_id: extra.eosTokenId ?? null,
    hidden_act: 'silu',
    initializer_range: 0.02,
    model_type: family,
    rms_norm_eps: config.rmsNormEps,
    rope_scaling: rope.scaling === undefined ? null : scalingToJson(rope.scaling),
    rope_theta: rope.theta,
    tie_word_embeddings: config.tiedEmbeddings,
    torch_dtype: extra.dtype ?? 'float32',
    use_cache: true,
  }
  for (const [field, { key }] of Object.entries(sizes) as [SizeField, { key: string }][]) json[key] = config[field]
  if (family !== 'qwen2') json.attention_bias = false
  if (family === 'llama') json.mlp_bias = false
  else Object.assign(json, { use_sliding_window: false, sliding_window: null, max_window_layers: config.layers })
  return Object.fromEntries(Object.entries(json).sort(([a], [b]) => (a < b ? -1 : 1)))
}

function scalingToJson(scaling: NonNullable<RopeConfig['scaling']>): JsonObject {
  return {
    factor: scaling.factor,
    high_freq_factor: scaling.highFreqFactor,
    low_freq_factor: scaling.lowFreqFactor,
    original_max_position_embeddings: scaling.originalMaxPositions,
    rope_type: scaling.type,
  }
}

/** Every parameter with its Hugging Face name and shape, in the order in which transformers lists them; `lm_head.weight` only when untied. */
export function tensorSpecs(config: ModelConfig): TensorSpec[] {
  const { hiddenSize: hidden, intermediateSize: inner } = config
  const q = config.heads * config.headDim
  const kv = config.kvHeads * config.headDim
  const specs: TensorSpec[] = [{ name: 'model.embed_tokens.weight', shape: [config.vocabSize, hidden] }]
  for (let layer = 0; layer < config.layers; layer++) {
    const add = (name: string, ...shape: number[]) => specs.push({ name: `model.layers.${layer}.${name}`, shape })
    for (const [name, rows] of [
      ['q_proj', q],
      ['k_proj', kv],
      ['v_proj', kv],
    ] as const) {
      add(`self_attn.${name}.weight`, rows, hidden)
      if (config.qkvBias) add(`self_attn.${name}.bias`, rows)
    }
    add('self_attn.o_proj.weight', hidden, q)
    if (config.qkNorm) {
      add('self_attn.q_norm.weight', config.headDim)
      add('self_attn.k_norm.weight', config.headDim)
    }
    add('mlp.gate_proj.weight', inner, hidden)
    add('mlp.up_proj.weight', inner, hidden)
    add('mlp.down_proj.weight', hidden, inner)
    add('input_layernorm.weight', hidden)
    add('post_attention_layernorm.weight', hidden)
  }
  specs.push({ name: 'model.norm.weight', shape: [hidden] })
  if (!config.tiedEmbeddings) specs.push({ name: 'lm_head.weight', shape: [config.vocabSize, hidden] })
  return specs
}

/** Numbers in a tensor of this shape. */
export function elementCount(shape: readonly number[]): number {
  return shape.reduce((product, size) => product * size, 1)
}

/** Numbers in all parameters. */
export function parameterCount(config: ModelConfig): number {
  return tensorSpecs(config).reduce((sum, { shape }) => sum + elementCount(shape), 0)
}
