import { describe, expect, it } from 'vitest'
import { busyWarning, instructionSets, machine } from '../../bench/engine/machine.mjs'

describe('the machine under a benchmark', () => {
  it('names the instruction sets of /proc/cpuinfo, on x86 and on arm64', () => {
    expect(
      instructionSets('processor : 0\nflags\t\t: fpu avx2 fma avx512f avx512_bf16 amx_bf16 avx2x\n\nprocessor : 1\nflags : fpu\n'),
    ).toEqual(['AVX2', 'FMA', 'AVX-512', 'AVX512-BF16', 'AMX-BF16'])
    expect(instructionSets('processor\t: 0\nFeatures\t: fp asimd asimddp bf16 i8mm\n')).toEqual([
      'NEON',
      'NEON dot product',
      'NEON-BF16',
      'NEON-I8MM',
    ])
    expect(instructionSets('')).toEqual([])
  })

  it('is this one', () => {
    const { cpu, cores } = machine()
    expect(cpu).not.toBe('')
    expect(cores).toBeGreaterThan(0)
  })

  it('warns of other work, with its share', () => {
    expect(busyWarning(0.04)).toBeUndefined()
    expect(busyWarning(0.4)).toContain('40 %')
  })
})
