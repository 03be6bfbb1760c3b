// node bench/rubric-benchmarks.mjs FILE… [--by KEY]… [--where KEY=VALUE] [--wrong] [--python PATH [--seconds 10]]: mathAnswer, and Math-Verify
// beside it, on cases that somebody labelled. A case is a reference, an output and a label, and perhaps a question, in JSON lines, JSON or CSV.
// The question is passed on as the variable "problem", as suites do; --question NONE withholds it.
// Right verdicts, false positives and false negatives with Wilson's 95 % intervals, in all and by column, CPU time, and the wrong ones on demand.
// Tables, then one JSON line. Run npm run build:ts first.
import path from 'node:path'
import { parseArgs } from 'node:util'
import { mathAnswer } from '../dist/assertions/index.js'
import { ConfigError } from '../dist/engine/errors.js'
import { readCases } from './rubric/cases.mjs'
import { MathVerify } from './rubric/math-verify.mjs'
import { groups, percentiles, table } from './rubric/summary.mjs'

const HELP = `node bench/rubric-benchmarks.mjs FILE…
  --question KEY, --reference KEY, --output KEY, --label KEY  columns that are not found by themselves
  --right VALUE      label that means right, where it is not true, 1, yes, right or correct
  --all-right        no label: every output is right
  --drop REGEX       leave out of the outputs what it matches
  --kind KIND        pair: the output is nothing but an answer. output (default): it is a response. A column "kind" says it for each case
  --by KEY           columns to group by, as often as wanted. Default: tier, kind, category
  --where KEY=VALUE  only cases with this value, as often as wanted. KEY!=VALUE: only the others
  --config JSON      config of mathAnswer
  --wrong            list the cases graded wrong
  --python PATH      a Python that has math-verify, to grade them too
  --seconds N        its time limit for a case. Default 10`

const { values, positionals: files } = parseArgs({
  allowPositionals: true,
  options: {
    question: { type: 'string' },
    reference: { type: 'string' },
    output: { type: 'string' },
    label: { type: 'string' },
    right: { type: 'string' },
    'all-right': { type: 'boolean', default: false },
    drop: { type: 'string' },
    kind: { type: 'string' },
    by: { type: 'string', multiple: true, default: ['tier', 'kind', 'category'] },
    where: { type: 'string', multiple: true, default: [] },
    config: { type: 'string', default: '{}' },
    wrong: { type: 'boolean', default: false },
    python: { type: 'string' },
    seconds: { type: 'string', default: '10' },
    help: { type: 'boolean', default: false },
  },
})
const config = JSON.parse(values.config)
/** The fastest of so many passes counts. By the time a reference comes again, more others have been read than the grader keeps. */
const PASSES = 3

/** CPU milliseconds of this process so far: what else the machine does is not the grader's time. */
function clock() {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1000
}

function grade(cases) {
  const graded = cases.map((one) => ({ ...one, ms: Number.POSITIVE_INFINITY }))
  for (let pass = 0; pass < PASSES; pass++) {
    for (const one of graded) {
      const start = clock()
      Object.assign(one, verdict(one))
      one.ms = Math.min(one.ms, clock() - start)
    }
  }
  return graded
}

/** A reference that can't be read throws, as it should. Nothing equals it. */
function verdict({ references, output, pair, question }) {
  const problem = question === undefined ? {} : { problem: String(question) }
  try {
    return mathAnswer(output, { vars: { answer: references, ...problem }, config: { extract: pair ? 'whole' : 'auto', ...config } })
  } catch (error) {
    if (error instanceof ConfigError) return { pass: false, reason: error.message, unreadable: true }
    throw error
  }
}

async function gradeByMathVerify(cases) {
  const grader = await MathVerify.open(values.python, Number(values.seconds))
  const graded = []
  for (const one of cases) graded.push({ ...one, ...(await grader.grade(one)) })
  await grader.close()
  return { settings: grader.settings, graded }
}

