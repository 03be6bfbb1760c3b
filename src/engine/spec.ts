/**
 * What a decoder computes, as data. A family (families/) turns its `config.json` into this; both engines, the memory plan,
 * the saver and the trainer read it and know no family.
 *
 *     x = scale · embedding[id]
 *     x = x + [post norm] o(attention(rope([norm] q), rope([norm] k), v)(norm x))     for each layer
 *     x = x + [post norm] down(act(gate(norm x)) · up(norm x))
 *     logits = head(norm x)
 */

import type { RopeConfig } from './model-config.ts'

/** silu(x) = x·σ(x); gelu: the tanh form of arXiv 1606.08415, `gelu_pytorch_tanh` in transformers. */
export type Activation = 'silu' | 'gelu'

/** How a parameter starts where a model is made from nothing; `residual`: normal, scaled by 1/√(2·layers); `uniform`: within ±1/√in. */
export type Initial = 'normal' | 'residual' | 'uniform' | 'ones' | 'zeros'

export interface TensorSpec {
  /** Hugging Face name, e.g. `model.layers.0.self_attn.q_proj.weight`. */
  name: string
  /** Row-major; a linear layer is (out, in). */
  shape: number[]
}

/** A parameter with its Hugging Face name, its shape (row-major; a linear layer is (out, in)) and its start. */
export interface ParameterSpec extends TensorSpec {
  initial: Initial
}

/** y = x Wᵀ + b */
export interface LinearSpec {
  weight: ParameterSpec
  bias?: ParameterSpec
}

export interface AttentionSpec {
  norm: ParameterSpec
  q: LinearSpec
  k: LinearSpec
  v: LinearSpec
  /** RMSNorm over each head of q and of k, before the rotation; (headDim) each. Both or neither. */
  qNorm?: ParameterSpec
  kNorm?: ParameterSpec
  /** Index into {@link ModelSpec.ropes}. */
  rope: number
  /** A token sees this many of the rows that are visible to it, the last ones, itself counted; 0: all of them. */
  window: number
  o: LinearSpec
  /** Norm of what `o` gives, before it is added to x. */
  postNorm?: ParameterSpec
}

export interface MlpSpec {
  norm: ParameterSpec
  gate: LinearSpec
  up: LinearSpec
  down: LinearSpec
  postNorm?: ParameterSpec
}

export interface LayerSpec {
  attention: AttentionSpec
  mlp: MlpSpec
}

export interface ModelSpec {
  vocabSize: number
  hiddenSize: number
  heads: number
  kvHeads: number
  headDim: number
  intermediateSize: number
  maxPositions: number
  /** ε of every RMSNorm, and what is added to its weight before it multiplies (1 where checkpoints store w − 1). */
  norms: { eps: number; offset: 0 | 1 }
  activation: Activation
  /** Factor of q·k before the softmax; 1/√headDim unless the family says otherwise. */
  attentionScale: number
  /** The kinds of rotation in use; null: none (positions do not matter to such a layer). */
  ropes: readonly (RopeConfig | null)[]
  /** Rows of the table times `scale` are the first layer's input. */
  embedding: { weight: ParameterSpec; scale: number }
  layers: readonly LayerSpec[]
  norm: ParameterSpec
  /** The embedding's own parameter where the two are tied. */
  head: ParameterSpec
}

/** A layer's parameters, in the order in which transformers lists them. */
export function layerParameters({ attention, mlp }: LayerSpec): ParameterSpec[] {
  const both = ({ weight, bias }: LinearSpec) => [weight, bias]
  return [
    ...[attention.q, attention.k, attention.v, attention.o].flatMap(both),
    ...[attention.qNorm, attention.kNorm],
    ...[mlp.gate, mlp.up, mlp.down].flatMap(both),
    ...[attention.norm, attention.postNorm, mlp.norm, mlp.postNorm],
  ].filter((parameter) => parameter !== undefined)
}

/** Every parameter once, in the order in which transformers lists them. */
export function parametersOf({ embedding, layers, norm, head }: ModelSpec): ParameterSpec[] {
  const untied = head === embedding.weight ? [] : [head]
  return [embedding.weight, ...layers.flatMap(layerParameters), norm, ...untied]
}

/** Numbers in a tensor of this shape. */
export function elementCount(shape: readonly number[]): number {
  return shape.reduce((product, size) => product * size, 1)
}

/** Numbers in all parameters. */
export function parameterCount(spec: ModelSpec): number {
  return parametersOf(spec).reduce((sum, { shape }) => sum + elementCount(shape), 0)
}
