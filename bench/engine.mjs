// npm run bench [-- small tiny]: train step, prefill and decode of the native engine on random weights, best of several
// rounds. Prints a table, then one JSON line. Machines are noisy: compare figures of one run only.
import { parseArgs } from 'node:util'
import { randomWeights } from '../dist/engine/checkpoint/init.js'
import { openEngine } from '../dist/engine/open.js'

const shapes = {
  countdown: { vocabSize: 432, hiddenSize: 160, layers: 4, heads: 4, kvHeads: 2, headDim: 32, intermediateSize: 448 },
  small: { vocabSize: 512, hiddenSize: 256, layers: 4, heads: 4, kvHeads: 4, headDim: 64, intermediateSize: 768 },
  tiny: { vocabSize: 4096, hiddenSize: 384, layers: 6, heads: 6, kvHeads: 2, headDim: 64, intermediateSize: 1024 },
}
const { positionals, values } = parseArgs({ allowPositionals: true, options: { threads: { type: 'string' }, rounds: { type: 'string' } } })
const names = positionals.length > 0 ? positionals : ['countdown', 'small']
const unknown = names.filter((name) => !(name in shapes))
if (unknown.length > 0) throw new Error(`No shape ${unknown.join(', ')}. There are: ${Object.keys(shapes).join(', ')}.`)
const rounds = Number(values.rounds ?? 3)
const engine = await openEngine(values.threads ? { threads: Number(values.threads) } : {})
const sequence = 256
const results = []

/** Tokens a second of the fastest of several rounds. */
async function measure(model, work, tokens, run) {
  await run()
  let best = Number.POSITIVE_INFINITY
  for (let round = 0; round < rounds; round++) {
    const start = performance.now()
    await run()
    best = Math.min(best, performance.now() - start)
  }
  results.push({ model, work, tokensPerSecond: Math.round((tokens / best) * 1000) })
}

const count = (n) => Array.from({ length: n }, (_, i) => i)

for (const name of names) {
  const shape = shapes[name]
  const config = {
    family: 'qwen3',
    rmsNormEps: 1e-6,
    rope: { theta: 10000 },
    tiedEmbeddings: true,
    qkvBias: false,
    qkNorm: true,
    maxPositions: 1024,
    ...shape,
  }
  const model = await engine.create(config, randomWeights(1), { cacheTokens: 40960 })

  const T = 8 * sequence
  const batch = {
    ids: Int32Array.from(count(T), (i) => (i * 7919) % shape.vocabSize),
    positions: Int32Array.from(count(T), (i) => i % sequence),
    bounds: Int32Array.from(count(9), (i) => i * sequence),
  }
  const weights = new Float32Array(T).fill(-1 / T)
  await measure(name, 'train step, 8 x 256', T, async () => {
    await model.forward(batch)
    await model.backward(weights)
    await model.update({ lr: 1e-4, clip: 1 })
  })

  await measure(name, 'prefill, 8 x 256', T, async () => {
    const prompts = count(8).map(() => model.create())
    await model.step(prompts.map((prompt) => ({ sequence: prompt, ids: count(sequence), positions: count(sequence) })))
    for (const prompt of prompts) model.free(prompt)
  })

  const decode = async (sequences, from, n) => {
    let last = sequences.map(() => 1)
    for (let i = 0; i < n; i++) {
      const out = await model.step(
        sequences.map((s, k) => ({ sequence: s, ids: [last[k]], positions: [from + i], sampling: { temperature: 1, seed: k, stream: 0 } })),
      )
      last = out.map(({ id }) => id)
    }
  }
  for (const size of [1, 8, 32, 128]) {
    await measure(name, `decode, batch ${size}, 64 to 128`, size * 64, async () => {
      const sequences = count(size).map(() => model.create())
      await model.step(sequences.map((s) => ({ sequence: s, ids: count(64), positions: count(64) })))
      await decode(sequences, 64, 64)
      for (const s of sequences) model.free(s)
    })
  }
  await measure(name, 'decode, 8 paths of one prefix of 512, 64 each', 8 * 64, async () => {
    const parent = model.create()
    await model.step([{ sequence: parent, ids: count(512).map((i) => i % 400), positions: count(512) }])
    const paths = model.fork(parent, 8)
    await decode(paths, 512, 64)
    model.join(parent, paths)
    model.free(parent)
  })
  await model.dispose()
}

const { isa, threads, precision } = engine.info
console.log(`${precision}, ${isa}, ${threads} threads, best of ${rounds}\n`)
console.log('| model | work | tokens/s |\n|---|---|---|')
for (const row of results) console.log(`| ${row.model} | ${row.work} | ${row.tokensPerSecond.toLocaleString('en')} |`)
console.log(JSON.stringify({ bench: 'engine', isa, threads, precision, results }))
await engine.dispose()
