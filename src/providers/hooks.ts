import { reportAfterAll } from '../report/after-all.ts'
import { type CopiedSuite, numberCopies } from './copies.ts'
import { sharedPool } from './pool.ts'

/**
 * promptfoo extension that begins a run: `extensions: ['file://…/parallel-r1/dist/providers/hooks.js:beforeAll', …]`. Numbers the copies of a
 * problem among the tests, so that each draws samples of its own.
 */
export async function beforeAll<Context extends { suite: CopiedSuite }>(context: Context): Promise<Context> {
  // Training draws by the place of a row, and reads rows as they are written.
  if (process.env.PR1_CAPTURE !== undefined || !Array.isArray(context.suite.tests)) return context
  return { ...context, suite: { ...context.suite, tests: numberCopies(context.suite) } }
}

/**
 * promptfoo extension that ends a run: `extensions: [… , 'file://…/parallel-r1/dist/providers/hooks.js:afterAll']`. Releases every model, also when
 * rows failed (promptfoo calls `cleanup()` only when the run passed), and adds the statistics over samples and problems.
 */
export async function afterAll(context?: unknown): Promise<void> {
  await sharedPool().releaseAll()
  await reportAfterAll(context)
}
