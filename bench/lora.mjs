// Training steps (forward, backward, AdamW) of a checkpoint: all weights beside adapters alone, over the blocks of a GGUF file and over bfloat16.
// All take turns in one process, a round each. Prints tokens a second (median), the ratio to all weights and the memory plan, then one JSON line.
//   node bench/lora.mjs CHECKPOINT [--tokens 1024] [--rank 16] [--ways all,auto,stored,bf16] [--threads N] [--rounds 5]
import os from 'node:os'
import { parseArgs } from 'node:util'
import { linearWeights } from '../dist/engine/adapters/parameters.js'
import { modelSpec } from '../dist/engine/families/index.js'
import { openCheckpoint, openEngine } from '../dist/index.js'
import { median, range } from './engine/shape.mjs'

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    tokens: { type: 'string', default: '1024' },
    rank: { type: 'string', default: '16' },
    ways: { type: 'string', default: 'all,auto,stored,bf16' },
    threads: { type: 'string', default: String(os.availableParallelism()) },
    rounds: { type: 'string', default: '5' },
  },
})
if (!positionals[0]) throw new Error('Name a checkpoint: node bench/lora.mjs FILE.gguf')
const [tokens, rank, threads] = [values.tokens, values.rank, values.threads].map(Number)
const checkpoint = await openCheckpoint(positionals[0])
const parts = linearWeights(modelSpec(checkpoint.config)).map(({ name }) => ({ weight: name, rank, scale: 2 }))
const length = 256
const bounds = [...range(Math.ceil(tokens / length)).map((i) => i * length), tokens]
const batch = {
  ids: Int32Array.from({ length: tokens }, (_, i) => 1000 + ((i * 7919) % 20000)),
  positions: Int32Array.from({ length: tokens }, (_, i) => i % length),
  bounds: Int32Array.from(bounds),
}
const slopes = new Float32Array(tokens).fill(-1 / tokens)

/** name → model and the milliseconds of its rounds; `all`: all weights in the precision of `auto`. */
const runs = new Map()
for (const way of values.ways.split(',')) {
  const all = way === 'all'
  const engine = await openEngine({ device: 'cpu', precision: all ? 'auto' : way, threads })
  const options = { train: true, cacheTokens: 0, ...(!all && { adapters: { parts } }) }
  const model = await engine.load(checkpoint, options)
  const { precision } = engine.infoFor(checkpoint, options)
  runs.set(all ? `all weights, ${precision}` : `adapters, ${precision}`, { model, ms: [] })
}
for (let round = 0; round <= Number(values.rounds); round++) {
  for (const { model, ms } of runs.values()) {
    const start = performance.now()
    await model.forward(batch)
    await model.backward(slopes)
    await model.update({ lr: 1e-4 })
    // The first round allocates and unpacks.
    if (round > 0) ms.push(performance.now() - start)
  }
}
const [{ ms: first }] = runs.values()
const results = [...runs].map(([name, { model, ms }]) => ({
  name,
  tokensPerSecond: Math.round((tokens / median(ms)) * 1000),
  ratio: Number(median(ms.map((one, i) => first[i] / one)).toFixed(2)),
  planMiB: Math.round(model.memoryPlan(tokens).total / 2 ** 20),
}))
console.table(results)
console.log(JSON.stringify({ bench: 'lora', tokens, rank, threads, results }))
process.exit(0)
