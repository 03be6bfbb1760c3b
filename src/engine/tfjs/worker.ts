/** The worker thread in which TensorFlow.js runs. Requests are answered one after the other; see protocol.ts. */

import { parentPort } from 'node:worker_threads'
import { UnavailableError } from '../errors.ts'
import { modelSpec } from '../families/index.ts'
import { openBackend } from './backend.ts'
import { Network } from './network.ts'
import { type Answer, buffersOf, type Calls, type PackedError, type Request } from './protocol.ts'
import type { Tf } from './tensors.ts'

let tf: Tf
const networks = new Map<number, Network>()

function network(model: number): Network {
  const found = networks.get(model)
  if (!found) throw new UnavailableError('The model was disposed.')
  return found
}

const calls: Calls = {
  async open(choice, threads) {
    const backend = await openBackend(choice, threads)
    tf = backend.tf
    return backend.info
  },
  createModel(model, config, cancelled) {
    networks.set(model, new Network(tf, modelSpec(config), cancelled))
  },
  step: (model, request) => network(model).step(request),
  forward: (model, batch, keep, entropy) => network(model).forward(batch, keep, entropy),
  backward: (model, weights, entropyWeights) => network(model).backward(weights, entropyWeights),
  update: (model, options) => network(model).update(options),
  setUpdates: (model, updates) => network(model).setUpdates(updates),
  read: (model, name, kind) => network(model).read(name, kind),
  write: (model, name, kind, values) => network(model).write(name, kind, values),
  accumulate: (model, name, values) => network(model).add(name, values),
  disposeModel(model) {
    networks.get(model)?.dispose()
    networks.delete(model)
  },
  memory() {
    const { numTensors, numBytes } = tf.memory()
    return { numTensors, numBytes }
  },
}

function packed(error: unknown): PackedError {
  if (!(error instanceof Error)) return { name: 'Error', message: String(error) }
  return { name: error.name, message: error.message, stack: error.stack }
}

async function answer({ id, method, args, sync }: Request): Promise<void> {
  let message: Answer
  try {
    message = { id, value: await (calls[method] as (...args: unknown[]) => unknown)(...args) }
  } catch (error) {
    message = { id, error: packed(error) }
  }
  const port = sync?.port ?? parentPort!
  port.postMessage(message, 'value' in message ? buffersOf(message.value) : [])
  if (sync) {
    Atomics.store(sync.signal, 0, 1)
    Atomics.notify(sync.signal, 0)
  }
}

let tail = Promise.resolve()
parentPort!.on('message', (request: Request) => {
  tail = tail.then(() => answer(request))
})
