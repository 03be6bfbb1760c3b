// Countdown's training files on two devices, from prebuilt rows and without promptfoo: steps of SFT from random weights, then steps of RL from
// the shipped checkpoint with an evaluation before and after. Each form runs on both devices at once. Prints the curves side by side and checks
// that they agree. Exits 1 where a run fails or they do not, 4 where time ran out before both had steps.
//   --devices cuda,cpu   the second is the one that the first is compared with; one alone only runs
//   --forms parallel,sequential   --sft 200   --rl 4: steps   --problems 64: of the hard test
//   --out DIR            where the runs go                    --seconds 200  a stage has an equal share of what is left; what is not
//                                                             done by then is stopped, and named
//   --lines FILE         a JSON line of each run is added
import { spawn } from 'node:child_process'
import { appendFileSync, copyFileSync, createWriteStream, existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'

const here = path.dirname(fileURLToPath(import.meta.url))
const text = (value) => ({ type: 'string', default: value })
const { values } = parseArgs({
  options: {
    devices: text('cuda,cpu'),
    forms: text('parallel,sequential'),
    sft: text('200'),
    rl: text('4'),
    problems: text('64'),
    seconds: text('200'),
    out: text(path.join(os.tmpdir(), 'parallel-r1-countdown')),
    lines: { type: 'string' },
  },
})
const end = performance.now() + Number(values.seconds) * 1000
/** Most that two devices may differ: bfloat16 products against float32 ones. Not yet held against a GPU. */
const tolerance = { first: 0.005, last: 0.05 }
const lastSteps = 20
const devices = values.devices.split(',')
const suites = path.join(here, 'suites/countdown')
let failures = 0
let unfinished = 0
const say = (line) => console.log(line)
const check = (what, ok, detail) => {
  say(`${ok ? 'ok' : 'FAILED'} ${what} (${detail})`)
  record({ what, ok, detail })
  if (!ok) failures++
}

const forms = values.forms.split(',')
/** Stages that are still to come, on both devices at once. */
let stagesLeft = 2 * forms.length
/** When the next stage ends: none takes the time of those after it. */
const nextEnd = () => performance.now() + (end - performance.now()) / stagesLeft--

for (const form of forms) {
  const baseEnd = nextEnd()
  const base = await Promise.all(
    devices.map((device) => stage(form, device, 'base', baseEnd, ['--set', `stages.base.steps=${values.sft}`])),
  )
  if (base.every((run) => run.steps.length > 0)) compareLosses(form, base)
  for (const device of devices) {
    const place = path.join(values.out, `${form}-${device}`, 'cold-start')
    const shipped = path.join(suites, 'checkpoints', form)
    mkdirSync(place, { recursive: true })
    for (const name of readdirSync(shipped)) copyFileSync(path.join(shipped, name), path.join(place, name))
  }
  const evaluate = `stages.rl.evaluate={ suite: ../../bundle/held-out.yaml, provider: ${form}, maxProblems: ${values.problems} }`
  const rlEnd = nextEnd()
  const rl = await Promise.all(
    devices.map((device) => stage(form, device, 'rl', rlEnd, ['--set', `stages.rl.steps=${values.rl}`, '--set', evaluate])),
  )
  compareRewards(form, rl)
}
if (failures > 0) say(`countdown: ${failures} FAILED`)
else
  say(
    unfinished > 0
      ? `countdown: ${unfinished} runs did not fit into ${values.seconds} seconds; nothing else failed`
      : 'countdown: all runs finished',
  )
process.exit(failures > 0 ? 1 : unfinished > 0 ? 4 : 0)

/** One stage of the shipped training file on one device until `stageEnd`, in a process of its own. */
async function stage(form, device, name, stageEnd, more) {
  const output = path.join(values.out, `${form}-${device}`)
  const log = path.join(values.out, `${form}-${device}-${name}.log`)
  const who = `${form} ${name} on ${device}`
  mkdirSync(values.out, { recursive: true })
  const left = stageEnd - performance.now()
  if (left < 1000) {
    unfinished++
    say(`${who}: not begun, no time is left`)
    record({ what: who, skipped: 'no time left' })
    return { device, steps: [], evaluations: [] }
  }
  const file = path.join(suites, `train.${form}.yaml`)
  const args = ['-c', file, '--suites', path.join(here, 'rows', form), '--stage', name, '--device', device, '-o', output, ...more]
  const child = spawn(process.execPath, [path.join(here, 'dist/trainer/cli.js'), ...args], { stdio: ['ignore', 'pipe', 'pipe'] })
  const written = createWriteStream(log)
  let tail = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (data) => {
      written.write(data)
      tail = (tail + data).slice(-2000)
    })
  }
  // The first signal finishes the step and saves, the second one stops at once.
  const timers = [setTimeout(() => child.kill('SIGTERM'), left), setTimeout(() => child.kill('SIGKILL'), left + 15_000)]
  const began = performance.now()
  const code = await new Promise((done) => child.once('close', (exit, signal) => done(exit ?? signal)))
  for (const timer of timers) clearTimeout(timer)
  written.end()
  const seconds = (performance.now() - began) / 1000
  const run = { device, ...read(path.join(output, `only-${name}`, 'metrics.jsonl'), name) }
  const stopped = code === 143 || code === 'SIGKILL'
  if (stopped) unfinished++
  else if (code !== 0) failures++
  const engine = /^Engine: (.*?) \(/m.exec(readFileSync(log, 'utf8'))?.[1]
  const how = code === 0 ? '' : stopped ? ', stopped as time ran out' : `, FAILED with code ${code}`
  say(`${who}: ${run.steps.length} steps in ${seconds.toFixed(1)} s${how}${engine ? `; ${engine}` : ''}`)
  if (code !== 0 && !stopped) say(`${tail.trim()}\nLook at ${log}`)
  const stepSeconds = median(run.steps.map((step) => step.seconds))
  record({ what: who, engine, code, wallSeconds: seconds, stepSeconds, steps: run.steps, evaluations: run.evaluations })
  return run
}

