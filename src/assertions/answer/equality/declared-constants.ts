/**
 * Answers with constants that they declare: "x(x + a) for an arbitrary constant a" is x² + cx, c ∈ ℝ, and "x⁴/4 + K, where K is an arbitrary
 * constant" is x⁴/4 + C. Two are the same where they are with the constants by other names, or where they are the same particular function
 * and the same span.
 */

import { TooComplex, Work } from '../limits.ts'
import type { Answer, Node } from '../node.ts'
import { substitute } from '../nodes.ts'
import { Undefined } from '../numeric/bigfloat.ts'
import { readAnswer } from '../reading/read.ts'
import { resolveApplications } from './application.ts'
import { inWords } from './branches.ts'
import { sameSpanned } from './general-solutions.ts'
import { sameValue, variables } from './values.ts'

const LETTER = String.raw`[a-zA-Z](?:_\{?\d\}?)?`
const LETTERS = String.raw`((${LETTER})(?:(?:\s?,\s?|\s?and\s|\s?,\s?and\s)(?!\3(?!\w))${LETTER})?)`
const ANY = String.raw`(?:(?:an?|the|any|all|some|every|arbitrary|free|real|with|for|where)\s){0,5}`
const REALS = String.raw`(?:\s?(?:\\in|∈|in)\s?(?:\\(?:mathbb|mathbf|Bbb)\s?\{?\s?R\s?\}?|ℝ|R|\\R))`
const JOINT = String.raw`\s?(?:[,;(]\s?|\s)(?:and\s)?`
/** Each names letters, and none says more of them than that they are constants: a positive one, or an integer, has other values. */
const DECLARED = [
  String.raw`${ANY}constants?\s${LETTERS}${REALS}?`,
  String.raw`${ANY}real numbers?\s${LETTERS}`,
  String.raw`${ANY}${LETTERS}(?:\s(?:is|are|being|denotes?))?\s${ANY}(?:constants?(?: of integration)?|real numbers?|arbitrary)`,
  `${ANY}${LETTERS}${REALS}`,
].map((declaration) => new RegExp(String.raw`^(.{1,200}?)${JOINT}${declaration}\s?\)?$`))
const HEAD = /^([a-zA-Z](?:_\{?[a-z]\}?)?\s?(?:\(\s?[a-z]\s?\))?\s?=)?([^=<>≤≥]{1,200})$/
/** What a constant is called where it is not declared. */
const USUAL = /^C(?:_\d)?$/
const MOST = 2

interface Declared {
  head: string
  body: Answer
  /** Undefined: it declares none. */
  constants?: string[]
}

export const mayDeclare = (text: string): boolean => /constant|arbitrary|real number|\\in(?![a-z])|∈/.test(text)

function declaredIn(text: string): Declared | undefined {
  if (text.length > 300) return undefined
  const plain = inWords(text).replace(/[\s.]+$/, '')
  const found = DECLARED.map((declaration) => declaration.exec(plain)).find((one) => one !== null)
  const said = HEAD.exec((found ? found[1] : plain).replace(/[\s,;]+$/, '').trim())
  if (!said) return undefined
  const body = readAnswer(said[2])
  if (body.kind !== 'expression' || body.unit !== undefined) return undefined
  const constants = found?.[2].split(/\s?,\s?and\s|\s?,\s?|\sand\s/).map((name) => name.replace(/[{}]/g, ''))
  return { head: (said[1] ?? '').replace(/[\s=]/g, ''), body, constants }
}

/** The node with its constants named by their order. */
function renamed(node: Node, constants: readonly string[]): Node {
  return substitute(node, new Map(constants.map((name, i) => [name, { kind: 'symbol', name: `C_${i}` }])))
}

/** Whether two texts are the same but for constants, of which one of them at least declares its own. */
export function sameDeclared(text: string, reference: string): boolean {
  const [left, right] = [declaredIn(text), declaredIn(reference)]
  if (!left || !right || !(left.constants ?? right.constants)) return false
  if (left.head !== '' && right.head !== '' && left.head !== right.head) return false
  const [said, meant] = resolveApplications(left.body, right.body)
  if (said.kind !== 'expression' || meant.kind !== 'expression') return false
  const own = ({ constants }: Declared, node: Node): string[] => constants ?? variables([node]).filter((name) => USUAL.test(name))
  const [some, others] = [own(left, said.node), own(right, meant.node)]
  const held = [variables([said.node]), variables([meant.node])]
  if (some.length === 0 || some.length > MOST || some.length !== others.length) return false
  if (!some.every((name) => held[0].includes(name)) || !others.every((name) => held[1].includes(name))) return false
  const rest = (names: readonly string[], constants: readonly string[]): string[] => names.filter((name) => !constants.includes(name))
  const letters = rest(held[0], some)
  if (letters.join() !== rest(held[1], others).join()) return false
  const [a, b] = [renamed(said.node, some), renamed(meant.node, others)]
  const names = some.map((_, i) => `C_${i}`)
  const work = new Work()
  try {
    if (sameValue(a, b, work) || (names.length === 2 && sameValue(renamed(said.node, [some[1], some[0]]), b, work))) return true
    const argument = /\((\w)\)/.exec(left.head || right.head)?.[1] ?? (letters.length === 1 ? letters[0] : undefined)
    return argument !== undefined && letters.includes(argument) && sameSpanned(a, b, names, argument, work)
  } catch (error) {
    if (error instanceof TooComplex || error instanceof Undefined) return false
    throw error
  }
}
