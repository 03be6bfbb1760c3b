/** TRL's losses on tensors (test/fixtures/make_losses.py), and what all losses of ours are held to. */

import { readFileSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'
import { lossNamed, type PolicyLossName } from '../../../src/trainer/losses/index.ts'
import { type Loss, type LossSample, Tally, type Update } from '../../../src/trainer/losses/loss.ts'
import { highEntropy } from '../../../src/trainer/losses/parts/quantile.ts'

interface Case {
  name: PolicyLossName
  options: { beta?: number; use_bias_correction_kl?: boolean; top_entropy_quantile?: number; entropy_coef?: number }
  truncated: number[]
  spread: number
  loss: number
  slopes: number[][]
  entropySlopes: number[][]
}

type Inputs = Record<'old' | 'logprobs' | 'reference' | 'entropies', number[][]>

const file = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../../fixtures/losses.json')
const fixture: { lengths: number[]; maxTokens: number; advantages: number[]; inputs: Record<string, Inputs>; cases: Case[] } = JSON.parse(
  readFileSync(file, 'utf8'),
)

/** An update of so many tokens in one sample and one forward. */
export function updateOf(tokens: number): Update {
  return { tokens, samples: 1, microBatch: { tokens, count: 1 } }
}

/** One response of these log-probabilities, which were others when it was sampled. */
export function sample(logprobs: number[], sampled: number[], advantage: number): LossSample {
  return { logprobs: Float32Array.from(logprobs), sampled, advantage, entropies: new Float32Array(logprobs.length) }
}

/** The settings of TRL's cases. */
function made(name: PolicyLossName, { beta, use_bias_correction_kl, top_entropy_quantile, entropy_coef }: Case['options']): Loss {
  return lossNamed(name)({
    clipLow: name === 'cispo' ? 1 : 0.2,
    clipHigh: 0.28,
    dualClip: 3,
    responseTokens: fixture.maxTokens,
    sapoTemperatures: [1, 1.05],
    vespoPositive: [2, 3],
    vespoNegative: [3, 2],
    kl: beta,
    klCorrection: use_bias_correction_kl,
    topEntropy: top_entropy_quantile,
    entropyBonus: entropy_coef === undefined ? undefined : () => entropy_coef,
  })
}

/** The samples of an update in one micro-batch. */
function inputs(spread: number): LossSample[] {
  const { old, logprobs, reference, entropies } = fixture.inputs[spread]
  return fixture.lengths.map((_, i) => ({
    logprobs: Float32Array.from(logprobs[i]),
    sampled: old[i],
    reference: reference[i],
    entropies: Float32Array.from(entropies[i]),
    advantage: fixture.advantages[i],
  }))
}

/** Loss of an update and its slopes by sample; those of masked samples are zeros. */
function evaluate(loss: Loss, samples: readonly LossSample[], masked: readonly number[] = []) {
  const teaching = samples.filter((_, i) => !masked.includes(i))
  const tokens = teaching.reduce((sum, { logprobs }) => sum + logprobs.length, 0)
  const update: Update = { tokens, samples: samples.length, microBatch: { tokens, count: 1 } }
  if (loss.topEntropy !== undefined) {
    update.highEntropy = highEntropy(
      teaching.map(({ entropies }) => entropies),
      loss.topEntropy,
    )
  }
  const tally = new Tally()
  const slopes: number[][] = []
  const entropySlopes: number[][] = []
  for (const [i, sample] of samples.entries()) {
    const zeros = Array.from(sample.logprobs, () => 0)
    const terms = masked.includes(i) ? undefined : loss.terms(sample, update)
    if (terms) tally.add(terms)
    slopes.push(terms ? [...terms.slopes] : zeros)
    entropySlopes.push(terms?.entropySlopes ? [...terms.entropySlopes] : zeros)
  }
  return { loss: tally.mean('loss'), slopes, entropySlopes }
}

/** Largest difference between two lists of lists. */
function difference(a: readonly number[][], b: readonly number[][]): number {
  return Math.max(...a.flatMap((row, i) => row.map((value, j) => Math.abs(value - b[i][j]))))
}

function described({ options, truncated, spread }: Case): string {
  const parts = Object.entries(options).flatMap(([name, value]) => (/beta|kl|top|coef/.test(name) ? `${name} ${value}` : []))
  return [`spread ${spread}`, ...parts, ...(truncated.length > 0 ? [`truncated ${truncated}`] : [])].join(', ')
}

/** Every case of the loss equals TRL's own, loss and gradient, to 1e-6. */
export function checkAgainstTrl(name: PolicyLossName): void {
  const cases = fixture.cases.filter((one) => one.name === name)
  it.each(cases.map((one) => [described(one), one] as const))('equals TRL: %s', (_, one) => {
    const ours = evaluate(made(name, one.options), inputs(one.spread), one.truncated)
    // TRL's GMPO counts a masked sample as one whose ratio is 1: −A, which has no gradient.
    const constant = name === 'gmpo' ? one.truncated.reduce((sum, i) => sum - fixture.advantages[i], 0) / fixture.lengths.length : 0
    expect(Math.abs(ours.loss + constant - one.loss)).toBeLessThan(1e-6)
    expect(difference(ours.slopes, one.slopes)).toBeLessThan(1e-6)
    expect(difference(ours.entropySlopes, one.entropySlopes)).toBeLessThan(1e-6)
    // It says something.
    expect(Math.max(...one.slopes.flat().map(Math.abs))).toBeGreaterThan(1e-3)
  })
  it('has cases', () => expect(cases.length).toBeGreaterThanOrEqual(6))
}

/** Losses that hold a weight made of the ratio constant. */
const CONSTANT: readonly PolicyLossName[] = ['cispo', 'vespo']

/**
 * Slopes are the finite differences of the loss of the update, with KL, bonus and the choice by entropy. Where a weight is held
 * constant, the sampled log-probability moves along, so that the ratio stays.
 */
export function checkSlopes(name: PolicyLossName): void {
  const constant = CONSTANT.includes(name)
  const cases: [string, Case['options']][] = [
    ['alone', {}],
    ['with KL without correction', { beta: 0.3, use_bias_correction_kl: false }],
    ['of high entropy, with bonus', { top_entropy_quantile: 0.5, entropy_coef: 0.05 }],
  ]
  if (!constant) cases.push(['with KL', { beta: 0.3 }], ['with all', { beta: 0.3, top_entropy_quantile: 0.5, entropy_coef: 0.05 }])
  it.each(cases)('has the slopes of its loss by finite differences, %s', (_, options) => {
    const loss = made(name, options)
    const samples = inputs(0.25)
    const { slopes, entropySlopes } = evaluate(loss, samples, [1])
    const h = 2 ** -12 // exact in float32
    const differences = (key: 'logprobs' | 'entropies') =>
      samples.map((sample, i) =>
        Array.from(sample[key], (_, j) => {
          const at = (d: number) => {
            const moved = sample[key].slice()
            moved[j] += d
            const sampled = constant && key === 'logprobs' ? sample.sampled.map((old, k) => (k === j ? old + d : old)) : sample.sampled
            return evaluate(loss, samples.with(i, { ...sample, sampled, [key]: moved }), [1]).loss
          }
          return (at(h) - at(-h)) / (2 * h)
        }),
      )
    expect(difference(slopes, differences('logprobs'))).toBeLessThan(1e-5)
    expect(slopes.flat().filter((slope) => slope !== 0).length).toBeGreaterThan(5)
    // A token that crosses the threshold changes which ones count: there the entropy itself has no slope.
    if (!('top_entropy_quantile' in options)) expect(difference(entropySlopes, differences('entropies'))).toBeLessThan(1e-9)
  })
}
