/**
 * What the stages of a run ask of metrics, looked at as early as can be: the expressions before any suite is resolved, and the metrics and
 * settings of a suite as soon as its rows are read, before other suites are resolved and the model is loaded.
 */

import { ConfigError } from '../../engine/errors.ts'
import { allAssertions } from '../../grading/references.ts'
import { ScorableCheck } from '../../grading/scorable.ts'
import type { Stage, TrainConfig } from '../config/config.ts'
import { compileConditions } from '../generate/conditions.ts'
import { isOwn } from '../grading/grader-host.ts'
import { compileCredit } from '../rewards/path-grader.ts'
import { compileTerms, expressionsOf } from '../rewards/reward-terms.ts'
import { checkMetrics, type Reward } from '../rewards/rewards.ts'
import type { Suite } from '../suite/suite.ts'

/** The expressions of a stage over the metrics of its suite. */
export type Expressions = readonly Omit<Reward, 'evaluate'>[]

/** Those of all stages, by the name of the stage. Throws ConfigError that names the stage. */
export async function compileStages({ file, stages }: Pick<TrainConfig, 'file' | 'stages'>): Promise<Map<string, Expressions>> {
  const all = new Map<string, Expressions>()
  for (const stage of stages) {
    try {
      all.set(stage.name, await compileStage(stage))
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error
      throw new ConfigError(`${error.message} It stands in stage "${stage.name}" of ${file}.`, { cause: error })
    }
  }
  return all
}

async function compileStage(stage: Stage): Promise<Expressions> {
  if (stage.kind === 'grpo') {
    const credit = await compileCredit(stage)
    return [...expressionsOf(await compileTerms(stage)), ...(credit ? [credit.reward] : [])]
  }
  if (stage.kind === 'generate') return (await compileConditions(stage)).map(({ ofSuite }) => ofSuite)
  return []
}

/**
 * Checks what the assertions of a suite say of themselves. Whether a grader of others reports what it does not name is known when it has graded
 * (`resolveDoubts`).
 * @throws ConfigError naming the test
 */
export async function checkStageSuite(expressions: Expressions, suite: Suite): Promise<void> {
  for (const expression of expressions) checkMetrics(expression, suite)
  if (expressions.length > 0) await checkOwnConfigs(suite)
}

/** The configs of the assertions of this package, each once. Every row is looked at when the graders are made ready. */
async function checkOwnConfigs({ file, folder, rows }: Suite): Promise<void> {
  const scorable = new ScorableCheck({ folder, loadTypeScript: async () => false })
  const known = new Set<string>()
  for (const [index, { test, vars }] of rows.entries()) {
    for (const assertion of allAssertions(test.assert ?? [])) {
      const key = JSON.stringify([assertion.type, assertion.value, assertion.config])
      if (assertion.assert || !isOwn(assertion) || known.has(key)) continue
      known.add(key)
      try {
        await scorable.check([assertion], vars)
      } catch (error) {
        if (!(error instanceof ConfigError)) throw error
        throw new ConfigError(`${error.message} It is test ${index + 1} of ${file}.`, { cause: error })
      }
    }
  }
}
