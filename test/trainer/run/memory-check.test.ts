import { describe, expect, it } from 'vitest'
import { ConfigError } from '../../../src/engine/errors.ts'
import type { MemoryPlan } from '../../../src/engine/types.ts'
import { checkTrainingMemory, type TrainingRoom } from '../../../src/trainer/run/memory-check.ts'

const gib = 2 ** 30

function planOf(parts: Partial<MemoryPlan>): MemoryPlan {
  const plan = { weights: 0, gradients: 0, moments: 0, cache: 0, activations: 0, ...parts }
  return { ...plan, total: plan.weights + plan.gradients + plan.moments + plan.cache + plan.activations }
}

// Qwen3-4B: 8, 4 and 8 bytes a weight.
const plan = planOf({ weights: 30 * gib, gradients: 15 * gib, moments: 30 * gib, cache: gib, activations: 9 * gib })
const refusal =
  (room: Partial<TrainingRoom>, of = plan) =>
  () =>
    checkTrainingMemory(of, { beside: 0, host: 1000 * gib, recompute: false, optimizerState: 'f32', ...room })
const gpu = (total: number, used: number) => ({ name: 'a GPU', total: total * gib, used: used * gib, free: (total - used) * gib })

describe('the memory that training needs', () => {
  it('is that of this machine, where the model lies in it', () => {
    expect(refusal({ host: 85 * gib })).not.toThrow()
    expect(refusal({ host: 85 * gib, beside: gib })).toThrow(ConfigError)
    expect(refusal({ host: 85 * gib, beside: gib })).toThrow(
      'Training needs 86.00 GiB, this machine has 85.00 GiB to give. Lower microBatchTokens or cacheTokens, or set recompute: true.',
    )
  })

  it('is that of the GPU, whatever this machine has, and what the model holds there counts as free', () => {
    expect(refusal({ device: gpu(140, 22), host: 16 * gib })).not.toThrow()
    expect(refusal({ device: gpu(85, 22), host: 1 * gib })).not.toThrow()
    expect(refusal({ device: gpu(80, 22), host: 1000 * gib })).toThrow(
      'Training needs 85.00 GiB on a GPU, which has 80.00 GiB to give: weights 30.00 GiB, gradients 15.00 GiB, moments 30.00 GiB, KV cache 1.00 GiB, ' +
        'activations 9.00 GiB. Set optimizerState: 8bit, which takes a quarter of the moments. Lower microBatchTokens or cacheTokens, or set recompute: true.',
    )
  })

  it('says so where no batch is small enough', () => {
    expect(refusal({ device: gpu(70, 22) })).toThrow(
      /No batch is small enough: weights, gradients and moments alone take 75\.00 GiB\. Set optimizerState: 8bit, .* adapters \(lora\) with device: cpu\.$/,
    )
    expect(refusal({ device: gpu(70, 22), optimizerState: '8bit' })).toThrow(/alone take 75\.00 GiB\. Use a smaller model/)
  })

  it('beside the GPU is that of this machine', () => {
    expect(refusal({ device: gpu(140, 22), host: 8 * gib, beside: 7 * gib })).not.toThrow()
    expect(refusal({ device: gpu(140, 22), host: 8 * gib, beside: 9 * gib })).toThrow(
      /needs 9\.00 GiB of this machine's memory beside the GPU, this machine has 8\.00 GiB/,
    )
  })
})
