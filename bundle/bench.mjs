// Ceilings first (copy bandwidth, matrix rate), then decode, forks, prefill, training and a GRPO step at the shapes of Qwen3 with
// random weights; where a Python has PyTorch for the GPU, the same by it, in turn (ours, PyTorch, ours, PyTorch). Prints lines, a
// table and one JSON line. Figures of one run on one machine only compare with each other.
//   --models 0.6B,1.7B,4B   shapes of bench/shapes.json        --work decode,fork,prefill,train,grpo (models below 1e9 weights)
//   --numerics              exact,fast; on the CPU exact       --device cuda (default) or cpu
//   --batches, --context: decode   --prefix: fork   --prefill   --tokens, --recompute on: train   --prompts, --group, --response: grpo
//   --peer-python           default: PR1_PEER_PYTHON; off: none      --eager  without torch.compile, which takes minutes
//   --pairs 2               turns of each, 1 without PyTorch         --peer-seconds 900  a Python process that takes longer is ended
//   --seconds N             what has not begun by then is left out, and named          --lines FILE  a JSON line a figure is added
// Exit code: 0; 1 where a line of ours failed; 4 where time ran out.
import { spawnSync } from 'node:child_process'
import { appendFileSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { openEngine } from './dist/engine/open.js'
import { layoutTrajectory } from './dist/thinking/layout.js'
import { lossNamed } from './dist/trainer/losses/index.js'
import { groupAdvantages } from './dist/trainer/rewards/advantages.js'
import { accumulate } from './dist/trainer/update/micro-batches.js'

const here = path.dirname(fileURLToPath(import.meta.url))
const shapes = JSON.parse(readFileSync(path.join(here, 'bench/shapes.json'), 'utf8'))
const text = (value) => ({ type: 'string', default: value })
const { values } = parseArgs({
  options: {
    models: text('0.6B,1.7B,4B'),
    work: text('decode,fork,prefill,train,grpo'),
    batches: text('1,16,64,256'),
    context: text('500'),
    prefix: text('2000'),
    prefill: text('4096'),
    tokens: text('16384'),
    recompute: text('on'),
    prompts: text('8'),
    group: text('8'),
    response: text('256'),
    numerics: { type: 'string' },
    device: text('cuda'),
    'peer-python': text(process.env.PR1_PEER_PYTHON ?? ''),
    'peer-seconds': text('900'),
    eager: { type: 'boolean' },
    pairs: { type: 'string' },
    seconds: { type: 'string' },
    lines: { type: 'string' },
  },
})
const end = values.seconds === undefined ? Number.POSITIVE_INFINITY : performance.now() + Number(values.seconds) * 1000
if (Number.isNaN(end)) fail(`--seconds must be a number. Got ${values.seconds}.`)
const names = values.models.split(',')
const shapeOf = (name) => Object.keys(shapes).find((key) => [name, `qwen3-${name}`].some((n) => n.toLowerCase() === key))
const unknown = names.filter((name) => !shapeOf(name))
if (unknown.length > 0) fail(`there is no shape ${unknown.join(', ')}. There are: ${Object.keys(shapes).join(', ')}.`)
const kinds = (values.numerics ?? (values.device === 'cpu' ? 'exact' : 'exact,fast')).split(',')
const work = new Set(values.work.split(','))
const [context, prefix, prefillTokens, trainTokens, prompts, group, response] = [
  ...['context', 'prefix', 'prefill', 'tokens', 'prompts', 'group', 'response'].map((name) => Number(values[name])),
]
const batches = values.batches.split(',').map(Number)
const promptTokens = 128
const length = Math.min(2048, trainTokens)
if (trainTokens % length !== 0) fail(`--tokens must be a multiple of ${length}. Got ${trainTokens}.`)
const recompute = values.recompute === 'on'
const train = `train step, ${trainTokens / length} x ${length}${recompute ? ', recompute' : ''}`
const grpo = `GRPO step, ${prompts} x ${group}, ${promptTokens} + ${response}`
const counted = (n) => n.toLocaleString('en')
/** A row for each model, numerics and line of work, with the milliseconds of each turn. */
const rows = []
/** What PyTorch gave: model, what, how (eager or compiled), tokensPerSecond or seconds of each turn. */
const peerRows = []
const failed = []

let ceilings
if (values.device === 'cuda') {
  const run = spawnSync(path.join(here, 'bin/ops_check'), [process.env.PR1_CUDA, 'ceilings'], { encoding: 'utf8' })
  if (run.status !== 0) fail(`ceilings: ${run.error?.message ?? `${run.stdout}${run.stderr}`.trim()}`)
  ceilings = JSON.parse(run.stdout)
  const flops = Math.max(ceilings.ownFlops, ceilings.cublasFlops)
  console.log(`copy ${(ceilings.copyBytesPerSecond / 1e12).toFixed(2)} TB/s; products ${(flops / 1e12).toFixed(0)} TFLOP/s`)
  console.log(`(own kernels ${(ceilings.ownFlops / 1e12).toFixed(0)}, cuBLASLt ${(ceilings.cublasFlops / 1e12).toFixed(0)})`)
}
const peer = findPeer()

// One million draws, repeated: values matter little, but zeros would run faster than data does.
const noise = Float32Array.from({ length: 1 << 20 }, () => (Math.random() + Math.random() - 1) * 0.04)
function weights({ name, shape }) {
  const out = new Float32Array(shape.reduce((a, b) => a * b, 1))
  if (name.endsWith('norm.weight')) return out.fill(1)
  for (let at = 0; at < out.length; at += noise.length)
    out.set(at + noise.length > out.length ? noise.subarray(0, out.length - at) : noise, at)
  return out
}

/** Milliseconds of one call: the median of `rounds` after `warm`. */
async function timed(rounds, call, warm = 4) {
  for (let i = 0; i < warm; i++) await call()
  const times = []
  for (let i = 0; i < rounds; i++) {
    const start = performance.now()
    await call()
    times.push(performance.now() - start)
  }
  return median(times)
}

function median(list) {
  const sorted = [...list].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
}

function add(model, numerics, what, ms, tokens, bytes, flops) {
  let row = rows.find((r) => r.model === model && r.numerics === numerics && r.what === what)
  if (!row) {
    row = { model, numerics, what, tokens, bytes, flops, turns: [] }
    rows.push(row)
  }
  row.turns.push(ms)
  record({ model, numerics, what, ms, tokensPerSecond: (tokens / ms) * 1000, ...shares(row, ms) })
  console.log(`${model} ${numerics}: ${what}: ${ms.toFixed(2)} ms, ${((tokens / ms) * 1000).toFixed(0)} tokens/s${share(row, ms)}`)
}

/** Of the ceilings that were measured. */
function shares({ bytes, flops }, ms) {
  if (!ceilings) return {}
  if (bytes) return { ofCopy: bytes / (ms / 1000) / ceilings.copyBytesPerSecond }
  return flops ? { ofProducts: flops / (ms / 1000) / Math.max(ceilings.ownFlops, ceilings.cublasFlops) } : {}
}

function share(row, ms) {
  const { ofCopy, ofProducts } = shares(row, ms)
  if (ofCopy !== undefined) return `, ${(100 * ofCopy).toFixed(0)} % of copy`
  return ofProducts === undefined ? '' : `, ${(100 * ofProducts).toFixed(0)} % of products`
}

/** A line of work that fails, for want of memory as a rule, is a line with the reason. */
async function attempt(who, what, run) {
  if (performance.now() > end) return leaveOut(who, what)
  try {
    await run()
  } catch (error) {
    process.exitCode = 1
    lack(who, what, error.message)
  }
}

function leaveOut(who, what) {
  process.exitCode ??= 4
  lack(who, what, 'no time is left')
}

function lack(who, what, reason) {
  console.log(`${who}: ${what}: not measured: ${reason}`)
  failed.push({ who, what, reason })
  record({ who, what, notMeasured: reason })
}

function record(line) {
  if (values.lines) appendFileSync(values.lines, `${JSON.stringify({ part: 'bench', ...line })}\n`)
}

const count = (n) => Array.from({ length: n }, (_, i) => i)

for (const name of names) {
  for (let pair = 0; pair < Number(values.pairs ?? (peer ? 2 : 1)); pair++) {
    for (const numerics of kinds) await attempt(`${name} ${numerics}`, 'model', () => ours(name, numerics))
    if (peer) theirs(name)
  }
}
print()

async function ours(name, numerics) {
  const engine = await openEngine({ device: values.device, numerics })
  try {
    await measure(engine, name, numerics)
  } finally {
    await engine.dispose() // the GPU's memory is PyTorch's then
  }
}

async function measure(engine, name, numerics) {
  const config = {
    family: 'qwen3',
    rmsNormEps: 1e-6,
    rope: { theta: 1e6 },
    tiedEmbeddings: true,
    maxPositions: 40960,
    ...shapes[shapeOf(name)].sizes,
  }
  const needs = {
    decode: Math.max(...batches) * (context + 64),
    fork: prefix + 8 * 128,
    prefill: prefillTokens + 128,
    grpo: prompts * (promptTokens + 64 + group * (response + 64)),
  }
  const cacheTokens = Math.max(128, ...Object.keys(needs).map((part) => (work.has(part) ? needs[part] : 0)))
  const model = await engine.create(config, weights, { cacheTokens, recompute })
  const embedding = config.vocabSize * config.hiddenSize
  const matrices = model.parameterCount - embedding
  const read = 2 * (matrices + embedding) // the head reads the embedding
  const rowBytes = 4 * config.layers * config.kvHeads * config.headDim
  const who = `${name} ${numerics}`
  const open = new Set()

  const prompted = async (tokens, n) => {
    const sequences = []
    for (let i = 0; i < n; i++) {
      const sequence = model.create()
      open.add(sequence)
      for (let at = 0; at < tokens; at += 4096) {
        const size = Math.min(4096, tokens - at)
        const ids = count(size).map((t) => ((at + t) * 7919 + i) % config.vocabSize)
        await model.step([{ sequence, ids, positions: ids.map((_, t) => at + t) }])
      }
      sequences.push(sequence)
    }
    return sequences
  }
  const forked = (parent, n) => {
    const sequences = model.fork(parent, n)
    for (const sequence of sequences) open.add(sequence)
    return sequences
  }
  const free = (sequences) => {
    for (const sequence of sequences) {
      open.delete(sequence)
      model.free(sequence)
    }
  }
  const part = async (what, run) => {
    await attempt(who, what, run)
    free([...open]) // what a failure left
  }
  const decoder = (sequences, from) => {
    let position = from
    return async () => {
      const at = position++
      await model.step(
        sequences.map((sequence, i) => ({
          sequence,
          ids: [i % config.vocabSize],
          positions: [at],
          sampling: { temperature: 1, seed: 1, stream: i },
        })),
      )
    }
  }

  if (work.has('decode')) {
    for (const batch of batches) {
      const what = `decode, batch ${batch}, context ${context}`
      await part(what, async () => {
        const sequences = await prompted(context, batch)
        const ms = await timed(24, decoder(sequences, context))
        add(name, numerics, what, ms, batch, read + batch * context * rowBytes)
        free(sequences)
      })
    }
  }
  if (work.has('fork')) {
    const from = `from ${counted(prefix)} tokens`
    await part(`paths ${from}`, async () => {
      const [parent] = await prompted(prefix, 1)
      const one = forked(parent, 1)
      const single = await timed(24, decoder(one, prefix))
      free(one)
      add(name, numerics, `1 path ${from}`, single, 1, read + prefix * rowBytes)
      const paths = forked(parent, 8)
      const eight = await timed(24, decoder(paths, prefix))
      add(name, numerics, `8 paths ${from}`, eight, 8, read + prefix * rowBytes)
      console.log(`8 paths take ${(eight / single).toFixed(2)} times one`)
      record({ model: name, numerics, what: `8 paths over 1 path ${from}`, ratio: eight / single })
      free([...paths, parent])
    })
  }
  if (work.has('prefill')) {
    const what = `prefill of ${counted(prefillTokens)}`
    await part(what, async () => {
      const ms = await timed(5, async () => {
        const sequences = await prompted(prefillTokens, 1)
        await model.forward({ ids: new Int32Array(1), positions: new Int32Array(1), bounds: Int32Array.of(0, 1) }, { keep: false }) // waits
        free(sequences)
      })
      add(name, numerics, what, ms, prefillTokens, 0, 2 * matrices * prefillTokens)
    })
  }
  // Forward 2, backward 4, and 2 for what is computed again; attention is not counted.
  const trainFlops = (tokens) => (recompute ? 8 : 6) * matrices * tokens + 6 * embedding * tokens
  if (work.has('train')) {
    await part(train, async () => {
      const T = trainTokens
      const batch = {
        ids: Int32Array.from(count(T), (i) => (i * 7919) % config.vocabSize),
        positions: Int32Array.from(count(T), (i) => i % length),
        bounds: Int32Array.from({ length: T / length + 1 }, (_, i) => i * length),
      }
      const target = new Float32Array(T).fill(-1 / T)
      const step = async () => {
        await model.forward(batch)
        await model.backward(target)
        await model.update({ lr: 1e-6, clip: 1 })
      }
      add(name, numerics, train, await timed(3, step), T, 0, trainFlops(T))
    })
  }
  if (work.has('grpo') && small(name)) {
    await part(grpo, async () => {
      let at = 0
      add(name, numerics, grpo, await timed(3, () => grpoStep(at++), 1), prompts * group * response)
    })
  }
  await model.dispose()

  /** Rollouts of groups, half of the ids rewarded, the loss and the packing of pr1-train; no text and no promptfoo. */
  async function grpoStep(step) {
    const asked = count(prompts).map((p) =>
      count(promptTokens).map((t) => ((step * prompts + p + 1) * 104729 + t * 7919) % config.vocabSize),
    )
    const parents = asked.map(() => model.create())
    for (const parent of parents) open.add(parent)
    const stem = promptTokens - 1 // the last token is each response's own: it predicts the first
    await model.step(parents.map((sequence, p) => ({ sequence, ids: asked[p].slice(0, stem), positions: count(stem) })))
    const responses = parents.flatMap((parent, p) =>
      forked(parent, group).map((sequence) => ({ sequence, prompt: asked[p], ids: [], logprobs: [] })),
    )
    for (let t = 0; t < response; t++) {
      const inputs = responses.map(({ sequence, prompt, ids }, stream) => ({
        sequence,
        ids: [t === 0 ? prompt[stem] : ids[t - 1]],
        positions: [stem + t],
        sampling: { temperature: 1, seed: step, stream },
      }))
      for (const [i, { id, logprob }] of (await model.step(inputs)).entries()) {
        responses[i].ids.push(id)
        responses[i].logprobs.push(logprob)
      }
    }
    free([...responses.map(({ sequence }) => sequence), ...parents])

    const samples = asked.flatMap((promptIds, p) => {
      const members = responses.slice(p * group, (p + 1) * group)
      const advantages = groupAdvantages(
        members.map(({ ids }) => ids.filter((id) => id % 2 === 0).length / ids.length),
        'std',
      )
      return members.map(({ ids, logprobs }, m) => {
        const tokens = { ids, sampled: ids.map(() => true), logprobs, exclusions: ids.map(() => -1) }
        const trajectory = { promptIds, segments: [{ kind: 'text', tokens }], exclusionSets: [], temperature: 1 }
        const layout = layoutTrajectory(trajectory, 'causal', { loss: 'sampled' })
        return { layout, temperature: 1, sampled: logprobs, advantage: advantages[m] }
      })
    })
    const loss = lossNamed('clipped')({ clipLow: 0.2, clipHigh: 0.28, dualClip: 3 })
    await accumulate(model, samples, loss, { microBatchTokens: trainTokens, sharesPrompts: true })
    await model.update({ lr: 1e-6, clip: 1 })
  }
}

/** GRPO is measured at the small shapes. */
function small(name) {
  const { vocabSize, hiddenSize, layers, heads, kvHeads, headDim, intermediateSize } = shapes[shapeOf(name)].sizes
  return vocabSize * hiddenSize + layers * hiddenSize * (2 * heads * headDim + 2 * kvHeads * headDim + 3 * intermediateSize) < 1e9
}

/** What the Python has; undefined, after a line with the reason, where it cannot be measured. */
function findPeer() {
  const python = values['peer-python']
  if (python === 'off') return undefined
  if (!python) {
    lack('PyTorch', 'all', 'neither PR1_PEER_PYTHON nor --peer-python names a Python')
    return undefined
  }
  const { found, reason } = runPython('common.py', [])
  if (!found) {
    lack('PyTorch', 'all', reason)
    return undefined
  }
  const { device = values.device, ...versions } = found
  const list = Object.entries(versions).map(([name, version]) => `${name} ${version}`)
  console.log(`PyTorch: ${list.join(', ')}; ${device}`)
  if (work.has('grpo') && !(versions.trl && versions.datasets)) lack('PyTorch', grpo, `${python} has no trl with datasets`)
  return found
}

/** The JSON line that a script of bench/peers ends with, or the reason why there is none. */
function runPython(script, args) {
  const seconds = Math.min(Number(values['peer-seconds']), (end - performance.now()) / 1000)
  if (seconds < 5) {
    process.exitCode ??= 4
    return { reason: 'no time is left' }
  }
  const done = spawnSync(values['peer-python'], [path.join(here, 'bench/peers', script), '--device', values.device, ...args], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
    maxBuffer: 1 << 26,
    timeout: seconds * 1000,
    env: { ...process.env, HF_HUB_OFFLINE: '1' },
  })
  if (done.error?.code === 'ETIMEDOUT') return { reason: `took longer than ${seconds.toFixed(0)} s` }
  if (done.error) return { reason: done.error.message }
  const lines = (output) => output.trim().split('\n')
  if (done.status === 0) return { found: JSON.parse(lines(done.stdout).at(-1)) }
  const said = lines(done.stderr)
  return { reason: said.findLast((line) => /Error\b/.test(line)) ?? (said.at(-1) || `${script} ended with ${done.signal ?? done.status}`) }
}

