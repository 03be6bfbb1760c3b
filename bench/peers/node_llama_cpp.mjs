// Sampling with node-llama-cpp on the CPU, from prompts of 64 tokens; timed from the first generated token to the last, as in
// bench/engine.
//
// Needs, in a folder outside this project that PR1_PEER_NODE names:
//   npm install node-llama-cpp      (its binaries come as packages of npm; with --ignore-scripts nothing is compiled)
// and a GGUF that bench/peers/write_gguf.py writes.
//   PR1_PEER_NODE=DIR node bench/peers/node_llama_cpp.mjs --shape tiny --gguf tiny.gguf --batches 1,32
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import os from 'node:os'
import path from 'node:path'
import { pathToFileURL } from 'node:url'
import { parseArgs } from 'node:util'
import { median, range, rounds, shapes } from '../engine/shape.mjs'

const { values } = parseArgs({
  options: {
    shape: { type: 'string', default: 'tiny' },
    gguf: { type: 'string' },
    batches: { type: 'string', default: '1,32' },
    threads: { type: 'string' },
    rounds: { type: 'string', default: '5' },
    seconds: { type: 'string', default: '60' },
  },
})
const home = process.env.PR1_PEER_NODE
if (!home || !values.gguf) throw new Error('Set PR1_PEER_NODE to the folder with node-llama-cpp, and --gguf to a file of write_gguf.py.')
const { getLlama, LlamaLogLevel } = await import(pathToFileURL(entry()).href)
const prompt = 64
const { decodeTokens, sizes } = shapes[values.shape]
const threads = Number(values.threads ?? os.availableParallelism())
const llama = await getLlama({ gpu: false, build: 'never', logLevel: LlamaLogLevel.error, maxThreads: threads })
const model = await llama.loadModel({ modelPath: path.resolve(values.gguf) })
const results = []

for (const size of values.batches.split(',').map(Number)) {
  const contextSize = prompt + decodeTokens + 8
  const context = await model.createContext({
    sequences: size,
    contextSize,
    batchSize: Math.max(512, size),
    threads: { ideal: threads, min: threads },
  })
  const run = async () => {
    const sequences = range(size).map(() => context.getSequence())
    const streams = sequences.map((sequence) =>
      sequence.evaluate(
        range(prompt).map((i) => (i * 7919) % sizes.vocabSize),
        { temperature: 1, topK: 0, topP: 1, minP: 0, yieldEogToken: true },
      ),
    )
    await Promise.all(streams.map((stream) => stream.next()))
    const start = performance.now()
    await Promise.all(
      streams.map(async (stream) => {
        for (let i = 0; i < decodeTokens; i++) if ((await stream.next()).done) throw new Error('a sequence ended early')
      }),
    )
    const ms = performance.now() - start
    await Promise.all(streams.map((stream) => stream.return()))
    for (const sequence of sequences) await sequence.dispose()
    return (size * decodeTokens * 1000) / ms
  }
  const speeds = await rounds(run, { rounds: Number(values.rounds), seconds: Number(values.seconds) })
  const work = `decode, batch ${size}, ${prompt} to ${prompt + decodeTokens}`
  results.push({
    shape: values.shape,
    work,
    unit: 'tokens/s',
    median: median(speeds),
    best: Math.max(...speeds),
    rounds: speeds.length,
  })
  await context.dispose()
}
await llama.dispose()
const versions = { 'node-llama-cpp': manifest().version }
for (const { work, median: value, best } of results)
  console.error(`${values.shape}: ${work}: ${value.toPrecision(4)} tokens/s (best ${best.toPrecision(4)})`)
console.log(JSON.stringify({ bench: 'peer', peer: 'node-llama-cpp', gguf: path.basename(values.gguf), threads, versions, results }))

/** The package has an entry for `import` only, which require.resolve does not see. */
function entry() {
  const { main, exports: entries } = manifest()
  return path.join(base(), entries?.['.']?.import ?? main)
}

function base() {
  return path.join(createRequire(path.join(path.resolve(home), 'package.json')).resolve.paths('node-llama-cpp')[0], 'node-llama-cpp')
}

function manifest() {
  return JSON.parse(readFileSync(path.join(base(), 'package.json'), 'utf8'))
}
