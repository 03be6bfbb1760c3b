/** From rows to an experiment: which problem each sample belongs to, whether it is right, and what it measured. */

import { withoutEndedPaths } from '../assertions/ended-paths.ts'
import { outputText } from '../assertions/output.ts'
import { pathStarts } from '../assertions/path-starts.ts'
import { isObject } from '../json.ts'
import { parseThinking } from '../thinking/grammar.ts'
import { type Exclusion, exclusionOf, scoreOf } from './exclusions.ts'
import { type Copies, type Problem, Problems } from './problems.ts'
import { type Fields, fields, list, number, ReportError, type Results, type Row, text } from './rows.ts'

/** One provider with one prompt: a column of promptfoo's table. */
export interface Column {
  label: string
  /** `promptIdx` of its rows. */
  promptIdx: number
  source: string
  config: Fields
  /** Rows that ended with an error or whose grader failed: they count neither as right nor as wrong. */
  errors: number
  /** Rows that nothing scored. */
  unscored: number
}

export interface Sample {
  column: number
  problem: number
  /** Which test it is of: copies of a problem are tests of their own. */
  test: number
  /** Counted from 0 within problem and column. */
  repeat: number
  right: boolean
  /** What the response votes for in a majority; null: it gives no answer; undefined: the grader does not say. */
  answer: string | null | undefined
  /** The answer is mathematics: `0.5` and `1/2` are one vote. */
  mathematical: boolean
  scores: ReadonlyMap<string, number>
  /** Response tokens, all paths counted. */
  totalTokens?: number
  /** Response tokens along the longest chain. */
  criticalTokens?: number
  /** From call to response, waiting included; undefined where the response came from a store. */
  seconds?: number
  finishReason?: string
  /** `parallel` where the provider was asked for paths, as it reports. */
  mode?: string
  shape: Shape
  /** Where a path may settle its block; otherwise undefined. */
  settling?: { endedPaths: number; savedAtMost: number }
  row: Row
}

/** What a response looks like. */
interface Shape {
  blocks: number
  paths: number
  /** Where the first block begins, as a share of the response. */
  firstBlock?: number
  /** It breaks no rule of the tag grammar; undefined where there is no tag to judge. */
  valid?: boolean
}

export interface Experiment {
  results: readonly Results[]
  columns: Column[]
  problems: Problem[]
  samples: Sample[]
  /** Rows that are no samples, for the sample browser. */
  failed: (Omit<Sample, 'right' | 'answer' | 'mathematical'> & { exclusion: Exclusion })[]
  /** Named score that decides what is right; undefined: promptfoo's own verdict. */
  metric?: string
  /** Of the column with the most tests, where tests are copies of a problem. */
  copies?: Copies
}

/** The metric that decides where none is named. */
const USUAL_METRIC = 'answer'

/**
 * Groups the rows of one or several evaluations by problem (problems.ts); the same problem in two files is one. `metric` is the
 * named score that says what is right (1), by default `answer` where rows have it, else promptfoo's verdict on the row. Throws ReportError on a metric that no row has.
 */
export function readExperiment(results: readonly Results[], { metric }: { metric?: string } = {}): Experiment {
  const rows = results.flatMap((result) => result.rows)
  const decides = metric ?? (rows.some((row) => scoreOf(row, USUAL_METRIC) !== undefined) ? USUAL_METRIC : undefined)
  if (metric !== undefined && !rows.some((row) => scoreOf(row, metric) !== undefined)) {
    const known = [...new Set(rows.flatMap((row) => Object.keys(fields(row.namedScores))))]
    throw new ReportError(
      `No row has the metric "${metric}". ${known.length > 0 ? `Known metrics: ${known.join(', ')}.` : 'Rows have no named metrics; leave --metric out to use the verdict of promptfoo.'}`,
    )
  }
  const problems = new Problems(results)
  const experiment: Experiment = { results, columns: [], problems: problems.all, samples: [], failed: [], metric: decides }
  const taken = new Map<string, number>()
  const asked: { tests: Set<string>; problems: Set<number> }[] = []
  for (const result of results) {
    const columnOf = addColumns(experiment, result)
    // Rows are saved as they end; testIdx is the order of the run.
    const ordered = [...result.rows].sort((a, b) => (number(a.testIdx) ?? 0) - (number(b.testIdx) ?? 0))
    for (const row of ordered) {
      const column = columnOf.get(row.promptIdx)!
      const { problem, test } = problems.place(row)
      const cell = `${column} ${problem}`
      const repeat = taken.get(cell) ?? 0
      taken.set(cell, repeat + 1)
      asked[column] ??= { tests: new Set(), problems: new Set() }
      asked[column].tests.add(`${test} ${row.vars._copyIndex ?? 0}`)
      asked[column].problems.add(problem)
      const sample = { column, problem, test, repeat, ...measure(row), row }
      const exclusion = exclusionOf(row, decides)
      if (exclusion) {
        experiment.columns[column][exclusion.kind === 'error' ? 'errors' : 'unscored']++
        experiment.failed.push({ ...sample, exclusion })
      } else {
        experiment.samples.push({ ...sample, ...verdict(row, decides) })
      }
    }
  }
  const most = asked.map((one) => ({ tests: one.tests.size, problems: one.problems.size })).sort((a, b) => b.tests - a.tests)
  return { ...experiment, copies: most.find(({ tests, problems: own }) => tests > own) }
}

