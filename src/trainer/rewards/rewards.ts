/**
 * The reward of a stage: one mathjs expression over metric names and `step`, compiled once. It can compute and compare
 * and nothing else: no assignment, no function definition, no index, no string, no access to objects.
 */

import type { MathJsInstance, MathNode } from 'mathjs'
import { ConfigError, ParallelR1Error } from '../../engine/errors.ts'
import { allAssertions, type SuiteAssertion } from '../../grading/references.ts'
import { nearestName } from '../../nearest-name.ts'
import { GraderError, GradersEndedError } from '../grading/scoring.ts'
import type { Suite, SuiteRow } from '../suite/suite.ts'

/** A reward that cannot be computed for a sample. Nothing was learnt from its step. */
export class RewardError extends ParallelR1Error {
  override name = 'RewardError'
}

/** Functions an expression may call. */
const FUNCTIONS = ['min', 'max', 'abs', 'exp', 'mod', 'floor'] as const

/** Operators by mathjs' function names. */
const OPERATORS = new Set(
  'add subtract multiply divide pow mod unaryMinus unaryPlus equal unequal smaller smallerEq larger largerEq and or not xor'.split(' '),
)

const CONSTANTS = new Set(['true', 'false'])

/** What a name in an expression means before it can mean a metric. */
const RESERVED = new Set<string>([
  'step',
  ...FUNCTIONS,
  ...CONSTANTS,
  ...'and or not xor mod to in end null undefined NaN Infinity'.split(' '),
])

/** A compiled reward: metrics of one sample and the step (from 1) → a finite number; true is 1, false 0. */
export interface Reward {
  readonly expression: string
  /** What errors call it. */
  readonly noun: string
  /** Metric names it uses, as the expression writes them. */
  readonly symbols: readonly string[]
  evaluate(metrics: Readonly<Record<string, number>>, step: number): number
}

/** A metric name as an expression can write it: `parallel-used` is `parallel_used`. */
export function symbolOf(metric: string): string {
  return metric.replace(/[^A-Za-z0-9_]/g, '_').replace(/^(?=[0-9])/, '_')
}

/** Throws ConfigError when the expression does not parse or uses anything beyond arithmetic, comparison, logic and {@link FUNCTIONS}. */
export async function compileReward(expression: string, noun = 'reward'): Promise<Reward> {
  if (expression.includes('%')) {
    // mathjs reads "0.5 + 10%" as 0.5 + 10 % of 0.5.
    throw new ConfigError(`The ${noun} may not hold "%". Got "${expression}". Write mod(a, b) for a remainder, and 0.1 for 10 %.`)
  }
  const math = await restrictedMath()
  let tree: MathNode
  try {
    tree = math.parse(expression)
  } catch (error) {
    throw new ConfigError(`The ${noun} does not parse: ${(error as Error).message}. Got "${expression}". ${EXAMPLE}`)
  }
  const symbols = checkTree(tree, expression, noun)
  const code = tree.compile()
  return {
    expression,
    noun,
    symbols,
    evaluate(metrics, step) {
      const scope = scopeOf(metrics)
      const missing = symbols.filter((name) => !scope.has(name))
      if (missing.length > 0) {
        const present = [...scope.keys()].join(', ') || 'none'
        throw new RewardError(
          `The ${noun} "${expression}" uses ${missing.map((m) => `"${m}"`).join(', ')}, which no assertion of this sample reported. Metrics present: ${present}. Correct the expression, or give an assertion \`metric: ${missing[0]}\`.`,
        )
      }
      const value: unknown = code.evaluate(scope.set('step', step))
      const number = typeof value === 'boolean' ? Number(value) : value
      if (typeof number !== 'number' || !Number.isFinite(number)) {
        throw new RewardError(
          `The ${noun} "${expression}" is ${String(value)} for ${JSON.stringify({ ...metrics, step })}. Guard it against division by zero and overflow.`,
        )
      }
      return number
    },
  }
}

