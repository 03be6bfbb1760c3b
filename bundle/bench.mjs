// Ceilings first (copy bandwidth, matrix rate), then decode, forks, prefill and training at the shapes of Qwen3 with random
// weights. Prints a table, then one JSON line. Figures of one run on one machine only compare with each other.
import { spawnSync } from 'node:child_process'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { openEngine } from './dist/engine/open.js'

const here = path.dirname(fileURLToPath(import.meta.url))
const shapes = {
  tiny: { vocabSize: 300, hiddenSize: 64, layers: 2, heads: 4, kvHeads: 2, headDim: 16, intermediateSize: 128 }, // tries the program
  '0.6B': { vocabSize: 151936, hiddenSize: 1024, layers: 28, heads: 16, kvHeads: 8, headDim: 128, intermediateSize: 3072 },
  '1.7B': { vocabSize: 151936, hiddenSize: 2048, layers: 28, heads: 16, kvHeads: 8, headDim: 128, intermediateSize: 6144 },
  '4B': { vocabSize: 151936, hiddenSize: 2560, layers: 36, heads: 32, kvHeads: 8, headDim: 128, intermediateSize: 9728 },
}
const { values } = parseArgs({
  options: {
    models: { type: 'string', default: '0.6B,1.7B,4B' },
    work: { type: 'string', default: 'decode,fork,prefill,train' },
    context: { type: 'string', default: '500' },
    tokens: { type: 'string', default: '16384' },
    numerics: { type: 'string', default: 'exact,fast' },
    device: { type: 'string', default: 'cuda' },
  },
})
const names = values.models.split(',')
const unknown = names.filter((name) => !(name in shapes))
if (unknown.length > 0) throw new Error(`No shape ${unknown.join(', ')}. There are: ${Object.keys(shapes).join(', ')}.`)
const work = new Set(values.work.split(','))
const context = Number(values.context)
const trainTokens = Number(values.tokens)
const rows = []

let ceilings
if (values.device === 'cuda') {
  const run = spawnSync(path.join(here, 'bin/ops_check'), [process.env.PR1_CUDA, 'ceilings'], { encoding: 'utf8' })
  if (run.status !== 0) throw new Error(`ceilings: ${run.stdout}${run.stderr}`)
  ceilings = JSON.parse(run.stdout)
  const flops = Math.max(ceilings.ownFlops, ceilings.libraryFlops)
  console.log(`copy ${(ceilings.copyBytesPerSecond / 1e12).toFixed(2)} TB/s; products ${(flops / 1e12).toFixed(0)} TFLOP/s`)
  console.log(`(own kernels ${(ceilings.ownFlops / 1e12).toFixed(0)}, cuBLASLt ${(ceilings.libraryFlops / 1e12).toFixed(0)})`)
}

// One million draws, repeated: values matter little, but zeros would run faster than data does.
const noise = Float32Array.from({ length: 1 << 20 }, () => (Math.random() + Math.random() - 1) * 0.04)
function weights({ name, shape }) {
  const out = new Float32Array(shape.reduce((a, b) => a * b, 1))
  if (name.endsWith('norm.weight')) return out.fill(1)
  for (let at = 0; at < out.length; at += noise.length)
    out.set(at + noise.length > out.length ? noise.subarray(0, out.length - at) : noise, at)
  return out
}

/** Milliseconds of one call: the median of `rounds` after a warm-up. */
async function median(rounds, call) {
  for (let i = 0; i < 4; i++) await call()
  const times = []
  for (let i = 0; i < rounds; i++) {
    const start = performance.now()
    await call()
    times.push(performance.now() - start)
  }
  return times.sort((a, b) => a - b)[rounds >> 1]
}

function add(model, numerics, what, ms, tokens, bytes, flops) {
  const row = { model, numerics, what, ms, tokensPerSecond: (tokens / ms) * 1000 }
  if (ceilings && bytes) row.ofCopy = bytes / (ms / 1000) / ceilings.copyBytesPerSecond
  if (ceilings && flops) row.ofProducts = flops / (ms / 1000) / Math.max(ceilings.ownFlops, ceilings.libraryFlops)
  rows.push(row)
  const share = row.ofCopy
    ? `, ${(row.ofCopy * 100).toFixed(0)} % of copy`
    : row.ofProducts
      ? `, ${(row.ofProducts * 100).toFixed(0)} % of products`
      : ''
  console.log(`${model} ${numerics}: ${what}: ${ms.toFixed(2)} ms, ${row.tokensPerSecond.toFixed(0)} tokens/s${share}`)
}

