import { expect, it } from 'vitest'
import { arithmeticOf } from '../../src/cluster/arithmetic.ts'

const of = (precision: string, isa: string) => arithmeticOf({ device: 'cpu', precision, isa }).isa

it('counts instruction sets as one exactly where they round alike', () => {
  expect(new Set(['avx512', 'avx2', 'neon', 'amx-int8', 'avx-vnni'].map((isa) => of('f32', isa))).size).toBe(1)
  expect(of('bf16', 'neon')).toBe(of('bf16', 'avx2'))
  expect(of('bf16', 'avx512')).not.toBe(of('bf16', 'avx2'))
  expect(of('bf16', 'amx-bf16:avx2')).toBe(of('bf16', 'amx-bf16'))
  expect(of('int8', 'amx-int8')).toBe(of('int8', 'avx512'))
  expect(of('int8', 'avx-vnni')).toBe(of('int8', 'avx2'))
  expect(of('int8', 'avx2')).not.toBe(of('int8', 'avx512'))
  expect(of('bf16', 'amx-bf16')).not.toBe(of('bf16', 'avx512'))
})
