import type { JsonObject } from '../../json.ts'
import { type Place, problem, show } from '../checkpoint/problem.ts'
import type { RopeConfig, RopeScaling } from '../model-config.ts'
import type { Sizes } from './family.ts'
import type { Keys } from './keys.ts'

/** RoPE in `config.json`: `rope_theta` and `rope_scaling` of transformers 4, `rope_parameters` of transformers 5. */

/** Numbers of a scaling and their names in `config.json`. */
const scalingKeys = {
  ...{ factor: 'factor', betaFast: 'beta_fast', betaSlow: 'beta_slow', attentionFactor: 'attention_factor', truncate: 'truncate' },
  ...{ lowFreqFactor: 'low_freq_factor', highFreqFactor: 'high_freq_factor', originalMaxPositions: 'original_max_position_embeddings' },
}

type ScalingField = keyof typeof scalingKeys
type Problem = { field: 'theta' | `scaling.${ScalingField}`; expected: string; found: string }

/** What is wrong with the numbers of a rotation, and in which field. */
export function ropeProblem({ theta, scaling }: RopeConfig): Problem | undefined {
  if (!(theta > 0 && theta <= 1e15)) return { field: 'theta', expected: 'a number above 0, at most 1e15', found: show(theta) }
  if (!scaling) return undefined
  const { type, ...numbers } = scaling
  const wrong = (name: ScalingField, expected: string): Problem => ({
    ...{ field: `scaling.${name}`, expected },
    found: show((numbers as Partial<Record<ScalingField, unknown>>)[name]),
  })
  if (!(Number.isFinite(scaling.factor) && scaling.factor >= 1)) return wrong('factor', 'a number of at least 1')
  for (const [name, value] of Object.entries(numbers))
    if (typeof value === 'number' && !(Number.isFinite(value) && value > 0)) return wrong(name as ScalingField, 'a number above 0')
  if (scaling.type === 'llama3' && scaling.highFreqFactor <= scaling.lowFreqFactor)
    return wrong('lowFreqFactor', `a number below high_freq_factor, ${scaling.highFreqFactor}`)
  if (scaling.type === 'yarn' && scaling.betaFast < scaling.betaSlow)
    return wrong('betaSlow', `a number of at most beta_fast, ${scaling.betaFast}`)
  if (scaling.type === 'yarn' && theta <= 1) return { field: 'theta', expected: `a number above 1 for ${type}`, found: show(theta) }
  if ('originalMaxPositions' in scaling && !(Number.isInteger(scaling.originalMaxPositions) && scaling.originalMaxPositions <= 2 ** 25))
    return wrong('originalMaxPositions', 'a whole number of at most 2^25')
  return undefined
}

/**
 * The rotation that a `config.json` describes.
 * @param theta where the file names none
 * @throws CheckpointError naming key, expected and found
 */
export function readRope(keys: Keys, { maxPositions }: Pick<Sizes, 'maxPositions'>, theta = 10000): RopeConfig {
  const current = keys.part('rope_parameters')
  const given = [current, keys].map((part) => (part?.get('rope_theta') === undefined ? undefined : part.number('rope_theta')))
  if (given[0] !== undefined && given[1] !== undefined && given[0] !== given[1])
    throw keys.fail('rope_theta', `the same as rope_parameters.rope_theta, ${given[0]}`)
  const legacy = keys.part('rope_scaling')
  const scaled = current ?? legacy
  const original = 'original_max_position_embeddings'
  const places: Places = {
    maxPositions,
    // Beside the model's own positions it goes before the one among the parameters.
    ...(keys.get(original) !== undefined && { outside: keys.number(original) }),
  }
  const rope = { theta: given[0] ?? given[1] ?? theta, ...(scaled && readScaling(scaled, scaled === current, places)) }
  return checkedRope(rope, (given[0] === undefined ? keys : current!).place('rope_theta'), scaled)
}

/** The same from one object of `rope_parameters`, where there is one for each kind of layer. */
export function readRopeOf(keys: Keys, { maxPositions }: Pick<Sizes, 'maxPositions'>, theta: number): RopeConfig {
  const rope = { theta: keys.number('rope_theta', theta), ...readScaling(keys, true, { maxPositions, layered: true }) }
  return checkedRope(rope, keys.place('rope_theta'), keys)
}

