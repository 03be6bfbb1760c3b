// Every op against its CPU twin and float64, then whole models: decode = forward, forks and joins, training beside the CPU,
// a thousand cycles without a leak, out of memory as an error. Exits 1 if anything fails. --sanitize: the ops once more under
// compute-sanitizer. --device cpu: the model checks without a GPU (tries the program itself).
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { randomWeights } from './dist/engine/checkpoint/init.js'
import { openEngine } from './dist/engine/open.js'
import { judged, logprobsOf } from './fixtures.mjs'

const here = path.dirname(fileURLToPath(import.meta.url))
const { values } = parseArgs({
  options: { sanitize: { type: 'boolean' }, device: { type: 'string', default: 'cuda' }, ops: { type: 'string', default: 'full' } },
})
let failures = 0
const report = (what, ok, detail = '') => {
  console.log(`${ok ? 'ok' : 'FAILED'} ${what}${detail ? ` (${detail})` : ''}`)
  if (!ok) failures++
}

const shape = {
  family: 'qwen3',
  vocabSize: 3001,
  hiddenSize: 320,
  layers: 4,
  heads: 8,
  kvHeads: 2,
  headDim: 64,
  intermediateSize: 800,
  rmsNormEps: 1e-6,
}
const config = { ...shape, rope: { theta: 1e6 }, tiedEmbeddings: true, maxPositions: 8192 }

if (values.device === 'cuda') {
  const program = path.join(here, 'bin/ops_check')
  const run = spawnSync(program, [process.env.PR1_CUDA, values.ops], { stdio: 'inherit' })
  report('ops', run.status === 0, `ops_check ended with ${run.status}`)
  if (values.sanitize) {
    for (const tool of ['memcheck', 'racecheck', 'synccheck']) {
      const args = ['--tool', tool, '--error-exitcode', '9', program, process.env.PR1_CUDA, 'brief']
      const run = spawnSync('compute-sanitizer', args, { stdio: ['ignore', 'pipe', 'pipe'], encoding: 'utf8' })
      if (run.error) console.log(`skipped ${tool}: compute-sanitizer was not found`)
      else report(`compute-sanitizer ${tool}`, run.status === 0, run.stdout.trim().split('\n').at(-1))
    }
  }
}

const engine = await openEngine({ device: values.device })
const cpu = await openEngine({ device: 'cpu', precision: 'f32' })
console.log(`${engine.info.device}, ${engine.info.precision}, ${engine.info.isa}: ${engine.info.reason}`)
// The handle of the addon knows what the GPU holds.
const memory = () => engine.handle.memory?.()

await decodeEqualsForward()
await trainsBeside()
await cycles()
if (values.device === 'cuda') await shortOfMemory()
await fixtures()
if (values.device === 'cuda') products()
await engine.dispose()
await cpu.dispose()
console.log(failures ? `${failures} FAILED` : 'all checks passed')
process.exit(failures ? 1 : 0)

/** A prompt in pieces, eight paths of 40 sampled tokens, a join, more tokens: what was sampled against what forward scores. */
async function decodeEqualsForward() {
  const model = await engine.create(config, randomWeights(1), { cacheTokens: 8192 })
  const prompt = Array.from({ length: 700 }, (_, i) => (i * 131 + 7) % config.vocabSize)
  const parent = model.create()
  for (let at = 0; at < prompt.length; at += 256) {
    const ids = prompt.slice(at, at + 256)
    await model.step([{ sequence: parent, ids, positions: ids.map((_, i) => at + i) }])
  }
  const children = model.fork(parent, 8)
  const paths = children.map((_, i) => [3 + i])
  const sampled = children.map(() => [])
  for (let round = 0; round < 40; round++) {
    const inputs = children.map((sequence, i) => ({
      sequence,
      ids: [paths[i].at(-1)],
      positions: [prompt.length - 1 + paths[i].length],
      sampling: { temperature: 1, seed: 9, stream: i },
    }))
    for (const [i, { id, logprob }] of (await model.step(inputs)).entries()) {
      paths[i].push(id)
      sampled[i].push(logprob)
    }
  }
  let different = 0
  let furthest = 0
  for (const [i, tokens] of paths.entries()) {
    const ids = Int32Array.from([...prompt, ...tokens])
    const { logprobs } = await model.forward(
      { ids, positions: ids.map((_, t) => t), bounds: Int32Array.of(0, ids.length) },
      { keep: false },
    )
    for (const [j, logprob] of sampled[i].entries()) {
      const distance = Math.abs(logprobs[prompt.length + j] - logprob)
      if (!(distance === 0)) different++
      furthest = Math.max(furthest, distance)
    }
  }
  report('decode = forward, 320 tokens of 8 paths', different === 0, `${different} differ, by ${furthest} at most`)
  model.join(parent, children)
  report('join', model.length(parent) === prompt.length + 320)
  model.free(parent)
  report('every slot is free again', model.cacheFree === model.cacheCapacity)
  await model.dispose()
}

