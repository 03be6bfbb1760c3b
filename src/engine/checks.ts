/** Checks of what callers hand in, the same for every engine and before anything is queued: below, indices are known to be in range. */

import { CacheFullError, ConfigError, UnavailableError } from './errors.ts'
import type { ModelConfig } from './model-config.ts'
import { cachePage, type SequenceTable } from './sequences.ts'
import type { OptimizerState, Sequence, StepInput, TokenRange, TrainBatch, UpdateOptions } from './types.ts'

export function checkSequence(table: SequenceTable, id: Sequence): void {
  if (!table.exists(id)) throw new ConfigError(`Sequence ${id} does not exist: it was freed, joined or never created.`)
}

/** @param length tokens of the sequence that is forked */
export function checkFork(n: number, length: number, hidden: readonly TokenRange[] = []): void {
  if (!(Number.isInteger(n) && n >= 1 && n <= 65536)) throw new ConfigError(`fork needs a count of 1 or more. Got ${n}.`)
  let at = 0
  for (const [from, to] of hidden) {
    if (!Number.isInteger(from) || !Number.isInteger(to) || from < at || to < from || to > length) {
      throw new ConfigError(`Hidden range [${from}, ${to}) of a fork must lie within its ${length} tokens, ascending and disjoint.`)
    }
    at = to
  }
}

/** Joins them if they can be joined. */
export function checkedJoin(table: SequenceTable, parent: Sequence, children: readonly Sequence[]): void {
  const seen = new Set([parent])
  checkSequence(table, parent)
  for (const child of children) {
    checkSequence(table, child)
    if (seen.has(child)) throw new ConfigError(`join lists sequence ${child} twice.`)
    seen.add(child)
  }
  if (!table.join(parent, children)) {
    throw new ConfigError(
      "A joined child does not start with the parent's tokens. Fork it from the parent and leave the parent alone until the join.",
    )
  }
}

export function checkTruncate(table: SequenceTable, id: Sequence, n: number): void {
  checkSequence(table, id)
  const length = table.length(id)
  if (!Number.isInteger(n) || n < 0 || n > length) {
    throw new ConfigError(`truncate takes back 0 to ${length} tokens of sequence ${id}. Got ${n}.`)
  }
}

export function checkAlive(disposed: boolean): void {
  if (disposed) throw new UnavailableError('The model was disposed.')
}

function checkIds(ids: ArrayLike<number>, positions: ArrayLike<number>, { vocabSize, maxPositions }: ModelConfig): void {
  if (positions.length !== ids.length) throw new ConfigError('ids and positions differ in length.')
  for (let i = 0; i < ids.length; i++) {
    if (!Number.isInteger(ids[i]) || ids[i] < 0 || ids[i] >= vocabSize) {
      throw new ConfigError(`Token id ${ids[i]} at index ${i} is outside the vocabulary of ${vocabSize}.`)
    }
    if (!Number.isInteger(positions[i]) || positions[i] < 0 || positions[i] >= maxPositions) {
      throw new ConfigError(`Position ${positions[i]} at index ${i} is outside the model's ${maxPositions} positions.`)
    }
  }
}

/**
 * @param drafts whether inputs may have some
 * @throws CacheFullError where the cache cannot hold the new tokens, ConfigError on anything else that is wrong
 */
