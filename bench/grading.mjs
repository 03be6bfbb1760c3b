// node bench/grading.mjs [shared folder]: mathAnswer on the public grading cases and our own. Accuracy, false positives
// and false negatives by tier and category, latency, rollouts a second through the trainer's own scoring; tables, then one
// JSON line. Run npm run build:ts first.
import { existsSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { mathAnswer } from '../dist/assertions/index.js'
import { ConfigError } from '../dist/engine/errors.js'
import { Scorer } from '../dist/trainer/scoring.js'

const here = path.dirname(fileURLToPath(import.meta.url))
const shared = process.argv[2] ?? path.resolve(here, '../../shared')
const PASSES = 5
const GROUP = 8
const AT_ONCE = 64

function rows(file) {
  if (!existsSync(file)) return []
  return readFileSync(file, 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line))
}
const textOf = ({ pred, pred_parts: parts }) => pred ?? parts.map(([text, times]) => text.repeat(times)).join('')
const percent = (n, of) => (of === 0 ? '–' : `${((100 * n) / of).toFixed(1)} %`)

/** CPU milliseconds of this process so far: what else the machine does is not the grader's time. */
function clock() {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1000
}

/**
 * Verdict and time of each case. All cases in turn, several times, the fastest counts: by the time a reference comes
 * again, more others have been read than the grader keeps.
 */
function grade(cases) {
  const graded = cases.map((one) => ({ ...one, output: textOf(one), pass: false, ms: Number.POSITIVE_INFINITY }))
  for (let pass = 0; pass < PASSES; pass++) {
    for (const one of graded) {
      const start = performance.now()
      one.pass = passes(one)
      one.ms = Math.min(one.ms, performance.now() - start)
    }
  }
  return graded
}

/** A reference that can't be read throws, as it should: nothing equals it. */
function passes({ output, gold, kind }) {
  try {
    return mathAnswer(output, { vars: { answer: gold }, config: { extract: kind === 'pair' ? 'whole' : 'auto' } }).pass
  } catch (error) {
    if (error instanceof ConfigError) return false
    throw error
  }
}

function summary(of) {
  const right = of.filter(({ pass, expected }) => pass === expected).length
  const accepted = of.filter(({ pass, expected }) => pass && !expected).length
  const refused = of.filter(({ pass, expected }) => !pass && expected).length
  const negatives = of.filter(({ expected }) => !expected).length
  return { cases: of.length, right, accepted, refused, negatives, worstMs: Math.max(...of.map(({ ms }) => ms)) }
}

const line = (name, s) =>
  `| ${name} | ${s.cases} | ${percent(s.right, s.cases)} | ${s.accepted}/${s.negatives} | ${s.refused}/${s.cases - s.negatives} | ${s.worstMs.toFixed(1)} |`
const head = (name) => `| ${name} | cases | right | false positives | false negatives | worst ms |\n|---|---|---|---|---|---|`

function report(name, graded) {
  console.log(head(name))
  const tiers = {}
  for (const tier of ['core', 'hard', 'hostile']) {
    tiers[tier] = summary(graded.filter((one) => one.tier === tier))
    console.log(line(tier, tiers[tier]))
  }
  const times = graded.map(({ ms }) => ms).sort((a, b) => a - b)
  const at = (share) => times[Math.min(times.length - 1, Math.floor(share * times.length))]
  const latency = { medianMs: at(0.5), p99Ms: at(0.99), worstMs: at(1) }
  console.log(
    `latency: median ${latency.medianMs.toFixed(3)} ms, p99 ${latency.p99Ms.toFixed(1)} ms, worst ${latency.worstMs.toFixed(1)} ms\n`,
  )
  return { tiers, latency }
}

const result = {}
const cases = rows(path.join(shared, 'grading/public.jsonl'))
if (cases.length > 0) {
  const graded = grade(cases)
  result.public = report('public cases', graded)
  console.log(head('category'))
  const categories = [...new Set(graded.map(({ tier, category }) => `${tier}: ${category}`))].sort()
  for (const name of categories) console.log(line(name, summary(graded.filter(({ tier, category }) => `${tier}: ${category}` === name))))
  console.log('')
} else
  console.log(`No public cases: ${path.join(shared, 'grading/public.jsonl')} is absent. Give the folder that holds grading/ as argument.\n`)

