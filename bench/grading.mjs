// node bench/grading.mjs [shared folder]: answers graded a second of CPU time, through what pr1-train scores with, through promptfoo's
// runAssertions and by mathAnswer alone, in turn. Prints the medians and their ratio, then one JSON line. Run npm run build:ts first.
import { existsSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { assertions } from 'promptfoo'
import { mathAnswer } from '../dist/assertions/index.js'
import { Scorer } from '../dist/trainer/grading/scoring.js'

const here = path.dirname(fileURLToPath(import.meta.url))
const shared = process.argv[2] ?? path.resolve(here, '../../shared')
const PROBLEMS = 1000
const GROUP = 8
const AT_ONCE = 64
/** Passes over all answers. The first two warm up. */
const PASSES = 8

function rows(file) {
  if (!existsSync(file)) throw new Error(`${file} is absent. Give the folder that holds data/ as argument.`)
  return readFileSync(file, 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line))
}

/** CPU milliseconds of this process so far: what else the machine does is not the grader's time. */
function clock() {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1000
}

const median = (values) => values.toSorted((a, b) => a - b)[values.length >> 1]

/** A solution of 300 to 1,500 characters, then its answer in a box. */
function typical({ solution, answer }) {
  const prose = solution.replaceAll('\\boxed', '').replace(/#+/g, '').slice(0, 1400)
  return { prose: prose.padStart(300, 'Let us think about this step by step. '), answer: String(answer) }
}

/** Every other sample is wrong in one digit, where there is one. */
const said = (answer, member) => (member % 2 === 0 ? answer : answer.replace(/\d/, (digit) => (Number(digit) + 1) % 10))

/** The ways to grade: a group of samples a row, as many at once as a scheduler finishes together. */
async function ways(file) {
  const problems = rows(path.join(shared, file)).slice(0, PROBLEMS).map(typical)
  const rowOf = ({ answer }, value) => ({
    prompt: 'Solve the problem.',
    promptConfig: {},
    vars: { answer },
    test: { assert: [{ type: 'javascript', metric: 'answer', value }] },
  })
  const suite = {
    file: path.join(here, 'grading.mjs'),
    folder: here,
    provider: { label: 'bench', config: {}, ours: true },
    rows: problems.map((problem) => rowOf(problem, `file://${path.resolve(here, '../dist/assertions/index.js')}:mathAnswer`)),
  }
  const scorer = await Scorer.open(suite)
  const samples = problems.flatMap((problem, i) =>
    Array.from({ length: GROUP }, (_, member) => ({
      row: suite.rows[i],
      asked: rowOf(problem, mathAnswer),
      output: `${problem.prose}\n\nTherefore, the final answer is $\\boxed{${said(problem.answer, member)}}$.`,
    })),
  )
  const byPromptfoo = ({ prompt, vars, test }, output) =>
    assertions.runAssertions({ prompt, vars, test: { ...test, vars }, providerResponse: { output } })
  return {
    samples,
    ways: {
      trainer: ({ row, output }) => scorer.score(row, { output }),
      promptfoo: ({ asked, output }) => byPromptfoo(asked, output),
      mathAnswer: ({ row, output }) => mathAnswer(output, { vars: row.vars }),
    },
  }
}

async function rates(file) {
  const { samples, ways: all } = await ways(file)
  const seen = Object.fromEntries(Object.keys(all).map((name) => [name, []]))
  for (let pass = 0; pass < PASSES; pass++) {
    for (const [name, grade] of Object.entries(all)) {
      const start = clock()
      for (let i = 0; i < samples.length; i += AT_ONCE) await Promise.all(samples.slice(i, i + AT_ONCE).map(grade))
      seen[name].push((1000 * samples.length) / (clock() - start))
    }
  }
  const warm = Object.fromEntries(Object.entries(seen).map(([name, values]) => [name, values.slice(2)]))
  const ratio = median(warm.trainer.map((rate, pass) => rate / warm.promptfoo[pass]))
  return {
    ...Object.fromEntries(Object.entries(warm).map(([name, values]) => [name, Math.round(median(values))])),
    ratio: Number(ratio.toFixed(2)),
  }
}

const result = {}
for (const [name, file] of [
  ['GSM8K', 'data/gsm8k_test.jsonl'],
  ['MATH', 'data/math_test.jsonl'],
]) {
  result[name] = await rates(file)
  const { trainer, promptfoo, mathAnswer: alone, ratio } = result[name]
  const shown = [trainer, promptfoo, alone].map((rate) => rate.toLocaleString('en'))
  console.log(
    `${name}, groups of ${GROUP}: ${shown[0]} answers a second of CPU time through the trainer's scoring, ${shown[1]} through promptfoo (${ratio} times), ${shown[2]} by mathAnswer alone`,
  )
}
console.log(JSON.stringify({ bench: 'grading', node: process.version, ...result }))
// promptfoo keeps timers of its own.
process.exit(0)
