import type { JsonObject } from '../checkpoint/files.ts'
import { problem, show } from '../checkpoint/problem.ts'
import type { RopeConfig } from '../types.ts'
import type { Keys } from './keys.ts'

/** RoPE in `config.json`: `rope_theta` and `rope_scaling` of transformers 4, `rope_parameters` of transformers 5. */

export type RopeKind = NonNullable<RopeConfig['scaling']>['type']

/** What is wrong with the numbers of a rotation, and in which field. */
export function ropeProblem({ theta, scaling }: RopeConfig): { field: keyof RopeConfig; expected: string; found: string } | undefined {
  if (!(theta > 0 && theta <= 1e15)) return { field: 'theta', expected: 'a number above 0, at most 1e15', found: show(theta) }
  if (scaling?.type === 'linear' && !(Number.isFinite(scaling.factor) && scaling.factor >= 1))
    return { field: 'scaling', expected: 'factor of at least 1', found: show(scaling.factor) }
  if (scaling?.type !== 'llama3') return undefined
  const { factor, lowFreqFactor, highFreqFactor, originalMaxPositions } = scaling
  const values = [factor, lowFreqFactor, highFreqFactor, originalMaxPositions]
  if (values.every((value) => Number.isFinite(value) && value > 0) && factor >= 1 && highFreqFactor > lowFreqFactor) return undefined
  return {
    field: 'scaling',
    expected: 'factor of at least 1, low_freq_factor below high_freq_factor and original_max_position_embeddings, all above 0',
    found: show({ factor, lowFreqFactor, highFreqFactor, originalMaxPositions }),
  }
}

/**
 * The rotation that a `config.json` describes.
 * @param kinds of scaling that the family takes
 * @param theta where the file names none
 * @throws CheckpointError naming key, expected and found
 */
export function readRope(keys: Keys, kinds: readonly RopeKind[] = ['llama3'], theta = 10000): RopeConfig {
  const current = keys.part('rope_parameters')
  const given = [current, keys].map((part) => (part?.get('rope_theta') === undefined ? undefined : part.number('rope_theta')))
  if (given[0] !== undefined && given[1] !== undefined && given[0] !== given[1])
    throw keys.fail('rope_theta', `the same as rope_parameters.rope_theta, ${given[0]}`)
  const legacy = keys.part('rope_scaling')
  const scaled = current ?? legacy
  return checkedRope(keys, {
    theta: given[0] ?? given[1] ?? theta,
    ...(scaled && readScaling(scaled, kinds, scaled === current)),
  })
}

/** The same from one object of `rope_parameters`, where there is one for each kind of layer. */
export function readRopeOf(keys: Keys, kinds: readonly RopeKind[], theta: number): RopeConfig {
  return checkedRope(keys, { theta: keys.number('rope_theta', theta), ...readScaling(keys, kinds, true) })
}

/** @throws CheckpointError where the numbers of a rotation that was read cannot be */
export function checkedRope(keys: Keys, rope: RopeConfig, thetaKey = 'rope_theta'): RopeConfig {
  const wrong = ropeProblem(rope)
  if (!wrong) return rope
  const key = wrong.field === 'theta' ? thetaKey : 'rope_scaling'
  throw problem({ file: keys.file, key: keys.prefix + key }, wrong.expected, wrong.found)
}

/** The scaling of one object of parameters; none where its type is `default`, which it need not name in the spelling of transformers 5. */
function readScaling(keys: Keys, kinds: readonly RopeKind[], current: boolean): Pick<RopeConfig, 'scaling'> {
  const typeKey = keys.get('rope_type') === undefined && keys.get('type') !== undefined ? 'type' : 'rope_type'
  const type = keys.get(typeKey) ?? (current ? 'default' : undefined)
  keys.only('partial_rotary_factor', 1, 'Partial rotation is not supported.')
  if (type === 'default') return {}
  const kind = kinds.find((name) => name === type)
  if (kind === undefined) throw keys.fail(typeKey, ['default', ...kinds].join(' or '), 'Other kinds of RoPE scaling are not supported.')
  const factor = keys.number('factor')
  if (kind === 'linear') return { scaling: { type: kind, factor } }
  return {
    scaling: {
      type: kind,
      factor,
      lowFreqFactor: keys.number('low_freq_factor'),
      highFreqFactor: keys.number('high_freq_factor'),
      originalMaxPositions: keys.number('original_max_position_embeddings'),
    },
  }
}

/** In the spelling of transformers 4. */
export function writeRope({ theta, scaling }: RopeConfig): JsonObject {
  return { rope_theta: theta, rope_scaling: scaling === undefined ? null : writeScaling(scaling) }
}

function writeScaling(scaling: NonNullable<RopeConfig['scaling']>): JsonObject {
  if (scaling.type === 'linear') return { factor: scaling.factor, rope_type: scaling.type }
  return {
    factor: scaling.factor,
    high_freq_factor: scaling.highFreqFactor,
    low_freq_factor: scaling.lowFreqFactor,
    original_max_position_embeddings: scaling.originalMaxPositions,
    rope_type: scaling.type,
  }
}
