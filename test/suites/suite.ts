import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import nunjucks from 'nunjucks'
import { parse } from 'yaml'
import type { CountdownTest, ReadingTest } from '../../suites/countdown/data.ts'
import { apply, moves, nearestMove } from '../../suites/countdown/moves.ts'

/** The suite's folder. */
export const folder = fileURLToPath(new URL('../../suites/countdown/', import.meta.url))

export const read = (name: string): string => readFileSync(new URL(`../../suites/countdown/${name}`, import.meta.url), 'utf8')

export interface EvalProvider {
  id: string
  label: string
  config: Record<string, unknown>
}

export interface EvalConfig {
  prompts: { id: string; label: string }[]
  providers: (string | EvalProvider)[]
  tests: string | { path: string; config: Record<string, number> }
  defaultTest?: { assert: { metric: string; value: string }[] }
}

export const yaml = (name: string): EvalConfig => parse(read(name)) as EvalConfig

/** What a promptfoo config of the suite gives its loader, so that tests see what the models are trained on. */
export function loaderConfig(name: string): Record<string, number> {
  const { tests } = yaml(name)
  if (typeof tests === 'string') throw new Error(`${name} has no loader.`)
  return tests.config
}

/** The suite's prompt as a model sees it for a row. */
const template = new nunjucks.Environment(null, { autoescape: false })
export const promptOf = ({ vars }: CountdownTest | ReadingTest): string => template.renderString(read('prompt.j2'), vars)

export const isReading = (row: CountdownTest | ReadingTest): row is ReadingTest => row.vars.task === 'reading'

/** Every response of SFT rows with the row it answers. */
export function responsesOf<Row extends CountdownTest | ReadingTest>(rows: readonly Row[]): { text: string; row: Row }[] {
  return rows.flatMap((row) => (row.vars.trajectories ?? []).map((text) => ({ text, row })))
}

/** The committed tests of a level. */
export const committedTests = (level: string): CountdownTest[] =>
  read(`test.${level}.jsonl`)
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as CountdownTest)

/** How likely a random descent ends on the target. */
export function luck(numbers: readonly number[], target: number): number {
  if (numbers.length === 2) return nearestMove(numbers[0], numbers[1], target).result === target ? 1 : 0
  const next = moves(numbers)
  return next.reduce((sum, move) => sum + luck(apply(numbers, move), target), 0) / next.length
}

/** The first cell of a row in a table of the README to the other cells. */
export function readmeRow(title: string): string[] {
  const line = read('README.md')
    .split('\n')
    .find((text) => text.startsWith(`| ${title} `))
  if (line === undefined) throw new Error(`The README has no table row "${title}".`)
  return line
    .split('|')
    .slice(2, -1)
    .map((cell) => cell.trim())
}
