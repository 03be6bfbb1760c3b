/** What a run prints before its first step: the settings, the engine, the model, stages, evaluations and memory. */

import { availableMemory } from '../../engine/checkpoint/memory.ts'
import { modelSpec } from '../../engine/families/index.ts'
import { parameterCount } from '../../engine/spec.ts'
import { counted } from '../../show.ts'
import { trainsNothing } from '../config/answers-only.ts'
import type { Stage, TrainConfig } from '../config/config.ts'
import { configTable, settingsTable } from '../config/config-table.ts'
import type { Evaluations } from '../evaluation/evaluations.ts'
import type { Generator } from '../generate/generator.ts'
import { describePrompt } from '../model/prompt-form.ts'
import { hasWeights, type Reader, type Session } from '../model/session.ts'
import type { Recipe } from '../recipe.ts'
import { partialSumBytes } from '../update/shards.ts'
import { memoryTable, table } from './log.ts'
import { checkTrainingMemory } from './memory-check.ts'
import { changeLine, lengthLine, type Resumed } from './resume.ts'
import type { Run } from './run.ts'

/** The configuration, the engine, and where the run goes on. */
export function printConfig(run: Run, saved: Resumed | undefined): void {
  const { device, precision, isa, threads, reason } = run.engine.info
  printSettings(run)
  run.say(`\nEngine: ${device}, ${precision}, ${isa}, ${counted(threads, 'thread')} (${reason})`)
  const { gaveWay } = run.config
  if (gaveWay) run.say(`precision: ${gaveWay} in the file gave way to --device ${device}, which computes in ${precision}`)
  if (saved) run.say([`Going on from ${saved.folder}`, ...saved.lengths.map(lengthLine), ...saved.changes.map(changeLine)].join('\n'))
  else if (run.options.resume) run.say('Nothing is saved yet: starting from the beginning')
}

/** What somebody chose and the few that matter in every run, or all settings as they were resolved. */
function printSettings(run: Run): void {
  const { config, options } = run
  const { rows, hidden } = settingsTable(config)
  const all = options.allSettings === true
  run.say(`Settings\n${table(all ? configTable(config) : rows)}`)
  if (!all && hidden > 0) run.say(`  and ${hidden} at their defaults, which --all-settings prints`)
}

/** The model and what will be done with it. Throws ConfigError where this machine has not the memory. */
export function printPlan(
  run: Run,
  session: Session | Reader,
  stages: readonly Stage[],
  recipes: readonly (Recipe | Generator)[],
  evaluations: Evaluations['plan'],
): void {
  const { config } = run
  if (hasWeights(session)) {
    run.say(parameterLine(session, !trainsNothing(config)))
    if (config.ray) run.say(`Workers: ${rayLine(config.ray, session)}`)
  } else run.say('Model: only its tokenizer and its sizes are read. No stage to come trains it or has it answer')
  run.say(`\nStages\n${table(stages.map((stage, i) => [stage.name, `${stage.kind}, ${recipes[i].data}`]))}`)
  for (const line of session.checkpoint.warnings ?? []) run.say(`Warning: ${line}`)
  const { warnings, rows } = evaluations
  if (rows.length > 0) run.say(`\nEvaluations\n${table(rows)}`)
  for (const line of [...recipes.flatMap(({ warnings }) => warnings ?? []), ...warnings]) run.say(line)
  const first = recipes.find(({ prompts }) => prompts.length > 0)?.prompts[0]
  if (first) run.say(`\nFirst prompt\n${describePrompt(session.checkpoint, first)}`)
  if (hasWeights(session)) printMemory(run, session, recipes)
}

function printMemory(run: Run, { model, shards }: Session, recipes: readonly (Recipe | Generator)[]): void {
  const tokens = recipes.reduce((most, recipe) => Math.max(most, recipe.forwardTokens), 0)
  const plan = model.memoryPlan(tokens)
  const reference = recipes.reduce((most, recipe) => Math.max(most, ('referenceBytes' in recipe && recipe.referenceBytes) || 0), 0)
  const partialSums = trainsNothing(run.config) ? 0 : partialSumBytes(model, shards)
  const beside = reference + partialSums
  const device = run.engine.deviceMemory?.()
  const shown = { ...plan, total: plan.total + beside }
  run.say(`\nMemory plan\n${table(memoryTable(shown, tokens, { reference, partialSums }))}\n`)
  const { recompute, optimizerState } = run.config
  // Weights and moments are there already: count them as free.
  const host = availableMemory() + (device ? 0 : process.memoryUsage().rss)
  checkTrainingMemory(plan, { beside, host, device, recompute, optimizerState })
}

function parameterLine({ model, trained }: Session, trains: boolean): string {
  const numbers = model.parameterCount.toLocaleString('en')
  if (!trained) return `Parameters: ${numbers}${trains ? '' : '. None trains'}`
  const frozen = parameterCount(modelSpec(model.config)).toLocaleString('en')
  return `Parameters: ${numbers} of adapters${trains ? ' train' : ''}, beside ${frozen} that stay`
}

function rayLine({ workers, threads, address }: NonNullable<TrainConfig['ray']>, { shards }: Session): string {
  const all = `${workers} of ${threads} thread${threads > 1 ? 's' : ''}, placed by Ray (address ${address})`
  if (shards.most >= workers) return `${all}. An update is at most ${shards.most} shards`
  const some = shards.most === 1 ? 'one shard, so one of them computes it' : `at most ${shards.most} shards, so as many of them compute it`
  return `${all}. An update is ${some}. Set "shards" to ${workers} or more in a new run`
}