const own = ['core', 'hard', 'hostile'].flatMap((tier) => rows(path.join(here, `../test/assertions/cases/${tier}.jsonl`)))
if (own.length > 0) result.own = report('our cases', grade(own))

/** A solution of 300 to 1,500 characters, then its answer in a box. */
function typical({ solution, answer }) {
  const prose = solution.replaceAll('\\boxed', '').replace(/#+/g, '').slice(0, 1400)
  return { prose: prose.padStart(300, 'Let us think about this step by step. '), answer: String(answer) }
}

/** Every other sample is wrong in one digit, where there is one. */
const said = (answer, member) => (member % 2 === 0 ? answer : answer.replace(/\d/, (digit) => (Number(digit) + 1) % 10))

/**
 * Rollouts a second of CPU time through what pr1-train scores with: promptfoo's runAssertions with mathAnswer as a
 * function value, a group of samples a row, as many at once as a scheduler finishes together.
 */
async function rollouts(file) {
  const problems = rows(path.join(shared, file)).slice(0, 1000).map(typical)
  if (problems.length === 0) return undefined
  const value = `file://${path.resolve(here, '../dist/assertions/index.js')}:mathAnswer`
  const suite = {
    file: path.join(here, 'grading.mjs'),
    folder: here,
    provider: { label: 'bench', config: {}, ours: true },
    rows: problems.map(({ answer }) => ({
      prompt: 'Solve the problem.',
      promptConfig: {},
      vars: { answer },
      test: { assert: [{ type: 'javascript', metric: 'answer', value }] },
    })),
  }
  const scorer = await Scorer.open(suite)
  const samples = suite.rows.flatMap((row, i) =>
    Array.from({ length: GROUP }, (_, member) => ({
      row,
      output: `${problems[i].prose}\n\nTherefore, the final answer is $\\boxed{${said(problems[i].answer, member)}}$.`,
    })),
  )
  let best = Number.POSITIVE_INFINITY
  for (let pass = 0; pass < 3; pass++) {
    const start = clock()
    for (let i = 0; i < samples.length; i += AT_ONCE) {
      await Promise.all(samples.slice(i, i + AT_ONCE).map(({ row, output }) => scorer.score(row, { output })))
    }
    best = Math.min(best, clock() - start)
  }
  return Math.round((samples.length / best) * 1000)
}

/** The same without promptfoo. */
function bare(file) {
  const problems = rows(path.join(shared, file)).slice(0, 1000).map(typical)
  if (problems.length === 0) return undefined
  const samples = problems.flatMap(({ prose, answer }) =>
    Array.from({ length: GROUP }, (_, member) => ({
      answer,
      output: `${prose}\n\nTherefore, the final answer is $\\boxed{${said(answer, member)}}$.`,
    })),
  )
  let best = Number.POSITIVE_INFINITY
  for (let pass = 0; pass < 3; pass++) {
    const start = clock()
    for (const { answer, output } of samples) mathAnswer(output, { vars: { answer } })
    best = Math.min(best, clock() - start)
  }
  return Math.round((samples.length / best) * 1000)
}

/** GSM8K solutions without their answer line and the notes of their calculator: the last sentence has to be understood. */
const told = ['gsm8k_train', 'gsm8k_test'].flatMap((name) => rows(path.join(shared, `data/${name}.jsonl`)))
if (told.length > 0) {
  const understood = told.filter(({ solution, answer }) => {
    const prose = solution.replace(/\n?####.*$/s, '').replace(/<<[^>]*>>/g, '')
    return mathAnswer(prose, { vars: { answer: String(answer) } }).pass
  })
  result.prose = { solutions: told.length, understood: understood.length }
  console.log(`GSM8K solutions without their answer line: ${percent(understood.length, told.length)} of ${told.length} understood\n`)
}

result.rollouts = {}
for (const [name, file] of [
  ['GSM8K', 'data/gsm8k_test.jsonl'],
  ['MATH', 'data/math_test.jsonl'],
]) {
  const rates = { trainer: await rollouts(file), mathAnswer: bare(file) }
  if (!rates.trainer) continue
  result.rollouts[name] = rates
  console.log(
    `${name}, groups of ${GROUP}: ${rates.trainer.toLocaleString('en')} rollouts a second of CPU time through the trainer's scoring, ${rates.mathAnswer.toLocaleString('en')} by mathAnswer alone`,
  )
}
console.log(JSON.stringify({ bench: 'grading', node: process.version, ...result }))
// promptfoo keeps timers of its own.
process.exit(0)
