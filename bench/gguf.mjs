// A real model from a GGUF file: weights in their blocks beside the same numbers in float32 and bfloat16, and llama.cpp where it is there. All take
// turns in one process, a round each. Prints tokens a second (median) and the ratio to the blocks, then one JSON line.
//   node bench/gguf.mjs FILE.gguf [--batches 1,16,32] [--precisions auto,stored,f32,bf16] [--threads N] [--rounds 5] [--cpu]
//   --cpu               CPU time in place of the clock, where other work runs beside: with --threads 1, since threads that wait spin
//   PR1_PEER_NODE=DIR   a folder with node-llama-cpp in it adds that (npm install node-llama-cpp@3.22.1)
import { createRequire } from 'node:module'
import os from 'node:os'
import path from 'node:path'
import { pathToFileURL } from 'node:url'
import { parseArgs } from 'node:util'
import { openCheckpoint, openEngine } from '../dist/index.js'
import { median, range } from './engine/shape.mjs'

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    batches: { type: 'string', default: '1,16,32' },
    precisions: { type: 'string', default: 'auto,stored,f32,bf16' },
    threads: { type: 'string', default: String(os.availableParallelism()) },
    rounds: { type: 'string', default: '5' },
    cpu: { type: 'boolean', default: false },
  },
})
const [file] = positionals
/** Milliseconds. */
const now = () => (values.cpu ? process.cpuUsage().user / 1000 : performance.now())
if (!file) throw new Error('Name a GGUF file: node bench/gguf.mjs FILE.gguf')
const threads = Number(values.threads)
const [prompt, decoded, prefilled] = [64, 32, 256]
const batches = values.batches.split(',').map(Number)
const ids = (n, first) => range(n).map((i) => 1000 + (((first + i) * 7919) % 20000))
const checkpoint = await openCheckpoint(file)

/** name → how it decodes a batch and reads a prompt; both give milliseconds */
const runners = new Map()
for (const precision of values.precisions.split(',')) {
  const engine = await openEngine({ device: 'cpu', precision, threads })
  const model = await engine.load(checkpoint, { cacheTokens: Math.max(prefilled, Math.max(...batches) * (prompt + decoded + 16)) })
  const step = (sequences, at, n) =>
    model.step(
      sequences.map((sequence, i) => ({
        sequence,
        ids: ids(n, 131 * i + at),
        positions: range(n, at),
        sampling: { temperature: 1, seed: 1, stream: i },
      })),
    )
  runners.set(precision === 'auto' ? engine.infoFor(checkpoint).precision : precision, {
    async decode(batch) {
      const sequences = range(batch).map(() => model.create())
      await step(sequences, 0, prompt)
      const start = now()
      for (let i = 0; i < decoded; i++) await step(sequences, prompt + i, 1)
      const ms = now() - start
      for (const sequence of sequences) model.free(sequence)
      return ms
    },
    async prefill() {
      const [sequence] = [model.create()]
      const start = now()
      await step([sequence], 0, prefilled)
      const ms = now() - start
      model.free(sequence)
      return ms
    },
  })
}
if (process.env.PR1_PEER_NODE) runners.set('node-llama-cpp', await llamaCpp(path.resolve(process.env.PR1_PEER_NODE)))

async function llamaCpp(home) {
  const entry = createRequire(path.join(home, 'package.json')).resolve('node-llama-cpp')
  const { getLlama } = await import(pathToFileURL(entry).href)
  const llama = await getLlama({ gpu: false, build: 'never', logLevel: 'error', maxThreads: threads })
  const model = await llama.loadModel({ modelPath: path.resolve(file) })
  const sampling = { temperature: 1, topK: 0, topP: 1, minP: 0, yieldEogToken: true }
  const inContext = async (sequences, body) => {
    const context = await model.createContext({
      sequences,
      contextSize: prefilled + 8,
      batchSize: 512,
      threads: { ideal: threads, min: threads },
    })
    const ms = await body(range(sequences).map(() => context.getSequence()))
    await context.dispose()
    return ms
  }
  return {
    decode: (batch) =>
      inContext(batch, async (sequences) => {
        const streams = sequences.map((sequence, i) => sequence.evaluate(ids(prompt, 131 * i), sampling))
        await Promise.all(streams.map((stream) => stream.next()))
        const start = now()
        await Promise.all(
          streams.map(async (stream) => {
            for (let i = 0; i < decoded; i++) await stream.next()
          }),
        )
        const ms = now() - start
        await Promise.all(streams.map((stream) => stream.return()))
        return ms
      }),
    prefill: () =>
      inContext(1, async ([sequence]) => {
        const start = now()
        await sequence.evaluate(ids(prefilled, 0), sampling).next()
        return now() - start
      }),
  }
}

const works = [
  { work: `prefill ${prefilled}`, tokens: prefilled, run: (runner) => runner.prefill() },
  ...batches.map((batch) => ({ work: `decode, batch ${batch}`, tokens: batch * decoded, run: (runner) => runner.decode(batch) })),
]
const results = []
for (const { work, tokens, run } of works) {
  const times = new Map([...runners.keys()].map((name) => [name, []]))
  for (let round = 0; round <= Number(values.rounds); round++) {
    for (const [name, runner] of runners) {
      const ms = await run(runner)
      if (round > 0) times.get(name).push(ms)
    }
  }
  const speeds = Object.fromEntries([...times].map(([name, ms]) => [name, (tokens * 1000) / median(ms)]))
  const [first] = Object.values(speeds)
  results.push({ work, unit: 'tokens/s', ...speeds })
  const cells = Object.entries(speeds).map(([name, speed]) => `${name} ${speed.toPrecision(4)} (${(first / speed).toFixed(2)})`)
  console.error(`${work.padEnd(18)}${cells.join('   ')}`)
}
const peakMiB = Math.round(process.resourceUsage().maxRSS / 1024)
console.log(JSON.stringify({ bench: 'gguf', file: path.basename(file), threads, peakMiB, results }))
process.exit(0)
