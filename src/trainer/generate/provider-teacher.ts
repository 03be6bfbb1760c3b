/** A provider of promptfoo as the teacher. It lives in a process of promptfoo (teacher-host.ts), which starts with the first question. */

import type { ChildProcess } from 'node:child_process'
import { mkdtempSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, extname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { ConfigObject } from '../../config-keys.ts'
import { ConfigError } from '../../engine/errors.ts'
import { startPromptfoo } from '../../installed-promptfoo.ts'
import { refuseDeep } from '../../json.ts'
import { type Suite, suiteArguments } from '../suite/suite.ts'
import type { Answer } from './journal.ts'
import { type Question, type Teacher, TeacherError } from './teacher.ts'

/** To the process of the teacher. */
export type HostRequest =
  | {
      id: number
      prompt: string
      promptConfig: ConfigObject
      vars: Record<string, unknown>
      test?: object
      repeatIndex: number
      seed: number
    }
  | { cancel: number }

/** From it: whether it has the provider, and the answer to a request. */
export type HostMessage = { ready: boolean } | { id: number; response: Record<string, unknown> }

/** Providers take the seed as an integer of 31 bits. */
export const SEED_BITS = 31

/** Seconds in which promptfoo has loaded the suite and the provider, on a machine that does other work. */
const START = 300
/** Milliseconds in which a process whose pipe broke ends. */
const END_WAIT_MS = 2000

interface Waiting {
  resolve(answer: Answer | { error: string }): void
  reject(error: unknown): void
}

export class ProviderTeacher implements Teacher {
  readonly #suite: Suite
  readonly #entry: string | undefined
  readonly #timeout: number
  readonly #waiting = new Map<number, Waiting>()
  readonly #startTimeout: number
  /** Its process, from its first moment on. */
  #child: ChildProcess | undefined
  /** The same when it can be asked. */
  #host: Promise<ChildProcess> | undefined
  #ready = false
  #next = 1
  /** The end of what its process said. */
  #log = () => ''
  #ended: TeacherError | undefined
  /** Of its process: promptfoo's own database is not disturbed. */
  #folder: string | undefined

  /** `entry`: label of the provider entry where the stage names one; `timeout`: seconds for an answer, `startTimeout` for its process. */
  constructor(suite: Suite, { entry, timeout, startTimeout = START }: { entry?: string; timeout: number; startTimeout?: number }) {
    this.#suite = suite
    this.#entry = entry
    this.#timeout = timeout
    this.#startTimeout = startTimeout
  }

  async ask({ row, try: repeatIndex, seed }: Question, signal?: AbortSignal): Promise<Answer | { error: string }> {
    if (signal?.aborted) throw aborted()
    this.#host ??= this.#start()
    const host = await unlessAborted(this.#host, signal)
    if (this.#ended) throw this.#ended
    const id = this.#next++
    const { prompt, promptConfig, vars, test } = row
    let timer: NodeJS.Timeout | undefined
    const answer = new Promise<Answer | { error: string }>((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject })
      timer = setTimeout(() => {
        this.#settle(id, () => resolve({ error: `it gave no answer within timeout, ${this.#timeout} seconds` }))
        if (host.connected) host.send({ cancel: id } satisfies HostRequest, () => {})
      }, 1000 * this.#timeout)
    })
    host.send({ id, prompt, promptConfig, vars, test, repeatIndex, seed } satisfies HostRequest, (error) => {
      if (error) this.#unsent(id, error)
    })
    try {
      return await answer
    } finally {
      clearTimeout(timer)
    }
  }

  async close(): Promise<void> {
    const child = this.#child
    this.#child = undefined
    this.#host = undefined
    // One that could not be started has no id and never exits.
    if (child?.pid !== undefined && child.exitCode === null && child.signalCode === null) await this.#end(child)
    if (this.#folder !== undefined) await rm(this.#folder, { recursive: true, force: true })
    this.#folder = undefined
    this.#ended = undefined
    this.#ready = false
  }

  async #end(child: ChildProcess): Promise<void> {
    const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()))
    if (child.connected) child.disconnect()
    // One that still starts may never come to hear that.
    if (!this.#ready) child.kill()
    const timer = setTimeout(() => child.kill('SIGKILL'), 10_000)
    await exited
    clearTimeout(timer)
  }

  /** Its process is there when this returns, and can be asked when the promise resolves. */
  #start(): Promise<ChildProcess> {
    const { file, provider } = this.#suite
    const own = fileURLToPath(import.meta.url)
    const hook = `file://${join(dirname(own), `teacher-host${extname(own)}`)}:beforeAll`
    this.#folder ??= mkdtempSync(join(tmpdir(), 'pr1-teacher-'))
    const { child, log } = startPromptfoo(suiteArguments(file, { hooks: [hook], provider: this.#entry }), {
      near: file,
      cwd: dirname(file),
      // Decoding and samples are the config's: nothing of the shell's decides what is learnt.
      env: {
        PR1_ASKED: provider.label,
        PR1_DECODING: '',
        PR1_SAMPLES: 'off',
        PR1_REPORT: 'off',
        PROMPTFOO_CONFIG_DIR: this.#folder,
        PROMPTFOO_CACHE_ENABLED: 'false',
        PROMPTFOO_DISABLE_DEBUG_LOG: '1',
        PROMPTFOO_DISABLE_ERROR_LOG: '1',
      },
      ipc: true,
    })
    this.#child = child
    this.#log = log
    return this.#readied(child)
  }

  async #readied(child: ChildProcess): Promise<ChildProcess> {
    const { file, provider } = this.#suite
    let timer: NodeJS.Timeout | undefined
    const found = await new Promise<boolean>((resolve, reject) => {
      timer = setTimeout(
        () => reject(this.#failure(`promptfoo was not ready within ${this.#startTimeout} seconds`)),
        1000 * this.#startTimeout,
      )
      child.once('error', reject)
      child.once('exit', (code, signal) => {
        // What it said last is read before.
        setImmediate(() => {
          const ended = this.#failure(`its process ended (${signal ?? `exit ${code}`})`)
          reject(ended)
          this.#lose(child, ended)
        })
      })
      child.on('message', (message: HostMessage) => {
        if ('ready' in message) resolve(message.ready)
        else this.#settle(message.id, (waiting) => waiting.resolve(answerOf(message.response)))
      })
    }).finally(() => clearTimeout(timer))
    this.#ready = true
    if (!found) throw new ConfigError(`${file} has no provider entry "${provider.label}" any more. Name one that it has as "provider".`)
    return child
  }

  #settle(id: number, act: (waiting: Waiting) => void): void {
    const waiting = this.#waiting.get(id)
    this.#waiting.delete(id)
    if (waiting) act(waiting)
  }

  /** A pipe that breaks comes before the end of the process, which says more. */
  #unsent(id: number, error: Error): void {
    const lose = (): void => this.#settle(id, ({ reject }) => reject(this.#ended ?? this.#failure(error.message)))
    if (this.#ended) lose()
    else setTimeout(lose, END_WAIT_MS)
  }

  #lose(child: ChildProcess, error: TeacherError): void {
    if (this.#child === child) this.#ended = error
    for (const id of [...this.#waiting.keys()]) this.#settle(id, ({ reject }) => reject(error))
  }

  #failure(what: string): TeacherError {
    const { provider, file } = this.#suite
    const said = this.#log().trim().slice(-2000)
    return new TeacherError(
      `The teacher "${provider.label}" of ${file} cannot be asked: ${what}. Its answers so far are kept: correct it and go on with --resume.${said ? ` promptfoo said:\n${said}` : ''}`,
    )
  }
}

/** Rejects with an AbortError as soon as `signal` ends, whatever the promise does. */
async function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (!signal) return promise
  const settled = new AbortController()
  const ended = new Promise<never>((_, reject) => {
    signal.addEventListener('abort', () => reject(aborted()), { signal: settled.signal })
  })
  return Promise.race([promise, ended]).finally(() => settled.abort())
}

const aborted = () => new DOMException('The teacher was not asked: the run ends.', 'AbortError')

/** Anything may come from there: what is no number or text is left out. */
function answerOf(response: Record<string, unknown>): Answer | { error: string } {
  const { error, output, tokenUsage, cost, finishReason, metadata } = response
  if (typeof error === 'string' && error !== '') return { error }
  try {
    refuseDeep([output, metadata])
  } catch (fault) {
    return { error: `its answer has ${(fault as Error).message}` }
  }
  const usage = Object.fromEntries(
    Object.entries((tokenUsage ?? {}) as object).filter(
      ([name, value]) => ['prompt', 'completion', 'total'].includes(name) && isAmount(value),
    ),
  )
  return {
    output,
    ...(Object.keys(usage).length > 0 && { tokenUsage: usage }),
    ...(isAmount(cost) && { cost }),
    ...(typeof finishReason === 'string' && { finishReason }),
    ...(typeof metadata === 'object' && metadata !== null && { metadata: metadata as Record<string, unknown> }),
  }
}

const isAmount = (value: unknown): value is number => typeof value === 'number' && Number.isFinite(value) && value >= 0
