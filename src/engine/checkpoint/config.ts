import { isDeepStrictEqual } from 'node:util'
import { isObject, type JsonObject } from '../../json.ts'
import type { SizeField, Sizes } from '../families/family.ts'
import { families, nearFamilies } from '../families/index.ts'
import { type KeyName, Keys } from '../families/keys.ts'
import { familyNames } from '../families/names.ts'
import { ropeProblem } from '../families/rope.ts'
import type { ModelConfig } from '../model-config.ts'
import { problem, show } from './problem.ts'

/**
 * `config.json`, in the spelling of transformers 4 (`rope_theta`, `rope_scaling`, `torch_dtype`) and of transformers 5
 * (`rope_parameters`, `dtype`): here what every family has, in families/ what is a family's own.
 */

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

interface ConfigProblem {
  field: string
  expected: string
  found: string
}

function sizeProblem(field: SizeField, value: number): ConfigProblem | undefined {
  const { most } = sizes[field]
  if (Number.isInteger(value) && value >= 1 && value <= most) return undefined
  return { field, expected: `an integer from 1 to ${most}`, found: show(value) }
}

/** What contradicts itself among the fields that every family has. */
function commonProblem({ heads, kvHeads, headDim, rmsNormEps }: Omit<ModelConfig, 'rope'>): ConfigProblem | undefined {
  if (heads % kvHeads !== 0) return { field: 'kvHeads', expected: `a divisor of the ${heads} attention heads`, found: show(kvHeads) }
  if (headDim % 2 !== 0) return { field: 'headDim', expected: 'an even number (RoPE turns pairs)', found: show(headDim) }
  if (!(rmsNormEps > 0 && rmsNormEps < 1)) return { field: 'rmsNormEps', expected: 'a number between 0 and 1', found: show(rmsNormEps) }
  return undefined
}

function findProblem(config: ModelConfig): ConfigProblem | undefined {
  for (const field of Object.keys(sizes) as SizeField[]) {
    const found = sizeProblem(field, config[field])
    if (found) return found
  }
  const common = commonProblem(config)
  if (common) return common
  const { rope, attention, layers, queryScalar = 1 } = config
  if (attention && attention.length !== layers)
    return { field: 'attention', expected: `one entry for each of the ${layers} layers`, found: show(attention.length) }
  for (const [field, turned] of [
    ['rope', rope],
    ...(attention ?? []).map((own, i) => [`attention.${i}.rope`, own.rope] as const),
  ] as const) {
    const found = turned && ropeProblem(turned)
    if (found) return { ...found, field: `${field}.${found.field}` }
  }
  const window = attention?.find((own) => !(Number.isSafeInteger(own.window) && own.window >= 0))?.window
  if (window !== undefined) return { field: 'attention', expected: 'windows of 0 (none) or more tokens', found: show(window) }
  if (!(queryScalar > 0 && queryScalar < 1e9))
    return { field: 'queryScalar', expected: 'a number above 0, below 1e9', found: show(queryScalar) }
  return undefined
}

/**
 * Checks a configuration that was not read from a file: its sizes, and that a `config.json` of its family can say it.
 * @param where what the message calls it, e.g. `train.yaml: model.init.architecture`
 * @throws CheckpointError naming field, expected and found
 */
export function checkModelConfig(config: ModelConfig, where: string): void {
  if (!familyNames.includes(config.family)) throw problem({ file: where, key: 'family' }, familyNames.join(', '), show(config.family))
  const found = findProblem(config)
  if (found !== undefined) throw problem({ file: where, key: found.field }, found.expected, found.found)
  const said: object = parseModelConfig(toJson(config), where)
  const values = (object: object, field: string): unknown => object[field as keyof typeof object]
  for (const field of Object.keys({ ...said, ...config })) {
    if (isDeepStrictEqual(values(said, field), values(config, field))) continue
    throw problem({ file: where, key: field }, `${show(values(said, field))} for family ${config.family}`, show(values(config, field)))
  }
}

/**
 * Reads a parsed `config.json`.
 * @param file its name in messages
 * @param named what the file calls a key where it is no `config.json`
 * @throws CheckpointError naming file, key, expected and found
 */
export function parseModelConfig(json: unknown, file: string, named?: KeyName): ModelConfig {
  if (!isObject(json)) throw problem({ file }, 'a JSON object', show(json))
  const first = new Keys(json, file, named)
  const type = first.get('model_type')
  const family = familyNames.find((name) => name === type)
  if (family === undefined) {
    const near = Object.entries(nearFamilies).find(([name]) => name === type)?.[1]
    throw first.fail('model_type', familyNames.join(', '), near ?? 'Other families are not supported.')
  }
  const { architecture, defaults, read } = families[family]
  const keys = new Keys({ ...defaults, ...json }, file, named)

  const size = (field: SizeField, fallback?: number) => {
    const { key } = sizes[field]
    const value = keys.number(key, fallback)
    const found = sizeProblem(field, value)
    if (found) throw problem(keys.place(key), found.expected, found.found)
    return value
  }
  const hiddenSize = size('hiddenSize')
  const heads = size('heads')
  const common = {
    family,
    vocabSize: size('vocabSize'),
    hiddenSize,
    layers: size('layers'),
    heads,
    kvHeads: size('kvHeads', heads),
    headDim: size('headDim', hiddenSize / heads),
    intermediateSize: size('intermediateSize'),
    rmsNormEps: keys.number('rms_norm_eps', 1e-6),
    tiedEmbeddings: keys.boolean('tie_word_embeddings', false),
    maxPositions: size('maxPositions'),
  }
  const found = commonProblem(common)
  if (found) throw problem(keys.place(sizes[found.field as SizeField]?.key ?? 'rms_norm_eps'), found.expected, found.found)
  const classes = keys.get('architectures')
  if (classes !== undefined && !(Array.isArray(classes) && (classes.length === 0 || classes.includes(architecture))))
    throw keys.fail('architectures', `["${architecture}"]`, 'Only causal language models are supported.')
  const next = 'Quantised weights are not supported: use the float32, bfloat16 or float16 checkpoint.'
  keys.refuse('quantization_config', () => false, 'none', next)
  keys.only('partial_rotary_factor', 1, 'Partial rotation is not supported.')
  return { ...common, ...read(keys, common satisfies Sizes) }
}

/** Values of `config.json` that the arithmetic does not need. */
interface ConfigExtra {
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
  return toJson(config, extra)
}

function toJson(config: ModelConfig, extra: ConfigExtra = {}): JsonObject {
  const { architecture, write } = families[config.family]
  const json: JsonObject = {
    architectures: [architecture],
    attention_dropout: 0,
    bos_token_id: extra.bosTokenId ?? null,
    eos_token_id: extra.eosTokenId ?? null,
    initializer_range: 0.02,
    model_type: config.family,
    rms_norm_eps: config.rmsNormEps,
    tie_word_embeddings: config.tiedEmbeddings,
    torch_dtype: extra.dtype ?? 'float32',
    use_cache: true,
    ...write(config),
  }
  for (const [field, { key }] of Object.entries(sizes) as [SizeField, { key: string }][]) json[key] = config[field]
  return Object.fromEntries(Object.entries(json).sort(([a], [b]) => (a < b ? -1 : 1)))
}
