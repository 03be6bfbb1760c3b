/**
 * The samples of the page: a small index that the browser filters, and the texts in compressed chunks that it opens when they are looked at.
 * Everything that a model or a file wrote ends up in base64 or in JSON without `<`, and is shown as text, never as markup.
 */

import { gzipSync } from 'node:zlib'
import { extractAnswer } from '../../assertions/answer/claims/extract.ts'
import { LIMITS } from '../../assertions/answer/limits.ts'
import { withoutEndedPaths } from '../../assertions/ended-paths.ts'
import { pathStarts } from '../../assertions/path-starts.ts'
import { isObject } from '../../json.ts'
import { inWords, parseThinking } from '../../thinking/grammar.ts'
import type { Exclusion } from '../exclusions.ts'
import { linkedName } from '../link.ts'
import { questionOf } from '../problems.ts'
import { type Fields, fields, list, number, type Row, text } from '../rows.ts'
import { type Experiment, outputOf, reportedBlocks, type Sample } from '../samples.ts'
import { equalAnswers } from '../votes.ts'

/** Samples that a page holds by default: some 40 MB where a response with its reasons has 8 kB. */
export const DEFAULT_SAMPLES = 20_000

/** Samples whose texts are compressed together. */
export const CHUNK = 200

/** Characters of one text that are kept: beginning and end, with a note of what lies between. */
const LONGEST_TEXT = 16_000
const LONGEST_REASON = 1000
const LONGEST_TITLE = 140

/** What the filters of the browser need; parallel arrays, one entry a sample. */
export interface Index {
  /** Where the verdicts are others than wrong, right and error: their signs and their words. */
  marks?: string[]
  verdicts?: string[]
  columns: string[]
  problems: string[]
  metrics: string[]
  /** Samples of a chunk. */
  chunk: number
  column: number[]
  problem: number[]
  repeat: number[]
  /** As links name the sample, empty where they do not. */
  name: string[]
  /** 0 wrong, 1 right, 2 error. */
  verdict: number[]
  blocks: number[]
  /** 1: breaks a rule of the grammar. */
  broken: number[]
  /** −1 where not known. */
  tokens: number[]
  critical: number[]
  /** From call to response, −1 where not known. */
  seconds: number[]
  /** Indices into `metrics` of the assertions that failed. */
  failed: number[][]
  /** Of a run: steps done with the one that the sample is of. */
  step?: number[]
}

/** One sample as the browser draws it. */
export interface Detail {
  /** The prompt as the provider got it. */
  prompt: string
  vars: [string, string][]
  /** The response in reading order. */
  tree: Part[]
  violations: string[]
  grades: Grade[]
  /** Label and value: seed, finish reason, seconds. */
  facts: [string, string][]
  error?: string
}

export type Part = ShownText | { paths: ShownPath[]; summary?: ShownText }

/** `tokens` is −1 where the provider did not count. */
export interface ShownText {
  text: string
  tokens: number
  /** A path that comes to the answer of the response. */
  reaches?: true
  /** A path that a sibling ended. */
  ended?: true
}

export interface ShownPath extends ShownText {
  /** What named it before it was forked. */
  outline?: ShownText
}

export interface Grade {
  metric: string
  pass: boolean
  score: number | null
  reason: string
}

export interface Payload {
  index: Index
  /** Base64 of gzip of the JSON of `Detail[]`. */
  chunks: string[]
  /** Samples that were left out to keep the page within bounds. */
  omitted: number
}

/** Either a graded sample or a row that is none. */
export type Shown = Omit<Sample, 'right' | 'answer' | 'mathematical'> &
  Partial<Pick<Sample, 'right' | 'mathematical'>> & { exclusion?: Exclusion }

/** Packs at most `limit` samples: the first repeats of every problem and column. */
export function packSamples(experiment: Experiment, limit: number): Payload {
  const all: Shown[] = [...experiment.samples, ...experiment.failed]
  const samples = firstRepeats(all, limit)
  samples.sort((a, b) => a.problem - b.problem || a.column - b.column || a.repeat - b.repeat)
  const entryOf = (sample: Shown): Entry => {
    const { vars, prompt } = experiment.problems[sample.problem]
    return {
      ...sample,
      title: titleOf(vars, prompt),
      name: linkedName(metadataOf(sample.row).report) ?? '',
      verdict: sample.right === undefined ? 2 : sample.right ? 1 : 0,
      detail: detailOf(sample),
    }
  }
  const columns = experiment.columns.map(({ label }) => label)
  return { ...packEntries(columns, mapped(samples, entryOf)), omitted: all.length - samples.length }
}

/** One sample to be packed. Entries of a problem follow each other. */
export type Entry = Pick<Sample, 'column' | 'problem' | 'repeat' | 'shape' | 'totalTokens' | 'criticalTokens' | 'seconds'> & {
  /** Of its problem, in the list. */
  title: string
  name: string
  verdict: number
  detail: Detail
  step?: number
}

