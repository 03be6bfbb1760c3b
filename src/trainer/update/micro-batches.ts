/**
 * The loop of an update: samples are cut into shards (shards.ts), a shard is packed into forwards within a budget of tokens, a prompt once for
 * the samples that share it; a loss says the slopes; backward adds their gradients up.
 */

import { NonFiniteError } from '../../engine/errors.ts'
import type { Differentiable } from '../../engine/gradients.ts'
import type { Model, TrainBatch } from '../../engine/types.ts'
import { packLayouts } from '../../thinking/layout.ts'
import { branchLength, samePrompt, sharePrompt } from '../../thinking/shared-prompt.ts'
import type { Layout } from '../../thinking/types.ts'
import { type Loss, type LossSample, type LossTerms, Tally, type Update } from '../losses/loss.ts'
import { highEntropy } from '../losses/parts/quantile.ts'
import { groupNeighbours, packByBudget } from './batches.ts'
import { cutShards, localShards, type ShardLimits, type ShardRunner } from './shards.ts'

/** A sample laid out. */
export interface LaidOut {
  layout: Layout
  /** Log-probabilities are taken at this temperature. */
  temperature: number
}

/** And with what its loss needs besides the forward. */
export interface UpdateSample extends LaidOut, Pick<LossSample, 'sampled' | 'advantage' | 'advantages' | 'reference'> {
  /** Its tokens teach nothing. It counts as a sample where a loss divides by those. */
  masked?: boolean
}

export interface MicroBatchOptions {
  /** Packed tokens of one forward at most; a longer sample goes alone. */
  microBatchTokens: number
  /** Pack a prompt once for neighbours that have it in common. */
  sharesPrompts: boolean
}

interface UpdateCut extends MicroBatchOptions {
  /** Into which shards the update is cut. Default: one. */
  shards?: ShardLimits
  /** Who computes them. Default: this process, with the model. */
  runner?: ShardRunner
}

/** One forward: samples and where their tokens with loss lie in it. */
interface MicroBatch<S extends LaidOut> {
  samples: readonly S[]
  pack(): { batch: TrainBatch; places: Int32Array[] }
}

/** Gradients of one update, token-level: every token with loss weighs the same, in whatever shard and micro-batch it is. */
export async function accumulate(model: Model, samples: readonly UpdateSample[], loss: Loss, options: UpdateCut): Promise<Tally> {
  const teaching = samples.filter(({ masked }) => !masked)
  const shards = shardsOf(teaching, options)
  const update = {
    tokens: lossTokens(teaching),
    samples: samples.length,
    ...(loss.topEntropy !== undefined && { highEntropy: highEntropy(await entropiesOf(model, teaching, options), loss.topEntropy) }),
  }
  const count = shards.reduce((sum, { length }) => sum + length, 0)
  const done: { terms: LossTerms[]; packedTokens: number }[] = []
  if (shards.length > 0) {
    await (options.runner ?? localShards(model)).run(shards.length, async (shard, model) => {
      const terms: LossTerms[] = []
      let packedTokens = 0
      for (const [i, { samples, pack }] of shards[shard].entries()) {
        const microBatch = { tokens: lossTokens(samples), count }
        const { batch, places } = pack()
        const last = i === shards[shard].length - 1
        terms.push(...(await learn(model, samples, { batch, places, last }, loss, { ...update, microBatch })))
        packedTokens += batch.ids.length
      }
      done[shard] = { terms, packedTokens }
    })
  }
  const tally = new Tally()
  for (const { terms, packedTokens } of done) {
    for (const one of terms) tally.add(one)
    tally.packedTokens += packedTokens
  }
  return tally
}

/** Forward and backward of one micro-batch, perhaps the last of its shard. */
async function learn(
  model: Differentiable,
  samples: readonly UpdateSample[],
  { batch, places, last }: { batch: TrainBatch; places: readonly Int32Array[]; last: boolean },
  loss: Loss,
  update: Update,
): Promise<LossTerms[]> {
  const { logprobs, entropies } = await model.forward(batch, { entropy: loss.entropy })
  const slopes = new Float32Array(logprobs.length)
  let entropySlopes: Float32Array | undefined
  const all = samples.map(({ sampled, advantage, advantages, reference }, k) => {
    const at = places[k]
    const sample = { logprobs: gather(logprobs, at), entropies: gather(entropies ?? NONE, at), sampled, advantage, advantages, reference }
    const terms = loss.terms(sample, update)
    refuseNonFinite(terms, sample)
    at.forEach((i, j) => {
      slopes[i] = terms.slopes[j]
    })
    if (terms.entropySlopes) {
      entropySlopes ??= new Float32Array(logprobs.length)
      for (const [j, i] of at.entries()) entropySlopes[i] = terms.entropySlopes[j]
    }
    return terms
  })
  await model.backward(slopes, entropySlopes, { last })
  return all
}

