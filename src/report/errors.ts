import { ParallelR1Error } from '../engine/errors.ts'

/** Results that cannot be read, or that hold nothing to report on. */
export class ReportError extends ParallelR1Error {
  override name = 'ReportError'
}
