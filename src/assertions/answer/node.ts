/** What answers are parsed into. */

import type { Rational } from '../rational.ts'

/** An expression. */
export type Node =
  | { kind: 'number'; value: Rational /** Significant digits where it was written as a decimal. */; digits?: number }
  | { kind: 'symbol'; name: string }
  | { kind: 'constant'; name: 'pi' | 'e' | 'i' | 'infinity' }
  | { kind: 'binary'; op: BinaryOp; left: Node; right: Node /** It binds an {@link Application}, as in f(x)^2 and 1/f(x). */; loose?: true }
  | { kind: 'negate' | 'degrees' | 'percent'; of: Node; loose?: true }
  /** n! where `step` is 1, n!! where it is 2, and so on. */
  | { kind: 'factorial'; of: Node; step: number; loose?: true }
  | { kind: 'call'; name: string; args: Node[] }
  | Application
  | BoundNode

/** An operator that binds a variable: Σ and Π from `from` to `to`, ∫ likewise, a limit at `from`, a derivative. */
export interface BoundNode {
  kind: 'bound'
  op: 'sum' | 'product' | 'integral' | 'limit' | 'derivative'
  variable: string
  from?: Node
  to?: Node
  /** A limit from one side: 1 from above, −1 from below. */
  side?: 1 | -1
  body: Node
}

/**
 * A letter before parentheses: f(x) or x(y + 1). Whether it is a function or a factor depends on what else the two
 * compared answers hold, see application.ts.
 */
export interface Application {
  kind: 'application'
  of: Node
  args: Node[]
}

/** `pm` is ±, `mp` ∓ with the opposite sign of the same choice. */
export type BinaryOp = '+' | '-' | '*' | '/' | '^' | 'mod' | 'pm' | 'mp'

export type RelationOp = '=' | '<' | '<=' | '!=' | 'in' | 'notin' | 'subset' | 'subseteq'
export type LogicOp = 'and' | 'or' | 'not' | 'implies' | 'to' | 'iff'
export type Bracket = '(' | '['

/** A typed answer. `text` is the canonical writing of everything that could not be given a type. */
export type Answer =
  | {
      kind: 'expression'
      node: Node
      unit?: string
      /** The units of a compound quantity, 1 hour and 20 minutes; its value is in the first of them. */
      compound?: readonly string[]
      /** The other reading where letters may be variables or a unit: 45 s. */
      either?: { node: Node; unit: string }
      key: string
    }
  | {
      kind: 'tuple'
      open: Bracket
      close: ')' | ']'
      items: Answer[]
      key: string /** Its coordinates have the same sign of ±. */
      together?: true
    }
  | { kind: 'list' | 'set'; items: Answer[] /** The word between all items. */; word?: 'and' | 'or'; key: string }
  | { kind: 'operation'; op: 'union' | 'intersection' | 'difference'; items: Answer[]; key: string }
  | { kind: 'reals'; key: string }
  | { kind: 'matrix'; rows: Answer[][]; key: string; together?: true }
  /** Of a bare relation, \\geq 14, the first side is {@link BLANK}. */
  | { kind: 'relation'; sides: Answer[]; ops: RelationOp[]; key: string }
  | { kind: 'logic'; op: LogicOp; items: Answer[]; key: string }
  | { kind: 'ratio'; items: Answer[]; key: string }
  | { kind: 'based'; digits: string; base: string; key: string }
  | { kind: 'choice'; letter: string; rest: string; key: string }
  | { kind: 'text'; text: string; key: string }

/** The side that a bare relation lacks. */
export const BLANK: Answer = { kind: 'text', text: '', key: '' }
