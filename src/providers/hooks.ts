import { reportAfterAll } from '../report/after-all.ts'
import { sharedPool } from './pool.ts'

/**
 * promptfoo extension that ends a run: `extensions: ['file://…/parallel-r1/dist/providers/hooks.js:afterAll']`. Releases every model, also when
 * rows failed (promptfoo calls `cleanup()` only when the run passed), and adds the statistics over samples and problems.
 */
export async function afterAll(context?: unknown): Promise<void> {
  await sharedPool().releaseAll()
  await reportAfterAll(context)
}
