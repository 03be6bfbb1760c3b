/** Node's side of Ray: one Python process (cluster/pr1_cluster/bridge.py) is the driver, and this class speaks frames with it. */

import { type ChildProcess, spawn } from 'node:child_process'
import type { Readable, Writable } from 'node:stream'
import { fileURLToPath } from 'node:url'
import { ClusterError, WorkerLostError } from './errors.ts'
import { type Frame, type FrameHeader, readFrames, writeFrame } from './frames.ts'

export interface RayOptions {
  /** `auto`: RAY_ADDRESS, or the cluster that runs on this machine. `local`: one of its own, ended with the run. Else HOST:PORT. */
  address: string
  /** Default: PR1_PYTHON, else python3 (python on Windows). */
  python?: string
  /** CPUs that a `local` cluster counts. Default: those of this machine. */
  cpus?: number
}

export interface WorkerOptions {
  /** CPUs that Ray reserves for it. */
  cpus: number
  /** On top of the environment of its node's Ray. */
  env?: Record<string, string>
  /** Program and arguments of its process, as its node finds them. */
  command: readonly string[]
  /** Seconds without a frame or beat while a call is under way, until it counts as hung. */
  deadline: number
}

export interface WorkerPlace {
  /** Ray's id of its node. */
  node: string
  ip: string
  /** Of the worker's process on its node. */
  pid: number
  /** Counts its starts: 0, 1 … */
  life: number
}

interface ClusterNode {
  id: string
  ip: string
  cpus: number
  freeCpus: number
}

export interface Reply {
  header: FrameHeader
  payload: Uint8Array
}

interface Worker {
  life: number
  /** Calls that wait for a place. */
  waiting: (() => void)[]
}

interface Pending {
  /** Of a call, with the life that it was sent to; -1 of a request to the bridge itself. */
  worker: number
  life: number
  resolve: (frame: Frame) => void
  reject: (error: Error) => void
}

const CLUSTER = fileURLToPath(new URL('../../cluster', import.meta.url))
const STDERR_BYTES = 4096
const CLOSE_MS = 15_000

export class Bridge {
  readonly info: { ray: string; python: string; address: string }
  onPlaced?: (worker: number, place: WorkerPlace) => void
  /** Also of a worker whose process never got ready: then no `onPlaced` came before. Ray tries again until retire(). */
  onLost?: (worker: number, reason: string) => void
  /** The bridge ended by itself, for instance a minute after the cluster. Calls under way are told the same. */
  onGone?: (error: ClusterError) => void

  private readonly workers = new Map<number, Worker>()
  private readonly pending = new Map<number, Pending>()
  private lastId = 0
  /** Set when the bridge is gone or going: what calls are told. */
  private gone?: ClusterError
  private closing?: Promise<void>

  private constructor(
    private readonly python: PythonProcess,
    started: FrameHeader,
  ) {
    this.info = { ray: String(started.ray), python: String(started.python), address: String(started.address) }
    void this.listen()
  }

  /**
   * Starts the bridge and connects to the cluster. Throws ClusterError, with the next step: no Python, no Ray, no cluster at the address, or one
   * that asks for a token.
   */
  static async start(options: RayOptions): Promise<Bridge> {
    checkAddress(options.address)
    const python = new PythonProcess(options)
    const first = await python.next()
    if (first?.header.op === 'started') return new Bridge(python, first.header)
    const message = first?.header.op === 'failed' ? String(first.header.message) : await python.ending()
    python.kill()
    throw new ClusterError(message)
  }

  /** What Ray says now of its living nodes. */
  async nodes(): Promise<ClusterNode[]> {
    const { header } = await this.request({ op: 'nodes' })
    return header.value as ClusterNode[]
  }

  /** Asks Ray for a worker, and returns at once. One that finds no room waits, which is no error. */
  spawn(worker: number, { cpus, env = {}, command, deadline }: WorkerOptions): void {
    if (this.workers.has(worker)) throw new ClusterError(`Worker ${worker} is there already. Retire it first.`)
    this.workers.set(worker, { life: -1, waiting: [] })
    this.tell({ op: 'spawn', worker, options: { cpus, env, command, deadline } })
  }

