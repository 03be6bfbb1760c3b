/** The caller's end of the worker: starts it, sends requests, brings answers and errors back. */

import { MessageChannel, receiveMessageOnPort, type Worker } from 'node:worker_threads'
import { startWorker } from '../../start-worker.ts'
import * as errors from '../errors.ts'
import { type Answer, buffersOf, type Calls, type Method, type PackedError, type Request } from './protocol.ts'

type Value<K extends Method> = Awaited<ReturnType<Calls[K]>>

interface Pending {
  resolve(value: unknown): void
  reject(error: unknown): void
}

export class Host {
  private readonly worker: Worker
  private readonly pending = new Map<number, Pending>()
  private nextId = 1
  /** Why no request can be answered any more. */
  private ended: Error | undefined

  constructor() {
    this.worker = startWorker('worker', import.meta.url)
    this.worker.on('message', (answer: Answer) => this.settle(answer))
    this.worker.on('error', (error) => this.end(new errors.ParallelR1Error(`The TensorFlow.js worker failed: ${error.message}`)))
    this.worker.on('exit', () => this.end(new errors.UnavailableError('The engine was disposed.')))
    this.worker.unref()
  }

  /** Arrays among the arguments, or one level below, are handed over: the caller must not use them again. */
  call<K extends Method>(method: K, ...args: Parameters<Calls[K]>): Promise<Value<K>> {
    return new Promise((resolve, reject) => {
      if (this.ended) return reject(this.ended)
      const id = this.nextId++
      // A process stays as long as something is under way.
      if (this.pending.size === 0) this.worker.ref()
      this.pending.set(id, { resolve: resolve as (value: unknown) => void, reject })
      this.post({ id, method, args })
    })
  }

  /** The same, and this thread waits: for the calls of an engine that are synchronous by contract. */
  callSync<K extends Method>(method: K, ...args: Parameters<Calls[K]>): Value<K> {
    if (this.ended) throw this.ended
    const { port1, port2 } = new MessageChannel()
    const signal = new Int32Array(new SharedArrayBuffer(4))
    this.post({ id: this.nextId++, method, args, sync: { port: port2, signal } })
    Atomics.wait(signal, 0, 0)
    const answer = receiveMessageOnPort(port1)?.message as Answer
    port1.close()
    if ('error' in answer) throw unpacked(answer.error)
    return answer.value as Value<K>
  }

  /** Stops the worker; what is under way is rejected. */
  async close(): Promise<void> {
    await this.worker.terminate()
  }

  private post(request: Request): void {
    const ports = request.sync ? [request.sync.port] : []
    this.worker.postMessage(request, [...ports, ...request.args.flatMap(buffersOf)])
  }

  private settle(answer: Answer): void {
    const pending = this.pending.get(answer.id)
    this.pending.delete(answer.id)
    if (this.pending.size === 0) this.worker.unref()
    if ('error' in answer) pending?.reject(unpacked(answer.error))
    else pending?.resolve(answer.value)
  }

  private end(reason: Error): void {
    this.ended ??= reason
    for (const { reject } of this.pending.values()) reject(this.ended)
    this.pending.clear()
  }
}

/** An error of the worker as one of this package's classes, by its name; what ran out of memory says what to do. */
function unpacked({ name, message, stack }: PackedError): Error {
  if (/\bOOM\b|out of memory|bad_alloc|allocation failed|Invalid array length/i.test(message)) {
    return new errors.OutOfMemoryError(
      'The engine ran out of memory. Use smaller batches (microBatchTokens) or a smaller cacheTokens; memoryPlan() gives the numbers.',
    )
  }
  const Known = Object.values(errors).find((known) => known.name === name)
  const error = Known ? new Known(message) : new errors.ParallelR1Error(`TensorFlow.js: ${message}`)
  if (stack) error.stack = stack
  return error
}
