import { sharedPool } from './pool.ts'

/**
 * promptfoo extension that releases every model after the run, also when rows failed (promptfoo calls `cleanup()` only
 * when the run passed): `extensions: ['file://…/parallel-r1/dist/providers/hooks.js:afterAll']`.
 */
export async function afterAll(): Promise<void> {
  await sharedPool().releaseAll()
}
