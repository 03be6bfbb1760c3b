/**
 * The thread that owns a SampleFile, so that neither the disk nor another process ever holds up the event loop. Messages are
 * answered in order. Samples to be written are gathered for a moment and go in one transaction.
 */

import { parentPort, workerData } from 'node:worker_threads'
import { SampleFile } from './file.ts'
import { isBusy } from './sqlite.ts'

export type StoreRequest =
  | { kind: 'get'; id: number; key: string }
  | { kind: 'put'; key: string; value: Uint8Array }
  | { kind: 'hash'; id: number; signature: string }
  | { kind: 'keepHash'; signature: string; hash: string }
  /** Answered when everything before it is written, or could not be. */
  | { kind: 'flush'; id: number }
  /** As flush, then the file is closed. `done` becomes 1, for a process that ends and cannot wait for a message. */
  | { kind: 'close'; id: number; done: Int32Array }

export type StoreReply =
  | { kind: 'reply'; id: number; value?: Uint8Array | string }
  /** So many bytes of `put` are written. */
  | { kind: 'written'; bytes: number }
  | { kind: 'notice'; text: string }
  /** There is no store; nothing more is answered. */
  | { kind: 'unusable'; reason: string }

export interface StoreWorkerData {
  file: string
}

/** How long a finished sample waits for others to be written with, in milliseconds. */
const GATHER_MS = 20
/** Until a write that failed is tried again. */
const RETRY_MS = { busy: 500, failed: 10_000 }

const port = parentPort!
const { file } = workerData as StoreWorkerData
const send = (reply: StoreReply) => port.postMessage(reply)
const notify = (text: string) => send({ kind: 'notice', text })

const pending = new Map<string, Uint8Array>()
let pendingBytes = 0
let timer: NodeJS.Timeout | undefined
let failing = false

SampleFile.open(file, { notify }).then((samples) => {
  port.on('message', (request: StoreRequest) => {
    try {
      answer(samples, request)
    } catch (error) {
      unusable(error)
    }
  })
}, unusable)

function answer(samples: SampleFile, request: StoreRequest): void {
  switch (request.kind) {
    case 'get':
      send({ kind: 'reply', id: request.id, value: pending.get(request.key) ?? samples.get(request.key) })
      break
    case 'put':
      pending.set(request.key, request.value)
      pendingBytes += request.value.byteLength
      timer ??= setTimeout(() => writePending(samples), GATHER_MS)
      break
    case 'hash':
      send({ kind: 'reply', id: request.id, value: samples.checkpointHash(request.signature) })
      break
    case 'keepHash':
      samples.keepCheckpointHash(request.signature, request.hash)
      break
    case 'flush':
      writePending(samples)
      send({ kind: 'reply', id: request.id })
      break
    case 'close':
      writePending(samples)
      samples.close()
      raise(request.done)
      send({ kind: 'reply', id: request.id })
      break
  }
}

/** Writes what is pending; where the disk is full or the file locked, it stays pending and is tried again. */
function writePending(samples: SampleFile): void {
  clearTimeout(timer)
  timer = undefined
  if (pending.size === 0) return
  const rows = [...pending].map(([key, value]) => ({ key, value }))
  try {
    samples.write(rows)
    send({ kind: 'written', bytes: pendingBytes })
    pending.clear()
    pendingBytes = 0
    failing = false
  } catch (error) {
    if (!failing) notify(`samples cannot be written to ${file} (${(error as Error).message}). The run goes on and tries again.`)
    failing = true
    timer = setTimeout(() => writePending(samples), isBusy(error) ? RETRY_MS.busy : RETRY_MS.failed)
  }
}

function unusable(error: unknown): void {
  clearTimeout(timer)
  send({ kind: 'unusable', reason: error instanceof Error ? error.message : String(error) })
  port.removeAllListeners('message')
  port.on('message', (request: StoreRequest) => {
    if (request.kind === 'close') raise(request.done)
  })
}

function raise(done: Int32Array): void {
  Atomics.store(done, 0, 1)
  Atomics.notify(done, 0)
}
