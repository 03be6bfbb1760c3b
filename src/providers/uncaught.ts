/**
 * Errors that promptfoo's command line hands on to nobody: what a provider's constructor throws, and what a hook throws. Node would print them with
 * the stacks of both packages around the one line that says what to do.
 */

import { ParallelR1Error } from '../engine/errors.ts'
import { isPromptfoo } from '../installed-promptfoo.ts'
import { notice } from '../plain.ts'

/** The package may be loaded twice in a process: a `file://` hook beside a `package:` provider. */
const TOLD = Symbol.for('parallel-r1.uncaught')

/**
 * The same error. Where nobody catches it and promptfoo's command line runs, the process ends with its message alone and exit code 1. Errors of
 * others keep their stacks.
 */
export function toldAlone<T>(error: T): T {
  if (error instanceof ParallelR1Error && isPromptfoo()) toldErrors().add(error)
  return error
}

function toldErrors(): WeakSet<Error> {
  const home = globalThis as { [key: symbol]: unknown }
  if (!home[TOLD]) {
    const errors = new WeakSet<Error>()
    home[TOLD] = errors
    process.on('uncaughtException', function tell(error) {
      // A listener keeps Node from ending the process, whatever was thrown.
      process.off('uncaughtException', tell)
      const own = causes(error).find((cause) => errors.has(cause))
      if (own === undefined) throw error
      notice(own.message)
      process.exit(1)
    })
  }
  return home[TOLD] as WeakSet<Error>
}

/** The error and what it was made from: promptfoo wraps what a hook throws. */
function causes(error: unknown): Error[] {
  const found: Error[] = []
  for (let cause = error; cause instanceof Error && !found.includes(cause); cause = cause.cause) found.push(cause)
  return found
}
