/**
 * The rows that the stages of a run work on, each resolved by promptfoo once. A run that goes on keeps the rows it began with, whatever
 * happened to the suite since.
 */

import { join } from 'node:path'
import { ConfigError } from '../../engine/errors.ts'
import type { GenerateStage, Stage } from '../config/config.ts'
import { type Excluded, withoutTests } from '../generate/exclude.ts'
import { selectByDifficulty } from '../suite/difficulty.ts'
import { checkEntry, loadSuite, type Suite, type SuiteOptions, writeCache } from '../suite/suite.ts'
import { decodes } from './open-session.ts'
import type { Run } from './run.ts'
import { checkStageSuite, type Expressions } from './stage-metrics.ts'

/** Whose stages they are: a run, or the command that writes rows alone. */
type Resolving = Pick<Run, 'path' | 'options' | 'say'>

interface StageSuites {
  /** One for each stage to come. */
  suites: Suite[]
  /** By the name of a stage: what it does not ask because a test set has it. */
  excluded: ReadonlyMap<string, Excluded>
}

/** `expressions`: of the stages, by their names; `goesOn`: the rows are kept already. Throws ConfigError. */
export async function resolveSuites(
  run: Resolving,
  stages: readonly Stage[],
  { expressions, goesOn }: { expressions: ReadonlyMap<string, Expressions>; goesOn: boolean },
): Promise<StageSuites> {
  const suites: Suite[] = []
  const excluded = new Map<string, Excluded>()
  // All of them before promptfoo takes its time for the first. A run that goes on has its rows.
  if (!goesOn && !run.options.keptSuites && !run.options.suites) for (const { suite, provider } of stages) checkEntry(suite, provider)
  for (const [i, stage] of stages.entries()) {
    const asked = goesOn ? undefined : rowsOfSource(stage, stages.slice(0, i), suites)
    if (asked) {
      if (!run.options.dryRun) await writeCache(join(run.path, 'suites', `${stage.name}.jsonl`), asked)
      suites.push(asked)
      continue
    }
    const suite = await resolveSuite(run, stage, goesOn)
    await checkStageSuite(expressions.get(stage.name)!, suite)
    if (stage.kind !== 'generate' || !stage.exclude) suites.push(suite)
    else {
      const left = await withoutTestSets(run, stage, suite, goesOn)
      excluded.set(stage.name, left)
      suites.push({ ...suite, rows: left.rows })
    }
  }
  return { suites, excluded }
}

/** The rows of the stage that a stage learns from, where it asks for the same. */
function rowsOfSource(stage: Stage, before: readonly Stage[], suites: readonly Suite[]): Suite | undefined {
  if (stage.kind !== 'sft' || stage.from === undefined) return undefined
  const { from, suite, provider, prompt } = stage
  const index = before.findIndex(
    (one) => one.name === from && one.kind === 'generate' && one.suite === suite && one.provider === provider && one.prompt === prompt,
  )
  return index < 0 ? undefined : { ...suites[index], rows: suites[index].rows.map((row) => ({ ...row, test: {} })) }
}

function resolveSuite(run: Resolving, stage: Stage, goesOn: boolean): Promise<Suite> {
  return load(run, stage.suite, [`${stage.name}.jsonl`], goesOn, {
    provider: stage.provider,
    ...(stage.kind !== 'grpo' && { prompt: stage.prompt }),
    decodes: decodes(stage),
    tests: stage.kind !== 'sft',
    select:
      stage.kind === 'grpo' && stage.difficulty
        ? (rows) => selectByDifficulty(rows, stage.difficulty!, (line) => run.say(line))
        : undefined,
  })
}

/** The rows whose problem stands in no test set. */
async function withoutTestSets(run: Resolving, stage: GenerateStage, suite: Suite, goesOn: boolean): Promise<Excluded> {
  const tests: Suite[] = []
  for (const [i, file] of stage.exclude!.suites.entries())
    tests.push(await load(run, file, ['exclude', `${stage.name}.${i}.jsonl`], goesOn, { tests: false, ofSameName: true }))
  const left = await withoutTests(suite, tests, stage.exclude!)
  if (left.rows.length > 0) return left
  throw new ConfigError(
    `"exclude" leaves stage "${stage.name}" nothing to ask: ${left.exact} problems stand in a test set and ${left.near} are near one. Raise exclude.near, or set it to 0 where problems differ in their numbers alone.`,
  )
}

/** `kept`: where its rows are kept, below the suites of the run. */
function load(run: Resolving, file: string, kept: readonly string[], goesOn: boolean, asked: SuiteOptions): Promise<Suite> {
  const { keptSuites, suites, dryRun, signal } = run.options
  run.say(suites === undefined ? `Resolving ${file} with promptfoo …` : `Taking the rows of ${file} from ${suites}`)
  return loadSuite(file, {
    ...asked,
    cache: join(run.path, 'suites', ...kept),
    reuse: goesOn || keptSuites,
    from: suites && join(suites, 'suites', ...kept),
    write: !dryRun,
    signal,
  })
}
