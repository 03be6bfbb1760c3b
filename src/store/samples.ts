import { createRequire } from 'node:module'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { Worker } from 'node:worker_threads'
import type { Identity } from '../engine/checkpoint/identity.ts'
import { notice } from '../plain.ts'
import type { Thought } from '../thinking/types.ts'
import { decodeThought, encodeThought } from './sample.ts'
import type { StoreReply, StoreRequest, StoreWorkerData } from './worker.ts'

/** Samples that wait to be written may take this much memory; more are not kept. */
const MOST_UNWRITTEN_BYTES = 64 * 2 ** 20
/** How long the end of the process waits for the last samples to be written. */
const EXIT_MS = 10_000

interface SampleStoreOptions {
  /** Told in one line what the user should know. Default: standard error. */
  notify?(notice: string): void
}

/**
 * Samples that outlive the process, in one file (file.ts) behind a thread of its own (worker.ts). No method throws or blocks for what
 * happens to the file: where it cannot be used, one notice says why, `get` finds nothing and `put` keeps nothing.
 */
export class SampleStore {
  readonly file: string
  readonly #notify: (notice: string) => void
  readonly #waiting = new Map<number, (value: Uint8Array | string | undefined) => void>()
  /** Came from the worker and not yet given out. */
  readonly #answers: Extract<StoreReply, { kind: 'reply' }>[] = []
  readonly #hashes = new Map<string, Promise<string | undefined>>()
  #worker: Worker | undefined
  #unusable = false
  #overflowing = false
  #unwrittenBytes = 0
  #lastId = 0

  constructor(file: string, { notify = notice }: SampleStoreOptions = {}) {
    this.file = file
    this.#notify = notify
  }

  /** The thought stored under `key`, whose prompt the caller knows. */
  async get(key: string, promptIds: readonly number[]): Promise<Thought | undefined> {
    const bytes = await this.#ask((id) => ({ kind: 'get', id, key }))
    return bytes instanceof Uint8Array ? decodeThought(bytes, promptIds) : undefined
  }

