/**
 * The seam between the method and where it runs. Who wants a thought, the provider as the trainer, holds a Thinker; caches,
 * steps and batches are behind it. What `think` returns follows from the request and the weights alone, whatever else runs.
 */

import type { Model } from '../engine/types.ts'
import type { Listener } from './reading-order.ts'
import { Scheduler, type SchedulerOptions, type SchedulerStats } from './scheduler.ts'
import type { ThinkRequest, Thought } from './types.ts'

export type { SchedulerStats }

export interface Thinker {
  /**
   * Decodes one request; any number may run at once. Rejects with ConfigError for settings that cannot work, CacheFullError
   * for a request that could never fit, the signal's reason when aborted, and ParallelR1Error once closed. `listen` hears the tokens of
   * `Thought.ids` in their order, as they are written where the thinker can tell; who listens reads what is left of them in the thought.
   */
  think(request: ThinkRequest, signal?: AbortSignal, listen?: Listener): Promise<Thought>
  /** Refuses what comes, ends what runs, and resolves when all it held is free. Idempotent. */
  close(): Promise<void>
  /** What is under way, where the requests decode in this process. */
  readonly stats?: Readonly<SchedulerStats>
}

export interface LocalThinkerOptions extends SchedulerOptions {
  /** `close` disposes the model too. Default false: it goes on serving whoever opened it. */
  ownsModel?: boolean
}

/** Thinks with a model of this process; all requests decode in one loop of steps. One thinker a model at a time. */
export function localThinker(model: Model, { ownsModel = false, ...options }: LocalThinkerOptions = {}): Thinker {
  const scheduler = new Scheduler(model, options)
  let closing: Promise<void> | undefined
  const close = async (): Promise<void> => {
    await scheduler.close()
    if (ownsModel) await model.dispose()
  }
  return {
    think: (request, signal, listen) => scheduler.think(request, signal, listen),
    stats: scheduler.stats,
    close() {
      closing ??= close()
      return closing
    },
  }
}
