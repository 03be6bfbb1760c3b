/** Whether what a run needs fits where it lies: in the memory of this machine, or of a GPU and this machine. */

import { ConfigError } from '../../engine/errors.ts'
import type { DeviceMemory, MemoryPlan, OptimizerState } from '../../engine/types.ts'
import { bytes } from './log.ts'

export interface TrainingRoom {
  /** Bytes beside the plan, which lie in this machine's memory on every device: a reference policy, partial sums of shards. */
  beside: number
  /** Bytes of this machine's memory that the run can have in all; with a device those that are free. */
  host: number
  /** The device that the model lies on, if it has memory of its own. */
  device?: DeviceMemory
  recompute: boolean
  optimizerState: OptimizerState
}

/**
 * What the model already holds counts as free.
 * @throws ConfigError with the numbers, and what takes less
 */
export function checkTrainingMemory(plan: MemoryPlan, { beside, host, device, recompute, optimizerState }: TrainingRoom): void {
  const here = device ? beside : plan.total + beside
  if (here > host) {
    const what = device ? `${bytes(here)} of this machine's memory beside the GPU` : bytes(here)
    throw new ConfigError(
      `Training needs ${what}, this machine has ${bytes(host)} to give. ${device ? 'Lower shards, or leave out the reference policy.' : smaller(recompute)}`,
    )
  }
  if (!device) return
  const room = device.free + device.used
  if (plan.total <= room) return
  const state = plan.weights + (plan.adapters ?? 0) + plan.gradients + plan.moments
  const parts = `weights ${bytes(plan.weights)}, gradients ${bytes(plan.gradients)}, moments ${bytes(plan.moments)}, KV cache ${bytes(plan.cache)}, activations ${bytes(plan.activations)}`
  const lighter = optimizerState === '8bit' ? '' : 'Set optimizerState: 8bit, which takes a quarter of the moments. '
  const next =
    state <= room
      ? `${lighter}${smaller(recompute)}`
      : `No batch is small enough: weights, gradients and moments alone take ${bytes(state)}. ${lighter}${lighter ? 'Or use' : 'Use'} a smaller model, a GPU with more memory, or adapters (lora) with device: cpu.`
  throw new ConfigError(`Training needs ${bytes(plan.total)} on ${device.name}, which has ${bytes(room)} to give: ${parts}. ${next}`)
}

function smaller(recompute: boolean): string {
  return `Lower microBatchTokens or cacheTokens${recompute ? '' : ', or set recompute: true'}.`
}
