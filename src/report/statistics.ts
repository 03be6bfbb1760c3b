/** What is reported of each column of an experiment: accuracy over k samples, behaviour, tokens. Every interval is clustered by problem. */

import { bestAtK, MAX_VOTERS, passAtK, passHatK, sampleCounts } from './estimators.ts'
import { type Cell, cellsOf, type Grid } from './grid.ts'
import { type Estimate, meanOfSamples, shareOfProblems, shareOfSamples } from './intervals.ts'
import type { Column, Experiment, Sample } from './samples.ts'

/** Accuracy that k samples of a problem give. */
export interface AtK extends Estimate {
  k: number
}

export interface Summary {
  column: Column
  /** Problems with at least one sample. */
  problems: number
  samples: number
  /** Samples of a problem: fewest and most. pass@k, pass^k and maj@k use the fewest. */
  k: number
  mostSamples: number
  /** Mean over problems of the share of right samples: mean@k. */
  mean: Estimate
  passAt: AtK[]
  /** All k right: pass^k. */
  passHatAt: AtK[]
  /** Empty where the grader does not report the answer it read. */
  majAt: AtK[]
  /** Bootstrap best@k, as the published pass@16. */
  bestAt: AtK[]
  behaviour: Behaviour[]
  /** Every other named metric of the suite, as a mean over samples. */
  scores: Behaviour[]
}

/** One measured quantity of the responses. */
export interface Behaviour {
  name: string
  /** What is counted over what. */
  meaning: string
  unit: 'share' | 'number' | 'tokens' | 'tokens/s'
  estimate: Estimate
}

/** Least and most. */
function extent(counts: readonly number[]): [number, number] {
  return [counts.reduce((a, b) => Math.min(a, b)), counts.reduce((a, b) => Math.max(a, b))]
}

/** Statistics of every column that has samples, in the order of the columns. */
export function summarize(experiment: Experiment, grids: readonly Grid[]): Summary[] {
  return experiment.columns.flatMap((column, index) => {
    const cells = cellsOf(grids[index])
    return cells.length > 0 ? [summarizeColumn(column, cells, experiment.metric)] : []
  })
}

function summarizeColumn(column: Column, cells: readonly Cell[], metric: string | undefined): Summary {
  const samples = cells.reduce((sum, { n }) => sum + n, 0)
  const [k, mostSamples] = extent(cells.map(({ n }) => n))
  const over = (value: (cell: Cell) => number): Estimate => shareOfProblems(cells.map(value), samples)
  const at = (ks: readonly number[], value: (cell: Cell, k: number) => number): AtK[] =>
    ks.map((j) => ({ k: j, ...over((cell) => value(cell, j)) }))
  const votes = cells.every(({ majority }) => majority !== undefined)
  return {
    column,
    problems: cells.length,
    samples,
    k,
    mostSamples,
    mean: over(({ n, right }) => right / n),
    passAt: at(sampleCounts(k), ({ n, right }, j) => passAtK(n, right, j)),
    passHatAt: at(sampleCounts(k), ({ n, right }, j) => passHatK(n, right, j)),
    majAt: votes ? at(majorityCounts(k, mostSamples), ({ majority }, j) => majority!(j)) : [],
    bestAt: at(sampleCounts(k), ({ n, right }, j) => bestAtK(n, right, j)),
    behaviour: behaviour(cells),
    scores: scores(cells, metric),
  }
}

/** k that majorities are told for: all samples only where there are too many of them to count subsets. */
function majorityCounts(k: number, mostSamples: number): number[] {
  if (mostSamples <= MAX_VOTERS) return sampleCounts(k)
  return k === mostSamples ? [k] : []
}

