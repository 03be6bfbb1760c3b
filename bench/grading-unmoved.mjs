// Proof that a change of how mathAnswer computes changed no verdict and no reason, and what it did to the rate.
//   node --import tsx bench/grading-unmoved.mjs CHECKOUT [--mutated 20000]   every result of this checkout and of that, both built
//   node bench/grading-unmoved.mjs --time CHECKOUT... [--passes 8]           CPU time of this checkout beside each of those, in turn
// Compared are all labelled cases of the project and of the shared folder, its solutions with and without what states their answers, its
// references in wrappings, and mutated outputs, each under several configs and with the problem where it is known. Renew dist/ of both before.
import { fork } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { readCases } from './rubric/cases.mjs'

const here = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..')
const { values, positionals: checkouts } = parseArgs({
  allowPositionals: true,
  options: {
    time: { type: 'boolean', default: false },
    pass: { type: 'boolean', default: false },
    mutated: { type: 'string', default: '20000' },
    passes: { type: 'string', default: '8' },
    shared: { type: 'string', default: path.resolve(here, '../shared') },
    only: { type: 'string' },
  },
})
if (checkouts.length === 0 || (!values.time && checkouts.length > 1)) {
  console.error('Name a built checkout, or several with --time. See the head of this script.')
  process.exit(1)
}

const graderOf = async (root) => (await import(path.join(path.resolve(root), 'dist/assertions/index.js'))).mathAnswer
const lines = (file) => {
  const whole = path.join(values.shared, 'data', file)
  if (!existsSync(whole)) throw new Error(`${whole} is absent. Give the folder that holds data/ with --shared.`)
  const rows = readFileSync(whole, 'utf8').trim().split('\n')
  return rows.map((row) => JSON.parse(row))
}
const files = (folder) =>
  existsSync(folder)
    ? readdirSync(folder)
        .filter((name) => name.endsWith('.jsonl') && name !== 'policy.jsonl')
        .map((name) => path.join(folder, name))
    : []
const blind = () => files(path.join(here, 'bench/rubric/blind')).flatMap((file) => readCases(file))