  /** Keeps `thought`. Returns at once; within some ten milliseconds the sample survives a killed process. */
  put(key: string, thought: Thought): void {
    if (this.#unusable) return
    if (this.#unwrittenBytes > MOST_UNWRITTEN_BYTES) {
      if (!this.#overflowing) this.#notify(`samples come faster than they can be written to ${this.file}; some are not kept.`)
      this.#overflowing = true
      return
    }
    const value = encodeThought(thought)
    this.#unwrittenBytes += value.byteLength
    this.#post({ kind: 'put', key, value })
  }

  /** Hash of a checkpoint, read once and then known by its signature, in later processes too. Undefined where there is no store. Throws what reading the files throws. */
  checkpointHash(identity: Pick<Identity, 'signature' | 'hash'>): Promise<string | undefined> {
    const { signature } = identity
    let hash = this.#hashes.get(signature)
    if (!hash) {
      hash = this.#hash(identity)
      this.#hashes.set(signature, hash)
      hash.catch(() => this.#hashes.delete(signature))
    }
    return hash
  }

  /** Resolves when all samples so far are written, or could not be. */
  async flush(): Promise<void> {
    if (this.#worker) await this.#ask((id) => ({ kind: 'flush', id }))
  }

  /** Writes what is left and lets the file go; the next use opens it again. */
  async close(): Promise<void> {
    const worker = this.#worker
    if (!worker) return
    await this.#ask((id) => ({ kind: 'close', id, done: signal() }))
    this.#forget(worker)
    await worker.terminate()
  }

  async #hash({ signature, hash }: Pick<Identity, 'signature' | 'hash'>): Promise<string | undefined> {
    const known = await this.#ask((id) => ({ kind: 'hash', id, signature }))
    if (typeof known === 'string') return known
    if (this.#unusable) return undefined
    const found = await hash()
    this.#post({ kind: 'keepHash', signature, hash: found })
    return found
  }

  #ask(request: (id: number) => StoreRequest): Promise<Uint8Array | string | undefined> {
    if (this.#unusable) return Promise.resolve(undefined)
    return new Promise((resolve) => {
      const id = ++this.#lastId
      this.#waiting.set(id, resolve)
      this.#post(request(id))
      // While an answer is due the process must not end by itself.
      this.#worker?.ref()
    })
  }

  #post(request: StoreRequest): void {
    if (this.#unusable) return
    this.#worker ??= this.#start()
    this.#worker.postMessage(request)
  }

  #start(): Worker {
    const worker = startWorker({ file: this.file })
    worker.unref()
    worker.on('message', (reply: StoreReply) => this.#receive(worker, reply))
    worker.on('error', (error) => this.#giveUp(worker, error.message))
    process.on('exit', this.#onExit)
    return worker
  }

  #receive(worker: Worker, reply: StoreReply): void {
    switch (reply.kind) {
      case 'reply':
        this.#answers.push(reply)
        if (this.#answers.length === 1) setImmediate(() => this.#answerNext(worker))
        break
      case 'written':
        this.#unwrittenBytes -= reply.bytes
        this.#overflowing = false
        break
      case 'notice':
        this.#notify(reply.text)
        break
      case 'unusable':
        this.#giveUp(worker, reply.reason)
        break
    }
  }

  /**
   * One answer a turn of the event loop: whoever waits for it works on a whole row, and while rows come from the store the next answers
   * are there already. Given out together they would hold up timers and the engine for as long as rows are found.
   */
  #answerNext(worker: Worker): void {
    const answer = this.#answers.shift()
    if (!answer) return
    if (this.#answers.length > 0) setImmediate(() => this.#answerNext(worker))
    const resolve = this.#waiting.get(answer.id)
    this.#waiting.delete(answer.id)
    if (this.#waiting.size === 0) worker.unref()
    resolve?.(answer.value)
  }

  #giveUp(worker: Worker, reason: string): void {
    if (this.#unusable) return
    this.#unusable = true
    this.#notify(`samples are not kept: ${reason}`)
    this.#forget(worker)
    void worker.terminate()
  }

  #forget(worker: Worker): void {
    if (this.#worker !== worker) return
    this.#worker = undefined
    this.#unwrittenBytes = 0
    process.off('exit', this.#onExit)
    for (const resolve of this.#waiting.values()) resolve(undefined)
    this.#waiting.clear()
    this.#answers.length = 0
    worker.unref()
  }

  /** Nothing asynchronous happens any more, but the worker still runs. */
  readonly #onExit = (): void => {
    const done = signal()
    this.#post({ kind: 'close', id: 0, done })
    Atomics.wait(done, 0, 0, EXIT_MS)
  }
}

function startWorker(workerData: StoreWorkerData): Worker {
  const own = fileURLToPath(import.meta.url)
  const entry = path.join(path.dirname(own), `worker${path.extname(own)}`)
  if (path.extname(own) === '.js') return new Worker(entry, { workerData, execArgv: [] })
  // The sources run as they are, as in the tests: a thread needs its own reader of TypeScript. promptfoo brings this one.
  const tsx = createRequire(own).resolve('tsx/cjs/api')
  const code = `require(${JSON.stringify(tsx)}).register(); require(${JSON.stringify(entry)})`
  return new Worker(code, { eval: true, workerData, execArgv: [] })
}

function signal(): Int32Array {
  return new Int32Array(new SharedArrayBuffer(4))
}

/**
 * The store of `file` in this process. The registered symbol makes it one even where the package is loaded twice, as for the
 * pool of models: two copies of SQLite must not open the same file.
 */
export function sharedSamples(file: string): SampleStore {
  const home = globalThis as { [key: symbol]: unknown }
  const key = Symbol.for('parallel-r1.samples')
  home[key] ??= new Map<string, SampleStore>()
  const stores = home[key] as Map<string, SampleStore>
  let store = stores.get(file)
  if (!store) {
    store = new SampleStore(file)
    stores.set(file, store)
  }
  return store
}