const EXAMPLE = 'Write for example "answer", "2 * answer - 1" or "mod(step - 1, 10) < 8 ? 2 * answer - 1 : answer * structure".'

/** Metrics that assertions of this package report beside their own, for some settings. */
const REPORTED = new Set(['answer_robust', 'answer_paper_strict', 'rescue'])

/** Whether the config alone does not say which metrics an assertion reports. */
const reportsMore = ({ metric, value }: SuiteAssertion): boolean => metric?.includes('{{') || !/^package:parallel-r1:/.test(String(value))

/** Whether some grader of the rows may report a metric of this name that no assertion gives itself. */
export function mayReport({ rows }: Pick<Suite, 'rows'>, metric: string): boolean {
  return REPORTED.has(metric) || rows.some(({ test }) => allAssertions(test.assert ?? []).some(reportsMore))
}

/** A name of the reward that no assertion of the row has, and that a grader may report by itself. */
export interface Doubt {
  symbol: string
  /** Index of the first row of its kind. */
  row: number
}

/**
 * Checks, before a token is sampled, that every row of the suite has the metrics that the reward names. Returns what cannot be told from the
 * config: a grader that is not of this package may report further metrics.
 * @throws ConfigError naming the test, the metric and the nearest name
 */
export function checkMetrics(
  { expression, symbols, noun }: Omit<Reward, 'evaluate'>,
  { file, rows }: Pick<Suite, 'file' | 'rows'>,
): Doubt[] {
  const doubts = new Map<string, Doubt>()
  for (const [index, row] of rows.entries()) {
    const where = `test ${index + 1} of ${file}`
    const assertions = allAssertions(row.test.assert ?? [])
    const names = new Map<string, string>()
    for (const { metric } of assertions) {
      if (metric === undefined || metric.includes('{{')) continue
      const symbol = symbolOf(metric)
      if (RESERVED.has(symbol)) {
        throw new ConfigError(`A metric of ${where} is called "${metric}", which means something else in a reward. Give it another name.`)
      }
      const other = names.get(symbol) ?? metric
      if (other !== metric) {
        throw new ConfigError(`"${metric}" and "${other}" of ${where} are both "${symbol}" in a reward. Give one of them another name.`)
      }
      names.set(symbol, metric)
    }
    const open = assertions.filter(reportsMore)
    for (const symbol of symbols) {
      if (names.has(symbol) || REPORTED.has(symbol)) continue
      const nearest = nearestName(symbol, [...names.keys()])
      if (nearest !== undefined || open.length === 0) throw noMetric({ expression, noun }, symbol, where, [...names.keys()], nearest)
      const kind = `${symbol} ${JSON.stringify(open)}`
      if (!doubts.has(kind)) doubts.set(kind, { symbol, row: index })
    }
  }
  return [...doubts.values()]
}

/**
 * Clears doubts by one grading of an empty answer each, which a model may give: a reward needs its metrics for every answer. Returns warnings
 * where a grader fails on it, for it may not fail on others.
 * @throws ConfigError naming the test, the metric and what is there; GradersEndedError
 */
export async function resolveDoubts(
  { expression, noun }: Pick<Reward, 'expression' | 'noun'>,
  { file, rows }: Pick<Suite, 'file' | 'rows'>,
  doubts: readonly Doubt[],
  gradeEmpty: (row: SuiteRow) => Promise<Record<string, number>>,
): Promise<string[]> {
  const warnings: string[] = []
  for (const index of new Set(doubts.map(({ row }) => row))) {
    const where = `test ${index + 1} of ${file}`
    let reported: string[]
    try {
      reported = Object.keys(await gradeEmpty(rows[index])).map(symbolOf)
    } catch (error) {
      if (!(error instanceof GraderError) || error instanceof GradersEndedError) throw error
      const symbols = doubts.filter(({ row }) => row === index).map(({ symbol }) => `"${symbol}"`)
      const said = error.message.split('\n')[0]
      warnings.push(
        `Warning: ${symbols.join(' and ')} of the ${noun} cannot be looked for, as an empty answer of ${where} cannot be graded. ${said}`,
      )
      continue
    }
    const missing = doubts.find(({ symbol, row }) => row === index && !reported.includes(symbol))
    if (missing) throw noMetric({ expression, noun }, missing.symbol, where, reported, nearestName(missing.symbol, reported))
  }
  return warnings
}

