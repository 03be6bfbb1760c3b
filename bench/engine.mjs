// npm run bench [-- --shapes small,qwen3-0.6b --precision bf16]: the engine on random weights of the shapes in bench/shapes.json.
// Train step, prefill, decode in batches, decode with forks, a whole GRPO step on Countdown, loading a checkpoint, and the
// peak memory of each beside the engine's plan. Each line of work is a process of its own; medians after a round to
// warm up. Prints tables, then one JSON line. Machines are noisy: compare figures of one run only (bench/compare.mjs takes turns).
//   --shapes     countdown,small,tiny (default), qwen3-0.6b (16 GiB of memory in f32)
//   --only       of train,recompute,decode,forks,prefill,load,grpo
//   --precision  auto (default), f32, bf16, int8, int4 (these two do not train)
//   --device     cpu (default), cuda, tfjs, auto       --threads  default: all cores
//   --rounds     5; no round begins later than --seconds 60 after the first
//   --batches    1,8,32,128: decode
//   --prompts, --group, --forms                        32, 8, parallel,sequential: the GRPO step
import { fork } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { bandwidth } from './engine/bandwidth.mjs'
import { modelConfig, shapes } from './engine/shape.mjs'

const jobs = ['train', 'recompute', 'decode', 'forks', 'prefill', 'load', 'grpo']
/** One process: they share a model. */
const generating = ['decode', 'forks', 'prefill']
const text = (value) => ({ type: 'string', default: value })
const { values } = parseArgs({
  options: {
    shapes: text('countdown,small,tiny'),
    only: text(jobs.join()),
    precision: text('auto'),
    device: text('cpu'),
    threads: { type: 'string' },
    rounds: text('5'),
    seconds: text('60'),
    batches: text('1,8,32,128'),
    prompts: text('32'),
    group: text('8'),
    forms: text('parallel,sequential'),
  },
})
const names = listed('shapes', Object.keys(shapes))
const only = listed('only', jobs)
const options = {
  precision: values.precision,
  device: values.device,
  threads: values.threads && Number(values.threads),
  rounds: Number(values.rounds),
  seconds: Number(values.seconds),
  batches: values.batches.split(',').map(Number),
  parts: only.filter((name) => generating.includes(name)),
  prompts: Number(values.prompts),
  group: Number(values.group),
  forms: listed('forms', ['parallel', 'sequential']),
}
const folder = mkdtempSync(path.join(os.tmpdir(), 'pr1-bench-'))
const results = []
const memory = []
let info

try {
  for (const shape of names) {
    const wanted = new Set(only.map((name) => (generating.includes(name) ? 'decode' : name)))
    for (const job of wanted) if (applies(job, shape)) await run(job, shape)
  }
  print()
} finally {
  rmSync(folder, { recursive: true, force: true })
}

function listed(option, known) {
  const wanted = values[option].split(',')
  const unknown = wanted.filter((name) => !known.includes(name))
  if (unknown.length > 0) throw new Error(`--${option}: there is no ${unknown.join(', ')}. There are: ${known.join(', ')}.`)
  return wanted
}

function applies(job, shape) {
  if (job === 'recompute' && !shapes[shape].recompute) return false
  if (job === 'grpo' && shape !== 'countdown') return false
  return !(['int8', 'int4'].includes(options.precision) && ['train', 'recompute', 'grpo'].includes(job))
}

async function run(job, shape) {
  console.error(`${shape}: ${job} …`)
  const alone = job === 'decode' && options.parts.includes('decode') && options.batches.includes(1)
  const read = alone && shapes[shape].bandwidth ? bandwidth(folder, options.threads ?? os.availableParallelism()) : undefined
  // Before and after: a neighbour may slow either.
  const rates = read ? [read()] : []
  if (job === 'load') await child('save', shape)
  const done = await child(job, shape)
  if (read)
    share(
      shape,
      done,
      [...rates, read()].reduce((most, rate) => (rate.bytesPerSecond > most.bytesPerSecond ? rate : most)),
    )
  info ??= done.info
  results.push(...done.results)
  memory.push(...done.memory)
}

/** Decoding one sequence reads every weight once a token: the share of what this machine's memory gives. */
function share(shape, { info, results }, { bytesPerSecond, threads, streams, linesAhead, pages }) {
  const alone = results.find(({ work }) => work.startsWith('decode, batch 1,'))
  const bytes = weightCount(modelConfig(shape)) * { f32: 4, bf16: 2, int8: 34 / 32, int4: 18 / 32 }[info.precision]
  const of = (unit, value) => ({ shape, unit, median: value, best: value, rounds: 1 })
  const how = `${threads} threads x ${streams} streams, ${linesAhead} lines ahead, ${pages} pages`
  results.push({ work: `memory read bandwidth (${how})`, ...of('GB/s', bytesPerSecond / 1e9) })
  if (alone) results.push({ work: 'decode, batch 1: share of that bandwidth', ...of('%', (100 * alone.median * bytes) / bytesPerSecond) })
}

/** Weights of the products; all shapes here have tied embeddings, whose matrix is the head. */
function weightCount({ vocabSize, hiddenSize, layers, heads, kvHeads, headDim, intermediateSize }) {
  return vocabSize * hiddenSize + layers * hiddenSize * (2 * heads * headDim + 2 * kvHeads * headDim + 3 * intermediateSize)
}

function child(job, shape) {
  const args = [JSON.stringify({ ...options, job, shape, folder: path.join(folder, 'checkpoint') })]
  const script = fileURLToPath(new URL('./engine/job.mjs', import.meta.url))
  const process = fork(script, args, { execArgv: ['--expose-gc'], stdio: ['ignore', 2, 2, 'ipc'] })
  return new Promise((resolve, reject) => {
    let result
    process.on('message', (message) => {
      result = message
    })
    process.on('exit', (code) => (result ? resolve(result) : reject(new Error(`${shape}: ${job} ended with ${code}`))))
  })
}

function print() {
  const number = (value) => (value >= 100 ? Math.round(value).toLocaleString('en') : value.toPrecision(3))
  const mib = (bytes) => Math.round(bytes / 2 ** 20).toLocaleString('en')
  console.log(
    `${info.device}, ${info.precision}, ${info.isa}, ${info.threads} threads, ${os.cpus()[0]?.model.trim()}, Node ${process.version}\n`,
  )
  console.log('| shape | work | unit | median | best | rounds |\n|---|---|---|---|---|---|')
  for (const row of results) {
    console.log(`| ${row.shape} | ${row.work} | ${row.unit} | ${number(row.median)} | ${number(row.best)} | ${row.rounds} |`)
  }
  console.log('\n| shape | memory of | peak beyond Node, MiB | plan, MiB | peak / plan |\n|---|---|---|---|---|')
  for (const { shape, work, peak, plan } of memory) {
    console.log(`| ${shape} | ${work} | ${mib(peak)} | ${mib(plan)} | ${(peak / plan).toFixed(2)} |`)
  }
  const { device, precision, isa, threads } = info
  console.log(`\n${JSON.stringify({ bench: 'engine', device, precision, isa, threads, node: process.version, results, memory })}`)
}