const count = (n) => Array.from({ length: n }, (_, i) => i)

for (const name of names) {
  for (const numerics of values.numerics.split(',')) {
    const engine = await openEngine({ device: values.device, numerics })
    const config = {
      family: 'qwen3',
      rmsNormEps: 1e-6,
      rope: { theta: 1e6 },
      tiedEmbeddings: true,
      qkvBias: false,
      qkNorm: true,
      maxPositions: 40960,
      ...shapes[name],
    }
    const batches = [1, 16, 64, 256]
    const cacheTokens = Math.max(256 * (context + 64), 4096 + 8 * 128)
    const model = await engine.create(config, weights, { cacheTokens, recompute: true })
    const embedding = config.vocabSize * config.hiddenSize
    const matrices = model.parameterCount - embedding
    const read = 2 * (matrices + embedding) // the head reads the embedding
    const rowBytes = 4 * config.layers * config.kvHeads * config.headDim

    const prompted = async (length, n) => {
      const sequences = []
      for (let i = 0; i < n; i++) {
        const sequence = model.create()
        for (let at = 0; at < length; at += 4096) {
          const size = Math.min(4096, length - at)
          const ids = count(size).map((t) => ((at + t) * 7919 + i) % config.vocabSize)
          await model.step([{ sequence, ids, positions: ids.map((_, t) => at + t) }])
        }
        sequences.push(sequence)
      }
      return sequences
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
        const sequences = await prompted(context, batch)
        const ms = await median(24, decoder(sequences, context))
        add(name, numerics, `decode, batch ${batch}, context ${context}`, ms, batch, read + batch * context * rowBytes)
        for (const sequence of sequences) model.free(sequence)
      }
    }
    if (work.has('fork')) {
      const [parent] = await prompted(2000, 1)
      const one = model.fork(parent, 1)
      const single = await median(24, decoder(one, 2000))
      model.free(one[0])
      add(name, numerics, '1 path from 2,000 tokens', single, 1, read + 2000 * rowBytes)
      const paths = model.fork(parent, 8)
      const eight = await median(24, decoder(paths, 2000))
      add(name, numerics, '8 paths from 2,000 tokens', eight, 8, read + 2000 * rowBytes)
      console.log(`8 paths take ${(eight / single).toFixed(2)} times one`)
      for (const sequence of [...paths, parent]) model.free(sequence)
    }
    if (work.has('prefill')) {
      const ms = await median(5, async () => {
        const [sequence] = await prompted(4096, 1)
        await model.forward({ ids: new Int32Array(1), positions: new Int32Array(1), bounds: Int32Array.of(0, 1) }, { keep: false }) // waits
        model.free(sequence)
      })
      add(name, numerics, 'prefill of 4,096', ms, 4096, 0, 2 * matrices * 4096)
    }
    if (work.has('train')) {
      const T = trainTokens
      const length = Math.min(2048, T)
      const batch = {
        ids: Int32Array.from(count(T), (i) => (i * 7919) % config.vocabSize),
        positions: Int32Array.from(count(T), (i) => i % length),
        bounds: Int32Array.from({ length: T / length + 1 }, (_, i) => i * length),
      }
      const target = new Float32Array(T).fill(-1 / T)
      const ms = await median(3, async () => {
        await model.forward(batch)
        await model.backward(target)
        await model.update({ lr: 1e-6, clip: 1 })
      })
      // Forward 2, backward 4, and 2 for what is computed again; attention is not counted.
      add(name, numerics, `train step, recompute, ${T} tokens`, ms, T, 0, 8 * matrices * T + 6 * embedding * T)
    }
    await model.dispose()
    await engine.dispose()
  }
}
console.log(JSON.stringify({ ceilings, context, rows }))
