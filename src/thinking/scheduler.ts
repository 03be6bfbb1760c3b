/**
 * Continuous batching: all requests of a model decode in one loop of steps.
 *
 * Each request is a coroutine (decoder.ts) that asks for one step of one sequence at a time. When a step of the model has
 * finished, its results go out, one turn of the event loop lets every coroutine ask again, and all that waits goes
 * into the next step: short inputs first, then chunks of prompts within `maxStepTokens`. A request is admitted, in
 * order of arrival, when the KV cache can hold the most it could ever need; so no step finds the cache full.
 * What a request returns does not depend on what else runs (the engine's promise per sequence).
 */

import { setMaxListeners } from 'node:events'
import { CacheFullError, ConfigError, ParallelR1Error } from '../engine/errors.ts'
import type { Model, StepInput, StepOutput } from '../engine/types.ts'
import { resolveLimits, worstCasePages } from './budget.ts'
import { decode } from './decoder.ts'
import type { Stepper } from './lane.ts'
import type { Listener } from './reading-order.ts'
import type { ThinkRequest, Thought } from './types.ts'

/** Inputs up to this length count as decoding: they are neither split nor held back by prompts. */
const SHORT_INPUT = 8
/** Where several prompts wait, each gets at least this many tokens of a step, so that they are not cut to crumbs. */
const MIN_CHUNK = 32
/** Sequences of a step beside which none is guessed ahead: rows are no longer cheap. */
const MOST_GUESSING = 8

export interface SchedulerOptions {
  /** Most tokens of one step of the model, 16 or more. Default: the model's {@link Model.stepTokens}, else 512. */
  maxStepTokens?: number
}

/** Counters for reports and tests. */
export interface SchedulerStats {
  /** Steps of the model so far, and the tokens they fed. */
  steps: number
  tokens: number
  /** Most inputs in one step. */
  widestStep: number
  /** Requests decoding now, waiting for room, finished, failed or aborted. */
  running: number
  queued: number
  finished: number
  failed: number
  /** Pages of the KV cache reserved by running requests, and there in all. */
  reservedPages: number
  capacityPages: number
}

/** One input on its way: `offset` tokens of it are in the cache already. */
interface Job {
  request: InFlight
  input: StepInput
  offset: number
  resolve: (output: StepOutput) => void
  reject: (reason: unknown) => void
}

/** One request from admission to its end. */
class InFlight implements Stepper {
  /** Set by abort or close: every further step is refused with it. */
  stopped?: { reason: unknown }
  private readonly scheduler: Scheduler

  get draftCost(): number | undefined {
    return this.scheduler.draftCost
  }

  constructor(scheduler: Scheduler) {
    this.scheduler = scheduler
  }

  step(input: StepInput): Promise<StepOutput> {
    return new Promise((resolve, reject) => {
      if (this.stopped) reject(this.stopped.reason)
      else this.scheduler.enqueue({ request: this, input, offset: 0, resolve, reject })
    })
  }
}

interface Waiting {
  request: InFlight
  pages: number
  resolve: () => void
  reject: (reason: unknown) => void
}

export class Scheduler {
  readonly stats: SchedulerStats
  private readonly model: Model
  private readonly maxStepTokens: number
  private short: Job[] = []
  private long: Job[] = []
  private readonly queue: Waiting[] = []
  private readonly inFlight = new Set<InFlight>()
  private loop: Promise<void> | undefined
  private closed = false
  /** Sequences that decoded in the last step. */
  private width = 1
  private readonly idle: (() => void)[] = []

  constructor(model: Model, options: SchedulerOptions = {}) {
    const maxStepTokens = options.maxStepTokens ?? model.stepTokens ?? 512
    if (!Number.isSafeInteger(maxStepTokens) || maxStepTokens < 2 * SHORT_INPUT) {
      throw new ConfigError(`maxStepTokens must be a whole number, ${2 * SHORT_INPUT} or more. Got ${maxStepTokens}. 512 is usual.`)
    }
    this.model = model
    this.maxStepTokens = maxStepTokens
    const capacityPages = Math.floor(model.cacheCapacity / model.cachePage)
    this.stats = { steps: 0, tokens: 0, widestStep: 0, running: 0, queued: 0, finished: 0, failed: 0, reservedPages: 0, capacityPages }
  }

  /**
   * Decodes one request. Rejects with ConfigError for settings that cannot work, CacheFullError where the cache could
   * never hold it, the signal's reason when aborted (its sequences are free by then), ParallelR1Error when closed.
   */
  async think(request: ThinkRequest, signal?: AbortSignal, listen?: Listener): Promise<Thought> {
    if (this.closed) throw closedError()
    signal?.throwIfAborted()
    const limits = resolveLimits(request, this.model.config)
    const pages = worstCasePages(request, limits, this.model.cachePage)
    if (pages > this.stats.capacityPages) {
      throw new CacheFullError(
        `A request must fit into the KV cache. Got ${request.promptIds.length} prompt tokens and a budget of ${limits.response}, ` +
          `with ${limits.paths} paths up to ${pages * this.model.cachePage} tokens in pages of ${this.model.cachePage}; ` +
          `the cache holds ${this.stats.capacityPages * this.model.cachePage}. Raise cacheTokens or lower budgets.response, paths or maxBlocks.`,
      )
    }
    const inFlight = new InFlight(this)
    const stop = (): void => this.stop(inFlight, signal?.reason)
    // Hundreds of requests may share one signal.
    if (signal) setMaxListeners(0, signal)
    signal?.addEventListener('abort', stop, { once: true })
    this.inFlight.add(inFlight)
    let admitted = false
    try {
      await this.admit(inFlight, pages)
      admitted = true
      const thought = await decode(this.model, inFlight, request, limits, listen)
      this.stats.finished++
      return thought
    } catch (error) {
      this.stats.failed++
      throw error
    } finally {
      signal?.removeEventListener('abort', stop)
      this.inFlight.delete(inFlight)
      if (admitted) {
        this.stats.running--
        this.stats.reservedPages -= pages
        this.admitNext()
      }
      if (this.inFlight.size === 0) for (const wake of this.idle.splice(0)) wake()
    }
  }

