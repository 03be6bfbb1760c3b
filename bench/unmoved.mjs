// Proof that a change of structure changed nothing: the same bits, the same time.
//   node bench/unmoved.mjs --record FILE [--root CHECKOUT]   what a built checkout gives (default: this one)
//   node bench/unmoved.mjs --check FILE                      this checkout against that: every difference is named
//   node bench/unmoved.mjs --time CHECKOUT [--pairs 2]       wall time of the demo and of 20 RL steps, A B A B
// What is recorded: (a) of the demo, a hash over output, log-probabilities and metadata of every sample and provider, (b) loss, gradient norm
// and the other figures of 200 updates of each stage of both Countdown train files; RL starts from the shipped checkpoints
// with 8 prompts a step. About 15 minutes on two quiet cores. --only demo, train.
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import os from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { parse, stringify } from 'yaml'

const here = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..')
const { values } = parseArgs({
  options: {
    record: { type: 'string' },
    check: { type: 'string' },
    time: { type: 'string' },
    root: { type: 'string', default: here },
    only: { type: 'string', default: 'demo,train' },
    pairs: { type: 'string', default: '2' },
  },
})
const scratch = mkdtempSync(path.join(os.tmpdir(), 'pr1-unmoved-'))
process.on('exit', () => rmSync(scratch, { recursive: true, force: true }))

if (values.record) writeFileSync(values.record, `${JSON.stringify(figures(path.resolve(values.root)), null, 1)}\n`)
else if (values.check) compare(JSON.parse(readFileSync(values.check, 'utf8')), figures(here))
else if (values.time) times(path.resolve(values.time), Number(values.pairs))
else console.error('Say what to do: --record FILE, --check FILE or --time CHECKOUT. See the head of this script.')

function figures(root) {
  const parts = values.only.split(',')
  return {
    ...(parts.includes('demo') && { demo: demoHashes(demo(root)) }),
    ...(parts.includes('train') && { train: { sequential: training(root, 'sequential'), parallel: training(root, 'parallel') } }),
  }
}

function compare(before, after) {
  let differences = 0
  const walk = (a, b, at) => {
    if (typeof a === 'object' && a !== null && typeof b === 'object' && b !== null) {
      // Figures that the version before did not have are no difference.
      for (const key of Object.keys(a)) walk(a[key], b[key], `${at}.${key}`)
      if (Array.isArray(a) && b.length > a.length) walk(a.length, b.length, `${at}.length`)
    } else if (a !== b && ++differences <= 20) console.log(`${at.slice(1)}: was ${a}, is ${b}`)
  }
  walk(before, after, '')
  const of = Object.entries(after.train ?? {}).flatMap(([form, stages]) =>
    Object.entries(stages).map(([stage, steps]) => `${form} ${stage} ${steps.length} updates`),
  )
  if (after.demo) of.unshift(`demo ${Object.values(after.demo).reduce((sum, { samples }) => sum + samples, 0)} samples`)
  console.log(`${differences === 0 ? 'Equal to the last bit' : `${differences} differences`}: ${of.join(', ')}`)
  process.exitCode = differences === 0 ? 0 : 1
}

/** promptfoo's results of the demo's config, everything sampled anew. */
function demo(root) {
  const require = createRequire(path.join(root, 'package.json'))
  const promptfooRoot = path.resolve(path.dirname(require.resolve('promptfoo')), '../..')
  const { bin } = JSON.parse(readFileSync(path.join(promptfooRoot, 'package.json'), 'utf8'))
  const file = path.join(scratch, 'results.json')
  const config = path.join(root, 'suites/countdown/promptfooconfig.yaml')
  run(root, [path.join(promptfooRoot, bin.promptfoo), 'eval', '-c', config, '-o', file, '--no-cache', '--no-table', '--no-share'])
  const { results } = JSON.parse(readFileSync(file, 'utf8')).results
  rmSync(file)
  return results
}

function demoHashes(rows) {
  const providers = {}
  const key = (row) => JSON.stringify([row.vars, row.response?.metadata?.repeatIndex])
  for (const row of [...rows].sort((a, b) => (key(a) < key(b) ? -1 : 1))) {
    const { output, logProbs, metadata: { report: _, ...metadata } = {}, error } = row.response ?? {}
    const { label } = row.provider
    providers[label] ??= { samples: 0, logprobs: 0, hash: createHash('sha256') }
    const own = providers[label]
    own.samples++
    own.logprobs += logProbs?.length ?? 0
    // Assertions end in any order.
    const scores = Object.entries(row.namedScores ?? {}).sort()
    own.hash.update(JSON.stringify([key(row), output, logProbs, metadata, error, scores]))
  }
  if (rows.length === 0) throw new Error('promptfoo wrote no results. Run npm run demo to see why.')
  for (const own of Object.values(providers)) own.hash = own.hash.digest('hex')
  return providers
}

