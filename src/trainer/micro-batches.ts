/**
 * The loop of an update: samples are packed into forwards within a budget of tokens, a prompt once for the samples that
 * share it; a loss says the slopes; backward adds their gradients up.
 */

import { NonFiniteError } from '../engine/errors.ts'
import type { Model, TrainBatch } from '../engine/types.ts'
import { packLayouts } from '../thinking/layout.ts'
import { branchLength, samePrompt, sharePrompt } from '../thinking/shared-prompt.ts'
import type { Layout } from '../thinking/types.ts'
import { groupNeighbours, packByBudget } from './batches.ts'
import { type Loss, type LossSample, type LossTerms, Tally } from './losses/loss.ts'

/** A sample laid out, with what its loss needs besides the forward. */
export interface UpdateSample extends Pick<LossSample, 'sampled' | 'advantage'> {
  layout: Layout
  /** Log-probabilities are taken at this temperature. */
  temperature: number
}

export interface MicroBatchOptions {
  /** Packed tokens of one forward at most; a longer sample goes alone. */
  microBatchTokens: number
  /** Pack a prompt once for neighbours that have it in common. */
  sharesPrompts: boolean
}

/** Gradients of one update, token-level: every token with loss weighs the same, in whatever micro-batch it is. */
export async function accumulate(
  model: Model,
  samples: readonly UpdateSample[],
  loss: Loss,
  { microBatchTokens, sharesPrompts }: MicroBatchOptions,
): Promise<Tally> {
  const share = (before: UpdateSample, sample: UpdateSample): boolean => sharesPrompts && samePrompt(before.layout, sample.layout)
  // A group that a micro-batch cannot hold is cut; each part has the prompt once.
  const addedTokens = (sample: UpdateSample, before?: UpdateSample): number =>
    before && share(before, sample) ? branchLength(sample.layout) : sample.layout.ids.length
  const tokens = samples.reduce((sum, { layout }) => sum + layout.sampledIndex.length, 0)
  const tally = new Tally()
  for (const alike of groupNeighbours(samples, (a, b) => a.temperature === b.temperature)) {
    for (const part of packByBudget(alike, addedTokens, microBatchTokens)) {
      const { batch, places } = pack(groupNeighbours(part, share))
      const { logprobs, entropies } = await model.forward({ ...batch, temperature: part[0].temperature }, { entropy: loss.entropy })
      const slopes = new Float32Array(logprobs.length)
      part.forEach(({ sampled, advantage }, k) => {
        const at = places[k]
        const sample = { logprobs: gather(logprobs, at), entropies: gather(entropies ?? NONE, at), sampled, advantage }
        const terms = loss.terms(sample, tokens)
        refuseNonFinite(terms, sample)
        at.forEach((i, j) => {
          slopes[i] = terms.slopes[j]
        })
        tally.add(terms)
      })
      await model.backward(slopes)
      tally.packedTokens += batch.ids.length
    }
  }
  return tally
}

/** Finite logits may lie so far apart that a log-probability does not: its slope can still be a number, and the loss would be lost in a mean. */
function refuseNonFinite({ slopes, metrics }: LossTerms, { logprobs, advantage }: LossSample): void {
  const token = slopes.findIndex((slope, j) => !Number.isFinite(slope) || !Number.isFinite(metrics.loss?.[j] ?? 0))
  if (token < 0) return
  throw new NonFiniteError(
    `The loss of a token is not finite. Got ${metrics.loss?.[token]}, of the log-probability ${logprobs[token]} and the advantage ${advantage}. Training has made the weights too large, or the reward is.`,
  )
}

const NONE = new Float32Array(0)

/** Packs samples, those of a group behind one prompt. `places`: for every sample the packed indices of its tokens with loss. */
function pack(groups: readonly UpdateSample[][]): { batch: TrainBatch; places: Int32Array[] } {
  const layouts = groups.map((group) => sharePrompt(group.map(({ layout }) => layout)))
  const { batch, starts } = packLayouts(layouts)
  const places = groups.flatMap((group, g) => {
    let next = 0
    return group.map(({ layout }) => {
      const from = next
      next += layout.sampledIndex.length
      return layouts[g].sampledIndex.subarray(from, next).map((i) => starts[g] + i)
    })
  })
  return { batch, places }
}

/** `values` at the indices `at`; nothing where there are no values. */
function gather(values: Float32Array, at: Int32Array): Float32Array {
  const picked = new Float32Array(values.length > 0 ? at.length : 0)
  for (let j = 0; j < picked.length; j++) picked[j] = values[at[j]]
  return picked
}