  /** Refuses what waits and what comes, ends what runs at its next step, and waits until all sequences are free. Idempotent. */
  async close(): Promise<void> {
    this.closed = true
    for (const request of [...this.inFlight]) this.stop(request, closedError())
    if (this.inFlight.size > 0) await new Promise<void>((resolve) => this.idle.push(resolve))
    await this.loop
  }

  /** What one more row in each sequence adds to a step as wide as the last one, as a part of it; undefined where there are too many. */
  get draftCost(): number | undefined {
    const [cost, width] = [this.model.draftRowCost, this.width]
    return cost === undefined || width > MOST_GUESSING ? undefined : (cost * width) / (1 + cost * (width - 1))
  }

  /** Called by requests in flight. */
  enqueue(job: Job): void {
    if (job.input.ids.length <= SHORT_INPUT) this.short.push(job)
    else this.long.push(job)
    this.loop ??= this.work()
  }

  private admit(request: InFlight, pages: number): Promise<void> {
    return new Promise((resolve, reject) => {
      this.queue.push({ request, pages, resolve, reject })
      this.stats.queued++
      this.admitNext()
    })
  }

  /** First come, first served: a large request at the head is not overtaken, so it cannot starve. */
  private admitNext(): void {
    while (this.queue.length > 0 && this.stats.reservedPages + this.queue[0].pages <= this.stats.capacityPages) {
      const next = this.queue.shift()!
      this.stats.queued--
      this.stats.running++
      this.stats.reservedPages += next.pages
      next.resolve()
    }
  }

  /** Ends a request: what waits is refused now, what is in the running step when that has finished. */
  private stop(request: InFlight, reason: unknown): void {
    if (request.stopped) return
    request.stopped = { reason }
    const at = this.queue.findIndex((waiting) => waiting.request === request)
    if (at >= 0) {
      const [waiting] = this.queue.splice(at, 1)
      this.stats.queued--
      waiting.reject(reason)
      this.admitNext()
    }
    const refuse = (job: Job): boolean => {
      if (job.request !== request) return true
      job.reject(reason)
      return false
    }
    this.short = this.short.filter(refuse)
    this.long = this.long.filter(refuse)
  }

  private async work(): Promise<void> {
    for (;;) {
      // One turn: every coroutine that the last step woke has asked for its next step by then.
      await new Promise(setImmediate)
      if (this.short.length === 0 && this.long.length === 0) break
      const { jobs, inputs } = this.gather()
      let outputs: StepOutput[]
      try {
        outputs = await this.model.step(inputs)
      } catch (error) {
        for (const job of jobs) job.reject(job.request.stopped ? job.request.stopped.reason : error)
        continue
      }
      this.stats.steps++
      this.stats.widestStep = Math.max(this.stats.widestStep, jobs.length)
      for (let k = 0; k < jobs.length; k++) this.deliver(jobs[k], inputs[k], outputs[k])
    }
    this.loop = undefined
  }

  private deliver(job: Job, input: StepInput, output: StepOutput): void {
    this.stats.tokens += input.ids.length
    job.offset += input.ids.length
    if (job.request.stopped) job.reject(job.request.stopped.reason)
    else if (job.offset === job.input.ids.length) job.resolve(output)
    else this.long.push(job)
  }

  /** Takes the next step's inputs off the two lists. */
  private gather(): { jobs: Job[]; inputs: StepInput[] } {
    // Prompts keep an eighth of the step, so that any number of decoding sequences cannot hold them back for ever.
    let room = this.maxStepTokens - (this.long.length > 0 ? Math.ceil(this.maxStepTokens / 8) : 0)
    let taken = 0
    const inputs: StepInput[] = []
    while (taken < this.short.length && this.short[taken].input.ids.length <= room) {
      const { input } = this.short[taken++]
      room -= input.ids.length
      inputs.push(input)
    }
    const jobs = this.short.splice(0, taken)
    if (taken > 0) this.width = taken
    if (this.long.length > 0) room += Math.ceil(this.maxStepTokens / 8)
    // Unfinished prompts go to the back of the list: turn by turn, in order of arrival.
    const rest = this.long
    this.long = []
    for (let k = 0; k < rest.length; k++) {
      const job = rest[k]
      const share = Math.max(MIN_CHUNK, Math.floor(room / (rest.length - k)))
      const length = Math.min(job.input.ids.length - job.offset, share, room)
      if (length === 0) {
        this.long.push(job)
        continue
      }
      room -= length
      jobs.push(job)
      inputs.push(chunk(job, length))
    }
    return { jobs, inputs }
  }
}

/** The next `length` tokens of a job; the last chunk samples. */
function chunk(job: Job, length: number): StepInput {
  const { input, offset } = job
  const end = offset + length
  if (length === input.ids.length) return input
  return {
    sequence: input.sequence,
    ids: Array.prototype.slice.call(input.ids, offset, end),
    positions: Array.prototype.slice.call(input.positions, offset, end),
    sampling: end === input.ids.length ? input.sampling : undefined,
  }
}

function closedError(): ParallelR1Error {
  return new ParallelR1Error('The scheduler is closed: its model is being released. Open the model again for further requests.')
}
