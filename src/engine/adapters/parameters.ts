import { ConfigError } from '../errors.ts'
import type { ModelSpec, ParameterSpec, TensorSpec } from '../spec.ts'
import type { AdapterPart, Adapters } from '../types.ts'

/** What adapters of a model consist of: names and shapes. */

/** Weights of the linear layers that an adapter can stand beside, (out, in) each: all but the head. */
export function linearWeights({ layers }: ModelSpec): ParameterSpec[] {
  return layers.flatMap(({ attention, mlp }) =>
    [attention.q, attention.k, attention.v, attention.o, mlp.gate, mlp.up, mlp.down].map(({ weight }) => weight),
  )
}

/** `model.layers.0.self_attn.q_proj.weight` → `model.layers.0.self_attn.q_proj` */
export function layerOf(weight: string): string {
  return weight.replace(/\.weight$/, '')
}

/** Names of the two factors beside a weight: A is (rank, in), B (out, rank). */
export function factorNames(weight: string): { a: string; b: string } {
  const layer = layerOf(weight)
  return { a: `${layer}.lora_A.weight`, b: `${layer}.lora_B.weight` }
}

/** Name of the rows of the embedding that are the adapter's own: (tokens, hidden). */
export function tokenRowsName({ embedding }: ModelSpec): string {
  return `${layerOf(embedding.weight.name)}.trainable_tokens`
}

/**
 * Every tensor of the adapters, in the order of their parts, the rows of tokens last.
 * @throws ConfigError where a part stands beside nothing, twice, or has no rank or scale; where tokens do not ascend or lie outside
 */
export function adapterParameters(spec: ModelSpec, { parts, tokens = [] }: Adapters): TensorSpec[] {
  const shapes = new Map(linearWeights(spec).map(({ name, shape }) => [name, shape]))
  const seen = new Set<string>()
  const factors = parts.flatMap((part) => {
    const shape = shapes.get(part.weight)
    if (shape === undefined) throw wrong(part, 'the weight of a linear layer of the model, the head left out')
    if (seen.has(part.weight)) throw wrong(part, 'every weight once')
    seen.add(part.weight)
    if (!Number.isInteger(part.rank) || part.rank < 1) throw wrong(part, 'a rank of 1 or more')
    if (!Number.isFinite(part.scale)) throw wrong(part, 'a finite scale')
    const { a, b } = factorNames(part.weight)
    return [
      { name: a, shape: [part.rank, shape[1]] },
      { name: b, shape: [shape[0], part.rank] },
    ]
  })
  const bad = tokens.find((id, i) => !Number.isInteger(id) || id < 0 || id >= spec.vocabSize || (i > 0 && id <= tokens[i - 1]))
  if (bad !== undefined) throw new ConfigError(`Tokens of an adapter are ids below ${spec.vocabSize}, ascending. Got ${bad}.`)
  if (tokens.length === 0) return factors
  return [...factors, { name: tokenRowsName(spec), shape: [tokens.length, spec.hiddenSize] }]
}

function wrong({ weight, rank, scale }: AdapterPart, expected: string): ConfigError {
  return new ConfigError(`An adapter stands beside ${weight} (rank ${rank}, scale ${scale}). Expected ${expected}.`)
}
