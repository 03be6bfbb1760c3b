/** A suite whose assertions grade what others wrote. Its graders work in a worker thread and in bounded time, as in training. */

import { z } from 'zod'
import { key, mapping } from '../config/table.ts'
import type { ConfigObject } from '../config-keys.ts'
import { allAssertions } from '../grading/references.ts'
import { notice } from '../plain.ts'
import { type Graders, openGraders } from '../trainer/grading/grader-host.ts'
import { GradersEndedError } from '../trainer/grading/scoring.ts'
import { checkMetrics, compileReward, type Reward, RewardError, resolveDoubts } from '../trainer/rewards/rewards.ts'
import { loadSuite, type Suite, type SuiteRow } from '../trainer/suite/suite.ts'
import type { Limits, SuiteEntry } from './config.ts'
import { Problem } from './http/problem.ts'
import { read } from './openai/fields.ts'

const item = z.strictObject({
  row: z.int().min(0).optional(),
  prompt: z.string().optional(),
  response: z.string(),
  metadata: z.record(z.string(), z.unknown()).optional(),
})

/** The body of a request to `/v1/score`. */
export const scoreSchema = mapping({
  suite: key(z.string().min(1), 'a name of `/v1/suites`'),
  items: key(
    z.array(item).min(1),
    'responses. Each has `response`, and `row` (its number in the suite) or `prompt` (as the suite renders it); `metadata` may be what `parallel_r1` of a choice said',
    { hint: 'Each has response, and row or prompt.' },
  ),
  step: key(z.int().min(1).default(1), 'the step of training, for a reward that names `step`'),
})

type ScoreFields = z.output<typeof scoreSchema>

/** The verdict on one response. */
interface Score {
  /** By metric name. */
  scores: Record<string, number>
  /** Where the suite has one. */
  reward?: number
}

/** Entries of one item that are no item: keys, and what its metadata holds. */
const ENTRIES_PER_ITEM = 200

/** Throws Problem with the name of the field. */
export function readScore(body: ConfigObject, { scoreItems, textCharacters }: Limits): ScoreFields {
  const { items } = body
  if (Array.isArray(items) && items.length > scoreItems) {
    throw new Problem(413, `This server grades at most ${scoreItems} responses at once (limits.scoreItems). Got ${items.length}.`, {
      param: 'items',
    })
  }
  const fields = read(scoreSchema, body, scoreItems * ENTRIES_PER_ITEM)
  const long = fields.items.findIndex(({ response }) => response.length > textCharacters)
  if (long < 0) return fields
  throw new Problem(413, `A response has at most ${textCharacters} characters (limits.textCharacters). Item ${long} has more. Cut it.`, {
    param: 'items',
  })
}

/** Items that are handed to the worker at once: between them a client may have gone. */
const AT_ONCE = 32
/** How often graders work for a batch that others have ended them for. */
const MOST_TRIES = 3

export class ServedSuite {
  readonly name: string
  readonly suite: Suite
  readonly #graderTimeout: number
  readonly #reward: Reward | undefined
  readonly #byPrompt = new Map<string, number[]>()
  #graders: Promise<Graders> | undefined

  /** Has promptfoo resolve the suite, and makes its graders ready. `resolve`: who reads the suite. Throws ConfigError, GraderError. */
  static async open(
    { name, suite: file, provider, reward: expression, graderTimeout }: SuiteEntry,
    { resolve = loadSuite, signal }: { resolve?: typeof loadSuite; signal?: AbortSignal } = {},
  ): Promise<ServedSuite> {
    const reward = expression === undefined ? undefined : await compileReward(expression)
    const suite = await resolve(file, { provider, tests: true, signal })
    const doubts = reward && checkMetrics(reward, suite)
    const served = new ServedSuite(name, suite, graderTimeout, reward)
    try {
      const graders = await served.#open()
      if (reward && doubts) {
        const warnings = await resolveDoubts(reward, suite, doubts, (row) => graders.score(row, { output: '' }))
        for (const warning of warnings) notice(warning)
      }
      return served
    } catch (error) {
      await served.close()
      throw error
    }
  }

