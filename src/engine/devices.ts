/** Devices, and what they compute in. */

import type { Device, Numerics, Precision } from './types.ts'

export const devices = ['auto', 'cpu', 'cuda', 'tfjs'] as const satisfies readonly Device[]
export const precisions = ['auto', 'f32', 'bf16', 'stored', 'int8', 'int4'] as const satisfies readonly Precision[]
/** What a device computes in. Another precision is refused there. */
export const precisionsOf: Readonly<Record<Exclude<Device, 'auto'>, readonly Precision[]>> = {
  cpu: precisions,
  cuda: ['auto', 'bf16'],
  tfjs: ['auto', 'f32'],
}
export const numericsNames = ['exact', 'fast'] as const satisfies readonly Numerics[]