function theirs(name) {
  const forward = ['decode', 'fork', 'prefill'].filter((part) => work.has(part))
  const sizes = ['--batches', values.batches, '--context', values.context, '--prefix', values.prefix, '--prefill', values.prefill]
  const checkpointing = recompute ? ['--checkpointing'] : []
  const step = ['--sequences', String(trainTokens / length), '--length', String(length), '--rounds', '3', ...checkpointing]
  const part = (parts) => ['--work', parts.join(), ...sizes]
  const compiled = forward.filter((part) => part !== 'prefill')
  const micro = Math.max(1, Math.min(8, group))
  const grpoArgs = ['--random', '--prompts', values.prompts, '--group', values.group, '--prompt-tokens', String(promptTokens)]
  const jobs = [
    forward.length > 0 && ['transformers_decode.py', 'eager', part(forward)],
    compiled.length > 0 && ['transformers_decode.py', 'compiled', part(compiled)],
    work.has('train') && ['torch_train.py', 'eager', step],
    work.has('train') && ['torch_train.py', 'compiled', step],
    work.has('grpo') &&
      small(name) &&
      peer.trl &&
      peer.datasets && [
        'trl_grpo.py',
        'eager',
        [...grpoArgs, '--tokens', values.response, '--micro', String(micro), '--rounds', '3', ...checkpointing],
      ],
  ]
  const dtype = values.device === 'cuda' ? 'bf16' : 'f32'
  for (const [script, how, args] of jobs.filter(Boolean)) {
    if (how === 'compiled' && values.eager) continue
    const compile = how === 'compiled' ? ['--compile'] : []
    const { found, reason } = runPython(script, ['--shape', shapeOf(name), '--dtype', dtype, ...args, ...compile])
    const who = `${name} PyTorch ${how}`
    if (!found) {
      lack(who, script, reason)
      continue
    }
    const micro = found.micro ? `, ${found.micro} sequences at a time` : ''
    for (const { work: what, unit, median } of found.results) {
      let row = peerRows.find((r) => r.model === name && r.how === how && r.what === what)
      if (!row) {
        row = { model: name, how, what, unit, turns: [] }
        peerRows.push(row)
      }
      row.turns.push(median)
      if (micro) row.micro = found.micro
      record({ model: name, peer: how, what, unit, value: median, ...(found.micro && { micro: found.micro }) })
      console.log(`${who}: ${what}${micro}: ${median >= 100 ? median.toFixed(0) : median.toPrecision(3)} ${unit}`)
    }
    for (const { work: what, reason } of found.failed ?? []) lack(who, what, reason)
  }
}

