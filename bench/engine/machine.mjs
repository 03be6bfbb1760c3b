// The machine under a benchmark: its processor, what that can do, and whether others are using it.
import { readFileSync } from 'node:fs'
import os from 'node:os'
import { setTimeout } from 'node:timers/promises'

/** Flags of /proc/cpuinfo (x86 and arm64) that decide which kernels an engine takes, and how they are called here. */
const INSTRUCTION_SETS = {
  avx2: 'AVX2',
  fma: 'FMA',
  avx_vnni: 'AVX-VNNI',
  avx512f: 'AVX-512',
  avx512_bf16: 'AVX512-BF16',
  avx512_fp16: 'AVX512-FP16',
  avx512_vnni: 'AVX512-VNNI',
  amx_bf16: 'AMX-BF16',
  amx_int8: 'AMX-INT8',
  asimd: 'NEON',
  asimddp: 'NEON dot product',
  bf16: 'NEON-BF16',
  i8mm: 'NEON-I8MM',
  sve: 'SVE',
}

/** Above this share of the processors, other work is said to disturb a measurement. */
export const BUSY = 0.05

/** { cpu, cores, instructionSets }: the sets are empty where there is no /proc/cpuinfo. */
export function machine() {
  const cpus = os.cpus()
  return { cpu: cpus[0]?.model.trim() ?? 'unknown', cores: cpus.length, instructionSets: instructionSets(cpuinfo()) }
}

function cpuinfo() {
  try {
    return readFileSync('/proc/cpuinfo', 'utf8')
  } catch {
    return ''
  }
}

export function instructionSets(cpuinfo) {
  const flags = new Set(/^(?:flags|Features)\s*:(.*)$/m.exec(cpuinfo)?.[1].trim().split(/\s+/))
  return Object.entries(INSTRUCTION_SETS).flatMap(([flag, name]) => (flags.has(flag) ? [name] : []))
}

/** Share of all processors that was at work during `ms`, from 0 to 1. Nothing of ours may run meanwhile. */
export async function busyShare(ms = 1000) {
  const before = times()
  await setTimeout(ms)
  const after = times()
  const total = after.total - before.total
  return total === 0 ? 0 : 1 - (after.idle - before.idle) / total
}

function times() {
  const all = os.cpus().map((cpu) => cpu.times)
  const sum = (of) => all.reduce((total, one) => total + of(one), 0)
  return { idle: sum(({ idle }) => idle), total: sum(({ user, nice, sys, idle, irq }) => user + nice + sys + idle + irq) }
}

/** A line that warns of other work; undefined where the machine is quiet. */
export function busyWarning(share) {
  if (share <= BUSY) return undefined
  return `Warning: before the runs, other work had ${Math.round(share * 100)} % of the processors. Ratios hold better than figures, and neither well. Run it again on a quiet machine.`
}
