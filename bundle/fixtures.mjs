// Small checkpoints with PyTorch's log-probabilities beside ours, and whether ours are right. Products of bfloat16 move a
// log-probability by up to 0.3 where it is near −38, so a bound on the distance from PyTorch either refuses right kernels or lets wrong
// ones pass. The twin decides: the same kernels, emulated on this machine, which round where the GPU does.
import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'

/**
 * In parts of the twin's own distance from PyTorch, root mean squares over all log-probabilities of a family (docs/cuda.md has what was
 * measured in emulation). Right: other orders of sums and another 2^x were 0.05 to 0.23 from the twin. Wrong: q of one head off by 1 %
 * was 0.78 or more.
 */
export const fromTwin = 0.45
/** The same for the distance from PyTorch. Right: 0.98 to 1.02. Wrong: a key that is not seen was 4.9 or more. */
export const fromPyTorch = 1.5

/** Log-probabilities of every case of each family in `root`, ours and PyTorch's. */
export async function logprobsOf(engine, root) {
  const families = []
  for (const family of readdirSync(root)) {
    const { cases } = JSON.parse(readFileSync(path.join(root, family, 'cases.json'), 'utf8'))
    const model = await engine.load(path.join(root, family))
    const [got, want] = [[], []]
    for (const { ids, positions, hidden, logprobs } of cases) {
      const levels = Math.max(1, ...hidden.map((ranges) => ranges.length))
      const flat = new Int32Array(ids.length * levels * 2)
      hidden.forEach((ranges, t) => {
        ranges.forEach((range, level) => {
          flat.set(range, (t * levels + level) * 2)
        })
      })
      const batch = {
        ids: Int32Array.from(ids),
        positions: Int32Array.from(positions),
        bounds: Int32Array.of(0, ids.length),
        hidden: flat,
        hiddenLevels: levels,
      }
      const result = await model.forward(batch, { keep: false })
      got.push(...result.logprobs.subarray(0, logprobs.length))
      want.push(...logprobs)
    }
    await model.dispose()
    families.push({ family, got, want })
  }
  return families
}

/**
 * Whether `got` is what right kernels give, where the emulated ones give `twin` and PyTorch `want`. `rounds`: where the twin does; else
 * only the distance from PyTorch counts.
 */
export function judged(got, twin, want, rounds = true) {
  const scale = distance(twin, want)
  const [near, far] = [distance(got, twin) / scale, distance(got, want) / scale]
  const furthest = got.reduce((most, value, i) => Math.max(most, Math.abs(value - want[i])), 0)
  // A number that is not finite is no part of anything.
  const ok = (near <= fromTwin || !rounds) && far <= fromPyTorch && Number.isFinite(near)
  return {
    ok,
    detail:
      `${got.length} log-probabilities, ${near.toFixed(2)}${rounds ? ` of ${fromTwin}` : ''} from the twin, ${far.toFixed(2)} of ${fromPyTorch} from PyTorch, ` +
      `where 1 is ${scale.toFixed(4)}; furthest ${furthest.toFixed(3)}`,
  }
}

function distance(a, b) {
  return Math.sqrt(a.reduce((sum, value, i) => sum + (value - b[i]) ** 2, 0) / a.length)
}
