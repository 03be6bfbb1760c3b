import { Template } from '@huggingface/jinja'
import { strftime } from '../../date.ts'
import { runTemplate } from './evaluate.ts'
import { asInteger, asText } from './methods.ts'
import { BudgetError, type TemplateBudget } from './nodes.ts'
import { str } from './text.ts'
import { Callable, iterate, Namespace, toValue, type Value } from './values.ts'

export type { TemplateBudget } from './nodes.ts'

/** A chat template with the functions of transformers' `apply_chat_template`. */

/** jinja2.sandbox.MAX_RANGE */
const longestRange = 100_000

/** Python's Jinja ends every line of a template by a line feed, however the file ends it. The texts of messages stay as they are. */
export function parseTemplate(source: string): Template {
  return new Template(source.replace(/\r\n?/g, '\n'))
}

/**
 * The text that a template gives with these variables on this day (YYYY-MM-DD).
 * @throws BudgetError, and whatever the template throws
 */
export function renderTemplate(
  template: Template,
  variables: Readonly<Record<string, unknown>>,
  date: string,
  budget?: TemplateBudget,
): string {
  const constants = { true: true, True: true, false: false, False: false, none: null, None: null }
  const functions = {
    range: (args: readonly Value[]) => range(args.map((arg) => asInteger(arg, 0, 'range'))),
    raise_exception: ([message = '']: readonly Value[]) => {
      throw new Error(str(message))
    },
    strftime_now: ([format]: readonly Value[]) => strftime(date, asText(format, 'strftime_now')),
    dict: (args: readonly Value[], named: ReadonlyMap<string, Value>) => dictionary(args, named),
    namespace: (args: readonly Value[], named: ReadonlyMap<string, Value>) =>
      new Namespace(new Map([...dictionary(args, named)].map(([key, value]) => [str(key), value]))),
  }
  const globals = new Map<string, Value>(Object.entries(constants))
  for (const [name, call] of Object.entries(functions)) globals.set(name, new Callable(call))
  for (const [name, value] of Object.entries(variables)) globals.set(name, toValue(value))
  return runTemplate(template, globals, budget)
}

function dictionary([from]: readonly Value[], named: ReadonlyMap<string, Value>): Map<Value, Value> {
  const pairs = from === undefined ? [] : from instanceof Map ? [...from] : iterate(from).map((pair) => iterate(pair) as [Value, Value])
  return new Map<Value, Value>([...pairs, ...named])
}

function range(ends: readonly number[]): Value {
  const [start, stop, step] = ends.length === 1 ? [0, ends[0], 1] : [ends[0], ends[1], ends[2] ?? 1]
  if (step === 0) throw new Error('range() step must not be zero')
  const length = Math.max(0, Math.ceil((stop - start) / step))
  if (length > longestRange) throw new BudgetError(`its range of ${length} is longer than ${longestRange.toLocaleString('en')}`)
  return Array.from({ length }, (_, i) => start + i * step)
}