/** Behaviour of a column's responses, without what none of them reports. */
function behaviour(cells: readonly Cell[]): Behaviour[] {
  const share = (name: string, meaning: string, hit: Measure, of: Measure = () => 1): Behaviour => ({
    name,
    meaning,
    unit: 'share',
    estimate: shareOfSamples(...sums(cells, hit, of)),
  })
  const average = (name: string, meaning: string, unit: Behaviour['unit'], value: Measure, of: Measure = () => 1): Behaviour => ({
    name,
    meaning,
    unit,
    estimate: meanOfSamples(...sums(cells, value, of)),
  })
  const withBlock = ({ shape }: Sample) => (shape.blocks > 0 ? 1 : 0)
  const scored = (name: string) => (sample: Sample) => (sample.scores.has(name) && sample.shape.paths > 0 ? 1 : 0)
  const score = (name: string) => (sample: Sample) => (scored(name)(sample) ? sample.scores.get(name)! : 0)
  return [
    share('parallel ratio', 'responses with a block', withBlock),
    average('blocks', 'blocks of a response', 'number', ({ shape }) => shape.blocks),
    average(
      'paths',
      'paths of a block',
      'number',
      ({ shape }) => shape.paths,
      ({ shape }) => shape.blocks,
    ),
    share(
      'ended paths',
      'of the paths, those that were ended because a sibling had settled the block',
      ({ settling }) => settling?.endedPaths ?? 0,
      ({ settling, shape }) => (settling ? shape.paths : 0),
    ),
    share(
      'structure valid',
      'of the responses with tags, those that break no rule of the grammar',
      ({ shape }) => (shape.valid ? 1 : 0),
      ({ shape }) => (shape.valid === undefined ? 0 : 1),
    ),
    average(
      'first block at',
      'where the first block begins: share of the response before it',
      'share',
      ({ shape }) => shape.firstBlock ?? 0,
      ({ shape }) => (shape.firstBlock === undefined ? 0 : 1),
    ),
    average(
      'agreement',
      "of the responses with paths: the suite's agreement (share of paths that reach the final answer)",
      'share',
      score('agreement'),
      scored('agreement'),
    ),
    share('rescue', "of the responses with paths: the suite's rescue (summary right, most paths wrong)", score('rescue'), scored('rescue')),
    average('total tokens', 'tokens of a response, all paths counted', 'tokens', (s) => s.totalTokens ?? 0, known('totalTokens')),
    average(
      'critical path',
      'tokens along the longest chain of a response',
      'tokens',
      (s) => s.criticalTokens ?? 0,
      known('criticalTokens'),
    ),
    average(
      'saved tokens, at most',
      'tokens that the ended paths of a response could still have taken',
      'tokens',
      ({ settling }) => settling?.savedAtMost ?? 0,
      ({ settling }) => (settling ? 1 : 0),
    ),
    average(
      'tokens/s',
      'total tokens of the responses over the time they took one by one, waiting for the batch included; responses from a store are left out',
      'tokens/s',
      (s) => (timed(s) ? s.totalTokens! : 0),
      (s) => (timed(s) ? s.seconds! : 0),
    ),
    share('cut off', 'responses that a budget ended', ({ finishReason }) => (finishReason === 'length' ? 1 : 0), known('finishReason')),
  ].filter(({ estimate }) => estimate.problems > 0)
}

type Measure = (sample: Sample) => number

const known =
  (key: 'totalTokens' | 'criticalTokens' | 'finishReason') =>
  (sample: Sample): number =>
    sample[key] === undefined ? 0 : 1

const timed = ({ totalTokens, seconds }: Sample): boolean => totalTokens !== undefined && seconds !== undefined && seconds > 0

/** Sums of two quantities over each problem's samples. */
function sums(cells: readonly Cell[], value: Measure, of: Measure): [number[], number[]] {
  const total = (pick: Measure) => cells.map((cell) => cell.samples.reduce((sum, sample) => sum + pick(sample), 0))
  return [total(value), total(of)]
}

/** Named metrics that behaviour has not told already; those that are only ever 0 or 1 as a share. */
function scores(cells: readonly Cell[], metric: string | undefined): Behaviour[] {
  const told = new Set([metric, 'agreement', 'rescue'])
  const values = new Map<string, Set<'binary' | 'bounded' | 'free'>>()
  for (const { samples } of cells) {
    for (const [name, value] of samples.flatMap((sample) => [...sample.scores])) {
      if (told.has(name)) continue
      const kinds = values.get(name) ?? new Set()
      kinds.add(value === 0 || value === 1 ? 'binary' : value > 0 && value < 1 ? 'bounded' : 'free')
      values.set(name, kinds)
    }
  }
  return [...values].map(([name, kinds]) => {
    const pair = sums(
      cells,
      (sample) => sample.scores.get(name) ?? 0,
      (sample) => (sample.scores.has(name) ? 1 : 0),
    )
    return {
      name,
      meaning: `mean of the suite's metric "${name}"`,
      unit: kinds.has('free') ? 'number' : 'share',
      estimate: kinds.size === 1 && kinds.has('binary') ? shareOfSamples(...pair) : meanOfSamples(...pair),
    }
  })
}
