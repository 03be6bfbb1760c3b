/** Which graders are open once something has failed. */

import { Worker } from 'node:worker_threads'
import { vi } from 'vitest'

/** What `work` throws, and the numbers of the graders that are opened and closed meanwhile, as their worker is told. */
export async function openedGraders(work: () => Promise<unknown>): Promise<{ error: unknown; opens: number[]; closes: number[] }> {
  const told = vi.spyOn(Worker.prototype, 'postMessage')
  try {
    const error = await work().then(
      () => undefined,
      (error: unknown) => error,
    )
    const numbers = (method: string) =>
      told.mock.calls.flatMap(([message]) => (message.method === method ? [message.args[0] as number] : []))
    return { error, opens: numbers('open'), closes: numbers('close') }
  } finally {
    told.mockRestore()
  }
}
