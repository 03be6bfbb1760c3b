import type { Template } from '@huggingface/jinja'
import { applyFilter, testNamed } from './filters.ts'
import { attribute, item } from './methods.ts'
import { BudgetError, type Expression, type Node, type Target, type TemplateBudget } from './nodes.ts'
import { arithmetic, sliced } from './operators.ts'
import { str } from './text.ts'
import {
  Attributes,
  Callable,
  compare,
  contains,
  equal,
  Float,
  Iterated,
  iterate,
  Namespace,
  numberOf,
  orUndefined,
  Tuple,
  truthy,
  typeName,
  Undefined,
  type Value,
} from './values.ts'

/**
 * Carries a parsed template out as Python's Jinja does in the sandbox of transformers. @huggingface/jinja parses it. Its own interpreter follows JavaScript
 * where the two languages part: `strip(chars)`, `==` of lists, `True` as text, what a loop leaves behind. Each is another prompt in silence.
 *
 * A template is a program with loops, and it comes with a checkpoint that anybody may have made, so it runs under a budget.
 */

/** A 1,000 messages take some 100,000 steps, a text of a million tokens 4 million characters. */
const templateBudget: TemplateBudget = { steps: 5e6, size: 2 ** 27, output: 2 ** 22 }

/** Variables of one block. What a block sets is gone when it ends. */
class Scope {
  readonly #own = new Map<string, Value>()
  readonly #outer: Scope | undefined

  constructor(outer?: Scope) {
    this.#outer = outer
  }

  get(name: string): Value | undefined {
    const value = this.#own.get(name)
    return value === undefined ? this.#outer?.get(name) : value
  }

  set(name: string, value: Value): void {
    this.#own.set(name, value)
  }
}

/** How a block ended before its end. */
type Jump = 'break' | 'continue' | undefined

/** Variables and their parts are there already, whoever looks at them. */
const madeBefore = new Set(['Identifier', 'StringLiteral'])

/**
 * The text that a template gives with these variables.
 * @throws BudgetError, and whatever the template throws
 */
export function runTemplate(template: Template, variables: ReadonlyMap<string, Value>, budget = templateBudget): string {
  return new Evaluation(budget).run((template.parsed as unknown as { body: Node[] }).body, variables)
}

class Evaluation {
  readonly #budget: TemplateBudget
  #steps = 0
  #size = 0
  #text = ''

  constructor(budget: TemplateBudget) {
    this.#budget = budget
  }

  run(body: readonly Node[], variables: ReadonlyMap<string, Value>): string {
    const scope = new Scope()
    for (const [name, value] of variables) scope.set(name, value)
    this.#block(body, new Scope(scope))
    return this.#text
  }

  #step(): void {
    const { steps } = this.#budget
    if (++this.#steps > steps) throw new BudgetError(`it takes more than ${steps.toLocaleString('en')} steps`)
  }

  #made(value: Value): void {
    const { size, output } = this.#budget
    if (typeof value === 'string') {
      this.#size += value.length
      if (value.length > output) throw new BudgetError(`a text of it has more than ${output.toLocaleString('en')} characters`)
    } else if (Array.isArray(value)) this.#size += 32 * value.length
    else if (value instanceof Iterated) this.#size += 32 * value.items.length
    else if (value instanceof Map) this.#size += 32 * value.size
    if (this.#size > size) throw new BudgetError(`it makes more than ${size.toLocaleString('en')} characters on the way`)
  }

  #write(text: string): void {
    this.#text += text
    const { output } = this.#budget
    if (this.#text.length > output) throw new BudgetError(`a text of it has more than ${output.toLocaleString('en')} characters`)
  }