/** PyTorch's faster way is what ours is compared with. */
function print() {
  const figure = (value) => (value === undefined ? '–' : value >= 100 ? Math.round(value).toLocaleString('en') : value.toPrecision(3))
  console.log(
    '\n| model | work | numerics | ms | tokens/s | share | PyTorch, tokens/s | times as fast |\n|---|---|---|---|---|---|---|---|',
  )
  for (const row of rows) {
    row.ms = median(row.turns)
    row.tokensPerSecond = (row.tokens / row.ms) * 1000
    const speed = ({ unit, turns }) => (unit === 's' ? row.tokens / median(turns) : median(turns))
    const alike = peerRows.filter(({ model, what }) => model === row.model && what === row.what).sort((a, b) => speed(b) - speed(a))
    const best = alike[0]
    if (best) {
      row.peer = { how: best.how, tokensPerSecond: speed(best) }
      row.timesAsFast = row.tokensPerSecond / row.peer.tokensPerSecond
    }
    Object.assign(row, shares(row, row.ms))
    const theirs = best ? `${figure(row.peer.tokensPerSecond)} ${best.how}` : '–'
    const cells = [row.model, row.what, row.numerics, figure(row.ms), figure(row.tokensPerSecond), share(row, row.ms).slice(2) || '–']
    console.log(`| ${[...cells, theirs, figure(row.timesAsFast)].join(' | ')} |`)
  }
  console.log(`\n${JSON.stringify({ ceilings, context, peer, rows, peerRows, failed })}`)
}

function fail(message) {
  console.error(`bench: ${message}`)
  process.exit(1)
}
