import { type GateSuite, gateSuite } from '../gate/suite.ts'
import { reportAfterAll } from '../report/after-all.ts'
import { type CopiedSuite, numberCopies } from './copies.ts'
import { sharedPool } from './pool.ts'
import { checkProviders } from './preflight.ts'
import { toldAlone } from './uncaught.ts'

/**
 * promptfoo extension that begins a run: `extensions: ['file://…/parallel-r1/dist/providers/hooks.js:beforeAll', …]`. Variables of tests reach
 * prompt and assertions as they are; promptfoo alone runs them as templates. Numbers the copies of a problem among the tests, so that each
 * draws samples of its own. Throws ConfigError where there is no test, and where a test brings a template, and CheckpointError where a provider
 * has no checkpoint to answer with: promptfoo then stops before the first row.
 */
export async function beforeAll<Context extends { suite: BegunSuite }>(context: Context): Promise<Context> {
  // pr1-train has its own way through the gate. It draws by the place of a row.
  if (process.env.PR1_CAPTURE !== undefined) return context
  try {
    const suite = gateSuite(context.suite)
    await checkProviders(suite.providers)
    return { ...context, suite: Array.isArray(suite.tests) ? { ...suite, tests: numberCopies(suite) } : suite }
  } catch (error) {
    throw toldAlone(error)
  }
}

type BegunSuite = CopiedSuite & GateSuite & { providers?: readonly unknown[] }

/**
 * promptfoo extension that ends a run: `extensions: [… , 'file://…/parallel-r1/dist/providers/hooks.js:afterAll']`. Releases every model, also when
 * rows failed (promptfoo calls `cleanup()` only when the run passed), and adds the statistics over samples and problems.
 */
export async function afterAll(context?: unknown): Promise<void> {
  await sharedPool().releaseAll()
  await reportAfterAll(context)
}