/** Log-probabilities of the tokens with loss of each sample, under the weights as they are. Nothing is kept for a backward. */
export async function score(model: Model, samples: readonly LaidOut[], options: MicroBatchOptions): Promise<Float32Array[]> {
  return (await forwards(model, samples, options, false)).map(({ logprobs }) => logprobs)
}

async function entropiesOf(model: Model, samples: readonly LaidOut[], options: MicroBatchOptions): Promise<Float32Array[]> {
  return (await forwards(model, samples, options, true)).map(({ entropies }) => entropies)
}

async function forwards(model: Model, samples: readonly LaidOut[], options: MicroBatchOptions, entropy: boolean) {
  const scored: { logprobs: Float32Array; entropies: Float32Array }[] = []
  for (const { pack } of cut(samples, options)) {
    const { batch, places } = pack()
    const { logprobs, entropies } = await model.forward(batch, { keep: false, entropy })
    for (const at of places) scored.push({ logprobs: gather(logprobs, at), entropies: gather(entropies ?? NONE, at) })
  }
  return scored
}

/** The forwards of each shard. Samples of one prompt and one temperature stay together, so a prompt is packed as often as without shards. */
function shardsOf<S extends LaidOut>(samples: readonly S[], { shards = ONE_SHARD, ...options }: UpdateCut): MicroBatch<S>[][] {
  const together = (before: S, sample: S): boolean =>
    options.sharesPrompts && before.temperature === sample.temperature && samePrompt(before.layout, sample.layout)
  const tokens = ({ layout }: S): number => layout.ids.length
  return cutShards(samples, shards, { together, tokens }).map((part) => cut(part, options))
}

/** Cuts samples into forwards, in their order. A group that a forward cannot hold is cut; each part has the prompt once. */
function cut<S extends LaidOut>(samples: readonly S[], { microBatchTokens, sharesPrompts }: MicroBatchOptions): MicroBatch<S>[] {
  const share = (before: S, sample: S): boolean => sharesPrompts && samePrompt(before.layout, sample.layout)
  const addedTokens = (sample: S, before?: S): number =>
    before && share(before, sample) ? branchLength(sample.layout) : sample.layout.ids.length
  return groupNeighbours(samples, (a, b) => a.temperature === b.temperature).flatMap((alike) =>
    packByBudget(alike, addedTokens, microBatchTokens).map((part) => ({
      samples: part,
      pack() {
        const { batch, places } = packGroups(groupNeighbours(part, share))
        return { batch: { ...batch, temperature: part[0].temperature }, places }
      },
    })),
  )
}

function lossTokens(samples: readonly LaidOut[]): number {
  return samples.reduce((sum, { layout }) => sum + layout.sampledIndex.length, 0)
}

/** Finite logits may lie so far apart that a log-probability does not: its slope can still be a number, and the loss would be lost in a mean. */
function refuseNonFinite({ slopes, metrics }: LossTerms, { logprobs, advantage, advantages }: LossSample): void {
  const token = slopes.findIndex((slope, j) => !Number.isFinite(slope) || !Number.isFinite(metrics.loss?.[j] ?? 0))
  if (token < 0) return
  throw new NonFiniteError(
    `The loss of a token is not finite. Got ${metrics.loss?.[token]}, of the log-probability ${logprobs[token]} and the advantage ${advantages?.[token] ?? advantage}. Training has made the weights too large, or the reward is.`,
  )
}

const NONE = new Float32Array(0)
const ONE_SHARD: ShardLimits = { most: 1, leastTokens: 1 }

/** Packs samples, those of a group behind one prompt. `places`: for every sample the packed indices of its tokens with loss. */
function packGroups(groups: readonly LaidOut[][]): { batch: TrainBatch; places: Int32Array[] } {
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
