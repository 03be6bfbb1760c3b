import { type Context, createContext, Script } from 'node:vm'

/**
 * A checkpoint brings code of its own: a chat template, and rules with regular expressions. It runs in this thread, so V8 ends it
 * after a time, whatever it is doing. Its memory is bounded by what it may make: a template counts it (jinja/evaluate.ts), and rules make
 * of a text at most so many times its length (tokenizer-rules.ts). A worker with a limit of its own would hold a second copy of a large
 * vocabulary, and every call would have to wait for another thread.
 */

/** Foreign code that did not end in its time. */
class EndlessError extends Error {
  override name = 'EndlessError'
}

const script = new Script('job()')
let room: Context | undefined

/**
 * Runs `job`, which changes nothing outside of itself, for at most `ms`. What it throws comes out as it is.
 * It is tried once more: a process that was stopped for a while (Ctrl-Z) has used up the time without running.
 * @throws EndlessError
 */
export function within<T>(ms: number, job: () => T): T {
  for (const lastTry of [false, true]) {
    room ??= createContext({ job })
    room.job = job
    try {
      return script.runInContext(room, { timeout: Math.ceil(ms) }) as T
    } catch (error) {
      if ((error as NodeJS.ErrnoException | undefined)?.code !== 'ERR_SCRIPT_EXECUTION_TIMEOUT') throw error
      if (lastTry) throw new EndlessError(`it did not end within ${ms / 1000} s`)
    }
  }
  throw new Error('unreachable')
}
