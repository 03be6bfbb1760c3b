import type { WorkerInfo } from './protocol.ts'

/**
 * What decides the bits of a machine's numbers. Instruction sets that round alike count as one (docs/numerics.md): those with fused multiply-adds in
 * float32, and the matrix unit with whatever computes its arithmetic.
 */
export function arithmeticOf({ device, precision, isa }: Omit<WorkerInfo, 'threads'>): { device: string; precision: string; isa: string } {
  const alike =
    precision === 'f32' && ['avx512', 'avx2', 'neon'].includes(isa) ? 'fused multiply-adds' : isa.replace(/^amx-bf16:.*/, 'amx-bf16')
  return { device, precision, isa: device === 'cpu' ? alike : isa }
}
