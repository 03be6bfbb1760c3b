import { Environment, Interpreter, Template } from '@huggingface/jinja'

/**
 * Runs a chat template under a budget. A template is a program with loops, and it comes with a checkpoint that anybody may have
 * made. transformers gives it no budget, but takes the same 100,000 for `range`.
 */

export interface TemplateBudget {
  /** Expressions and statements that are evaluated. */
  steps: number
  /** Characters of all texts that are made on the way, an item of a list counted as 32. */
  size: number
  /** Characters of the rendered text, and of any one text on the way: one call can split it into as many. */
  output: number
}

/** A conversation of 1,000 messages takes some 100,000 steps, a text of a million tokens 4 million characters. */
export const templateBudget: TemplateBudget = { steps: 5e6, size: 2 ** 27, output: 2 ** 22 }

/** jinja2.sandbox.MAX_RANGE */
const longestRange = 100_000

/** The template did more than its budget allows. */
export class BudgetError extends Error {
  override name = 'BudgetError'
}

interface Node {
  type: string
  property?: { type?: string }
}

interface Scope {
  set(name: string, value: unknown): unknown
}

interface Value {
  value: unknown
}

/** The library's types do not resolve under Node's rules: what is used of them. */
const { Scope, Base } = { Scope: Environment, Base: Interpreter } as unknown as {
  Scope: new () => Scope
  Base: new (
    scope: Scope,
  ) => {
    run(program: unknown): Value
    evaluate(node: Node | undefined, scope: Scope): Value
  }
}

/** Variables and their parts are there already, whoever looks at them. */
const madeBefore = new Set(['Identifier', 'StringLiteral'])

class BoundedInterpreter extends Base {
  readonly #budget: TemplateBudget
  #steps = 0
  #size = 0

  constructor(scope: Scope, budget: TemplateBudget) {
    super(scope)
    this.#budget = budget
  }

  override evaluate(node: Node | undefined, scope: Scope): Value {
    const { steps, size, output } = this.#budget
    if (++this.#steps > steps) throw new BudgetError(`it takes more than ${steps.toLocaleString('en')} steps`)
    const value = super.evaluate(node, scope)
    if (node === undefined || madeBefore.has(node.type) || isLookup(node)) return value
    this.#size += sizeOf(value)
    if (typeof value.value === 'string') refuseLong(value.value, output)
    if (this.#size > size) throw new BudgetError(`it makes more than ${size.toLocaleString('en')} characters on the way`)
    return value
  }
}

/** `message.content`, `messages[0]`; a slice makes something new. */
function isLookup({ type, property }: Node): boolean {
  return type === 'MemberExpression' && property?.type !== 'SliceExpression'
}

function sizeOf({ value }: Value): number {
  if (typeof value === 'string') return value.length
  if (Array.isArray(value)) return 32 * value.length
  return value instanceof Map ? 32 * value.size : 0
}

/**
 * The text that a template gives with these variables, and with the functions of transformers' `apply_chat_template`.
 * @throws BudgetError, and whatever the template throws
 */
export function runTemplate(template: Template, variables: Readonly<Record<string, unknown>>, budget = templateBudget): string {
  const scope = new Scope()
  const globals = { true: true, True: true, false: false, False: false, none: null, None: null, range, strftime_now, raise_exception }
  for (const [name, value] of Object.entries(globals)) scope.set(name, value)
  for (const [name, value] of Object.entries(variables)) scope.set(name, value)
  const text = String(new BoundedInterpreter(scope, budget).run(template.parsed).value)
  refuseLong(text, budget.output)
  return text
}

function refuseLong(text: string, most: number): void {
  if (text.length > most) throw new BudgetError(`a text of it has more than ${most.toLocaleString('en')} characters`)
}

/** Python's range. */
function range(start: number, stop?: number, step = 1): number[] {
  if (stop === undefined) return range(0, start, step)
  if (step === 0) throw new Error('range() step must not be zero')
  const length = Math.max(0, Math.ceil((stop - start) / step))
  if (length > longestRange) throw new BudgetError(`its range of ${length} is longer than ${longestRange.toLocaleString('en')}`)
  return Array.from({ length }, (_, i) => start + i * step)
}

function raise_exception(message: unknown): never {
  throw new Error(String(message))
}

/** The library keeps its own to itself: it is asked through a template. */
function strftime_now(format: unknown): string {
  return new Template('{{ strftime_now(format) }}').render({ format })
}
