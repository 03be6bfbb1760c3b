import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import nunjucks from 'nunjucks'
import { parse } from 'yaml'
import type { CountdownTest, ReadingTest } from '../../suites/countdown/data.ts'
import { apply, type Move, moves, nearestMove } from '../../suites/countdown/moves.ts'
import { solvesTest } from '../../suites/countdown/split.ts'

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

/** Every random descent with how likely it is, those that solve a test problem left out. */
function* descents(numbers: readonly number[], target: number): Generator<{ steps: Move[]; chance: number }> {
  const open: { state: readonly number[]; steps: Move[]; chance: number }[] = [{ state: numbers, steps: [], chance: 1 }]
  for (let at = open.pop(); at; at = open.pop()) {
    const { state, steps, chance } = at
    if (state.length > 2) {
      const next = moves(state)
      for (const move of next) open.push({ state: apply(state, move), steps: [...steps, move], chance: chance / next.length })
    } else {
      const whole = [...steps, nearestMove(state[0], state[1], target)]
      if (!solvesTest(numbers, whole)) yield { steps: whole, chance }
    }
  }
}

/** How likely a descent ends on the target, of those that may be shown. */
export function luckShown(numbers: readonly number[], target: number): number {
  let shown = 0
  let hits = 0
  for (const { steps, chance } of descents(numbers, target)) {
    shown += chance
    if (steps.at(-1)!.result === target) hits += chance
  }
  return hits / shown
}

/** Each first move with how likely it begins a descent that may be shown. */
export function shownShares(numbers: readonly number[], target: number): Map<Move, number> {
  const firsts = moves(numbers)
  const shares = new Map(firsts.map((move) => [move, 0]))
  for (const { steps, chance } of descents(numbers, target)) {
    const [first] = steps
    const move = firsts.find(({ a, op, b }) => a === first.a && op === first.op && b === first.b)!
    shares.set(move, shares.get(move)! + chance)
  }
  return shares
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
