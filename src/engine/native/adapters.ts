import { adapterParameters, factorNames, tokenRowsName } from '../adapters/parameters.ts'
import { randomWeights } from '../checkpoint/init.ts'
import { openWeights } from '../checkpoint/weights.ts'
import type { ModelSpec, ParameterSpec } from '../spec.ts'
import type { Adapters } from '../types.ts'
import type { NativeAdapters } from './binding.ts'
import type { NativeModel } from './model.ts'

/** Adapters that the addon keeps apart from the weights, and what they begin with. */

/**
 * Their tensors, with the start that PEFT gives them: A is Kaiming uniform with a = √5, so within ±1/√in, and B is zero.
 * @throws ConfigError where they do not fit the model
 */
export function trainedParameters(spec: ModelSpec, adapters: Adapters): ParameterSpec[] {
  const a = new Set(adapters.parts.map(({ weight }) => factorNames(weight).a))
  return adapterParameters(spec, adapters).map((tensor) => ({ ...tensor, initial: a.has(tensor.name) ? 'uniform' : 'zeros' }))
}

/** As the addon takes them. */
export function nativeAdapters(spec: ModelSpec, { parts, tokens = [] }: Adapters, parameters: readonly ParameterSpec[]): NativeAdapters {
  const byName = new Map(parameters.map(({ name, shape }) => [name, { name, shape }]))
  return {
    parts: parts.map((part) => {
      const { a, b } = factorNames(part.weight)
      return { ...part, a: byName.get(a)!, b: byName.get(b)! }
    }),
    ...(tokens.length > 0 && { tokens: Int32Array.from(tokens), rows: byName.get(tokenRowsName(spec))! }),
  }
}

/**
 * Fills the adapters of a model whose weights are there.
 * @param folder of the adapters, for messages
 * @throws CheckpointError naming tensor, expected and found
 */
export async function fillAdapters(
  model: NativeModel,
  folder: string,
  spec: ModelSpec,
  { weights, tokens, rows, seed = 0 }: Adapters,
): Promise<void> {
  if (!weights) {
    const start = randomWeights(seed)
    for (const parameter of model.parameters) {
      const own = tokens && parameter.name === tokenRowsName(spec)
      const starting = () => rows ?? model.readRows(spec.embedding.weight.name, tokens!)
      model.write(parameter.name, own ? starting() : start(parameter))
    }
    return
  }
  const reader = await openWeights({ folder, weights }, model.parameters)
  try {
    for (const { name } of model.parameters) model.write(name, await reader.read(name))
  } finally {
    await reader.close()
  }
}
