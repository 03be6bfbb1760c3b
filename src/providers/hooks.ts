import { type GateSuite, gateSuite } from '../gate/suite.ts'
import { reportAfterAll } from '../report/after-all.ts'
import { type CopiedSuite, numberCopies } from './copies.ts'
import { sharedPool } from './pool.ts'

/**
 * promptfoo extension that begins a run: `extensions: ['file://…/parallel-r1/dist/providers/hooks.js:beforeAll', …]`. Variables of tests reach
 * prompt and assertions as they are; promptfoo alone runs them as templates. Numbers the copies of a problem among the tests, so that each
 * draws samples of its own. Throws ConfigError where there is no test, and where a test brings a template: promptfoo then stops before the
 * first row.
 */
export async function beforeAll<Context extends { suite: CopiedSuite & GateSuite }>(context: Context): Promise<Context> {
  // pr1-train has its own way through the gate. It draws by the place of a row.
  if (process.env.PR1_CAPTURE !== undefined) return context
  const suite = gateSuite(context.suite)
  return { ...context, suite: Array.isArray(suite.tests) ? { ...suite, tests: numberCopies(suite) } : suite }
}

/**
 * promptfoo extension that ends a run: `extensions: [… , 'file://…/parallel-r1/dist/providers/hooks.js:afterAll']`. Releases every model, also when
 * rows failed (promptfoo calls `cleanup()` only when the run passed), and adds the statistics over samples and problems.
 */
export async function afterAll(context?: unknown): Promise<void> {
  await sharedPool().releaseAll()
  await reportAfterAll(context)
}