export function checkStep(inputs: readonly StepInput[], table: SequenceTable, config: ModelConfig, drafts: boolean): void {
  const seen = new Set<Sequence>()
  const sets = new Set<readonly number[]>()
  let pages = 0
  for (const [i, { sequence, ids, positions, sampling }] of inputs.entries()) {
    if (positions.length !== ids.length) {
      throw new ConfigError(`Input ${i} of a step has ${ids.length} ids and ${positions.length} positions.`)
    }
    checkSequence(table, sequence)
    if (seen.has(sequence)) throw new ConfigError(`Sequence ${sequence} is listed twice in one step.`)
    seen.add(sequence)
    if (ids.length < 1) throw new ConfigError('Each input of a step needs at least one token.')
    checkIds(ids, positions, config)
    if (sampling && !(sampling.temperature >= 0)) throw new ConfigError(`temperature must be 0 or above. Got ${sampling.temperature}.`)
    if (inputs[i].drafts) checkDrafts(inputs[i], i, drafts)
    // Inputs of one decoder share their array.
    if (sampling?.exclude && !sets.has(sampling.exclude)) {
      checkExcluded(sampling.exclude, config)
      sets.add(sampling.exclude)
    }
    pages += table.pagesNeeded(sequence, ids.length)
  }
  if (pages * cachePage > table.free) {
    throw new CacheFullError(
      `The KV cache holds ${table.capacity} tokens, ${table.free} are free and this step needs ${pages * cachePage}. ` +
        'Free sequences or load the model with a larger cacheTokens.',
    )
  }
}

function checkDrafts({ ids, sampling, drafts = 0 }: StepInput, i: number, taken: boolean): void {
  if (!taken) throw new ConfigError(`Input ${i} of a step has ${drafts} drafts, and this engine takes none. Leave them out.`)
  if (!sampling) throw new ConfigError(`Input ${i} of a step has ${drafts} drafts and no sampling. Drafts are for tokens that are sampled.`)
  if (Number.isInteger(drafts) && drafts > 0 && drafts < ids.length) return
  throw new ConfigError(`Of the ${ids.length} ids of input ${i} of a step, 0 to ${ids.length - 1} may be drafts. Got ${drafts}.`)
}

function checkExcluded(ids: readonly number[], { vocabSize }: ModelConfig): void {
  const wrong = ids.find((id) => !Number.isInteger(id) || id < 0 || id >= vocabSize)
  if (wrong !== undefined) throw new ConfigError(`Excluded id ${wrong} is outside the vocabulary.`)
  if (ids.length >= vocabSize && new Set(ids).size === vocabSize) {
    throw new ConfigError(`Every id of the vocabulary of ${vocabSize} is excluded. Leave at least one that can be sampled.`)
  }
}

/** @throws ConfigError */
export function checkBatch(batch: TrainBatch, config: ModelConfig): void {
  for (const name of ['ids', 'positions', 'bounds'] as const) checkType(batch[name], Int32Array, name)
  for (const name of ['hidden', 'exclusion'] as const) if (batch[name]) checkType(batch[name], Int32Array, name)
  if (batch.targets) checkType(batch.targets, Uint8Array, 'targets')
  const { ids, positions, bounds, targets, exclusion, temperature = 1 } = batch
  const T = ids.length
  if (T === 0) throw new ConfigError('A batch needs at least one token.')
  checkIds(ids, positions, config)
  if (bounds.length < 2 || bounds[0] !== 0 || bounds.at(-1) !== T) {
    throw new ConfigError(`bounds must start with 0 and end with the number of tokens, ${T}.`)
  }
  for (let s = 0; s + 1 < bounds.length; s++) {
    if (bounds[s] >= bounds[s + 1]) throw new ConfigError(`bounds must ascend; sequence ${s} is empty.`)
  }
  checkHidden(batch)
  if (targets && targets.length !== 0 && targets.length !== T) throw new ConfigError('targets must have one entry a token.')
  if (exclusion && exclusion.length !== 0 && exclusion.length !== T) throw new ConfigError('exclusion must have one entry a token.')
  checkExclusion(batch, config)
  if (!(temperature > 0) || !Number.isFinite(temperature)) throw new ConfigError('temperature of a forward must be above 0.')
}

/** @throws ConfigError */
function checkType(array: unknown, type: new () => object, name: string): void {
  if (!(array instanceof type)) throw new ConfigError(`${name} has the wrong type. Give it as ${type.name}.`)
}

/** @throws ConfigError where they are not float32 or not as many as expected */
export function checkValues(name: string, values: Float32Array, count: number): void {
  checkType(values, Float32Array, 'values')
  if (values.length !== count) throw new ConfigError(`${name} holds ${count} values. Got ${values.length}.`)
}

