// The process that scripts/torture/terminate.mjs watches, and the worker threads that it ends. A try starts a worker that
// opens an engine, loads a checkpoint, decodes and trains without an end. Once it is in the phase of the try, it is
// terminated some milliseconds later. What must survive is this process.
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads'

if (!isMainThread) await work(workerData)
else process.once('message', host)

/** Sends `{ try, phase, milliseconds }` before each try, so that who watches knows what an abort belongs to. */
async function host({ folder, tries }) {
  for (const one of tries) {
    process.send(one)
    await endWorker(folder, one)
  }
  process.disconnect()
}

function endWorker(folder, { phase, milliseconds }) {
  const worker = new Worker(new URL(import.meta.url), { workerData: { folder, phase } })
  return new Promise((resolve, reject) => {
    let ending = false
    const end = () => {
      if (ending) return
      ending = true
      setTimeout(() => worker.terminate().then(resolve, reject), milliseconds)
    }
    if (phase === 'start') end()
    worker.on('message', (now) => now === phase && end())
    worker.on('error', reject)
    worker.on('exit', () => !ending && reject(new Error(`The worker ended by itself before the phase ${phase}.`)))
  })
}

async function work({ folder, phase }) {
  const { openEngine } = await import('../../dist/engine/open.js')
  const tell = (now) => parentPort.postMessage(now)
  for (;;) {
    tell('open')
    const engine = await openEngine({ device: 'cpu', threads: 2 })
    do {
      tell('load')
      const model = await engine.load(folder, { cacheTokens: 1024, train: true })
      if (phase === 'load') continue
      tell('step')
      await decode(model, phase === 'step' ? Number.POSITIVE_INFINITY : 4)
      tell('train')
      await train(model, phase === 'train' ? Number.POSITIVE_INFINITY : 1)
      tell('dispose')
    } while (phase === 'load')
    await engine.dispose()
  }
}

async function decode(model, rounds) {
  for (let round = 0; round < rounds; round++) {
    const sequences = Array.from({ length: 4 }, () => model.create())
    for (let position = 0; position < 16; position++) {
      const sampling = { temperature: 1, seed: round, stream: 0, exclude: [1] }
      await model.step(sequences.map((sequence) => ({ sequence, ids: [position], positions: [position], sampling })))
    }
    for (const sequence of sequences) model.free(sequence)
  }
}

async function train(model, rounds) {
  const tokens = 32
  const batch = {
    ids: Int32Array.from({ length: tokens }, (_, i) => i),
    positions: Int32Array.from({ length: tokens }, (_, i) => i),
    bounds: Int32Array.of(0, tokens),
  }
  for (let round = 0; round < rounds; round++) {
    await model.forward(batch)
    await model.backward(new Float32Array(tokens).fill(-1 / tokens))
    await model.update({ lr: 1e-6 })
  }
}
