// node bench/cluster.mjs [--steps 6] [--rounds 2] [--arms process,workers,worker]: what a step of training takes on workers that Ray places on this machine,
// beside one process. Countdown, parallel form, 32 prompts x 8 samples from the shipped checkpoint; --kind sft is the cold start. Each arm is a run of
// pr1-train, in turns. PR1_PYTHON names a Python with Ray. Prints seconds a step (median without the first), what moved, and whether the weights
// of all arms are equal. Compare figures of one run only.
//
// --init '{ hiddenSize: 512, layers: 12, … }' takes a model of that size from random weights, and --tokens the size of an update of sft. --nodes 2 puts the
// workers on a node of their own, and --link 1000 lets so many megabits a second through between the two (Linux, root). --against FOLDER does each arm
// with the build of another checkout, too, in turns, and prints the ratio of steps done side by side.
import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { tsImport } from 'tsx/esm/api'
import { parse, stringify } from 'yaml'

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..')
const countdown = path.join(root, 'suites', 'countdown')
const { values } = parseArgs({
  options: {
    steps: { type: 'string', default: '6' },
    rounds: { type: 'string', default: '2' },
    kind: { type: 'string', default: 'grpo' },
    arms: { type: 'string' },
    init: { type: 'string' },
    tokens: { type: 'string', default: '2048' },
    shards: { type: 'string' },
    nodes: { type: 'string', default: '1' },
    link: { type: 'string' },
    against: { type: 'string' },
  },
})
const cores = os.availableParallelism()
const ARMS = {
  // As before shards: another sum, so other bits.
  chain: { what: `one process, ${cores} threads, shards: 1`, keys: { threads: cores, shards: 1 } },
  process: { what: `one process, ${cores} threads`, keys: { threads: cores } },
  single: { what: 'one process, 1 thread', keys: { threads: 1 } },
  workers: { what: `${cores} workers of 1 thread`, keys: { threads: cores, ray: { address: 'local', workers: cores } } },
  four: { what: '4 workers of 1 thread', keys: { threads: cores, ray: { address: 'local', workers: 4 } } },
  worker: { what: '1 worker of 1 thread', keys: { threads: cores, ray: { address: 'local', workers: 1 } } },
  // What the machine allows: runs that share nothing but its caches, memory and clock.
  apart: { what: `${cores} runs of 1 thread, nothing shared`, copies: cores, keys: { threads: 1 } },
}
const OTHER = ' before'
const builds = values.against ? [OTHER, ''] : ['']
const arms = (values.arms ?? Object.keys(ARMS).join(',')).split(',').flatMap((arm) => builds.map((build) => `${arm}${build}`))
/** An arm without the build that it is of. */
const armOf = (arm) => ARMS[arm.replace(OTHER, '')]
const unknown = arms.find((arm) => !armOf(arm))
if (unknown !== undefined) {
  console.error(`bench/cluster: there is no arm "${unknown}". Arms: ${Object.keys(ARMS).join(', ')}.`)
  process.exit(2)
}
const nodes = Number(values.nodes) > 1 ? await twoNodes() : undefined
// Below the package, which suites name.
mkdirSync(path.join(root, 'runs'), { recursive: true })
const folder = mkdtempSync(path.join(root, 'runs', 'bench-'))
const seconds = Object.fromEntries(arms.map((arm) => [arm, []]))
const clusters = Object.fromEntries(arms.map((arm) => [arm, []]))
const hashes = new Map()
try {
  for (let round = 0; round < Number(values.rounds); round++) {
    for (const arm of round % 2 ? [...arms].reverse() : arms) {
      const copies = armOf(arm).copies ?? 1
      const outputs = Array.from({ length: copies }, (_, copy) => path.join(folder, `${arm}-${round}-${copy}`))
      const steps = await Promise.all(outputs.map((output) => measure(arm, output)))
      // So many runs do so many steps in that time.
      seconds[arm].push(...steps.flat().map((time) => time / copies))
      console.log(`${arm}: ${steps.map((some) => some.map((time) => time.toFixed(2)).join(' ')).join(' and ')} s`)
    }
  }
  report()
} finally {
  nodes?.stop()
  rmSync(folder, { recursive: true, force: true })
}

/** A Ray cluster of this machine whose workers are on a node with a network of its own. */
async function twoNodes() {
  // A short name: paths of sockets have 107 bytes.
  const home = mkdtempSync('/tmp/b-')
  process.env.PR1_TEST_ONCE = home
  const { RayNodes } = await tsImport('../test/cluster/nodes.ts', import.meta.url)
  const cluster = await RayNodes.start(0, 4e9)
  try {
    await cluster.join(4)
    if (values.link) cluster.networks.limit(Number(values.link))
  } catch (error) {
    cluster.stop()
    throw error
  }
  const ray = { address: cluster.address, python: cluster.driver({ token: true }) }
  const stop = () => {
    cluster.stop()
    rmSync(home, { recursive: true, force: true })
  }
  return { ray, stop }
}