/** @param tokens of the last forward */
export function checkWeights(weights: Float32Array, tokens: number, name = 'weights'): void {
  checkType(weights, Float32Array, name)
  if (weights.length === tokens) return
  throw new ConfigError(`backward needs one weight a token of the last forward: expected ${tokens}, got ${weights.length}.`)
}

/** @param gaveEntropies whether the last forward did */
export function checkEntropyWeights(weights: Float32Array, tokens: number, gaveEntropies: boolean): void {
  checkWeights(weights, tokens, 'entropyWeights')
  if (gaveEntropies) return
  throw new ConfigError('backward got entropyWeights, and the last forward gave no entropies. Call forward with entropy: true first.')
}

function checkHidden({ ids, bounds, hidden, hiddenLevels = 1 }: TrainBatch): void {
  if (!hidden) return
  if (!Number.isInteger(hiddenLevels) || hiddenLevels < 0 || hiddenLevels > 4096) {
    throw new ConfigError(`hiddenLevels must be an integer from 0 to 4096. Got ${hiddenLevels}.`)
  }
  if (hidden.length !== ids.length * hiddenLevels * 2) {
    const expected = ids.length * hiddenLevels * 2
    throw new ConfigError(`hidden must hold ${expected} numbers (tokens x levels x 2). Got ${hidden.length}.`)
  }
  for (let s = 0; s + 1 < bounds.length; s++) {
    for (let t = bounds[s]; t < bounds[s + 1]; t++) {
      let at = bounds[s]
      for (let level = 0; level < hiddenLevels; level++) {
        const i = (t * hiddenLevels + level) * 2
        const [from, to] = [hidden[i], hidden[i + 1]]
        if (from === 0 && to === 0) continue
        if (from < at || to < from || to > t) {
          throw new ConfigError(
            `Hidden range [${from}, ${to}) of token ${t} must lie between its sequence's start and itself, ascending and disjoint.`,
          )
        }
        at = to
      }
    }
  }
}

function checkExclusion({ ids, bounds, targets, exclusion, exclusionSets = [] }: TrainBatch, config: ModelConfig): void {
  for (const set of exclusionSets) checkExcluded(set, config)
  if (!exclusion || exclusion.length === 0) return
  for (let s = 0; s + 1 < bounds.length; s++) {
    for (let t = bounds[s]; t + 1 < bounds[s + 1]; t++) {
      const k = exclusion[t]
      if (k >= exclusionSets.length) throw new ConfigError(`exclusion set ${k} does not exist.`)
      if (k < 0 || (targets?.length && !targets[t])) continue
      if (exclusionSets[k].includes(ids[t + 1])) {
        throw new ConfigError(`Token ${t + 1} (id ${ids[t + 1]}) is a target but was excluded when it was sampled.`)
      }
    }
  }
}

/** The options of an update with the defaults of {@link UpdateOptions} filled in. */
export interface FullUpdate {
  lr: number
  beta1: number
  beta2: number
  eps: number
  weightDecay: number
  clip: number
}

/** @throws ConfigError */
export function checkUpdate(options: UpdateOptions): FullUpdate {
  const [beta1, beta2] = options.betas ?? [0.9, 0.95]
  const { lr, eps = 1e-8, weightDecay = 0, clip = 0 } = options
  const full = { lr, beta1, beta2, eps, weightDecay, clip }
  const most = { lr: 1e6, beta1: 0.9999999, beta2: 0.9999999, eps: 1, weightDecay: 1e6, clip: 1e30 }
  for (const [key, value] of Object.entries(full)) {
    if (!(value >= 0 && value <= most[key as keyof FullUpdate])) throw new ConfigError(`${key} is out of range. Got ${value}.`)
  }
  return full
}

/** Moments of AdamW in fewer bits are a matter of the native CPU engine. */
export function checkOptimizerState(device: string, state: OptimizerState): void {
  if (state === 'f32' || device === 'cpu' || device === 'cuda') return
  throw new UnavailableError(
    `optimizerState: ${state} is available on device: cpu and cuda only. Got device: ${device}. Use one of them, or optimizerState: f32.`,
  )
}
