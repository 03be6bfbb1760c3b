/** The worker thread in which graders run that are not of this package: see grader-host.ts. */

import { parentPort } from 'node:worker_threads'
import type { ProviderResponse } from 'promptfoo'
import { Scorer } from './scoring.ts'
import type { Suite, SuiteRow } from './suite.ts'

/** What the host asks. Rows are given by their index in the suite. */
export interface GraderCalls {
  open(scorer: number, suite: Suite): void
  score(scorer: number, row: number, response: ProviderResponse): Record<string, number>
  close(scorer: number): void
}

export type GraderMethod = keyof GraderCalls

export interface GraderRequest {
  id: number
  method: GraderMethod
  args: unknown[]
}

/** An answer, or that a grader begins for the first time to work for request `id`. */
export type GraderMessage =
  | { id: number; value: unknown }
  | { id: number; error: { name: string; message: string; stack?: string } }
  | { id: number; grader: string }

const port = parentPort!
const scorers = new Map<number, { scorer: Scorer; rows: SuiteRow[] }>()

const calls: { [K in GraderMethod]: (id: number, ...args: Parameters<GraderCalls[K]>) => unknown } = {
  async open(_, number, suite) {
    scorers.set(number, { scorer: await Scorer.open(suite), rows: suite.rows })
  },
  score(id, number, row, response) {
    const { scorer, rows } = scorers.get(number)!
    return scorer.score(rows[row], response, (grader) => port.postMessage({ id, grader } satisfies GraderMessage))
  },
  close(_, number) {
    scorers.delete(number)
  },
}

port.on('message', async ({ id, method, args }: GraderRequest) => {
  let message: GraderMessage
  try {
    const value = await (calls[method] as (id: number, ...args: unknown[]) => unknown)(id, ...args)
    message = { id, value: method === 'score' ? value : undefined }
  } catch (error) {
    const { name, message: text, stack } = error as Error
    message = { id, error: { name, message: text, stack } }
  }
  port.postMessage(message)
})