/** stage → the record of every update without its times. */
function training(root, form) {
  const file = path.join(root, `suites/countdown/train.${form}.yaml`)
  const config = parse(readFileSync(file, 'utf8'))
  const stages = config.stages.map((stage) => ({ ...stage, suite: path.resolve(path.dirname(file), stage.suite), steps: 200 }))
  config.model.init.tokenizer = path.resolve(path.dirname(file), config.model.init.tokenizer)
  const supervised = { ...config, stages: stages.filter(({ kind }) => kind === 'sft') }
  const model = { checkpoint: path.join(root, 'suites/countdown/checkpoints', form) }
  const rl = { ...config, model, stages: stages.filter(({ kind }) => kind === 'grpo').map((stage) => ({ ...stage, prompts: 8 })) }
  const records = [supervised, rl].flatMap((part) => trained(root, part))
  return Object.fromEntries(stages.map(({ name }) => [name, records.filter(({ stage }) => stage === name)]))
}

function trained(root, config) {
  const folder = mkdtempSync(path.join(scratch, 'train-'))
  const file = path.join(folder, 'train.yaml')
  writeFileSync(file, stringify({ ...config, output: path.join(folder, 'run') }))
  run(root, [path.join(root, 'dist/trainer/cli.js'), '-c', file])
  const lines = readFileSync(path.join(folder, 'run/metrics.jsonl'), 'utf8').trim().split('\n')
  rmSync(folder, { recursive: true })
  return lines.map((line) => {
    const { seconds: _, tokensPerSecond: __, etaSeconds: ___, ...record } = JSON.parse(line)
    return record
  })
}

/** Runs a script in `root`; samples of earlier runs and the user's promptfoo data are left alone. */
function run(root, args) {
  const home = path.join(scratch, 'promptfoo')
  mkdirSync(home, { recursive: true })
  const env = {
    ...process.env,
    PR1_SAMPLES: 'off',
    PROMPTFOO_CONFIG_DIR: home,
    PROMPTFOO_DISABLE_TELEMETRY: '1',
    PROMPTFOO_DISABLE_UPDATE: '1',
  }
  const { status, stdout, stderr } = spawnSync(process.execPath, args, { cwd: root, env, encoding: 'utf8', maxBuffer: 2 ** 28 })
  if (status !== 0) throw new Error(`${args.join(' ')} ended with ${status}:\n${`${stdout}${stderr}`.slice(-2000)}`)
}

function times(other, pairs) {
  const work = {
    demo: (root) => demo(root),
    'rl, 20 steps': (root) => {
      const file = path.join(root, 'suites/countdown/train.parallel.yaml')
      const config = parse(readFileSync(file, 'utf8'))
      const stages = config.stages.filter(({ kind }) => kind === 'grpo')
      for (const stage of stages) Object.assign(stage, { steps: 20, suite: path.resolve(path.dirname(file), stage.suite) })
      trained(root, { ...config, model: { checkpoint: path.join(root, 'suites/countdown/checkpoints/parallel') }, stages })
    },
  }
  const median = (list) => [...list].sort((a, b) => a - b)[Math.floor((list.length - 1) / 2)]
  for (const [name, act] of Object.entries(work)) {
    const seconds = { [other]: [], [here]: [] }
    for (let pair = 0; pair < pairs; pair++) {
      for (const root of [other, here]) {
        const start = performance.now()
        act(root)
        seconds[root].push((performance.now() - start) / 1000)
      }
    }
    const show = (root) => seconds[root].map((s) => s.toFixed(1)).join(' ')
    const ratio = Math.min(...seconds[here]) / Math.min(...seconds[other])
    const middle = median(seconds[here]) / median(seconds[other])
    console.log(
      `${name}: other ${show(other)} s, this ${show(here)} s; this / other ${ratio.toFixed(3)} (fastest), ${middle.toFixed(3)} (median)`,
    )
    console.log(JSON.stringify({ work: name, other: seconds[other], this: seconds[here], ratio }))
  }
}
