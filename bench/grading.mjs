// node bench/grading.mjs [shared folder]: mathAnswer on the public grading cases. Accuracy, false positives and false
// negatives by tier and category, latency, throughput on typical outputs; a table, then one JSON line. Run npm run build:ts first.
import { existsSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { mathAnswer } from '../dist/assertions/index.js'

const shared = process.argv[2] ?? path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../../shared')
const file = path.join(shared, 'grading/public.jsonl')
if (!existsSync(file)) {
  console.log(`No cases: ${path.join(shared, 'grading/public.jsonl')} is absent. Give the folder that holds grading/ as argument.`)
  process.exit(0)
}
const rows = (name) =>
  readFileSync(path.join(shared, name), 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line))
const cases = rows('grading/public.jsonl')
const textOf = ({ pred, pred_parts: parts }) => pred ?? parts.map(([text, times]) => text.repeat(times)).join('')
const percent = (n, of) => (of === 0 ? '–' : `${((100 * n) / of).toFixed(1)} %`)

/** CPU milliseconds of this process so far: what else the machine does is not the grader's time. */
function clock() {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1000
}

/** The fastest of a few runs. */
function timed(run) {
  let best = Number.POSITIVE_INFINITY
  let result
  for (let i = 0; i < 5; i++) {
    const start = clock()
    result = run()
    best = Math.min(best, clock() - start)
    if (best > 50 && i > 1) break
  }
  return { result, ms: best }
}

const graded = cases.map((one) => {
  const output = textOf(one)
  const config = { extract: one.kind === 'pair' ? 'whole' : 'auto' }
  const { result, ms } = timed(() => mathAnswer(output, { vars: { answer: one.gold }, config }))
  return { ...one, pass: result.pass, ms }
})

function summary(of) {
  const right = of.filter(({ pass, expected }) => pass === expected).length
  const accepted = of.filter(({ pass, expected }) => pass && !expected).length
  const refused = of.filter(({ pass, expected }) => !pass && expected).length
  const negatives = of.filter(({ expected }) => !expected).length
  const times = of.map(({ ms }) => ms).sort((a, b) => a - b)
  return { cases: of.length, right, accepted, refused, negatives, worstMs: times.at(-1) }
}

const line = (name, s) =>
  `| ${name} | ${s.cases} | ${percent(s.right, s.cases)} | ${s.accepted}/${s.negatives} | ${s.refused}/${s.cases - s.negatives} | ${s.worstMs.toFixed(1)} |`
const head = (name) => `| ${name} | cases | right | false positives | false negatives | worst ms |\n|---|---|---|---|---|---|`

console.log(head('tier'))
const tiers = {}
for (const tier of ['core', 'hard', 'hostile']) {
  tiers[tier] = summary(graded.filter((one) => one.tier === tier))
  console.log(line(tier, tiers[tier]))
}
console.log(`\n${head('category')}`)
const categories = [...new Set(graded.map(({ tier, category }) => `${tier}: ${category}`))].sort()
for (const name of categories) console.log(line(name, summary(graded.filter(({ tier, category }) => `${tier}: ${category}` === name))))

const times = graded.map(({ ms }) => ms).sort((a, b) => a - b)
const at = (share) => times[Math.min(times.length - 1, Math.floor(share * times.length))]
const latency = { medianMs: at(0.5), p99Ms: at(0.99), worstMs: at(1) }

const mean = (name, limit, of) => {
  if (!existsSync(path.join(shared, name))) return undefined
  const outputs = rows(name).slice(0, limit).map(of)
  let best = Number.POSITIVE_INFINITY
  for (let round = 0; round < 3; round++) {
    const start = clock()
    for (const { output, answer } of outputs) mathAnswer(output, { vars: { answer } })
    best = Math.min(best, clock() - start)
  }
  return Math.round((outputs.length / best) * 1000)
}
const throughput = {
  'GSM8K solutions': mean('data/gsm8k_test.jsonl', 1319, ({ solution, answer }) => ({ output: solution, answer: String(answer) })),
  'MATH solutions': mean('data/math_test.jsonl', 2000, ({ solution, answer }) => ({ output: solution, answer: String(answer) })),
  'MATH answers, wrong by one digit': mean('data/math_test.jsonl', 2000, ({ solution, answer }) => ({
    output: `${solution.slice(0, 600)}\n\nFinal Answer: ${String(answer).replace(/\d/, (digit) => (Number(digit) + 1) % 10)}`,
    answer: String(answer),
  })),
}
console.log(
  `\nlatency: median ${latency.medianMs.toFixed(3)} ms, p99 ${latency.p99Ms.toFixed(1)} ms, worst ${latency.worstMs.toFixed(1)} ms`,
)
for (const [name, rate] of Object.entries(throughput)) if (rate) console.log(`${name}: ${rate.toLocaleString('en')} a second of CPU time`)
console.log(JSON.stringify({ bench: 'grading', node: process.version, tiers, latency, throughput }))