/** What a solution says without what states its answer for graders. */
const withoutAnswer = (text) =>
  text
    .replace(/\n?####.*$/, '')
    .replace(/\\boxed\{([^{}]{1,40})\}/g, '$1')
    .replace(/<<.*?>>/g, '')

const CONFIGS = [
  {},
  { extract: 'whole' },
  { extract: 'final-answer' },
  { mode: 'both' },
  { tolerance: 0.01, lists: 'ordered', units: 'required' },
  { extract: { marker: 'is' }, choices: true },
]
const WRAPPINGS = [
  (text) => text,
  (text) => `We get $\\boxed{${text}}$.`,
  (text) => `Adding up.\n\nFinal Answer: ${text}`,
  (text) => `**Final Answer:** $${text}$`,
  (text) => `So we have\n\\[\n${text}\n\\]`,
  (text) => `<answer>${text}</answer>`,
  (text) => `Thus the result is \\(${text}\\).`,
  (text) => `First we get 7. So there are ${text}. That is more than 7, which was given.`,
]

/** Every output with its variables and config, by what it is part of. */
async function* parts() {
  const cases = [path.join(here, 'test/assertions/cases'), path.join(values.shared, 'grading')]
    .flatMap(files)
    .flatMap((file) => readCases(file))
  const labelled = [...cases, ...blind()]
  yield [
    'cases',
    labelled.flatMap(({ output, references, question, pair }) => {
      const plain = { output, vars: { answer: references }, config: pair ? { extract: 'whole' } : {} }
      return question === undefined ? [plain] : [plain, { ...plain, vars: { answer: references, problem: String(question) } }]
    }),
  ]
  const solved = ['math_test', 'math_train', 'gsm8k_test', 'gsm8k_train', 'parallel_gsm8k_sample'].flatMap((set) => lines(`${set}.jsonl`))
  yield [
    'solutions',
    solved.flatMap(({ problem, question, answer, solution, trace }) => {
      const text = solution ?? trace
      const vars = { answer: String(answer) }
      const asked = { ...vars, problem: problem ?? question }
      return [
        { output: text, vars },
        { output: withoutAnswer(text), vars },
        { output: withoutAnswer(text), vars: asked },
      ]
    }),
  ]
  const sets = readdirSync(path.join(values.shared, 'data')).filter((name) => name.endsWith('.jsonl') && !/parallel|train/.test(name))
  yield [
    'references in wrappings',
    sets
      .flatMap(lines)
      .flatMap(({ answer, problem }) =>
        WRAPPINGS.map((wrap) => ({ output: wrap(String(answer)), vars: { answer: String(answer), problem } })),
      ),
  ]
  if (Number(values.mutated) === 0) return
  const { mutate, randomFrom } = await import('../test/assertions/mutate.ts')
  const random = randomFrom(23)
  const pick = () => labelled[Math.floor(random() * labelled.length)]
  yield [
    'mutated outputs',
    Array.from({ length: Number(values.mutated) }, (_, i) => {
      const { references, output, question } = pick()
      const other = pick()
      const [answer] = references
      const vars = { answer: random() < 0.2 ? mutate(answer, other.references[0], random, 4000) : answer, problem: question }
      return { output: mutate(output, other.output, random), vars, config: i % 2 === 0 ? {} : CONFIGS[(i >> 1) % CONFIGS.length] }
    }),
  ]
}

function resultOf(grade, { output, vars, config }) {
  try {
    return JSON.stringify(grade(output, { vars, config }))
  } catch (error) {
    return `${error.name}: ${error.message}`
  }
}

async function compare([other]) {
  const before = await graderOf(other)
  const now = await graderOf(here)
  let different = 0
  const hash = createHash('sha256')
  for await (const [name, all] of parts()) {
    if (values.only && !name.includes(values.only)) continue
    let own = 0
    for (const one of all) {
      const result = resultOf(now, one)
      hash.update(result)
      const was = resultOf(before, one)
      if (was !== result && ++own <= 5) console.log(`${JSON.stringify(one)}\n  was ${was}\n  is  ${result}`)
    }
    console.log(`${name}: ${own} of ${all.length.toLocaleString('en')} differ`)
    different += own
  }
  console.log(`${different === 0 ? 'Every verdict and reason is the same' : `${different} differ`}; ${hash.digest('hex').slice(0, 16)}`)
  process.exitCode = different === 0 ? 0 : 1
}

/** The texts that are timed: groups of 8 with a box, as bench/grading.mjs has them, and prose with its problem. */
function timed() {
  const wrong = (answer, member) => (member % 2 === 0 ? answer : answer.replace(/\d/, (digit) => (Number(digit) + 1) % 10))
  const boxed = (file) =>
    lines(file)
      .slice(0, 1000)
      .flatMap(({ solution, answer }) => {
        const prose = solution
          .replaceAll('\\boxed', '')
          .replace(/#+/g, '')
          .slice(0, 1400)
          .padStart(300, 'Let us think about this step by step. ')
        return Array.from({ length: 8 }, (_, member) => ({
          output: `${prose}\n\nTherefore, the final answer is $\\boxed{${wrong(String(answer), member)}}$.`,
          vars: { answer: String(answer) },
        }))
      })
  const plain = (file) =>
    lines(file)
      .slice(0, 1200)
      .map(({ solution, answer, problem }) => ({ output: withoutAnswer(solution), vars: { answer: String(answer), problem } }))
  const prose = blind()
    .filter(({ question, pair, at }) => question !== undefined && !pair && /^(?:prose|mixed)/.test(at))
    .map(({ output, references, question }) => ({ output, vars: { answer: references, problem: String(question) } }))
  return {
    'GSM8K, boxed': boxed('gsm8k_test.jsonl'),
    'MATH, boxed': boxed('math_test.jsonl'),
    'GSM8K without answer lines, with its problem': plain('gsm8k_test.jsonl'),
    'MATH without boxes, with its problem': plain('math_test.jsonl'),
    'prose with its problem': prose,
  }
}

const median = (numbers) => numbers.toSorted((a, b) => a - b)[numbers.length >> 1]

function clock() {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1000
}

/** One build in a process of its own: two in one share compiled expressions, and the first one has the better memory. */
class Build {
  constructor(root) {
    this.process = fork(fileURLToPath(import.meta.url), ['--pass', root, '--shared', values.shared])
  }

  async pass(name) {
    const answer = once(this.process, 'message')
    this.process.send(name)
    return (await answer)[0]
  }
}

async function time(others) {
  const builds = [here, ...others].map((root) => new Build(root))
  for (const [name, all] of Object.entries(timed())) {
    if (values.only && !name.includes(values.only)) continue
    const seen = builds.map(() => [])
    for (let pass = 0; pass < Number(values.passes) + 2; pass++) {
      for (const [i, build] of builds.entries()) {
        const ms = await build.pass(name)
        if (pass >= 2) seen[i].push(ms)
      }
    }
    const rate = Math.round((1000 * all.length) / median(seen[0]))
    const ratios = others.map((root, i) => {
      const pairs = seen[i + 1].map((ms, pass) => ms / seen[0][pass])
      return `${median(pairs).toFixed(2)} (${Math.min(...pairs).toFixed(2)} to ${Math.max(...pairs).toFixed(2)}) times as fast as ${root}`
    })
    console.log(`${name}: ${rate.toLocaleString('en')} a second of CPU time, ${ratios.join(', ')}`)
  }
  for (const build of builds) build.process.disconnect()
}

async function passes([root]) {
  const grade = await graderOf(root)
  const all = timed()
  process.on('message', (name) => {
    const start = clock()
    for (const { output, vars } of all[name]) grade(output, { vars })
    process.send(clock() - start)
  })
}

await (values.pass ? passes(checkouts) : values.time ? time(checkouts) : compare(checkouts))
