/** What to say of logits that are not finite: which checkpoint, which layer, and the weight that stands out there. */

import { NonFiniteError } from './errors.ts'
import { layerParameters, type ModelSpec, type ParameterSpec } from './spec.ts'

/** Where such numbers were first seen: 0 the embedding, l + 1 the output of layer l, layers + 1 the logits. */
export type FaultPlace = number

/** Place of a forward's or a step's first fault. */
export interface Fault {
  /** Index of the token whose logits they are, in the packed batch. */
  token: number
  place: FaultPlace
}

/**
 * @param checkpoint its folder
 * @param where whose logits, as a phrase: `token 3 of sequence 0`
 * @param read the weight of a parameter
 * @param adapters what stands beside the weights, named after them
 */
export function nonFinite(
  checkpoint: string,
  spec: ModelSpec,
  place: FaultPlace,
  where: string,
  read: (parameter: ParameterSpec) => Float32Array,
  adapters: readonly ParameterSpec[] = [],
): NonFiniteError {
  const { part, parameters } = partOf(spec, place)
  const layers = parameters.map(({ name }) => name.replace(/weight$/, ''))
  const beside = adapters.filter(({ name }) => layers.some((layer) => name.startsWith(layer)))
  const { value, name, index } = largest([...parameters, ...beside], read)
  return new NonFiniteError(
    `${checkpoint}: the logits after ${where} are not finite. The first such numbers are in ${part}. ` +
      `Its weight farthest from 0 is ${value.toPrecision(3)}, at ${index} of ${name}. ` +
      'The weights are damaged, or training has made them too large. Compare the files with their source, or go on from an earlier state.',
  )
}

function partOf({ embedding, layers, norm, head }: ModelSpec, place: FaultPlace): { part: string; parameters: ParameterSpec[] } {
  if (place === 0) return { part: 'the embedding', parameters: [embedding.weight] }
  if (place > layers.length) return { part: 'the logits, behind the last layer', parameters: [norm, head] }
  return { part: `the output of layer ${place - 1} (of ${layers.length}, the first is 0)`, parameters: layerParameters(layers[place - 1]) }
}

/** A number that is not finite is farther from 0 than any other. */
function largest(parameters: readonly ParameterSpec[], read: (parameter: ParameterSpec) => Float32Array) {
  let found = { value: 0, name: parameters[0].name, index: 0 }
  for (const parameter of parameters) {
    const values = read(parameter)
    for (let index = 0; index < values.length; index++) {
      const value = values[index]
      if (Math.abs(value) <= Math.abs(found.value)) continue
      found = { value, name: parameter.name, index }
      if (!Number.isFinite(value)) return found
    }
  }
  return found
}