function* mapped<A, B>(values: Iterable<A>, to: (value: A) => B): Generator<B> {
  for (const value of values) yield to(value)
}

/** Takes one entry after the other, so that few texts are held at once. */
export function packEntries(columns: string[], entries: Iterable<Entry>): Pick<Payload, 'index' | 'chunks'> {
  const metricIndex = new Map<string, number>()
  const problemIndex = new Map<number, number>()
  const index: Index = {
    columns,
    problems: [],
    metrics: [],
    chunk: CHUNK,
    column: [],
    problem: [],
    repeat: [],
    name: [],
    verdict: [],
    blocks: [],
    broken: [],
    tokens: [],
    critical: [],
    seconds: [],
    failed: [],
  }
  const steps: number[] = []
  const chunks: string[] = []
  let details: Detail[] = []
  const flush = () => {
    if (details.length > 0) chunks.push(gzipSync(JSON.stringify(details)).toString('base64'))
    details = []
  }
  /** The place of a name in a list, where it is put if it is new. */
  const placed = <K>(places: Map<K, number>, key: K, list: string[], name: string): number => {
    const place = places.get(key) ?? list.push(name) - 1
    places.set(key, place)
    return place
  }
  for (const { detail, shape, ...entry } of entries) {
    index.column.push(entry.column)
    index.problem.push(placed(problemIndex, entry.problem, index.problems, entry.title))
    index.repeat.push(entry.repeat)
    index.name.push(entry.name)
    index.verdict.push(entry.verdict)
    index.blocks.push(shape.blocks)
    index.broken.push(shape.valid === false ? 1 : 0)
    index.tokens.push(entry.totalTokens ?? -1)
    index.critical.push(entry.criticalTokens ?? -1)
    index.seconds.push(entry.seconds === undefined ? -1 : Math.round(100 * entry.seconds) / 100)
    if (entry.step !== undefined) steps.push(entry.step)
    const failed = detail.grades.filter(({ pass }) => !pass).map(({ metric }) => placed(metricIndex, metric, index.metrics, metric))
    index.failed.push([...new Set(failed)])
    details.push(detail)
    if (details.length === CHUNK) flush()
  }
  flush()
  return { index: steps.length > 0 ? { ...index, step: steps } : index, chunks }
}

function firstRepeats(samples: readonly Shown[], limit: number): Shown[] {
  if (samples.length <= limit) return [...samples]
  return [...samples].sort((a, b) => a.repeat - b.repeat || a.problem - b.problem || a.column - b.column).slice(0, limit)
}

/** One line for the list: the question, else the prompt. */
const titleOf = (vars: Fields, prompt: string): string => oneLine(questionOf(vars) ?? (prompt || JSON.stringify(vars)))

export function oneLine(value: string): string {
  const line = value
    .slice(0, 4 * LONGEST_TITLE)
    .replace(/\s+/g, ' ')
    .trim()
  return line.length > LONGEST_TITLE ? `${line.slice(0, LONGEST_TITLE - 1)}…` : line
}

/** What is shown of one sample. */
export function detailOf({ row, finishReason, mathematical, totalTokens, exclusion }: Shown): Detail {
  const response = fields(row.response)
  const metadata = metadataOf(row)
  const output = outputOf(row)
  const facts: [string, string][] = []
  const fact = (label: string, value: unknown) => {
    if (value !== undefined && value !== null) facts.push([label, String(value).slice(0, 80)])
  }
  fact('finish reason', finishReason)
  fact('mode', text(metadata.mode))
  fact('attention', text(metadata.attention))
  fact('seed', number(metadata.seed))
  fact('prompt tokens', number(metadata.promptTokens))
  if (response.cached === true) fact('from a store', 'yes')
  const parsed = withoutEndedPaths(parseThinking(output, { pathStarts: pathStarts(metadata) }), output, metadata)
  const answer = statedAnswer(row)
  const tree = treeOf(output, parsed.tree.parts, reportedBlocks(metadata), totalTokens)
  return {
    prompt: shorten(promptOf(row), LONGEST_TEXT),
    vars: Object.entries(row.vars)
      .filter(([name]) => !name.startsWith('__'))
      .slice(0, 40)
      .map(([name, value]) => [name.slice(0, 80), shorten(text(value) ?? JSON.stringify(value) ?? '', 2000)]),
    tree: answer ? tree.map((part) => markPaths(part, answer, mathematical === true)) : tree,
    violations: parsed.violations.slice(0, 12).map(inWords),
    grades: list(fields(row.gradingResult).componentResults).slice(0, 60).map(gradeOf),
    facts,
    ...(exclusion && { error: shorten(text(row.error) || exclusion.cause, LONGEST_TEXT) }),
  }
}

function metadataOf(row: Row): Fields {
  const { metadata } = fields(row.response)
  return isObject(metadata) ? metadata : fields(row.metadata)
}

function promptOf(row: Row): string {
  const prompt = fields(row.prompt)
  return text(prompt.raw) ?? ''
}

