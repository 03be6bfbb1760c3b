// node bench/assertions.mjs [--sizes 50000,1000000,10000000] [--outputs 300] [--seed 0] [--only NAME]: CPU time of every assertion on the
// outputs of scripts/torture/outputs.mjs, the fastest of up to three runs of each. Prints the worst and the median by assertion and size,
// with the seed of the worst, then one JSON line. Ends with code 1 where one takes more than 100 ms a megabyte. Run npm run build:ts first.
import { parseArgs } from 'node:util'
import * as assertions from '../dist/assertions/index.js'
import { output } from '../scripts/torture/outputs.mjs'

const { values } = parseArgs({
  options: {
    sizes: { type: 'string', default: '50000,1000000,10000000' },
    outputs: { type: 'string', default: '300' },
    seed: { type: 'string', default: '0' },
    only: { type: 'string' },
  },
})
const MS_PER_MB = 100
const vars = { answer: '42', numbers: [3, 7, 2], target: 42 }
const metadata = { totalTokens: 100, criticalPathTokens: 50 }
/** Every assertion in the ways that read most of an output. */
const CALLS = {
  mathAnswer: [
    { vars },
    { vars: { answer: '1, 2, 3' }, config: { mode: 'both' } },
    { vars: { answer: 'x^2+1' } },
    { vars: { answer: 'B' } },
  ],
  countdownAnswer: [{ vars }],
  parallelStructure: [{}, { config: { graded: true, strictLayout: true } }, { config: { compatible: true } }],
  parallelUsed: [{}],
  pathDiversity: [{}],
  pathAgreement: [{ vars }, { vars: { answer: 'x^2+1' } }],
  parallelEfficiency: [{}],
  lengthBudget: [{ metadata, config: { maxTokens: 100, cacheTokens: 10 } }],
  repetition: [{}, { config: { n: 20 } }],
}
const missing = Object.keys(assertions).filter((name) => !CALLS[name])
if (missing.length > 0) throw new Error(`No call for ${missing.join(', ')}. Add it to CALLS in bench/assertions.mjs.`)

/** CPU milliseconds of this process so far: what else the machine does is not the grader's time. */
function clock() {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1000
}

function fastest(run, enough) {
  let best = Number.POSITIVE_INFINITY
  for (let i = 0; i < 3 && best > enough; i++) {
    const start = clock()
    run()
    best = Math.min(best, clock() - start)
  }
  return best
}

const worst = []
for (const size of values.sizes.split(',').map(Number)) {
  const bound = MS_PER_MB * Math.max(1, size / 1e6)
  const times = new Map(Object.keys(CALLS).map((name) => [name, []]))
  for (let seed = Number(values.seed); seed < Number(values.seed) + Number(values.outputs); seed++) {
    const text = output(seed, size)
    for (const [name, contexts] of Object.entries(CALLS)) {
      if (values.only && values.only !== name) continue
      for (const [call, context] of contexts.entries()) {
        // biome-ignore lint/performance/noDynamicNamespaceImportAccess: every assertion there is
        const ms = fastest(() => assertions[name](text, context), bound / 4)
        times.get(name).push({ ms, seed, call })
      }
    }
  }
  for (const [name, all] of times) {
    if (all.length === 0) continue
    all.sort((a, b) => b.ms - a.ms)
    const { ms, seed, call } = all[0]
    worst.push({
      assertion: name,
      characters: size,
      worstMs: ms,
      seed,
      call,
      medianMs: all[all.length >> 1].ms,
      over: all.filter((one) => one.ms > bound).length,
    })
  }
}
console.table(worst.map((row) => ({ ...row, worstMs: Number(row.worstMs.toFixed(1)), medianMs: Number(row.medianMs.toFixed(2)) })))
console.log(JSON.stringify({ bench: 'assertions', node: process.version, worst }))
process.exitCode = worst.some(({ over }) => over > 0) ? 1 : 0