  /** Puts bytes into Ray's object store until drop(key). Each node fetches them once, however many workers and calls use them. */
  async put(key: string, bytes: readonly Uint8Array[]): Promise<void> {
    await this.request({ op: 'put', key }, bytes)
  }

  drop(key: string): void {
    this.tell({ op: 'drop', key })
  }

  /**
   * One call to a worker, which may have many under way. `object`: the key of a put whose bytes are the call's payload. A call waits until the
   * worker has a place. It rejects with WorkerLostError where the worker is lost, and with ClusterError where it answers with an error. It reaches
   * a worker at most once.
   */
  async call(
    worker: number,
    header: FrameHeader,
    data: { payload?: Uint8Array | readonly Uint8Array[]; object?: string } = {},
  ): Promise<Reply> {
    const { life } = await this.placed(worker)
    const { object, payload } = data
    const frame = await this.request({ op: 'call', worker, life, header, ...(object !== undefined && { object }) }, payload, {
      worker,
      life,
    })
    const reply = frame.header.value as FrameHeader
    if (reply.error) throw errorOf(reply.error)
    return { header: reply, payload: frame.payload }
  }

  /** Ends the worker's process; Ray starts it again. */
  kill(worker: number): void {
    this.tell({ op: 'kill', worker })
  }

  /** Ends it for good. */
  retire(worker: number): void {
    const there = this.workers.get(worker)
    if (!there) return
    this.workers.delete(worker)
    this.tell({ op: 'retire', worker })
    for (const wake of there.waiting) wake()
    this.rejectCalls(worker, 'it was retired')
  }

  /** Everything ends: workers, the bridge, a local cluster. It does so too when this process dies, however it dies. */
  close(): Promise<void> {
    this.closing ??= this.python.close()
    this.end(new ClusterError('The bridge to Ray was closed.'))
    return this.closing
  }

  private async placed(worker: number): Promise<Worker> {
    for (;;) {
      if (this.gone) throw this.gone
      const there = this.workers.get(worker)
      if (!there) throw new WorkerLostError(worker, 'it was retired, or never asked for')
      if (there.life >= 0) return there
      await new Promise<void>((resolve) => there.waiting.push(resolve))
    }
  }

  private request(header: FrameHeader, payload?: Uint8Array | readonly Uint8Array[], to = { worker: -1, life: -1 }): Promise<Frame> {
    return new Promise((resolve, reject) => {
      if (this.gone) return reject(this.gone)
      const id = ++this.lastId
      this.pending.set(id, { ...to, resolve, reject })
      writeFrame(this.python.stdin, { ...header, id }, payload).catch((error) => this.writeFailed(error))
    })
  }

  private tell(header: FrameHeader): void {
    if (!this.gone) writeFrame(this.python.stdin, header).catch((error) => this.writeFailed(error))
  }

  /** A broken pipe is told by the end of the frames, with what Python said. A frame that can't be written at all is told here. */
  private writeFailed(error: Error): void {
    if (error instanceof ClusterError) this.end(error)
  }

  private async listen(): Promise<void> {
    try {
      for (let frame = await this.python.next(); frame; frame = await this.python.next()) this.take(frame)
      this.end(new ClusterError(await this.python.ending()))
    } catch (error) {
      this.python.kill()
      this.end(error as Error)
    }
  }

  private take(frame: Frame): void {
    const { header } = frame
    if (typeof header.id === 'number') {
      this.settle(header.id, frame)
      return
    }
    const worker = header.worker as number
    const there = this.workers.get(worker)
    if (!there) return
    if (header.op === 'placed') {
      const place = header.place as WorkerPlace
      there.life = place.life
      this.onPlaced?.(worker, place)
      for (const wake of there.waiting.splice(0)) wake()
    } else if (header.op === 'lost') {
      const { life, reason } = header
      if (life === undefined || life === there.life) this.lose(worker, there, String(reason))
    }
  }

  private lose(worker: number, there: Worker, reason: string): void {
    there.life = -1
    this.rejectCalls(worker, reason)
    this.onLost?.(worker, reason)
  }

