/**
 * A letter before parentheses, as in f(x) and x(y + 1). Read alone it may be a function or a factor. Two answers that are
 * compared decide it together: where the letter also stands alone, as in xy + x, it is a factor everywhere.
 */

import { rational } from '../../rational.ts'
import type { Answer, Application, Node } from '../node.ts'
import { children } from '../nodes.ts'
import { isName } from './sets.ts'
import { isSpecial, specialValue } from './special-functions.ts'

/** Letters that are functions before any parenthesis. */
const FUNCTION_LETTERS = /^(?:[fghFGH](?:_|$)|.*'$|\\(?:Gamma|zeta|Phi)$)/

interface Letters {
  /** Before parentheses. */
  applied: Application[]
  alone: Set<string>
}

/** Both answers with every letter before parentheses read as a function or as a factor. */
export function resolveApplications(a: Answer, b: Answer): [Answer, Answer] {
  if (!mayApply(a) && !mayApply(b)) return [a, b]
  const letters: Letters = { applied: [], alone: new Set() }
  const note = (node: Node): Node => {
    collect(node, letters)
    return node
  }
  mapNodes(a, note)
  mapNodes(b, note)
  if (letters.applied.length === 0) return [a, b]
  const factors = factorLetters(letters)
  const settle = (node: Node): Node => resolve(node, factors)
  return [mapNodes(a, settle), mapNodes(b, settle)]
}

const mayApply = ({ key }: Answer): boolean => /[a-zA-Z}'\d]\(/.test(key)

const nameOf = ({ of }: Application): string => (of.kind === 'symbol' || of.kind === 'constant' ? of.name : '')

/** The letters that are factors: those that stand alone somewhere, and those that no custom and no number makes a function. */
function factorLetters({ applied, alone }: Letters): Set<string> {
  const factors = new Set<string>()
  for (const one of applied) factors.add(nameOf(one))
  for (const one of applied) {
    const name = nameOf(one)
    const custom = FUNCTION_LETTERS.test(name) || one.args.length > 1 || one.args[0].kind === 'number'
    if (custom && (!alone.has(name) || isSpecial(one))) factors.delete(name)
  }
  return factors
}

function collect(node: Node, letters: Letters): void {
  if (node.kind === 'application') {
    letters.applied.push(node)
    for (const arg of node.args) collect(arg, letters)
  } else if (node.kind === 'symbol' || node.kind === 'constant') letters.alone.add(node.name)
  else for (const child of children(node)) collect(child, letters)
}

function resolve(node: Node, factors: ReadonlySet<string>): Node {
  const inner = (one: Node): Node => resolve(one, factors)
  switch (node.kind) {
    case 'number':
    case 'symbol':
    case 'constant':
      return node
    case 'application':
      return isFactor(node, factors) ? times(node.of, inner(node.args[0])) : applied(nameOf(node), node.args.map(inner))
    case 'binary': {
      const left = inner(node.left)
      const right = inner(node.right)
      // x(y + 1)^2 is x times a square, and a/x(y + 1) is a/x times y + 1.
      if (node.loose && node.op === '^' && isProduct(node.left, left, factors))
        return times(left.left, { ...node, left: left.right, right })
      if (node.loose && node.op === '/' && isProduct(node.right, right, factors))
        return times({ kind: 'binary', op: '/', left, right: right.left }, right.right)
      return { ...node, left, right }
    }
    case 'call':
      return { ...node, args: node.args.map(inner) }
    case 'bound':
      return { ...node, body: inner(node.body), from: node.from && inner(node.from), to: node.to && inner(node.to) }
    default: {
      const of = inner(node.of)
      if (node.loose && isProduct(node.of, of, factors)) return times(of.left, { ...node, of: of.right })
      return { ...node, of }
    }
  }
}

/** Nothing is multiplied by (0): that is always a value at 0. */
function isFactor(node: Application, factors: ReadonlySet<string>): boolean {
  const [arg, ...more] = node.args
  return more.length === 0 && factors.has(nameOf(node)) && !(arg.kind === 'number' && arg.value.n === 0n)
}

/** Whether a node became a product because the application in it has a factor for its letter. */
function isProduct(node: Node, resolved: Node, factors: ReadonlySet<string>): resolved is Extract<Node, { kind: 'binary' }> {
  let root = node
  while (root.kind !== 'application') {
    if (root.kind === 'binary' && root.loose && root.op === '^') root = root.left
    else if ('of' in root && 'loose' in root) root = root.of
    else return false
  }
  return resolved.kind === 'binary' && resolved.op === '*' && isFactor(root, factors)
}

const times = (left: Node, right: Node): Node => ({ kind: 'binary', op: '*', left, right })
const plus = (left: Node, right: Node): Node => ({ kind: 'binary', op: '+', left, right })

const applied = (name: string, args: readonly Node[]): Node => specialValue(name, args, functionValue) ?? functionValue(name, args)

/**
 * The value of an unknown function: 1/((x + s)² + 2), with the function's own number s and, of several arguments,
 * x + s·y + s²·z. No law that answers state holds for it by chance: not f(x + y) = f(x) + f(y), and not f(0) = 0.
 */
function functionValue(name: string, args: readonly Node[]): Node {
  const own: Node = { kind: 'symbol', name: `${name}()` }
  const two: Node = { kind: 'number', value: rational(2n) }
  const mixed = args.reduceRight((rest, arg) => plus(arg, times(own, rest)))
  const square: Node = { kind: 'binary', op: '^', left: plus(mixed, own), right: two }
  return { kind: 'binary', op: '/', left: { kind: 'number', value: rational(1n) }, right: plus(square, two) }
}

/** An answer with another node for each of its expressions. Names that equations are about stay as they are written. */
export function mapNodes(answer: Answer, change: (node: Node) => Node): Answer {
  const inner = (one: Answer): Answer => mapNodes(one, change)
  switch (answer.kind) {
    case 'expression': {
      const node = change(answer.node)
      const either = answer.either && { ...answer.either, node: change(answer.either.node) }
      return node === answer.node && either?.node === answer.either?.node ? answer : { ...answer, node, either }
    }
    case 'tuple':
    case 'list':
    case 'set':
    case 'operation':
    case 'ratio':
    case 'logic':
      return { ...answer, items: answer.items.map(inner) }
    case 'relation':
      return { ...answer, sides: answer.sides.map((side) => (isName(side) ? side : inner(side))) }
    case 'matrix':
      return { ...answer, rows: answer.rows.map((row) => row.map(inner)) }
    default:
      return answer
  }
}