function noMetric(
  { expression, noun }: Pick<Reward, 'expression' | 'noun'>,
  symbol: string,
  where: string,
  present: readonly string[],
  nearest?: string,
): ConfigError {
  const next = nearest ? `Did you mean "${nearest}"?` : `Correct the expression, or give an assertion \`metric: ${symbol}\`.`
  return new ConfigError(
    `The ${noun} "${expression}" uses "${symbol}", which no assertion of ${where} has. ${next} There are: ${present.join(', ') || 'none'}.`,
  )
}

function scopeOf(metrics: Readonly<Record<string, number>>): Map<string, number> {
  const scope = new Map<string, number>()
  for (const [metric, value] of Object.entries(metrics)) {
    const symbol = symbolOf(metric)
    if (scope.has(symbol)) {
      throw new ConfigError(`Two metrics are both "${symbol}" in a reward expression: "${metric}" is one of them. Rename one in the suite.`)
    }
    scope.set(symbol, value)
  }
  return scope
}

/** The symbols of a tree that holds nothing but what is allowed. */
function checkTree(tree: MathNode, expression: string, noun: string): string[] {
  const symbols = new Set<string>()
  const refuse = (what: string): never => {
    throw new ConfigError(
      `The ${noun} may not hold ${what}. Got "${expression}". Allowed: numbers, metric names, step, + - * / ^, comparisons, and, or, not, condition ? a : b, ${FUNCTIONS.join(', ')}.`,
    )
  }
  const visit = (node: MathNode): void => {
    const parts = node as unknown as { value?: unknown; name?: string; fn?: string | { name?: string }; args?: MathNode[] }
    switch (node.type) {
      case 'ConstantNode':
        if (typeof parts.value !== 'number' && typeof parts.value !== 'boolean')
          refuse(parts.value === undefined ? 'nothing' : `the constant ${JSON.stringify(parts.value)}`)
        return
      case 'SymbolNode':
        if (!CONSTANTS.has(parts.name!) && parts.name !== 'step') symbols.add(parts.name!)
        return
      case 'OperatorNode':
        if (!OPERATORS.has(String(parts.fn))) refuse(`the operator "${String(parts.fn)}"`)
        break
      case 'FunctionNode': {
        const name = typeof parts.fn === 'object' ? parts.fn.name : undefined
        if (!(FUNCTIONS as readonly (string | undefined)[]).includes(name)) refuse(`the function "${name}"`)
        // The name of the function is a child too, and no metric.
        for (const argument of parts.args!) visit(argument)
        return
      }
      case 'ParenthesisNode':
      case 'ConditionalNode':
      case 'RelationalNode':
        break
      default:
        refuse(`"${node.toString()}" (${node.type.replace(/Node$/, '')})`)
    }
    node.forEach((child) => {
      visit(child)
    })
  }
  visit(tree)
  return [...symbols]
}

let instance: Promise<Pick<MathJsInstance, 'parse'>> | undefined

/** A private mathjs with plain numbers and only what {@link checkTree} allows; loaded when a reward is first compiled. */
function restrictedMath(): Promise<Pick<MathJsInstance, 'parse'>> {
  instance ??= import('mathjs/number').then((all) => {
    const library = all as unknown as Record<string, unknown>
    const names = ['parse', 'compile', 'true', 'false', ...OPERATORS, ...FUNCTIONS]
    const factories = Object.fromEntries(names.map((name) => [`${name}Dependencies`, library[`${name}Dependencies`]]))
    return all.create(factories as Parameters<typeof all.create>[0])
  })
  return instance
}
