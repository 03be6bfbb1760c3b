// node bench/tfjs.mjs [--rounds 3] [countdown small]: the same work in float32 on the native CPU engine and on TensorFlow.js with each
// backend that is built here, in turn (A B A B), best of several rounds. Prints a table with ratios, then one JSON line.
import { parseArgs } from 'node:util'
import { randomWeights } from '../dist/engine/checkpoint/init.js'
import { NativeEngine } from '../dist/engine/native/engine.js'
import { addonIsBuilt } from '../dist/engine/tfjs/backend.js'
import { TfjsEngine } from '../dist/engine/tfjs/engine.js'
import { modelConfig, shapes } from './engine/shape.mjs'

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: { rounds: { type: 'string' }, javascript: { type: 'boolean' } },
})
const names = positionals.length > 0 ? positionals : ['countdown', 'small']
const unknown = names.filter((name) => !(name in shapes))
if (unknown.length > 0) throw new Error(`No shape ${unknown.join(', ')}. There are: ${Object.keys(shapes).join(', ')}.`)
const rounds = Number(values.rounds ?? 3)
const sequence = 256
const count = (n) => Array.from({ length: n }, (_, i) => i)

/** The backend in JavaScript takes minutes for what the others do in a second: only on request. */
const backends = [...(addonIsBuilt() ? ['tensorflow'] : []), ...(values.javascript || !addonIsBuilt() ? ['javascript'] : [])]
const engines = [{ name: 'native', engine: new NativeEngine({ precision: 'f32' }) }]
for (const backend of backends) {
  process.env.PR1_TFJS = backend
  engines.push({ name: `tfjs ${backend}`, engine: await TfjsEngine.open() })
}

const results = []
for (const name of names) {
  const config = modelConfig(name)
  const models = []
  for (const { engine } of engines) models.push(await engine.create(config, randomWeights(1), { cacheTokens: 40960 }))

  const T = 8 * sequence
  const batch = {
    ids: Int32Array.from(count(T), (i) => (i * 7919) % config.vocabSize),
    positions: Int32Array.from(count(T), (i) => i % sequence),
    bounds: Int32Array.from(count(9), (i) => i * sequence),
  }
  const weights = new Float32Array(T).fill(-1 / T)
  await compare(name, 'train step, 8 x 256', T, models, async (model) => {
    await model.forward(batch)
    await model.backward(weights)
    await model.update({ lr: 1e-4, clip: 1 })
  })
  for (const size of [1, 32]) {
    await compare(name, `decode, batch ${size}, 64 to 128`, size * 64, models, async (model) => {
      const sequences = count(size).map(() => model.create())
      await model.step(sequences.map((s) => ({ sequence: s, ids: count(64), positions: count(64) })))
      let last = sequences.map(() => 1)
      for (let i = 0; i < 64; i++) {
        const sampling = (seed) => ({ temperature: 1, seed, stream: 0 })
        const out = await model.step(sequences.map((s, k) => ({ sequence: s, ids: [last[k]], positions: [64 + i], sampling: sampling(k) })))
        last = out.map(({ id }) => id)
      }
      for (const s of sequences) model.free(s)
    })
  }
  for (const model of models) await model.dispose()
}

/** Tokens a second of the fastest of several rounds, the engines taking turns. */
async function compare(model, work, tokens, models, run) {
  const best = models.map(() => Number.POSITIVE_INFINITY)
  for (let round = 0; round <= rounds; round++) {
    for (const [i, one] of models.entries()) {
      const start = performance.now()
      await run(one)
      if (round > 0) best[i] = Math.min(best[i], performance.now() - start) // the first is to warm up
    }
  }
  results.push({
    model,
    work,
    tokensPerSecond: Object.fromEntries(best.map((ms, i) => [engines[i].name, Math.round((tokens / ms) * 1000)])),
  })
}

for (const { name, engine } of engines) console.log(`${name}: ${engine.info.reason}, ${engine.info.threads} threads`)
console.log(`\n| model | work | ${engines.map(({ name }) => `${name}, tokens/s`).join(' | ')} | ratio to native |`)
console.log(`|---|---|${engines.map(() => '---|').join('')}---|`)
for (const { model, work, tokensPerSecond } of results) {
  const [native, ...others] = Object.values(tokensPerSecond)
  const cells = [native, ...others].map((speed) => speed.toLocaleString('en'))
  console.log(`| ${model} | ${work} | ${cells.join(' | ')} | ${others.map((speed) => (speed / native).toPrecision(2)).join(', ')} |`)
}
console.log(JSON.stringify({ bench: 'tfjs', rounds, results }))
for (const { engine } of engines) await engine.dispose()