function chosen({ row }) {
  return values.where.every((condition) => {
    const [, key, not, value] = /^([^=!]+)(!?)=(.*)$/.exec(condition) ?? fail(`--where must be KEY=VALUE or KEY!=VALUE. Got ${condition}.`)
    return (String(row[key]) === value) === (not === '')
  })
}

function fail(message) {
  console.error(message)
  process.exit(1)
}

const shown = (text, limit = 200) => JSON.stringify(text.length > limit ? `${text.slice(0, limit / 2)} … ${text.slice(-limit / 2)}` : text)
const time = ({ median, p99, worst }) =>
  `CPU time a case: median ${median.toFixed(2)} ms, p99 ${p99.toFixed(1)} ms, worst ${worst.toFixed(1)} ms`

function report(name, graded, theirs) {
  const figures = groups(graded, values.by)
  const slowest = graded.reduce((a, b) => (b.ms > a.ms ? b : a))
  const times = percentiles(graded.map(({ ms }) => ms))
  const unreadable = graded.filter((one) => one.unreadable).length
  console.log(`\n## ${name}\n\n${table('mathAnswer', figures)}\n\n${time(times)} (${slowest.at})`)
  if (unreadable > 0) console.log(`${unreadable} references can't be read, which a suite says before it starts`)
  const result = { file: name, figures: Object.fromEntries(figures), times, slowest: slowest.at, unreadable }
  if (theirs) result.mathVerify = reportTheirs(theirs, graded)
  if (values.wrong) list(graded, theirs?.graded)
  return result
}

function reportTheirs({ settings, graded }, ours) {
  const figures = groups(graded, values.by)
  const times = percentiles(graded.flatMap(({ ms, failure }) => (failure && ms === undefined ? [] : [ms])))
  const failures = {}
  for (const { failure } of graded) if (failure) failures[failure] = (failures[failure] ?? 0) + 1
  const only = (a, b) => a.filter((one, i) => one.pass === one.right && b[i].pass !== b[i].right).length
  const apart = { onlyMathAnswer: only(ours, graded), onlyMathVerify: only(graded, ours) }
  console.log(
    `\n${table('Math-Verify', figures)}\n\n${settings}\n${time(times)}${Object.entries(failures)
      .map(([what, times]) => `\nNo verdict: ${what}, ${times} times`)
      .join('')}`,
  )
  console.log(`Right here alone: ${apart.onlyMathAnswer}. Right in Math-Verify alone: ${apart.onlyMathVerify}`)
  return { settings, figures: Object.fromEntries(figures), times, failures, ...apart }
}

function list(graded, theirs) {
  const wrong = graded.flatMap((one, i) => (one.pass === one.right ? [] : [{ ...one, theirs: theirs?.[i] }]))
  console.log(`\nWrong: ${wrong.length}`)
  for (const one of wrong) {
    const where = values.by.flatMap((key) => one.row[key] ?? []).join(', ')
    const beside = one.theirs ? `; Math-Verify is ${one.theirs.pass === one.right ? 'right' : 'wrong too'}` : ''
    console.log(
      `- ${one.at} (${where}) false ${one.pass ? 'positive' : 'negative'}${beside}: ${one.references.map((text) => shown(text)).join(' or ')} <- ${shown(one.output)}`,
    )
    if (one.question !== undefined) console.log(`  asked: ${shown(String(one.question))}`)
    console.log(`  ${one.reason}`)
  }
}

if (values.help) {
  console.log(HELP)
  process.exit()
}
if (files.length === 0) fail(`Name a file of labelled cases.\n${HELP}`)
const results = []
try {
  for (const file of files) {
    const { right, kind, drop } = values
    const cases = readCases(file, { keys: values, right, kind, drop, allRight: values['all-right'] }).filter(chosen)
    if (cases.length === 0) throw new Error(`No case of ${file} is left. Correct --where.`)
    results.push(report(path.basename(file), grade(cases), values.python && (await gradeByMathVerify(cases))))
  }
} catch (error) {
  fail(error.message)
}
console.log(`\n${JSON.stringify({ bench: 'rubric-benchmarks', node: process.version, results })}`)
