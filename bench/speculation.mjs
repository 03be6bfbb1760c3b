// What guessing ahead gains: a GGUF model on problems, with `speculate: false` and with `speculate: auto` in turn in one process, problem by problem.
// Every pair is compared: ids and log-probabilities must be the same bits. Prints tokens a second (median of the rounds), how many times as fast
// guessing is, and the same for CPU time, which other work disturbs less (with --threads 1: threads that wait spin). Then one JSON line.
//   node bench/speculation.mjs FILE.gguf PROBLEMS.jsonl [--forms sequential,parallel] [--temperatures 0,1] [--batches 1,32] [--precision auto]
//        [--count 8] [--from 0] [--tokens 256] [--rounds 3] [--speculate auto] [--threads N]
//   PROBLEMS.jsonl   a line a problem, with its text as `problem`; --count of them from line --from on, or as many as the batch
//   parallel         tags are text: the model was not trained for them
//   --rows           instead: what more rows add to a step of one row, for Model.draftRowCost
import { readFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { isDeepStrictEqual, parseArgs } from 'node:util'
import { localThinker, openCheckpoint, openEngine, parseThinkingConfig, promptIds, toRequest } from '../dist/index.js'
import { median, range } from './engine/shape.mjs'

const text = (value) => ({ type: 'string', default: value })
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    forms: text('sequential,parallel'),
    temperatures: text('0,1'),
    batches: text('1,32'),
    precision: text('auto'),
    count: text('8'),
    from: text('0'),
    tokens: text('256'),
    rounds: text('3'),
    speculate: text('auto'),
    threads: text(String(os.availableParallelism())),
    rows: { type: 'boolean', default: false },
  },
})
const [file, problemFile] = positionals
if (!file || !(problemFile || values.rows))
  throw new Error('Name a GGUF file and problems: node bench/speculation.mjs FILE.gguf PROBLEMS.jsonl')
const numbers = (list) => list.split(',').map(Number)
const [count, from, maxTokens, rounds] = [values.count, values.from, values.tokens, values.rounds].map(Number)

const checkpoint = await openCheckpoint(file)
const engine = await openEngine({ device: 'cpu', precision: values.precision, threads: Number(values.threads) })
const model = await engine.load(checkpoint, { cacheTokens: 40 * (maxTokens + 600) })
const { precision, isa } = engine.infoFor(checkpoint)
console.error(`${path.basename(file)}: ${precision}, ${isa}, ${values.threads} threads; load ${os.loadavg()[0].toFixed(1)}`)
if (values.rows) await rowCosts()
else await compare()
await engine.dispose()

