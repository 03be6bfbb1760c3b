/** Workers as processes of this machine, without Ray: real workers and real frames, placed by the test. */

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import type { Placer } from '../../src/cluster/crew.ts'
import { WorkerLostError } from '../../src/cluster/errors.ts'
import { type Frame, readFrames, writeFrame } from '../../src/cluster/frames.ts'

interface Running {
  child: ChildProcess
  exited: Promise<unknown>
  life: number
  calls: Map<number, { resolve(frame: Frame): void; reject(error: unknown): void }>
}

export class Processes implements Placer {
  onPlaced: Placer['onPlaced']
  onLost: Placer['onLost']
  onGone: Placer['onGone']
  readonly running = new Map<number, Running>()
  /** Of a worker, as if its machine were another. */
  readonly environments = new Map<number, Record<string, string>>()
  readonly #retired = new Set<number>()
  readonly #objects = new Map<string, readonly Uint8Array[]>()
  #next = 0
  #closed = false
  /** Hears of every call that is made. */
  onCall?: (worker: number, header: Record<string, unknown>) => void
  /** Hears of every call that was answered. */
  onReply?: (worker: number, header: Record<string, unknown>) => void

  spawn(worker: number, { command, env }: Parameters<Placer['spawn']>[1], life = 0): void {
    const [program, ...args] = command
    const child = spawn(program, args, {
      env: { ...process.env, ...env, ...this.environments.get(worker) },
      stdio: ['pipe', 'pipe', 'inherit'],
    })
    const running: Running = { child, exited: once(child, 'exit'), life, calls: new Map() }
    this.running.set(worker, running)
    child.stdin!.on('error', () => {})
    void this.#listen(worker, running)
    child.once('exit', (code, signal) => {
      if (this.#closed || this.#retired.has(worker)) return
      const reason = `its process ended (${signal ?? code})`
      for (const { reject } of running.calls.values()) reject(new WorkerLostError(worker, reason))
      this.onLost?.(worker, reason)
      this.spawn(worker, { command, env, cpus: 1, deadline: 1 }, life + 1)
    })
  }

  async #listen(worker: number, { child, life, calls }: Running): Promise<void> {
    for await (const frame of readFrames(child.stdout!)) {
      const { ready, id } = frame.header
      if (ready) this.onPlaced?.(worker, { node: 'here', ip: '127.0.0.1', pid: child.pid!, life })
      else if (typeof id === 'number') calls.get(id)?.resolve(frame)
    }
  }

  async call(worker: number, header: Record<string, unknown>, { payload, object }: Parameters<Placer['call']>[2] = {}) {
    this.onCall?.(worker, header)
    const running = this.running.get(worker)
    if (!running) throw new WorkerLostError(worker, 'it is not there')
    const id = ++this.#next
    const reply = new Promise<Frame>((resolve, reject) => running.calls.set(id, { resolve, reject }))
    await writeFrame(running.child.stdin!, { ...header, id }, object === undefined ? payload : this.#objects.get(object)).catch(() => {})
    const frame = await reply.finally(() => running.calls.delete(id))
    const { error } = frame.header as { error?: { name: string; message: string } }
    if (error) throw Object.assign(new Error(error.message), { name: error.name })
    this.onReply?.(worker, header)
    return frame
  }

  async put(key: string, bytes: readonly Uint8Array[]): Promise<void> {
    this.#objects.set(key, bytes)
  }

  drop(key: string): void {
    this.#objects.delete(key)
  }

  kill(worker: number): void {
    this.running.get(worker)?.child.kill('SIGKILL')
  }

  retire(worker: number): void {
    this.#retired.add(worker)
    this.kill(worker)
    for (const { reject } of this.running.get(worker)?.calls.values() ?? []) reject(new WorkerLostError(worker, 'it was retired'))
  }

  async close(): Promise<void> {
    this.#closed = true
    for (const { child } of this.running.values()) child.stdin!.end()
    await Promise.all([...this.running.values()].map(({ exited }) => exited))
  }
}
