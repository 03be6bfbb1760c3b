/** The run and the steps that a command names. */

import { existsSync, readdirSync, statSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { UsageError } from '../../cli/arguments.ts'
import { nearestName, nearestPath } from '../../nearest-name.ts'
import { RolloutsError } from '../../rollouts/format.ts'
import { type KeptFile, listSteps } from '../../rollouts/reader.ts'

/** The one argument of a command: the folder of a run, which is there. */
export function runOf(positionals: readonly string[], command: string): string {
  if (positionals.length !== 1) {
    throw new UsageError(`pr1-train ${command} takes the folder of one run. Got ${positionals.length}. See pr1-train ${command} --help.`)
  }
  const run = resolve(positionals[0])
  if (!existsSync(run)) {
    const near = nearestPath(run)
    throw new RolloutsError(
      `There is no run ${run}. ${near ? `Did you mean ${near}?` : 'Name the folder that "output" of its training file names.'}`,
    )
  }
  if (!statSync(run).isDirectory()) {
    throw new RolloutsError(`${run} is a file. pr1-train ${command} takes the folder of a run, which "output" of its training file names.`)
  }
  return run
}

/** The kept steps of a run, oldest first. Throws RolloutsError where there is none. */
function keptSteps(run: string): KeptFile[] {
  const steps = listSteps(run)
  if (steps.length > 0) return steps
  const inner = readdirSync(run).find((name) => name.startsWith('only-') && listSteps(join(run, name)).length > 0)
  const next = inner
    ? `Those of a stage that was trained alone are in ${join(run, inner)}.`
    : 'A grpo stage keeps them unless save.rollouts is false in the training file: change that and go on with --resume.'
  throw new RolloutsError(`${run} keeps no rollouts. ${next}`)
}

interface Choice {
  stage?: string
  /** Steps in the words of {@link parseSteps}; absent: all. */
  step?: string
}

/** The kept steps that are chosen, oldest first. Throws RolloutsError naming what is kept. */
export function chooseSteps(run: string, { stage, step }: Choice): KeptFile[] {
  const all = keptSteps(run)
  const stages = [...new Set(all.map((one) => one.stage))]
  if (stage !== undefined && !stages.includes(stage)) throw noStage(stage, stages)
  const own = all.filter((one) => stage === undefined || one.stage === stage)
  if (step === undefined) return own
  const ranges = parseSteps(step)
  const chosen = own.filter((one) => ranges.some(({ from, to }) => one.step >= from && one.step <= to))
  const missing = ranges.find(({ from, to }) => !own.some((one) => one.step >= from && one.step <= to))
  if (missing) throw noStep(missing, own)
  return chosen
}

/** One kept step; without `step` the newest. Throws RolloutsError also where two stages have such a step. */
export function chooseStep(run: string, choice: Choice): KeptFile {
  if (choice.step !== undefined) parseStep(choice.step)
  const chosen = chooseSteps(run, choice)
  if (choice.step === undefined) return chosen.at(-1)!
  if (chosen.length > 1)
    throw severalStages(
      Number(choice.step),
      chosen.map(({ stage }) => stage),
    )
  return chosen[0]
}

export function severalStages(step: number, stages: readonly string[]): RolloutsError {
  return new RolloutsError(`Several stages have a step ${step}: ${stages.join(', ')}. Choose one with --stage.`)
}

export function noStage(stage: string, stages: readonly string[]): RolloutsError {
  const near = nearestName(stage, stages)
  return new RolloutsError(
    `No stage "${stage}" has kept rollouts. ${near ? `Did you mean "${near}"?` : `There are: ${stages.join(', ')}.`}`,
  )
}

/** `40` */
export function parseStep(text: string): number {
  if (/^\d{1,12}$/.test(text) && Number(text) > 0) return Number(text)
  throw new UsageError(`--step takes the number of a step, counted from 1. Got "${text}". For example --step 40.`)
}

interface Range {
  from: number
  to: number
}

/** `40`, `10-20`, `10-`, and several of them after commas. */
function parseSteps(text: string): Range[] {
  return text.split(',').map((part) => {
    const [, from, dash, to] = /^(\d{1,12})(-?)(\d{1,12})?$/.exec(part.trim()) ?? []
    const range = { from: Number(from), to: dash ? Number(to ?? Number.POSITIVE_INFINITY) : Number(from) }
    if (range.from > 0 && range.to >= range.from && (dash || !to)) return range
    throw new UsageError(`--step takes steps such as 40, 10-20 or 10,20,30-. Got "${text}".`)
  })
}

function noStep({ from, to }: Range, own: readonly KeptFile[]): RolloutsError {
  const wanted = from === to ? `step ${from}` : `step from ${from} to ${to === Number.POSITIVE_INFINITY ? 'the end' : to}`
  const nearest = [...own].sort((a, b) => Math.abs(a.step - from) - Math.abs(b.step - from))[0]
  return new RolloutsError(
    `No ${wanted} of ${[...new Set(own.map(({ stage }) => `"${stage}"`))].join(', ')} is kept: ${own.length} steps from ${own[0].step} to ${own.at(-1)!.step} are. The nearest is --step ${nearest.step}.`,
  )
}
