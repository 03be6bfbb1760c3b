// The shapes of bench/shapes.json as models with random weights; time and memory of a process.
import { readFileSync, writeFileSync } from 'node:fs'

export const shapes = JSON.parse(readFileSync(new URL('../shapes.json', import.meta.url), 'utf8'))

export function modelConfig(name) {
  return {
    family: 'qwen3',
    rmsNormEps: 1e-6,
    rope: { theta: 10000 },
    tiedEmbeddings: true,
    maxPositions: 4096,
    ...shapes[name].sizes,
  }
}

/** Uniform with the deviation 0.02, one short stretch of noise again and again: the values decide no time, and large models are made in seconds. */
export function noise() {
  const period = new Float32Array(1_000_003)
  let state = 1
  for (let i = 0; i < period.length; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    period[i] = (state / 2 ** 32 - 0.5) * 0.02 * Math.sqrt(12)
  }
  let memory = new Float32Array(0)
  return ({ name, shape }) => {
    const count = shape.reduce((a, b) => a * b, 1)
    if (memory.length < count) memory = new Float32Array(count)
    const data = memory.subarray(0, count)
    if (name.endsWith('norm.weight')) return data.fill(1)
    for (let at = 0; at < count; at += period.length) data.set(period.subarray(0, Math.min(period.length, count - at)), at)
    return data
  }
}

export const range = (n, first = 0) => Array.from({ length: n }, (_, i) => first + i)

export function median(values) {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
}

/** Milliseconds that `run` returns, of several rounds after one to warm up; none begins later than `seconds` after the first. */
export async function rounds(run, { rounds, seconds }) {
  await run()
  const start = performance.now()
  const times = []
  while (times.length < rounds && (times.length === 0 || performance.now() - start < seconds * 1000)) times.push(await run())
  return times
}

export async function milliseconds(run) {
  const start = performance.now()
  await run()
  return performance.now() - start
}

/** Bytes of this process at most since `forget`; where the system cannot forget (not Linux), since its start. */
export function peak() {
  try {
    return Number(/^VmHWM:\s+(\d+) kB/m.exec(readFileSync('/proc/self/status', 'utf8'))[1]) * 1024
  } catch {
    return process.resourceUsage().maxRSS * 1024
  }
}

export function forget() {
  globalThis.gc?.()
  try {
    writeFileSync('/proc/self/clear_refs', '5')
  } catch {
    // the peak stays that of the whole process
  }
}