async function compare() {
  const problems = readFileSync(problemFile, 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line).problem)
  const thinker = localThinker(model)
  const results = []
  for (const batch of numbers(values.batches)) {
    for (const form of values.forms.split(',')) {
      const prompt = readFileSync(path.join(path.dirname(fileURLToPath(import.meta.url)), '../suites/prompts', `${form}.j2`), 'utf8')
      for (const temperature of numbers(values.temperatures)) {
        const requests = (speculate) => {
          const config = parseThinkingConfig(
            { mode: form, tags: form === 'parallel' ? 'text' : 'tokens', temperature, maxTokens, seed: 1, speculate },
            'the bench',
          )
          const asked = problems.slice(from, from + Math.max(batch, count))
          return asked.map((problem, i) =>
            toRequest(
              config,
              checkpoint,
              promptIds(
                checkpoint,
                config,
                prompt.replace('{{ problem }}', () => problem),
              ),
              i,
            ),
          )
        }
        const ways = { off: requests(false), on: requests(values.speculate) }
        const groups = range(Math.ceil(ways.off.length / batch)).map((k) => [k * batch, (k + 1) * batch])
        const [ms, cpu] = [
          { off: [], on: [] },
          { off: [], on: [] },
        ]
        const [expected, drafts] = [new Map(), { drafted: 0, accepted: 0 }]
        let tokens = 0
        await thinker.think({ ...ways.on[0], budgets: { response: 4 }, maxBlocks: 0 })
        for (const round of range(rounds)) {
          for (const [k, [start, end]] of groups.entries()) {
            for (const way of (round + k) % 2 === 0 ? ['off', 'on'] : ['on', 'off']) {
              const [from, before] = [performance.now(), process.cpuUsage()]
              const thoughts = await Promise.all(ways[way].slice(start, end).map((request) => thinker.think(request)))
              const { user, system } = process.cpuUsage(before)
              ms[way][round] = (ms[way][round] ?? 0) + performance.now() - from
              cpu[way][round] = (cpu[way][round] ?? 0) + user + system
              const said = thoughts.map(({ trajectory }) => trajectory)
              if (!expected.has(k)) {
                expected.set(k, said)
                for (const { totalTokens } of thoughts) tokens += totalTokens
              }
              if (!isDeepStrictEqual(said, expected.get(k))) throw new Error(`Other tokens or log-probabilities with speculation ${way}`)
              if (way === 'off' || round > 0) continue
              for (const one of thoughts) {
                drafts.drafted += one.drafts?.drafted ?? 0
                drafts.accepted += one.drafts?.accepted ?? 0
              }
            }
          }
        }
        const gains = (of) => of.off.map((off, i) => off / of.on[i])
        const speed = (way) => Math.round((1000 * tokens) / median(ms[way]))
        const result = { batch, form, temperature, tokens, off: speed('off'), on: speed('on'), ...drafts, gain: round2(median(gains(ms))) }
        const [least, most] = [Math.min(...gains(ms)), Math.max(...gains(ms))].map(round2)
        results.push({ ...result, least, most, gainCpu: round2(median(gains(cpu))) })
        console.error(JSON.stringify(results.at(-1)))
      }
    }
  }
  await thinker.close()
  console.table(results)
  console.log(
    JSON.stringify({
      bench: 'speculation',
      model: path.basename(file),
      precision,
      isa,
      threads: Number(values.threads),
      maxTokens,
      rounds,
      speculate: values.speculate,
      results,
    }),
  )
}

async function rowCosts() {
  const sequence = model.create()
  const sampling = { temperature: 1, seed: 1, stream: 0 }
  const step = (at, n) =>
    model.step([
      { sequence, ids: range(n).map((i) => 1000 + (((at + i) * 7919) % 20000)), positions: range(n, at), sampling, drafts: n - 1 },
    ])
  await model.step([{ sequence, ids: range(300).map((i) => 1000 + ((i * 7919) % 20000)), positions: range(300) }])
  const sizes = [1, 2, 3, 4, 6, 8]
  const times = new Map(sizes.map((n) => [n, []]))
  for (const round of range(10 * rounds + 2)) {
    for (const n of sizes) {
      const [start, before] = [performance.now(), process.cpuUsage()]
      await step(300, n)
      const { user, system } = process.cpuUsage(before)
      if (round > 1) times.get(n).push([performance.now() - start, (user + system) / 1000])
      model.truncate(sequence, n)
    }
  }
  // The best of many: other work on the machine only adds.
  const best = (n, which) => Math.min(...times.get(n).map((time) => time[which]))
  const cost = (n, which) => (n > 1 ? round2((best(n, which) / best(1, which) - 1) / (n - 1)) : 0)
  const results = sizes.map((rows) => ({
    rows,
    ms: round2(best(rows, 0)),
    cost: cost(rows, 0),
    cpuMs: round2(best(rows, 1)),
    cpuCost: cost(rows, 1),
  }))
  console.table(results)
  console.log(
    JSON.stringify({ bench: 'speculation --rows', model: path.basename(file), precision, isa, threads: Number(values.threads), results }),
  )
}

function round2(value) {
  return Math.round(100 * value) / 100
}
