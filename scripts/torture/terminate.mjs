// node scripts/torture/terminate.mjs [--tries 1000] [--seed 1]: ends worker threads while their engine loads, decodes and
// trains, and counts how often the process around them went down with them. Prints a table, then one JSON line. Needs the
// built addon and dist/.
import { fork } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'

/** Where a worker can be when it is ended. A worker is in the first one before it has run a line. */
const phases = ['start', 'open', 'load', 'step', 'train', 'dispose']

/** Tries of one process. */
const BATCH = 50

/**
 * Ends workers `tries` times, in every phase in turn.
 * @param {{ tries: number, seed?: number, onTry?: (done: number) => void }} options the seed decides how long after a phase begins
 * @returns {Promise<{ tries: number, aborts: { try: number, phase: string, milliseconds: number, how: string, stderr: string }[] }>}
 *   how: the signal or the exit code of the process that went down
 */
export async function terminateWorkers({ tries, seed = 1, onTry = () => {} }) {
  const folder = await mkdtemp(path.join(os.tmpdir(), 'pr1-terminate-'))
  const aborts = []
  try {
    await writeCheckpoint(folder)
    let left = planned(tries, seed)
    while (left.length > 0) {
      const batch = left.slice(0, BATCH)
      const { last, how, stderr } = await runHost(folder, batch, onTry)
      left = left.slice(batch.indexOf(last) + 1)
      if (how !== undefined) aborts.push({ ...last, how, stderr })
    }
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
  return { tries, aborts }
}

/** Every phase in turn; up to 12 milliseconds into it, short ones more often. */
function planned(tries, seed) {
  let state = seed >>> 0
  const random = () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return state / 2 ** 32
  }
  return Array.from({ length: tries }, (_, i) => ({
    try: i + 1,
    phase: phases[i % phases.length],
    milliseconds: Math.floor(12 * random() * random() * (i % phases.length === 0 ? 10 : 1)),
  }))
}

function runHost(folder, tries, onTry) {
  const child = fork(fileURLToPath(new URL('./terminate-host.mjs', import.meta.url)), [], { stdio: ['ignore', 'ignore', 'pipe', 'ipc'] })
  let last = tries[0]
  let stderr = ''
  child.stderr.on('data', (data) => {
    stderr += data
  })
  child.on('message', (one) => {
    last = tries.find((planned) => planned.try === one.try)
    onTry(one.try)
  })
  child.send({ folder, tries })
  return new Promise((resolve) => {
    child.on('close', (code, signal) => {
      const how = signal ?? (code === 0 ? undefined : `exit code ${code}`)
      resolve({ last: how === undefined ? tries.at(-1) : last, how, stderr })
    })
  })
}

/** Many small tensors, so that a load takes a while. */
async function writeCheckpoint(folder) {
  const [{ saveCheckpoint }, { randomWeights }] = await Promise.all([
    import('../../dist/engine/checkpoint/folder.js'),
    import('../../dist/engine/checkpoint/init.js'),
  ])
  const config = {
    family: 'qwen3',
    vocabSize: 512,
    hiddenSize: 64,
    layers: 6,
    heads: 4,
    kvHeads: 2,
    headDim: 16,
    intermediateSize: 128,
    rmsNormEps: 1e-6,
    rope: { theta: 10000 },
    tiedEmbeddings: false,
    maxPositions: 256,
  }
  await saveCheckpoint(folder, { config, weights: randomWeights(1, config), dtype: 'float32', generation: { eosTokenIds: [0] } })
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { values } = parseArgs({ options: { tries: { type: 'string', default: '1000' }, seed: { type: 'string', default: '1' } } })
  const started = performance.now()
  const { tries, aborts } = await terminateWorkers({ tries: Number(values.tries), seed: Number(values.seed) })
  console.table(
    phases.map((phase, k) => ({
      'ended during': phase,
      tries: Math.floor((tries - k - 1) / phases.length) + 1,
      'process went down': aborts.filter((abort) => abort.phase === phase).length,
    })),
  )
  for (const abort of aborts.slice(0, 5))
    console.log(`try ${abort.try}, ${abort.milliseconds} ms into ${abort.phase}: ${abort.how}\n${abort.stderr.trim()}`)
  console.log(JSON.stringify({ tries, aborts: aborts.length, seconds: Math.round((performance.now() - started) / 1000) }))
  process.exitCode = aborts.length > 0 ? 1 : 0
}