  private settle(id: number, frame: Frame): void {
    const call = this.pending.get(id)
    if (!call) return
    this.pending.delete(id)
    const { lost, error } = frame.header
    if (lost !== undefined) {
      call.reject(new WorkerLostError(call.worker, String(lost)))
      // The event that tells of it may come later. Until then the next call would be lost like this one, and the one after.
      const there = this.workers.get(call.worker)
      if (there && there.life === call.life) this.lose(call.worker, there, String(lost))
    } else if (error) call.reject(errorOf(error))
    else call.resolve(frame)
  }

  private rejectCalls(worker: number, reason: string): void {
    for (const [id, call] of this.pending)
      if (call.worker === worker) {
        this.pending.delete(id)
        call.reject(new WorkerLostError(worker, reason))
      }
  }

  private end(error: Error): void {
    if (this.gone) return
    this.gone = error instanceof ClusterError ? error : new ClusterError(error.message)
    for (const { reject } of this.pending.values()) reject(this.gone)
    this.pending.clear()
    for (const { waiting } of this.workers.values()) for (const wake of waiting.splice(0)) wake()
    if (!this.closing) this.onGone?.(this.gone)
  }
}

/** The error that a worker or the bridge answered with, under its own name. */
function errorOf(value: unknown): ClusterError {
  const { name, message } = (value ?? {}) as { name?: unknown; message?: unknown }
  const error = new ClusterError(String(message ?? 'A worker answered with an error that has no message.'))
  if (typeof name === 'string') error.name = name
  return error
}

function checkAddress(address: string): void {
  if (address === 'auto' || address === 'local' || /^(\[[^\]]+\]|[^\s:/[\]]+):\d{1,5}$/.test(address)) return
  const client = address.startsWith('ray://') ? ' Ray Client (ray://) is not used: start the run on a machine of the cluster.' : ''
  throw new ClusterError(`A Ray address is auto, local or HOST:PORT. Got ${JSON.stringify(address)}.${client}`)
}

class PythonProcess {
  readonly stdin: Writable
  private readonly child: ChildProcess
  private readonly frames: AsyncGenerator<Frame, void, undefined>
  private readonly name: string
  private stderr = Buffer.alloc(0)
  private readonly exited: Promise<string>

  constructor({ address, python, cpus }: RayOptions) {
    this.name = python ?? (process.env.PR1_PYTHON || (process.platform === 'win32' ? 'python' : 'python3'))
    this.child = spawn(this.name, [CLUSTER, JSON.stringify({ address, cpus })], {
      stdio: ['pipe', 'pipe', 'pipe'],
      // Ctrl+C in a terminal is for the run, which ends Ray when it has saved.
      detached: process.platform !== 'win32',
      env: { ...process.env, PYTHONDONTWRITEBYTECODE: '1' },
    })
    this.stdin = this.child.stdin!
    this.stdin.on('error', () => {})
    this.frames = readFrames(this.child.stdout as Readable)
    this.child.stderr!.on('data', (chunk: Buffer) => {
      this.stderr = Buffer.concat([this.stderr, chunk]).subarray(-STDERR_BYTES)
    })
    this.exited = new Promise((resolve) => {
      this.child.once('error', (error) => {
        this.child.stdout!.destroy()
        resolve(`${this.name} could not be started: ${error.message}.`)
      })
      this.child.once('close', (code, signal) => resolve(`It ended ${signal ? `by ${signal}` : `with code ${code}`}.`))
    })
  }

  /** The next frame, or undefined at the end. */
  async next(): Promise<Frame | undefined> {
    try {
      const { value } = await this.frames.next()
      return value ?? undefined
    } catch (error) {
      if (error instanceof ClusterError) throw error
      return undefined
    }
  }

  /** What a user is told whose bridge ended by itself. */
  async ending(): Promise<string> {
    const how = await this.exited
    if (how.startsWith(this.name)) return `${how} Ray needs a Python: name it by PR1_PYTHON, or install python3.`
    const said = this.stderr.toString().trim()
    return `The bridge to Ray (${this.name}) ended. ${how}${said ? ` It said: ${said}` : ''}`
  }

  kill(): void {
    this.child.kill('SIGKILL')
  }

  async close(): Promise<void> {
    this.stdin.end()
    const timer = setTimeout(() => this.kill(), CLOSE_MS)
    await this.exited
    clearTimeout(timer)
  }
}