  /** What `write` writes, as a text of its own. */
  #captured(write: () => void): string {
    const before = this.#text
    this.#text = ''
    try {
      write()
      this.#made(this.#text)
      return this.#text
    } finally {
      this.#text = before
    }
  }

  #block(body: readonly Node[], scope: Scope): Jump {
    for (const node of body) {
      const jump = this.#statement(node, scope)
      if (jump) return jump
    }
    return undefined
  }

  #statement(node: Node, scope: Scope): Jump {
    switch (node.type) {
      case 'Comment':
        return undefined
      case 'Break':
        return 'break'
      case 'Continue':
        return 'continue'
      case 'If':
        this.#step()
        return this.#block(truthy(this.#value(node.test, scope)) ? node.body : node.alternate, scope)
      case 'For':
        this.#step()
        this.#loop(node, scope)
        return undefined
      case 'Set': {
        this.#step()
        const value = node.value ? this.#value(node.value, scope) : this.#captured(() => this.#block(node.body, new Scope(scope)))
        this.#assign(node.assignee, value, scope)
        return undefined
      }
      case 'Macro':
        this.#step()
        scope.set(node.name.value, this.#macro(node.name.value, node.args, node.body, scope))
        return undefined
      case 'CallStatement': {
        this.#step()
        const caller = this.#macro('caller', node.callerArgs ?? [], node.body, scope)
        this.#write(str(this.#call(node.call, scope, ['caller', caller])))
        return undefined
      }
      case 'FilterStatement': {
        this.#step()
        const text = this.#captured(() => this.#block(node.body, new Scope(scope)))
        this.#write(str(this.#filtered(text, node.filter, scope)))
        return undefined
      }
      default:
        this.#write(str(this.#value(node, scope)))
        return undefined
    }
  }

  #loop(node: Extract<Node, { type: 'For' }>, scope: Scope): void {
    const select = node.iterable.type === 'SelectExpression' ? node.iterable : undefined
    const all = iterate(this.#value(select ? select.lhs : node.iterable, scope))
    const enter = (value: Value): Scope => {
      const own = new Scope(scope)
      this.#assign(node.loopvar, value, own)
      return own
    }
    const items = select ? all.filter((value) => truthy(this.#value(select.test, enter(value)))) : all
    // Jinja renders "else" where no turn came to its end.
    let ended = false
    for (const [index, value] of items.entries()) {
      const own = enter(value)
      own.set('loop', loopVariable(items, index))
      const jump = this.#block(node.body, own)
      if (jump === 'break') break
      ended ||= jump === undefined
    }
    if (!ended) this.#block(node.defaultBlock, new Scope(scope))
  }

  #assign(target: Target, value: Value, scope: Scope): void {
    if (target.type === 'Identifier') scope.set(target.value, value)
    else if (target.type === 'TupleLiteral') {
      const values = iterate(value)
      if (values.length !== target.value.length) throw new Error(`${target.value.length} names cannot take ${values.length} values`)
      for (const [i, part] of target.value.entries()) this.#assign(part as Target, values[i], scope)
    } else {
      const member = target.type === 'MemberExpression' && !target.computed ? target : undefined
      const space = member && this.#value(member.object, scope)
      if (!(space instanceof Namespace) || member?.property.type !== 'Identifier')
        throw new Error('only attributes of a namespace can be set')
      space.entries.set(member.property.value, value)
    }
  }

  #macro(name: string, parameters: readonly Expression[], body: readonly Node[], scope: Scope): Callable {
    const used = namesIn(body)
    const names = parameters.map((parameter) =>
      parameter.type === 'KeywordArgumentExpression' ? parameter.key.value : (parameter as { value: string }).value,
    )
    return new Callable((args, named) => {
      const own = new Scope(scope)
      const rest = new Map(named)
      for (const [i, parameter] of parameters.entries()) {
        const given = i < args.length ? args[i] : rest.get(names[i])
        if (i >= args.length) rest.delete(names[i])
        const fallback =
          parameter.type === 'KeywordArgumentExpression' && given === undefined ? this.#value(parameter.value, own) : undefined
        own.set(names[i], given === undefined ? orUndefined(fallback, `parameter '${names[i]}'`) : given)
      }
      const caller = rest.get('caller')
      rest.delete('caller')
      own.set('caller', orUndefined(caller, "'caller'"))
      if (rest.size > 0 && !used.has('kwargs')) throw new TypeError(`macro ${name} takes no argument ${[...rest.keys()][0]}`)
      if (args.length > names.length && !used.has('varargs')) throw new TypeError(`macro ${name} takes ${names.length} arguments at most`)
      own.set('kwargs', new Map(rest))
      own.set('varargs', Tuple.holding(args.slice(names.length)))
      return this.#captured(() => this.#block(body, own))
    })
  }

  #value(node: Expression, scope: Scope): Value {
    this.#step()
    const value = this.#evaluate(node, scope)
    const isLookup = node.type === 'MemberExpression' && node.property.type !== 'SliceExpression'
    if (!madeBefore.has(node.type) && !isLookup) this.#made(value)
    return value
  }

  #evaluate(node: Expression, scope: Scope): Value {
    const value = (part: Expression) => this.#value(part, scope)
    switch (node.type) {
      case 'Identifier':
        return orUndefined(scope.get(node.value), `'${node.value}'`)
      case 'StringLiteral':
      case 'IntegerLiteral':
        return node.value
      case 'FloatLiteral':
        return new Float(node.value)
      case 'ArrayLiteral':
        return node.value.map(value)
      case 'TupleLiteral':
        return Tuple.holding(node.value.map(value))
      case 'ObjectLiteral':
        return new Map([...node.value].map(([key, part]) => [value(key), value(part)]))
      case 'MemberExpression':
        return this.#member(node, scope)
      case 'CallExpression':
        return this.#call(node, scope)
      case 'FilterExpression':
        return this.#filtered(value(node.operand), node.filter, scope)
      case 'TestExpression':
        return testNamed(node.test.value)(value(node.operand), null) !== node.negate
      case 'Ternary':
        return value(truthy(value(node.condition)) ? node.trueExpr : node.falseExpr)
      case 'SelectExpression':
        return truthy(value(node.test)) ? value(node.lhs) : new Undefined('the value of an "if" without "else"')
      case 'UnaryExpression': {
        const argument = value(node.argument)
        if (node.operator.value === 'not') return !truthy(argument)
        const number = numberOf(argument)
        if (number === undefined) throw new TypeError(`a ${typeName(argument)} has no sign`)
        const signed = node.operator.value === '-' ? -number : number
        return argument instanceof Float ? new Float(signed) : signed + 0
      }
      case 'BinaryExpression':
        return this.#binary(node, scope)
      default:
        throw new Error(`a template may not hold ${(node as { type: string }).type} here`)
    }
  }

  #binary({ operator: { value: operator }, left, right }: Extract<Expression, { type: 'BinaryExpression' }>, scope: Scope): Value {
    const a = this.#value(left, scope)
    if (operator === 'and') return truthy(a) ? this.#value(right, scope) : a
    if (operator === 'or') return truthy(a) ? a : this.#value(right, scope)
    const b = this.#value(right, scope)
    switch (operator) {
      case '==':
        return equal(a, b)
      case '!=':
        return !equal(a, b)
      case 'in':
        return contains(b, a)
      case 'not in':
        return !contains(b, a)
      case '<':
        return compare(a, b) < 0
      case '<=':
        return compare(a, b) <= 0
      case '>':
        return compare(a, b) > 0
      case '>=':
        return compare(a, b) >= 0
      case '~':
        return str(a) + str(b)
      default:
        return arithmetic(operator, a, b, this.#budget.output)
    }
  }

  #member({ object, property, computed }: Extract<Expression, { type: 'MemberExpression' }>, scope: Scope): Value {
    const owner = this.#value(object, scope)
    if (property.type === 'SliceExpression') {
      const [start, stop, step] = [property.start, property.stop, property.step].map((part) => part && this.#value(part, scope))
      return sliced(owner, start, stop, step)
    }
    if (computed) return item(owner, this.#value(property, scope))
    return property.type === 'IntegerLiteral' ? item(owner, property.value) : attribute(owner, (property as { value: string }).value)
  }

  #arguments(nodes: readonly Expression[], scope: Scope): [Value[], Map<string, Value>] {
    const args: Value[] = []
    const named = new Map<string, Value>()
    for (const node of nodes) {
      if (node.type === 'SpreadExpression') args.push(...iterate(this.#value(node.argument, scope)))
      else if (node.type === 'KeywordArgumentExpression') named.set(node.key.value, this.#value(node.value, scope))
      else if (node.type === 'KeywordSpreadExpression') {
        const more = this.#value(node.argument, scope)
        if (!(more instanceof Map)) throw new TypeError(`a ${typeName(more)} gives no named arguments`)
        for (const [name, value] of more) named.set(str(name), value)
      } else args.push(this.#value(node, scope))
    }
    return [args, named]
  }

  #call({ callee, args: nodes }: Extract<Expression, { type: 'CallExpression' }>, scope: Scope, more?: [string, Value]): Value {
    const called = this.#value(callee, scope)
    const [args, named] = this.#arguments(nodes, scope)
    if (more) named.set(...more)
    if (called instanceof Undefined) throw new Error(`${called.what} is undefined`)
    if (!(called instanceof Callable)) throw new TypeError(`a ${typeName(called)} cannot be called`)
    return called.call(args, named)
  }

  #filtered(value: Value, filter: Expression, scope: Scope): Value {
    const name = filter.type === 'CallExpression' ? filter.callee : filter
    const [args, named] = filter.type === 'CallExpression' ? this.#arguments(filter.args, scope) : [[], new Map<string, Value>()]
    return applyFilter((name as { value: string }).value, value, args, named)
  }
}

/** `loop` of one turn. */
function loopVariable(items: readonly Value[], index: number): Attributes {
  const count = items.length
  return new Attributes(
    new Map<string, Value>([
      ...Object.entries({
        index: index + 1,
        index0: index,
        revindex: count - index,
        revindex0: count - index - 1,
        length: count,
        depth: 1,
        depth0: 0,
      }),
      ...Object.entries({ first: index === 0, last: index === count - 1 }),
      ['previtem', orUndefined(items[index - 1], 'loop.previtem')],
      ['nextitem', orUndefined(items[index + 1], 'loop.nextitem')],
      ['cycle', new Callable((args) => args[index % args.length])],
    ]),
  )
}

/** Every name that a body reads. */
function namesIn(part: unknown, names = new Set<string>()): Set<string> {
  if (part instanceof Map) for (const entry of part) namesIn(entry, names)
  else if (Array.isArray(part)) for (const each of part) namesIn(each, names)
  else if (typeof part === 'object' && part !== null) {
    const { type, value } = part as { type?: unknown; value?: unknown }
    if (type === 'Identifier') names.add(String(value))
    for (const each of Object.values(part)) namesIn(each, names)
  }
  return names
}
