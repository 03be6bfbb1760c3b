import { ParallelR1Error } from '../engine/errors.ts'

/** Ray, its cluster or the bridge to it does not do what a run asks: the message says what, and the next step. */
export class ClusterError extends ParallelR1Error {
  override name = 'ClusterError'
}

/** A worker ended before it answered a call: it died, its node went, it hung, or it was killed. Ray starts it again. */
export class WorkerLostError extends ClusterError {
  override name = 'WorkerLostError'
  readonly worker: number
  readonly reason: string

  constructor(worker: number, reason: string) {
    super(`Worker ${worker} was lost: ${reason}`)
    this.worker = worker
    this.reason = reason
  }
}
