/** The rollouts that runs kept: what they add to the curves, and the samples of the page. */

import { parseJson } from '../../json.ts'
import { type KeptRollout, RolloutsError, type StepHeader } from '../../rollouts/format.ts'
import { type KeptFile, listSteps, readStep } from '../../rollouts/reader.ts'
import { detailOf, type Entry, type Grade, oneLine, type Payload, packEntries } from '../page/payload.ts'
import { fields, list, type Row, text } from '../rows.ts'
import { measure } from '../samples.ts'
import type { Run } from './read.ts'

export interface RunSamples extends Pick<Payload, 'index' | 'chunks' | 'omitted'> {
  /** Steps of the filter: what the index has, and its name. */
  steps: [value: string, name: string][]
}

export interface Kept {
  /** The runs, with what the rollouts say of their steps among the values: `kept.position`, `kept.blocks`, `kept.paths`, `kept.ended`. */
  runs: Run[]
  /** Undefined where no run kept any. */
  samples?: RunSamples
  remarks: string[]
}

/** Signs and words of the verdicts: below, above, neither. */
const MARKS = ['−', '+', '·']
export const VERDICTS = ['below its group', 'above its group', 'teaches nothing']

/** Reads every kept step once. The page gets at most `limit` samples: of each step the same number, in whole groups. */
export function readKept(runs: readonly Run[], limit: number): Kept {
  const files = runs
    .flatMap(({ folder }, run) => listSteps(folder).map((file) => ({ ...file, run })))
    .sort((a, b) => a.total - b.total || a.run - b.run)
  const figures: Map<number, [string, number][]>[] = runs.map(() => new Map())
  const remarks: string[] = []
  let omitted = 0
  const problems = new Map<string, number>()
  const repeats = new Map<string, number>()
  let room = limit

  function* entries(): Generator<Entry> {
    for (const { run, ...file } of files) {
      const kept = read(file, remarks)
      if (!kept) continue
      const { header, rollouts } = kept
      figures[run].set(file.total, figuresOf(rollouts))
      const shown = wholeGroups(rollouts, Math.min(room, Math.floor(limit / files.length)))
      room -= shown.length
      omitted += rollouts.length - shown.length
      for (const rollout of shown) {
        // The same problem at the same step of several runs stands side by side.
        const key = JSON.stringify([file.total, rollout.problem, rollout.prompt])
        const problem = problems.get(key) ?? problems.size
        problems.set(key, problem)
        const place = `${run} ${problem}`
        const repeat = repeats.get(place) ?? 0
        repeats.set(place, repeat + 1)
        yield entryOf(rollout, header, { column: run, problem, repeat })
      }
    }
  }

  const { index, chunks } = packEntries(
    runs.map(({ label }) => label),
    entries(),
  )
  const steps = new Map(files.map(({ total, stage, step }) => [String(total), `${total}: ${stage} ${step}`]))
  const shown = new Set(index.step?.map(String))
  return {
    runs: runs.map((run, i) => withFigures(run, figures[i])),
    remarks,
    ...(index.column.length + omitted > 0 && {
      samples: {
        index: { ...index, marks: MARKS, verdicts: VERDICTS },
        chunks,
        omitted,
        steps: [...steps].filter(([total]) => shown.has(total)),
      },
    }),
  }
}

function read({ file, total }: KeptFile, remarks: string[]) {
  try {
    return readStep(file)
  } catch (error) {
    if (!(error instanceof RolloutsError)) throw error
    remarks.push(`The rollouts of step ${total} are left out. ${error.message}`)
    return undefined
  }
}

/** The first groups that fit; a part of the first where that alone does not. */
function wholeGroups(rollouts: readonly KeptRollout[], most: number): readonly KeptRollout[] {
  if (rollouts.length <= most) return rollouts
  const group = rollouts[most].group
  const start = rollouts.findIndex((rollout) => rollout.group === group)
  return rollouts.slice(0, start === 0 ? most : start)
}

/**
 * Where the blocks of a step lie and how many there are. The position of a block is the tokens before it over all tokens of its response, as in
 * arXiv 2509.07980: early blocks explore, late ones verify.
 */
function figuresOf(rollouts: readonly KeptRollout[]): [string, number][] {
  const blocks = rollouts.flatMap(({ metadata }) =>
    metadata.tree.blocks.map(({ start, paths }) => ({ at: Math.min(1, start / Math.max(1, metadata.totalTokens)), paths: paths.length })),
  )
  const paths = rollouts
    .filter(({ metadata }) => metadata.savedTokensAtMost !== undefined)
    .flatMap(({ metadata }) => metadata.tree.blocks.flatMap((block) => block.paths))
  const mean = (of: (block: (typeof blocks)[number]) => number) => blocks.reduce((sum, block) => sum + of(block), 0) / blocks.length
  return [
    ['kept.blocks', blocks.length / Math.max(1, rollouts.length)],
    ...(blocks.length > 0 ? ([['kept.position', mean(({ at }) => at)], ['kept.paths', mean(({ paths }) => paths)]] as [string, number][]) : []),
    ...(paths.length > 0 ? ([['kept.ended', paths.filter(({ ended }) => ended === 'sibling').length / paths.length]] as [string, number][]) : []),
  ] // biome-ignore format: a figure a line
}

function withFigures(run: Run, figures: ReadonlyMap<number, [string, number][]>): Run {
  const steps = run.steps.map((step) => ({ ...step, values: new Map([...step.values, ...(figures.get(step.total) ?? [])]) }))
  return { ...run, steps }
}

type Place = Pick<Entry, 'column' | 'problem' | 'repeat'>

function entryOf(rollout: KeptRollout, header: StepHeader, place: Place): Entry {
  const { prompt, text: output, metadata, metrics, advantage, teaches, problem } = rollout
  const row: Row = { promptIdx: 0, vars: {}, prompt: { raw: prompt }, response: { output, metadata } }
  const measured = measure(row)
  const detail = detailOf({ ...place, ...measured, test: 0, row })
  const grades = Object.entries(metrics).map(
    ([metric, score]): Grade => ({ metric: metric.slice(0, 200), pass: score > 0, score, reason: '' }),
  )
  return {
    ...place,
    ...measured,
    title: oneLine(`step ${header.total}, ${problem}: ${questionOf(prompt)}`),
    name: '',
    verdict: !teaches || advantage === 0 ? 2 : advantage > 0 ? 1 : 0,
    step: header.total,
    detail: { ...detail, grades, facts: [...factsOf(rollout, header), ...detail.facts] },
  }
}

/** What a prompt asks: of chat messages the last. */
function questionOf(prompt: string): string {
  if (!/^\s*\[/.test(prompt)) return prompt
  try {
    return text(fields(list(parseJson(prompt)).at(-1)).content) ?? prompt
  } catch {
    return prompt
  }
}

function factsOf({ reward, rewards, penalty, advantage, teaches }: KeptRollout, { terms, stage, step }: StepHeader): [string, string][] {
  const shown = (value: number) => String(Number(value.toPrecision(4)))
  return [
    ['step', `${stage} ${step}`],
    ['reward', shown(reward)],
    ...(terms.length > 1 ? terms.map((term, i): [string, string] => [term.reward.slice(0, 80), told(rewards[i], shown)]) : []),
    ...(penalty === undefined ? [] : [['KL taken off', shown(penalty)] as [string, string]]),
    ['advantage', shown(advantage)],
    ...(teaches ? [] : [['teaches', 'nothing'] as [string, string]]),
  ]
}

const told = (reward: number | null | undefined, shown: (value: number) => string): string =>
  typeof reward === 'number' ? shown(reward) : 'says nothing'