async function trainsBeside() {
  const models = [await engine.create(config, randomWeights(2), { recompute: true }), await cpu.create(config, randomWeights(2))]
  const T = 4 * 96
  const losses = [[], []]
  for (let step = 0; step < 50; step++) {
    const batch = {
      ids: Int32Array.from({ length: T }, (_, i) => ((i % 96) * 37 + (step % 5) * 11 + Math.floor(i / 96)) % config.vocabSize),
      positions: Int32Array.from({ length: T }, (_, i) => i % 96),
      bounds: Int32Array.from([0, 96, 192, 288, 384]),
    }
    for (const [m, model] of models.entries()) {
      const { logprobs } = await model.forward(batch)
      await model.backward(new Float32Array(T).fill(-1 / T))
      await model.update({ lr: 1e-3, clip: 1, weightDecay: 0.1 })
      losses[m].push(-logprobs.reduce((sum, l) => sum + l, 0) / (T - 4))
    }
  }
  const gap = Math.max(...losses[0].map((loss, i) => Math.abs(loss - losses[1][i]) / Math.max(1, losses[1][i])))
  const ends = `${losses[0][0].toFixed(3)} to ${losses[0][49].toFixed(3)}, cpu ${losses[1][0].toFixed(3)} to ${losses[1][49].toFixed(3)}`
  report('50 training steps beside the CPU', gap < 0.05 && losses[0][49] < losses[0][0] - 1, `${ends}, furthest apart ${gap.toFixed(4)}`)
  for (const model of models) await model.dispose()
}

async function cycles() {
  const model = await engine.create(config, randomWeights(3), { cacheTokens: 2048 })
  const cycle = async (i) => {
    const parent = model.create()
    await model.step([{ sequence: parent, ids: [1, 2, 3 + i], positions: [0, 1, 2] }])
    const children = model.fork(parent, 1 + (i % 7))
    await model.step(
      children.map((sequence, k) => ({ sequence, ids: [k], positions: [3], sampling: { temperature: 1, seed: i, stream: k } })),
    )
    model.join(parent, children)
    model.free(parent)
  }
  for (let i = 0; i < 100; i++) await cycle(i)
  const before = memory()
  for (let i = 0; i < 1000; i++) await cycle(i)
  const after = memory()
  report('1000 create, fork, join, free', model.cacheFree === model.cacheCapacity)
  if (before)
    report('leave no memory behind', after.used === before.used && after.held === before.held, `${before.used} to ${after.used} bytes`)
  await model.dispose()
}

async function shortOfMemory() {
  const model = await engine.create(config, randomWeights(4))
  let message = ''
  const T = Math.ceil((memory().free / model.memoryPlan(1000).activations) * 1500)
  const batch = (n) => ({ ids: new Int32Array(n), positions: Int32Array.from({ length: n }, (_, i) => i % 64), bounds: bounds(n) })
  const bounds = (n) => Int32Array.from({ length: Math.ceil(n / 64) + 1 }, (_, i) => Math.min(n, i * 64))
  try {
    await model.forward(batch(T))
  } catch (error) {
    message = error.message
  }
  report(`a batch of ${T} tokens is refused and names the plan`, /The plan for \d+ tokens/.test(message), message)
  const { logprobs } = await model.forward(batch(64))
  report('and the process goes on', logprobs.every(Number.isFinite))
  await model.dispose()
}

/** PyTorch's values for small checkpoints, where the bundle carries them, beside the same kernels on this machine's CPU. */
async function fixtures() {
  const root = path.join(here, 'fixtures')
  if (!existsSync(root)) return console.log('skipped fixtures: this bundle carries none')
  const beside = await emulated()
  const twin = await logprobsOf(beside, root)
  await beside.dispose()
  for (const [i, { family, got, want }] of (await logprobsOf(engine, root)).entries()) {
    const { ok, detail } = judged(got, twin[i].got, want, values.device === 'cuda')
    report(`fixtures of ${family}`, ok, detail)
  }
}

/** The CUDA library with the device emulated on the host: what right kernels give. */
async function emulated() {
  const [library, products] = [process.env.PR1_CUDA, process.env.PR1_CUBLASLT]
  process.env.PR1_CUDA = path.join(here, 'bin/emulated.so')
  process.env.PR1_CUBLASLT = 'off'
  try {
    return await openEngine({ device: 'cuda' })
  } finally {
    restore('PR1_CUDA', library)
    restore('PR1_CUBLASLT', products)
  }
}

function restore(name, value) {
  if (value === undefined) delete process.env[name]
  else process.env[name] = value
}

/** Who computed the products that cuBLASLt was to compute. */
function products() {
  const { computed, refused, lastRefusal } = engine.handle.gpu
  if (computed + refused === 0) return console.log('cuBLASLt computed nothing')
  report('cuBLASLt', refused === 0, `${computed} products, ${refused} refused${lastRefusal && `, the last ${lastRefusal}`}`)
}