function read(file, name) {
  if (!existsSync(file)) return { steps: [], evaluations: [] }
  const lines = readFileSync(file, 'utf8')
    .trimEnd()
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line))
    .filter(({ stage: of }) => of === name)
  const steps = lines
    .filter(({ loss }) => loss !== undefined)
    .map(({ step, loss, gradNorm, seconds, tokensPerSecond, reward, gap }) => ({
      step,
      loss,
      gradNorm,
      seconds,
      tokensPerSecond,
      reward,
      gap,
    }))
  const evaluations = lines
    .filter(({ accuracy }) => accuracy !== undefined)
    .map(({ step, metrics, accuracy }) => ({ step, metrics, accuracy }))
  return { steps, evaluations }
}

function compareLosses(form, [one, other]) {
  const shown = [0, 1, 2, 4, 9, 19, 49, 99, 199, 399].filter((i) => i < one.steps.length)
  for (const i of shown)
    say(
      `  step ${i + 1}: ${[one, other]
        .filter(Boolean)
        .map(({ device, steps }) => `${device} ${steps[i]?.loss.toFixed(4) ?? '–'}`)
        .join(', ')}`,
    )
  if (!other) return
  const both = Math.min(one.steps.length, other.steps.length)
  const apart = (a, b) => Math.abs(a - b) / Math.abs(b)
  const first = apart(one.steps[0].loss, other.steps[0].loss)
  check(`${form}: first loss of ${one.device} beside ${other.device}`, first <= tolerance.first, `${(100 * first).toFixed(3)} % apart`)
  const mean = ({ steps }) =>
    steps.slice(Math.max(0, both - lastSteps), both).reduce((sum, { loss }) => sum + loss, 0) / Math.min(both, lastSteps)
  const last = apart(mean(one), mean(other))
  check(
    `${form}: loss up to step ${both}`,
    last <= tolerance.last,
    `${mean(one).toFixed(4)} and ${mean(other).toFixed(4)}, ${(100 * last).toFixed(2)} % apart`,
  )
}

/** Samples differ from device to device, so rewards are only shown. Sampled and trained log-probabilities are equal on each. */
function compareRewards(form, runs) {
  for (const { device, steps, evaluations } of runs) {
    if (steps.length === 0) continue
    const rewards = steps.map(({ reward }) => reward?.toFixed(3)).join(' ')
    const held = evaluations
      .map(({ step, metrics }) => `${(100 * (metrics.answer?.value ?? Number.NaN)).toFixed(1)} % at step ${step}`)
      .join(', ')
    say(`  ${device}: rewards ${rewards}; held out ${held || 'not evaluated'}`)
    const gap = Math.max(...steps.map((step) => step.gap?.max ?? Number.NaN))
    check(`${form}: sampled = scored on ${device}`, gap === 0, `furthest ${gap} in ${steps.length} steps of RL`)
  }
}

function median(list) {
  const sorted = [...list].sort((a, b) => a - b)
  return sorted[sorted.length >> 1]
}

function record(line) {
  if (values.lines) appendFileSync(values.lines, `${JSON.stringify({ part: 'countdown', ...line })}\n`)
}
