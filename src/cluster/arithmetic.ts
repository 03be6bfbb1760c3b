import type { WorkerInfo } from './protocol.ts'

/**
 * What decides the bits of a machine's numbers. Instruction sets that round alike count as one (docs/numerics.md): those with fused multiply-adds in
 * float32, AVX2 and NEON in bfloat16, the matrix unit with whatever computes its arithmetic, and AVX-512 and AVX2 with and without units for bytes.
 */
export function arithmeticOf({ device, precision, isa }: Omit<WorkerInfo, 'threads'>): { device: string; precision: string; isa: string } {
  const vectors = isa.replace(/^amx-int8$/, 'avx512').replace(/^avx-vnni$/, 'avx2')
  const fused = precision === 'f32' ? ['avx512', 'avx2', 'neon'] : precision === 'bf16' ? ['avx2', 'neon'] : []
  const alike = fused.includes(vectors) ? 'fused multiply-adds' : vectors.replace(/^amx-bf16:.*/, 'amx-bf16')
  return { device, precision, isa: device === 'cpu' ? alike : isa }
}
