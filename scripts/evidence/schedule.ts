/** How long it takes: steps of every part times the time of a step, as measured in this folder. */

import { existsSync } from 'node:fs'
import path from 'node:path'
import { duration } from '../../src/cli/progress.ts'
import { METRICS_FILE, type Run, readRuns } from '../../src/report/run/read.ts'
import { columns } from '../../src/report/terminal.ts'
import { type Part, type Plan, rlRate, type TrainPart } from './parts.ts'
import type { Records } from './records.ts'

/** Seconds of a step by rate, and of the evaluation of one column. Undefined: not measured yet. */
export interface Rates {
  step: ReadonlyMap<string, number>
  evaluation?: number
}

/** Steps that a stage is measured with before the run begins. */
const PROBED = 3

/**
 * Short runs that measure what a step of each kind takes: the shared stages and every cold start from random weights, and RL from a trained
 * checkpoint, as one that cannot answer yet writes longer responses. They teach the parts nothing.
 */
export function probesOf({ parts, table, recipes }: Plan): TrainPart[] {
  const trained = parts.filter((part): part is TrainPart => part.kind === 'train')
  const [seed] = trained.map((part) => part.seed)
  const probes: TrainPart[] = []
  const rated = new Set<string>()
  for (const part of trained.filter((one) => one.seed === seed)) {
    const form = [...table.forms.values()].find(({ name }) => part.rates.every((rate) => rate === rlRate(name)))
    const fresh = part.train.stages.filter((_, i) => !rated.has(part.rates[i]))
    if (fresh.length === 0 || (form && form.probe === undefined)) continue
    for (const rate of part.rates) rated.add(rate)
    const [recipe] = recipes.values()
    const model = form ? { checkpoint: form.probe } : recipe.model
    const stages = (form ? fresh.slice(0, 1) : fresh).map((stage) => ({ ...stage, steps: PROBED, epochs: undefined }))
    const rates = form ? part.rates.slice(0, 1) : part.rates
    const id = path.join('probes', path.basename(part.id))
    probes.push({
      ...part,
      id,
      rates,
      needs: undefined,
      title: `time of ${form ? rates[0] : part.title}`,
      train: { ...part.train, model, stages },
    })
  }
  return probes
}

/** What the runs in the folder measured so far, those of `probes` where no part has. */
export function ratesOf(plan: Plan, probes: readonly TrainPart[], records: Records): Rates {
  const measured = new Map<string, number[]>()
  const add = (part: TrainPart, onlyNew: boolean) => {
    for (const [rate, seconds] of secondsOf(part, records)) {
      if (onlyNew && known.has(rate)) continue
      measured.set(rate, [...(measured.get(rate) ?? []), ...seconds])
    }
  }
  const known = new Set<string>()
  for (const part of plan.parts) if (part.kind === 'train') add(part, false)
  for (const rate of measured.keys()) known.add(rate)
  for (const probe of probes) add(probe, true)
  const step = new Map([...measured].map(([rate, seconds]) => [rate, median(seconds)]))
  // A form without a checkpoint to probe with writes like one with the same training file.
  for (const form of plan.table.forms.values()) {
    if (step.has(rlRate(form.name))) continue
    const like = [...plan.table.forms.values()].find(({ train, name }) => train === form.train && step.has(rlRate(name)))
    if (like) step.set(rlRate(form.name), step.get(rlRate(like.name))!)
  }
  const asked = plan.parts.flatMap((part) => {
    const done = part.kind === 'evaluation' ? records.done(part) : undefined
    return done && part.kind === 'evaluation' ? [done.seconds / part.columns.length] : []
  })
  return { step, evaluation: asked.length > 0 ? median(asked) : undefined }
}

/** Seconds of the steps of a part by rate, without the first of a stage, which loads and compiles. */
function secondsOf(part: TrainPart, records: Records): Map<string, number[]> {
  const folder = path.join(records.folder(part), 'run')
  const found = new Map<string, number[]>()
  const run = existsSync(path.join(folder, METRICS_FILE)) ? tryRead(folder) : undefined
  for (const [i, { name }] of part.train.stages.entries()) {
    const seconds = (run?.steps ?? []).filter(({ stage }) => stage === name).flatMap(({ values }) => values.get('seconds') ?? [])
    if (seconds.length > 1) found.set(part.rates[i], [...(found.get(part.rates[i]) ?? []), ...seconds.slice(1)])
  }
  return found
}

/** A run that was killed before its first step has no line yet. */
function tryRead(folder: string): Run | undefined {
  try {
    return readRuns([folder])[0]
  } catch {
    return undefined
  }
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.floor(sorted.length / 2)]
}

export interface Planned {
  /** Undefined where no step of the kind was measured. */
  seconds?: number
  steps: number
}

export function plannedTime(part: Part, { step, evaluation }: Rates): Planned {
  if (part.kind === 'evaluation') return { steps: 0, seconds: evaluation === undefined ? undefined : evaluation * part.columns.length }
  const steps = part.train.stages.map((stage) => Number(stage.steps ?? 0))
  const seconds = steps.map((count, i) => count * (step.get(part.rates[i]) ?? Number.NaN))
  const sum = seconds.reduce((a, b) => a + b, 0)
  return { steps: steps.reduce((a, b) => a + b, 0), seconds: Number.isNaN(sum) ? undefined : sum }
}

/** The table of planned time: a line a part of one seed, with what is left of all seeds. */
export function describePlan(plan: Plan, rates: Rates, records: Records): string {
  const titles = [...new Set(plan.parts.map(({ title }) => title))]
  let left = 0
  let unknown = 0
  const rows = titles.map((title) => {
    const same = plan.parts.filter((part) => part.title === title)
    const { steps, seconds } = plannedTime(same[0], rates)
    const open = same.filter((part) => records.done(part) === undefined)
    if (seconds === undefined) unknown += open.length
    else left += seconds * open.length
    return [
      title,
      steps === 0 ? '' : String(steps),
      seconds === undefined ? 'not measured' : duration(seconds),
      `${same.length - open.length} of ${same.length}`,
    ]
  })
  const head = ['part', 'steps', 'a seed', 'done']
  const some = `${unknown} ${unknown === 1 ? 'part' : 'parts'}`
  const rest = unknown > 0 ? `, and ${some} of which nothing is measured` : ''
  const clock = unknown > 0 && left === 0 ? `Nothing is measured yet of ${some}` : `Left: about ${duration(left)} on this machine${rest}`
  return `${columns([head, ...rows]).join('\n')}\n\n${clock}\n`
}
