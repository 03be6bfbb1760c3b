/**
 * Graders that anybody may have written run in a worker thread: one that never returns is ended, one that ends "the process" ends only
 * that thread, and both are errors that name it. Assertions of this package are bounded and stay in this thread, which is
 * several times as fast.
 */

import type { Worker } from 'node:worker_threads'
import type { ProviderResponse } from 'promptfoo'
import { ConfigError } from '../../engine/errors.ts'
import { allAssertions, isReference, type SuiteAssertion } from '../../grading/references.ts'
import { startWorker } from '../../start-worker.ts'
import type { Suite, SuiteRow } from '../suite/suite.ts'
import type { GraderCalls, GraderMessage, GraderMethod, GraderRequest } from './grader-worker.ts'
import type { Grading } from './grading-result.ts'
import { GraderError, GradersEndedError, type GraderWatch, Scorer } from './scoring.ts'

/** What grades the rows of a suite. */
export interface Graders {
  /** Scores by metric name. `watch` hears of every grader before and after it works. Throws GraderError. */
  score(row: SuiteRow, response: ProviderResponse, watch?: GraderWatch): Promise<Record<string, number>>
  /** The same with what each assertion says. Throws GraderError. */
  grade(row: SuiteRow, response: ProviderResponse): Promise<Grading>
  close(): Promise<void>
}

/**
 * Makes the graders of a suite ready and checks that every row can be scored. `timeout`: seconds without a sign of life of a grader. `apart`: in
 * the worker thread whatever they are, so that this thread answers others meanwhile.
 * @throws ConfigError, GraderError
 */
export async function openGraders(suite: Suite, timeout: number, { apart = false }: { apart?: boolean } = {}): Promise<Graders> {
  const assertions = suite.rows.flatMap(({ test }) => allAssertions(test.assert ?? []))
  if (!apart && assertions.every(isOwn)) {
    const scorer = await Scorer.open(suite)
    return {
      score: (row, response, watch) => scorer.score(row, response, watch),
      grade: (row, response) => scorer.grade(row, response),
      close: async () => {},
    }
  }
  const host = GraderHost.shared()
  const number = nextScorer++
  const numbers = new Map(suite.rows.map((row, index) => [row, index]))
  await host.call('open', { timeout: Math.max(timeout, LOADING) }, number, suite)
  const indexOf = (row: SuiteRow): number => numbers.get(row)!
  return {
    score: (row, response, watch) => host.call('score', { timeout, watch }, number, indexOf(row), response),
    grade: (row, response) => host.call('grade', { timeout }, number, indexOf(row), response),
    close: () => host.call('close', { timeout }, number).catch(() => {}),
  }
}

/** What `make` makes of these graders, which it closes one day. They are closed at once where it throws. */
export async function unlessItThrows<T>(graders: Graders, make: () => T | Promise<T>): Promise<T> {
  try {
    return await make()
  } catch (error) {
    await graders.close()
    throw error
  }
}

let nextScorer = 1

/** Seconds in which promptfoo and the modules of the graders have loaded, on a machine that does other work. */
const LOADING = 120

/** A function of this package with nothing around it that runs code of others, or a set. */
export function isOwn(assertion: SuiteAssertion): boolean {
  const { value, assert, transform, contextTransform } = assertion
  if (transform !== undefined || contextTransform !== undefined) return false
  return (
    assert !== undefined || (/^(not-)?javascript$/.test(assertion.type) && isReference(value) && value.startsWith('package:parallel-r1:'))
  )
}

interface Pending {
  resolve(value: unknown): void
  reject(error: unknown): void
  /** Graders that work for it. */
  graders: string[]
  watch?: GraderWatch
}

interface CallOptions {
  /** Seconds without a sign of life. */
  timeout: number
  watch?: GraderWatch
}

/** How often in a timeout the worker is looked at: what blocks this thread for a while counts once. */
const LOOKS = 8

class GraderHost {
  private static living: GraderHost | undefined
  private readonly worker: Worker
  private readonly pending = new Map<number, Pending>()
  private nextId = 1
  private watch: NodeJS.Timeout | undefined
  /** Looks since the worker was heard of. */
  private silent = 0
  private ended = false

  /** One for all suites of the process: promptfoo takes seconds to load. */
  static shared(): GraderHost {
    if (!GraderHost.living || GraderHost.living.ended) GraderHost.living = new GraderHost()
    return GraderHost.living
  }

  private constructor() {
    this.worker = startWorker('grader-worker', import.meta.url)
    this.worker.on('message', (message: GraderMessage) => this.hear(message))
    this.worker.on('error', (error: Error) => this.end(`threw outside of its call: ${error.stack ?? error.message}`))
    this.worker.on('exit', (code) => this.end(`ended the process (process.exit(${code})). Let it throw instead.`))
    this.worker.unref()
  }

  call<K extends GraderMethod>(
    method: K,
    { timeout, watch }: CallOptions,
    ...args: Parameters<GraderCalls[K]>
  ): Promise<ReturnType<GraderCalls[K]>> {
    return new Promise((resolve, reject) => {
      if (this.ended) return reject(new GradersEndedError('The graders have ended. Go on with --resume.'))
      const id = this.nextId++
      if (this.pending.size === 0) this.begin(timeout)
      this.pending.set(id, { resolve: resolve as (value: unknown) => void, reject, graders: [], watch })
      this.worker.postMessage({ id, method, args } satisfies GraderRequest)
    })
  }

  private hear(message: GraderMessage): void {
    this.silent = 0
    const pending = this.pending.get(message.id)
    if (!pending) return
    if ('ended' in message) {
      for (const grader of message.ended) {
        pending.graders.splice(pending.graders.indexOf(grader), 1)
        pending.watch?.ends(grader)
      }
      if (message.begins !== undefined) {
        pending.graders.push(message.begins)
        pending.watch?.begins(message.begins)
      }
      return
    }
    this.pending.delete(message.id)
    if (this.pending.size === 0) this.rest()
    // The answer says that what was at work has ended.
    for (const grader of pending.graders) pending.watch?.ends(grader)
    if ('error' in message) pending.reject(unpacked(message.error))
    else pending.resolve(message.value)
  }

  /** A process stays, and looks at the worker, as long as something is under way. */
  private begin(timeout: number): void {
    this.worker.ref()
    this.silent = 0
    this.watch = setInterval(
      () => {
        if (++this.silent <= LOOKS) return
        this.end(`gave no verdict within graderTimeout, ${timeout} seconds, and was ended. Correct it, or give it more time.`)
        void this.worker.terminate()
      },
      (1000 * timeout) / LOOKS,
    )
  }

  private rest(): void {
    clearInterval(this.watch)
    this.worker.unref()
  }

  private end(what: string): void {
    if (this.ended) return
    this.ended = true
    this.rest()
    const graders = new Set([...this.pending.values()].flatMap((pending) => pending.graders))
    const who = graders.size > 0 ? `A grader (${[...graders].join(' or ')})` : 'An assertion of promptfoo'
    const message = `${who} ${what} Nothing was learnt from this step: go on with --resume.`
    for (const { reject, graders: own } of this.pending.values()) reject(new GradersEndedError(message, { atFault: own.length > 0 }))
    this.pending.clear()
  }
}

function unpacked({ name, message, stack }: { name: string; message: string; stack?: string }): Error {
  const error = name === 'ConfigError' ? new ConfigError(message) : new GraderError(message)
  if (stack) error.stack = stack
  return error
}