  private constructor(name: string, suite: Suite, graderTimeout: number, reward: Reward | undefined) {
    this.name = name
    this.suite = suite
    this.#graderTimeout = graderTimeout
    this.#reward = reward
    for (const [index, { prompt }] of suite.rows.entries()) {
      const rows = this.#byPrompt.get(prompt)
      if (rows) rows.push(index)
      else this.#byPrompt.set(prompt, [index])
    }
  }

  /** Names of metrics that its assertions write down. */
  get metrics(): string[] {
    const named = this.suite.rows.flatMap(({ test }) => allAssertions(test.assert ?? []).flatMap(({ metric }) => metric ?? []))
    return [...new Set(named)]
  }

  /** Verdicts in the order of the items. A grader that fails fails them all: it is never a score of 0. Throws Problem, and the signal's reason. */
  async score({ items, step }: ScoreFields, signal: AbortSignal): Promise<Score[]> {
    const rows = items.map((one, index) => this.#rowOf(one, index))
    const scored: Score[] = []
    for (let start = 0; start < items.length; start += AT_ONCE) {
      signal.throwIfAborted()
      const part = items.slice(start, start + AT_ONCE)
      const results = await this.#scores(part, rows.slice(start, start + AT_ONCE))
      scored.push(...results.map((result, k) => this.#verdict(result, start + k, step)))
    }
    return scored
  }

  async close(): Promise<void> {
    const graders = await this.#graders?.catch(() => undefined)
    await graders?.close()
  }

  /** What the graders give. Where one of another request ended all of them, they work once more. */
  async #scores(items: ScoreFields['items'], rows: readonly SuiteRow[]): Promise<PromiseSettledResult<Record<string, number>>[]> {
    for (let tries = 1; ; tries++) {
      const opened = this.#open()
      const graders = await opened
      const results = await Promise.allSettled(
        items.map(({ response: output, metadata }, k) => graders.score(rows[k], { output, ...(metadata && { metadata }) })),
      )
      const ended = results.flatMap((result) =>
        result.status === 'rejected' && result.reason instanceof GradersEndedError ? [result.reason] : [],
      )
      if (ended.length > 0 && this.#graders === opened) this.#graders = undefined
      if (ended.length === 0 || tries === MOST_TRIES || ended.some(({ atFault }) => atFault)) return results
    }
  }

  #verdict(result: PromiseSettledResult<Record<string, number>>, index: number, step: number): Score {
    if (result.status === 'rejected') {
      throw new Problem(
        500,
        `A grader of the suite ${this.name} failed at item ${index}, or at one beside it. The log of the server says why.`,
        {
          code: 'grader_failed',
          cause: result.reason,
        },
      )
    }
    const { value: scores } = result
    try {
      return { scores, ...(this.#reward && { reward: this.#reward.evaluate(scores, step) }) }
    } catch (error) {
      if (!(error instanceof RewardError)) throw error
      throw new Problem(500, `Item ${index}: ${error.message}`, { code: 'reward_failed', cause: error })
    }
  }

  #open(): Promise<Graders> {
    if (!this.#graders) {
      const opened = openGraders(this.suite, this.#graderTimeout, { apart: true })
      // The next request tries again.
      opened.catch(() => {
        if (this.#graders === opened) this.#graders = undefined
      })
      this.#graders = opened
    }
    return this.#graders
  }

  #rowOf({ row, prompt }: ScoreFields['items'][number], index: number): SuiteRow {
    const { rows } = this.suite
    const wrong = (what: string) => new Problem(400, `Item ${index} ${what}`, { param: 'items' })
    if ((row === undefined) === (prompt === undefined)) throw wrong('must name its row or its prompt, one of them.')
    if (row !== undefined) {
      if (row < rows.length) return rows[row]
      throw wrong(`names row ${row} of ${this.name}, which has ${rows.length}, numbered from 0.`)
    }
    const found = this.#byPrompt.get(prompt!) ?? []
    if (found.length === 1) return rows[found[0]]
    if (found.length === 0) throw wrong(`has a prompt that no row of ${this.name} has. GET /v1/suites/${this.name}/rows tells them.`)
    throw wrong(`has a prompt that ${found.length} rows of ${this.name} have. Name its row.`)
  }
}