/**
 * @param base where theta stands
 * @param scaled what the scaling was read from
 * @throws CheckpointError where the numbers of a rotation that was read cannot be
 */
export function checkedRope(rope: RopeConfig, base: Place, scaled?: Keys): RopeConfig {
  const wrong = ropeProblem(rope)
  if (!wrong) return rope
  const name = wrong.field === 'theta' ? undefined : (wrong.field.slice('scaling.'.length) as ScalingField)
  throw problem(name ? scaled!.place(scalingKeys[name]) : base, wrong.expected, wrong.found)
}

/** What scaling needs to know of the rest of the file. */
interface Places {
  maxPositions: number
  /** `original_max_position_embeddings` beside the parameters. */
  outside?: number
  /** There are parameters for each kind of layer. */
  layered?: boolean
}

const types = ['linear', 'dynamic', 'yarn', 'llama3'] as const satisfies readonly RopeScaling['type'][]

/** The scaling of one object of parameters; none where its type is `default`, which it need not name in the spelling of transformers 5. */
function readScaling(keys: Keys, current: boolean, places: Places): Pick<RopeConfig, 'scaling'> {
  const typeKey = keys.get('rope_type') === undefined && keys.get('type') !== undefined ? 'type' : 'rope_type'
  const type = keys.get(typeKey) ?? (current ? 'default' : undefined)
  keys.only('partial_rotary_factor', 1, 'Partial rotation is not supported.')
  if (type === 'default') return {}
  const kind = types.find((name) => name === type)
  if (kind === undefined) throw keys.fail(typeKey, ['default', ...types].join(' or '), 'Other kinds of RoPE scaling are not supported.')
  if (kind === 'linear' || kind === 'dynamic') return { scaling: { type: kind, factor: keys.number('factor') } }
  const originalMaxPositions = places.outside ?? keys.number('original_max_position_embeddings', places.maxPositions)
  if (kind === 'yarn') return { scaling: readYarn(keys, originalMaxPositions, places) }
  return {
    scaling: {
      type: kind,
      factor: keys.number('factor'),
      lowFreqFactor: keys.number('low_freq_factor'),
      highFreqFactor: keys.number('high_freq_factor'),
      originalMaxPositions,
    },
  }
}

/** transformers, `_compute_yarn_parameters`: 0 counts as absent, and parameters for each kind of layer always have whole bounds. */
function readYarn(keys: Keys, originalMaxPositions: number, { maxPositions, layered }: Places): RopeScaling {
  const factor = keys.number('factor', maxPositions / originalMaxPositions)
  const [scale, scaleAll] = ['mscale', 'mscale_all_dim'].map((key) => keys.number(key, 0))
  const damping = (by: number) => (factor <= 1 ? 1 : 0.1 * by * Math.log(factor) + 1)
  const usual = scale && scaleAll ? damping(scale) / damping(scaleAll) : damping(1)
  return {
    type: 'yarn',
    factor,
    originalMaxPositions,
    betaFast: keys.number('beta_fast', 0) || 32,
    betaSlow: keys.number('beta_slow', 0) || 1,
    truncate: layered || keys.boolean('truncate', true),
    attentionFactor: keys.number('attention_factor', usual),
  }
}

/** In the spelling of transformers 4. */
export function writeRope({ theta, scaling }: RopeConfig): JsonObject {
  return { rope_theta: theta, rope_scaling: scaling === undefined ? null : writeScaling(scaling) }
}

/** One object of `rope_parameters`, where there is one for each kind of layer. */
export function writeRopeOf({ theta, scaling }: RopeConfig): JsonObject {
  return { rope_theta: theta, ...(scaling ? writeScaling(scaling) : { rope_type: 'default' }) }
}

function writeScaling(scaling: RopeScaling): JsonObject {
  const common = { factor: scaling.factor, rope_type: scaling.type }
  switch (scaling.type) {
    case 'llama3':
      return {
        ...common,
        high_freq_factor: scaling.highFreqFactor,
        low_freq_factor: scaling.lowFreqFactor,
        original_max_position_embeddings: scaling.originalMaxPositions,
      }
    case 'yarn':
      return {
        ...common,
        attention_factor: scaling.attentionFactor,
        beta_fast: scaling.betaFast,
        beta_slow: scaling.betaSlow,
        original_max_position_embeddings: scaling.originalMaxPositions,
        truncate: scaling.truncate,
      }
    default:
      return common
  }
}
