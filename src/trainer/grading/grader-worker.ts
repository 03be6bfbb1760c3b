/** The worker thread in which graders run that are not of this package: see grader-host.ts. */

import { parentPort } from 'node:worker_threads'
import type { ProviderResponse } from 'promptfoo'
import type { Suite, SuiteRow } from '../suite/suite.ts'
import type { Grading } from './grading-result.ts'
import { type GraderWatch, Scorer } from './scoring.ts'

/** What the host asks. Rows are given by their index in the suite. */
export interface GraderCalls {
  open(scorer: number, suite: Suite): void
  score(scorer: number, row: number, response: ProviderResponse): Record<string, number>
  grade(scorer: number, row: number, response: ProviderResponse): Grading
  close(scorer: number): void
}

export type GraderMethod = keyof GraderCalls

export interface GraderRequest {
  id: number
  method: GraderMethod
  args: unknown[]
}

/** An answer, or what is at work for request `id`: `ended` worked, `begins` will, if it is given. */
export type GraderMessage =
  | { id: number; value: unknown }
  | { id: number; error: { name: string; message: string; stack?: string } }
  | { id: number; ended: readonly string[]; begins?: string }

const port = parentPort!
const scorers = new Map<number, { scorer: Scorer; rows: SuiteRow[] }>()

/** Tells at once of what begins: it may never let this thread go. What has ended can wait for that, or for a quiet moment. */
class Reporter implements GraderWatch {
  private readonly id: number
  private ended: string[] = []
  private quiet: NodeJS.Immediate | undefined

  constructor(id: number) {
    this.id = id
  }

  begins(grader: string): void {
    this.post(grader)
  }

  ends(grader: string): void {
    this.ended.push(grader)
    this.quiet ??= setImmediate(() => this.post())
  }

  /** The answer says the rest. */
  close(): void {
    clearImmediate(this.quiet)
  }

  private post(begins?: string): void {
    this.close()
    this.quiet = undefined
    port.postMessage({ id: this.id, ended: this.ended, begins } satisfies GraderMessage)
    this.ended = []
  }
}

const calls: { [K in GraderMethod]: (id: number, ...args: Parameters<GraderCalls[K]>) => unknown } = {
  async open(_, number, suite) {
    scorers.set(number, { scorer: await Scorer.open(suite), rows: suite.rows })
  },
  score: (id, ...args) => watched(id, 'score', ...args),
  grade: (id, ...args) => watched(id, 'grade', ...args),
  close(_, number) {
    scorers.delete(number)
  },
}

function watched(id: number, method: 'score' | 'grade', number: number, row: number, response: ProviderResponse): Promise<unknown> {
  const { scorer, rows } = scorers.get(number)!
  const watch = new Reporter(id)
  return scorer[method](rows[row], response, watch).finally(() => watch.close())
}

port.on('message', async ({ id, method, args }: GraderRequest) => {
  let message: GraderMessage
  try {
    const value = await (calls[method] as (id: number, ...args: unknown[]) => unknown)(id, ...args)
    message = { id, value: method === 'score' || method === 'grade' ? value : undefined }
  } catch (error) {
    const { name, message: text, stack } = error as Error
    message = { id, error: { name, message: text, stack } }
  }
  port.postMessage(message)
})
