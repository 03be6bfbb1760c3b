/** Walks over expressions. */

import type { Node } from './node.ts'

/** What a node is made of, in the order in which it is written. */
export function children(node: Node): readonly Node[] {
  switch (node.kind) {
    case 'binary':
      return [node.left, node.right]
    case 'call':
      return node.args
    case 'application':
      return [node.of, ...node.args]
    case 'bound':
      return [node.body, ...(node.from ? [node.from] : []), ...(node.to ? [node.to] : [])]
    case 'number':
    case 'symbol':
    case 'constant':
      return []
    default:
      return [node.of]
  }
}

/** Whether a node, or one inside it, is such. */
export function some(node: Node, is: (node: Node) => boolean): boolean {
  return is(node) || children(node).some((child) => some(child, is))
}

/** The node with others in the place of its symbols, by their names. */
export function substitute(node: Node, values: ReadonlyMap<string, Node>): Node {
  const inner = (one: Node): Node => substitute(one, values)
  switch (node.kind) {
    case 'symbol':
      return values.get(node.name) ?? node
    case 'binary':
      return { ...node, left: inner(node.left), right: inner(node.right) }
    case 'call':
      return { ...node, args: node.args.map(inner) }
    case 'negate':
    case 'factorial':
    case 'degrees':
    case 'percent':
      return { ...node, of: inner(node.of) }
    default:
      return node
  }
}
