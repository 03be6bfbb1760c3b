/** A stage that asks a teacher, within a run: what its answers follow from, and what it writes and saves around the asking. */

import { join } from 'node:path'
import { duration } from '../../cli/progress.ts'
import type { GenerateStage } from '../config/config.ts'
import { decisiveTable } from '../config/config-table.ts'
import type { Reader, Session } from '../model/session.ts'
import type { Run } from '../run/run.ts'
import type { Suite } from '../suite/suite.ts'
import { cardLine } from './card.ts'
import type { Excluded } from './exclude.ts'
import { Generator } from './generator.ts'
import { hashOf } from './rows.ts'

/** Makes a stage ready. `index`: its place among the stages of the configuration. Throws ConfigError. */
export function openGenerateStage(
  { config, options, state }: Run,
  session: Session | Reader,
  stage: GenerateStage,
  { suite, excluded, index }: { suite: Suite; excluded?: Excluded; index: number },
): Promise<Generator> {
  const earlier = config.stages.slice(0, index).map(({ name }) => `stages.${name}.`)
  const own = Object.entries(decisiveTable(config)).filter(
    ([path]) => !path.startsWith('stages.') || earlier.some((one) => path.startsWith(one)),
  )
  return Generator.open(session, stage, suite, {
    folder: join(config.output, stage.name),
    excluded,
    weights: { base: state.base, trainedAs: hashOf(own) },
    goesOn: Boolean(options.resume || options.dryRun),
    ops: options.ops,
  })
}

/** Asks. The weights stay as they are. False when it was interrupted. */
export async function runGenerateStage(run: Run, session: Session | Reader, generator: Generator): Promise<boolean> {
  const { state, log } = run
  const { name } = generator.stage
  run.beginStage(session)
  const start = performance.now()
  log.begin(name, 0, 1, 'problems')
  const card = await generator
    .run({
      signal: run.options.signal,
      progress: (done, total) => log.progress(done, total),
      say: (line) => run.say(line),
      write: (effect) => run.write(session, effect),
    })
    .catch((error) => run.fail(error, session))
  if (!card) {
    await run.save(session)
    run.say(`Interrupted in stage "${name}" with ${generator.answers} answers; all are kept. Go on with: ${run.resumeCommand}`)
    return false
  }
  const seconds = (performance.now() - start) / 1000
  await run.orRescue(session, () => {
    const { counts, rejected, tokens, cost } = card
    log.generated({ stage: name, counts, rejected, tokens, cost }, seconds, `${name}  ${cardLine(card)}  ${duration(seconds)}`)
  })
  run.say(`Wrote ${generator.folder}`)
  state.metricsBytes = log.bytes
  await run.endStage(session)
  return true
}