/** A run of an arm. @returns {Promise<number[]>} seconds of each step but the first */
async function measure(arm, output) {
  const steps = Number(values.steps)
  const stage =
    values.kind === 'sft'
      ? {
          kind: 'sft',
          suite: suite('cold-start.parallel-10.yaml'),
          each: 'trajectories',
          response: '{{ item }}',
          batchTokens: Number(values.tokens),
        }
      : {
          ...{
            kind: 'grpo',
            suite: suite('rl.parallel-10.yaml'),
            provider: 'parallel',
            reward: 'answer',
            prompts: 32,
            group: 8,
            updates: 2,
          },
          lr: 1e-4,
        }
  const file = `${output}.yaml`
  const { ray, ...others } = armOf(arm).keys
  const keys = { ...others, ...(ray && { ray: { ...ray, ...nodes?.ray } }) }
  writeFileSync(
    file,
    stringify({
      output,
      seed: 1,
      precision: 'f32',
      ...keys,
      ...(values.shards && { shards: Number(values.shards) }),
      model: values.init
        ? { init: { tokenizer: path.join(countdown, 'tokenizer'), architecture: parse(values.init) } }
        : { checkpoint: path.join(countdown, 'checkpoints', 'parallel-10') },
      stages: [{ name: 'rl', steps, ...stage }],
      save: { every: 1000, rollouts: false },
    }),
  )
  const home = arm.endsWith(OTHER) ? path.resolve(values.against) : root
  const run = spawn(process.execPath, [path.join(home, 'dist/trainer/cli.js'), '-c', file])
  let printed = ''
  for (const stream of [run.stdout, run.stderr]) stream.setEncoding('utf8').on('data', (text) => (printed += text))
  const [status] = await once(run, 'close')
  if (status !== 0) throw new Error(`${arm} ended with ${status}:\n${printed.slice(-4000)}`)
  const lines = readFileSync(path.join(output, 'metrics.jsonl'), 'utf8').trimEnd().split('\n')
  const [, ...later] = lines.map((line) => JSON.parse(line))
  clusters[arm].push(...later.flatMap(({ cluster }) => cluster ?? []))
  if (!arm.startsWith('chain'))
    hashes.set(
      arm,
      createHash('sha256')
        .update(readFileSync(path.join(output, 'final', 'model.safetensors')))
        .digest('hex'),
    )
  return later.map((line) => line.seconds)
}

/** The suite with few rows, in a file of its own: promptfoo takes minutes to resolve thousands. */
function suite(name) {
  const file = path.join(folder, name)
  const text = readFileSync(path.join(countdown, name), 'utf8')
  const placed = text
    .replace(/file:\/\/(?!\/)/g, `file://${countdown}/`)
    .replace(/\.\/checkpoints/g, path.join(countdown, 'checkpoints'))
    .replace(/count: \d+/, 'count: 256')
  writeFileSync(file, placed)
  return file
}

function report() {
  const median = (some) => [...some].sort((a, b) => a - b)[Math.floor(some.length / 2)]
  const base = median(seconds[arms.includes('process') ? 'process' : arms[0]])
  const ratios = (arm) => seconds[arm].map((time, i) => time / seconds[arm + OTHER][i])
  console.log(`\n${os.cpus()[0].model}, ${cores} cores, load ${os.loadavg()[0].toFixed(1)} at the end`)
  for (const arm of arms) {
    const time = median(seconds[arm])
    console.log(
      `${(armOf(arm).what + (arm.endsWith(OTHER) ? OTHER : '')).padEnd(40)} ${time.toFixed(2)} s a step, ${(base / time).toFixed(2)} of the throughput of one process`,
    )
    if (values.against && !arm.endsWith(OTHER))
      console.log(`${''.padEnd(40)} ${median(ratios(arm)).toFixed(3)} of the time before, median of pairs`)
    if (clusters[arm].length === 0) continue
    const of = (name) => median(clusters[arm].map((one) => one[name]))
    const parts = ['rollouts', 'gradients', 'transfer', 'waiting'].map((name) => `${name} ${of(name).toFixed(2)} s`)
    console.log(`${''.padEnd(40)} ${parts.join(', ')}, moved ${(of('bytes') / 2 ** 20).toFixed(1)} MiB`)
  }
  console.log(new Set(hashes.values()).size === 1 ? 'equal weights' : `WEIGHTS DIFFER: ${JSON.stringify([...hashes])}`)
}
