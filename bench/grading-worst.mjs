// node --import tsx bench/grading-worst.mjs [--outputs 150000] [--seed 0] [--checkout DIR] [--above 20]: CPU time of mathAnswer on outputs made
// to cost it most (bench/rubric/worst-texts.mjs). Prints how many lie above 20, 50 and 100 ms, and the slowest ten with their seeds.
// An output that seems slow is graded five times more, the median counts: collected garbage and code that is compiled late make single
// measurements high. Before each of them other outputs are graded, so that nothing of it is remembered. Run npm run build:ts first.
import { readdirSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { readCases } from './rubric/cases.mjs'
import { worstText } from './rubric/worst-texts.mjs'

const here = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..')
const { values } = parseArgs({
  options: {
    outputs: { type: 'string', default: '150000' },
    seed: { type: 'string', default: '0' },
    checkout: { type: 'string', default: here },
    above: { type: 'string', default: '20' },
    show: { type: 'string', default: '10' },
  },
})
const { mathAnswer } = await import(path.join(path.resolve(values.checkout), 'dist/assertions/index.js'))
const ABOVE = Number(values.above)
const REPEATS = 5
/** More than the grader keeps of anything. */
const OTHERS = 300

const folders = ['test/assertions/cases', 'bench/rubric/blind'].map((folder) => path.join(here, folder))
const corpus = folders
  .flatMap((folder) => readdirSync(folder).map((name) => path.join(folder, name)))
  .filter((file) => file.endsWith('.jsonl') && !file.endsWith('policy.jsonl'))
  .flatMap((file) => readCases(file))
  .map(({ output, references, question }) => ({ output: output.slice(0, 4000), references, question }))

function clock() {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1000
}

function grade({ output, vars, config }) {
  try {
    const { score } = mathAnswer(output, { vars, config })
    if (!Number.isFinite(score)) throw new Error(`its score is ${score}`)
  } catch (error) {
    if (error.name !== 'ConfigError') throw error
  }
}

function timeOf(one) {
  const start = clock()
  grade(one)
  return clock() - start
}

let fresh = 0
function forget() {
  for (let i = 0; i < OTHERS; i++, fresh++) {
    const vars = { answer: String(fresh), problem: `How many are ${fresh}?` }
    grade({ output: `There are ${fresh} of them.`, vars, config: {} })
  }
}

function settled(one) {
  const times = Array.from({ length: REPEATS }, () => {
    forget()
    return timeOf(one)
  })
  return times.sort((a, b) => a - b)[REPEATS >> 1]
}

for (const one of corpus) grade({ output: one.output, vars: { answer: one.references, problem: one.question }, config: {} })
const slow = []
const started = Date.now()
const from = Number(values.seed)
const count = Number(values.outputs)
for (let seed = from; seed < from + count; seed++) {
  const one = worstText(seed, corpus)
  try {
    if (timeOf(one) <= ABOVE) continue
    const ms = settled(one)
    if (ms > ABOVE) {
      slow.push({ seed, ms, what: one.what })
      if (ms > 50) console.log(`${ms.toFixed(0)} ms, seed ${seed}: ${one.what}`)
    }
  } catch (error) {
    console.log(`seed ${seed} (${one.what}): ${error.stack}`)
    process.exitCode = 1
  }
  if ((seed - from) % 10_000 === 9999)
    console.log(`${seed - from + 1} outputs, ${slow.length} above ${ABOVE} ms, ${((Date.now() - started) / 60_000).toFixed(1)} min`)
}
slow.sort((a, b) => b.ms - a.ms)
const above = [20, 50, 100].map((ms) => `${slow.filter((one) => one.ms > ms).length} above ${ms} ms`)
console.log(`${count} outputs from seed ${from}: ${above.join(', ')}`)
for (const { seed, ms, what } of slow.slice(0, Number(values.show))) console.log(`${ms.toFixed(0).padStart(6)} ms  seed ${seed}  ${what}`)
