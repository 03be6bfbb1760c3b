/** Lines by equal fractions, (x - 1)/2 = (y - 3)/(-1) = z, beside the same in parametric form. */

import { rational } from '../../rational.ts'
import { TooComplex, Work } from '../limits.ts'
import type { Answer, Node } from '../node.ts'
import { readAnswer } from '../reading/read.ts'
import { type Family, lineOf, sameLine } from './families.ts'
import { linearParts } from './general-solutions.ts'
import { isNumeric, sameValue, variables } from './values.ts'

const ZERO: Node = { kind: 'number', value: rational(0n) }
const ONE: Node = { kind: 'number', value: rational(1n) }
const binary = (left: Node, right: Node): Node => ({ kind: 'binary', op: '/', left, right })

/** The letters of all three coordinates. */
export const maySplit = (text: string): boolean => /=/.test(text) && /x[\s\S]*y[\s\S]*z/.test(text)

/** z = 3: a coordinate that stays. */
function fixedIn(answer: Answer): { name: string; at: Node } | undefined {
  if (answer.kind !== 'relation' || answer.sides.length !== 2 || answer.ops[0] !== '=') return undefined
  const [name, at] = answer.sides
  if (name.kind !== 'expression' || name.node.kind !== 'symbol' || at.kind !== 'expression' || at.unit !== undefined) return undefined
  return isNumeric(at.node) ? { name: name.node.name, at: at.node } : undefined
}

function symmetric(text: string, work: Work): Family | undefined {
  const answer = readAnswer(text)
  // (x - 1)/2 = y, z = 3
  const flat = answer.kind === 'list' && answer.items.length === 2 && answer.word !== 'or' ? fixedIn(answer.items[1]) : undefined
  const relation = flat && answer.kind === 'list' ? answer.items[0] : answer
  if (relation.kind !== 'relation' || relation.sides.length !== (flat ? 2 : 3) || relation.ops.some((op) => op !== '=')) return undefined
  /** Offset and slope of each side, and what its letter grows by for each step of 1/slope. */
  const found = new Map<string, [Node, Node, Node]>()
  for (const side of relation.sides) {
    const names = side.kind === 'expression' && side.unit === undefined ? variables([side.node]) : []
    const parts = side.kind === 'expression' && names.length === 1 ? linearParts(side.node, names) : undefined
    if (!parts || sameValue(parts[1], ZERO, work)) return undefined
    found.set(names[0], [parts[0], parts[1], ONE])
  }
  if (flat) found.set(flat.name, [{ kind: 'negate', of: flat.at }, ONE, ZERO])
  if ([...found.keys()].sort().join() !== 'x,y,z') return undefined
  const coordinates = ['x', 'y', 'z'].map((name) => found.get(name)!)
  return {
    name: '',
    start: coordinates.map(([offset, slope]): Node => ({ kind: 'negate', of: binary(offset, slope) })),
    step: coordinates.map(([, slope, step]) => binary(step, slope)),
    over: 'R',
    sure: true,
  }
}

/** Whether two texts are the same line in space, of which one is written as equal fractions. */
export function sameSymmetricLine(text: string, reference: string): boolean {
  if (text.length > 200 || reference.length > 200) return false
  const work = new Work()
  try {
    const [said, meant] = [symmetric(text, work), symmetric(reference, work)]
    if (!said && !meant) return false
    const [left, right] = [said ?? lineOf(text), meant ?? lineOf(reference)]
    return left?.start.length === 3 && right?.start.length === 3 && sameLine(left, right, work)
  } catch (error) {
    if (error instanceof TooComplex) return false
    throw error
  }
}