/** The parts of a response that nobody counted. */
export function partsOf(output: string): Part[] {
  return treeOf(output, parseThinking(output).tree.parts, [], undefined)
}

/** The parts of a response with the token counts of its `metadata`, as the provider gives it. */
export function countedPartsOf(output: string, metadata: Fields): Part[] {
  return treeOf(output, parseThinking(output).tree.parts, reportedBlocks(metadata), number(metadata.totalTokens))
}

/** Tags of a block that has a summary, in tokens; those of outlines, paths and summary count with them. */
const BLOCK_TAGS = 4

function treeOf(
  output: string,
  parts: ReturnType<typeof parseThinking>['tree']['parts'],
  reported: readonly Fields[],
  total: number | undefined,
): Part[] {
  const blocks = parts.filter(({ kind }) => kind === 'block').length
  // Token counts belong to the blocks of the text only where there are as many of both.
  const counted = blocks === reported.length && (blocks > 0 || total !== undefined)
  const starts = counted ? [...reported.map(({ start }) => number(start)), total] : []
  let next = 0
  /** Tokens up to the end of the block before. */
  let told = 0
  const tree = parts.map((part): Part => {
    if (part.kind === 'text') {
      const until = starts[next]
      return {
        text: shorten(output.slice(part.start, part.end), LONGEST_TEXT),
        tokens: until === undefined ? -1 : Math.max(0, until - told),
      }
    }
    const block = counted ? reported[next] : {}
    const shown = (span: { contentStart: number; contentEnd: number }, { tokens, ended }: Fields): ShownText => ({
      text: shorten(output.slice(span.contentStart, span.contentEnd), LONGEST_TEXT),
      tokens: number(tokens) ?? -1,
      ...(ended === 'sibling' && { ended: true }),
    })
    const paths = part.paths.map((path, i): ShownPath => {
      const counts = fields(list(block.paths)[i])
      const outline = part.outlines?.[i]
      return { ...shown(path, counts), ...(outline && { outline: shown(outline, fields(counts.outline)) }) }
    })
    const summary = part.summary && shown(part.summary, fields(block.summary))
    const inPaths = paths.reduce((sum, { tokens, outline }) => sum + tokens + (outline?.tokens ?? 0), 0)
    told = (starts[next++] ?? 0) + inPaths + (summary?.tokens ?? 0) + BLOCK_TAGS
    return { paths, ...(summary && { summary }) }
  })
  if (blocks > 0 || reported.length === 0) return tree
  // Tags are hidden in the output: what the provider reports comes first, then the response as it was given.
  const span = (value: unknown): ShownText => ({
    text: shorten(text(fields(value).text) ?? '', LONGEST_TEXT),
    tokens: number(fields(value).tokens) ?? -1,
    ...(fields(value).ended === 'sibling' && { ended: true }),
  })
  const path = (value: unknown): ShownPath => {
    const { outline } = fields(value)
    return { ...span(value), ...(outline !== undefined && { outline: span(outline) }) }
  }
  return [...reported.map(({ paths, summary }): Part => ({ paths: list(paths).map(path), summary: span(summary) })), ...tree]
}

/** What a grader read in the response, in the words of the response. */
function statedAnswer(row: Row): string | undefined {
  const told = list(fields(row.gradingResult).componentResults).map((result) => text(fields(fields(result).metadata).extracted)?.trim())
  return told.find(Boolean)
}

/** Marks the paths that come to the answer which the grader read in the response, be it right or wrong. */
function markPaths(part: Part, answer: string, mathematical: boolean): Part {
  if (!('paths' in part)) return part
  return { ...part, paths: part.paths.map((path) => (reaches(path.text, answer, mathematical) ? { ...path, reaches: true } : path)) }
}

/** Whether a path states the answer: mathematics as `pathAgreement` reads it, anything else word for word. */
export function reaches(path: string, answer: string, mathematical: boolean): boolean {
  if (mathematical) {
    const found = extractAnswer(path, 'auto', { kind: 'other', factorial: true })
    return !('missing' in found) && found.text.length <= LIMITS.candidate && equalAnswers(found.text, answer)
  }
  const words = (value: string) => ` ${value.replace(/\s+/g, ' ').trim()} `
  return words(path).includes(words(answer))
}

function gradeOf(result: unknown): Grade {
  const { assertion, pass, score, reason } = fields(result)
  const { metric, type, value } = fields(assertion)
  return {
    metric: (text(metric) ?? [text(type), text(value)?.slice(0, 60)].filter(Boolean).join(' ')) || 'assertion',
    pass: pass === true,
    score: number(score) ?? null,
    reason: shorten(text(reason) ?? '', LONGEST_REASON),
  }
}

function shorten(value: string, limit: number): string {
  if (value.length <= limit) return value
  const half = Math.floor(limit / 2)
  return `${value.slice(0, half)}\n… ${value.length - 2 * half} characters left out …\n${value.slice(-half)}`
}