function addColumns({ columns, results }: Experiment, result: Results): Map<number, number> {
  const first = new Map<number, Row>()
  for (const row of result.rows) if (!first.has(row.promptIdx)) first.set(row.promptIdx, row)
  const found = [...first].sort(([a], [b]) => a - b).map(([promptIdx, row]) => ({ promptIdx, provider: providerName(row), row }))
  const repeated = (name: string) => found.filter(({ provider }) => provider === name).length > 1
  return new Map(
    found.map(({ promptIdx, provider, row }) => {
      const prompt = fields(row.prompt)
      let label = repeated(provider)
        ? `${provider}, ${promptName(text(prompt.label) ?? text(prompt.raw) ?? `prompt ${promptIdx}`)}`
        : provider
      if (columns.some((column) => column.label === label))
        label = `${label} (${results.length > 1 ? result.source : `column ${promptIdx + 1}`})`
      if (columns.some((column) => column.label === label)) label = `${label}, column ${columns.length + 1}`
      // The provider says where it was decoded otherwise than the config has it.
      const config = { ...result.configs.get(provider), ...fields(metadataOf(row).decoding) }
      return [promptIdx, columns.push({ label, promptIdx, source: result.source, config, errors: 0, unscored: 0 }) - 1]
    }),
  )
}

function providerName(row: Row): string {
  const { label, id } = fields(row.provider)
  return text(label) || text(id) || text(row.provider) || `column ${row.promptIdx + 1}`
}

/** promptfoo labels the prompt of a file with its path and what it says. Paths of one folder look alike once they are cut. */
const promptName = (label: string): string => /^(?:[^\s:]*\/)?([^\s:/]+\.\w+): /.exec(label)?.[1] ?? short(label)

const short = (line: string): string => (line.length > 40 ? `${line.slice(0, 40)}…` : line).replace(/\s+/g, ' ').trim()

function verdict(row: Row, metric: string | undefined): Pick<Sample, 'right' | 'answer' | 'mathematical'> {
  const right = metric === undefined ? row.success === true : (scoreOf(row, metric) ?? 0) >= 1
  const graders = list(fields(row.gradingResult).componentResults).map(fields)
  const deciding = metric === undefined ? graders : graders.filter(({ assertion }) => fields(assertion).metric === metric)
  for (const { metadata, assertion } of deciding) {
    if (!isObject(metadata) || !('extracted' in metadata)) continue
    // What a grader read need not be what it counts: expressions that reach the same value are one answer.
    const answer = text('vote' in metadata ? metadata.vote : metadata.extracted)?.trim()
    return { right, answer: answer || null, mathematical: /\bmathAnswer$/.test(text(fields(assertion).value) ?? '') }
  }
  return { right, answer: undefined, mathematical: false }
}

/** What a response measures, whoever judged it. */
export function measure(
  row: Row,
): Pick<Sample, 'scores' | 'totalTokens' | 'criticalTokens' | 'seconds' | 'finishReason' | 'mode' | 'shape' | 'settling'> {
  const response = fields(row.response)
  const metadata = metadataOf(row)
  const scores = new Map<string, number>()
  for (const [name, value] of Object.entries(fields(row.namedScores))) {
    if (number(value) !== undefined) scores.set(name, Number(value))
  }
  const latency = number(row.latencyMs)
  return {
    scores,
    totalTokens: number(metadata.totalTokens) ?? number(fields(response.tokenUsage).completion),
    criticalTokens: number(metadata.criticalPathTokens),
    seconds: response.cached === true || latency === undefined ? undefined : latency / 1000,
    finishReason: text(response.finishReason) ?? text(metadata.finishReason),
    mode: text(metadata.mode),
    shape: shapeOf(outputOf(row), metadata),
    settling: settlingOf(metadata),
  }
}

function settlingOf(metadata: Fields): Sample['settling'] {
  const savedAtMost = number(metadata.savedTokensAtMost)
  if (savedAtMost === undefined) return undefined
  const paths = reportedBlocks(metadata).flatMap((block) => list(block.paths))
  return { endedPaths: paths.filter((path) => fields(path).ended === 'sibling').length, savedAtMost }
}

function metadataOf(row: Row): Fields {
  const { metadata } = fields(row.response)
  return isObject(metadata) ? metadata : fields(row.metadata)
}

/** The response as text, as the assertions read it. */
export const outputOf = (row: Row): string => outputText(fields(row.response).output)

/** Blocks that the provider reports. */
export function reportedBlocks(metadata: Fields): Fields[] {
  return list(fields(metadata.tree).blocks).map(fields)
}

function shapeOf(output: string, metadata: Fields): Shape {
  const { tree, violations } = withoutEndedPaths(parseThinking(output, { pathStarts: pathStarts(metadata) }), output, metadata)
  const blocks = tree.parts.filter((part) => part.kind === 'block')
  const reported = reportedBlocks(metadata)
  const total = number(metadata.totalTokens)
  const start = number(reported[0]?.start)
  const byTokens = start !== undefined && total ? Math.min(1, start / total) : undefined
  if (blocks.length === 0) {
    // The provider may have hidden the tags.
    const paths = reported.reduce((sum, block) => sum + list(block.paths).length, 0)
    return { blocks: reported.length, paths, firstBlock: byTokens, valid: violations.length > 0 ? false : undefined }
  }
  return {
    blocks: blocks.length,
    paths: blocks.reduce((sum, block) => sum + block.paths.length, 0),
    firstBlock: byTokens ?? blocks[0].start / output.length,
    valid: violations.length === 0,
  }
}
