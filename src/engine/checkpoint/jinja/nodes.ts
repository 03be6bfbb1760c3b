/** Nodes of a template as @huggingface/jinja parses them. Its own types do not resolve under Node's rules. */

interface Name {
  type: 'Identifier'
  value: string
}

interface Token {
  value: string
}

export type Expression =
  | Name
  | { type: 'StringLiteral'; value: string }
  | { type: 'IntegerLiteral' | 'FloatLiteral'; value: number }
  | { type: 'ArrayLiteral' | 'TupleLiteral'; value: Expression[] }
  | { type: 'ObjectLiteral'; value: Map<Expression, Expression> }
  | { type: 'MemberExpression'; object: Expression; property: Expression; computed: boolean }
  | { type: 'SliceExpression'; start?: Expression; stop?: Expression; step?: Expression }
  | { type: 'CallExpression'; callee: Expression; args: Expression[] }
  | { type: 'KeywordArgumentExpression'; key: Name; value: Expression }
  | { type: 'SpreadExpression' | 'KeywordSpreadExpression'; argument: Expression }
  | { type: 'FilterExpression'; operand: Expression; filter: Expression }
  | { type: 'TestExpression'; operand: Expression; negate: boolean; test: Name }
  | { type: 'SelectExpression'; lhs: Expression; test: Expression }
  | { type: 'Ternary'; condition: Expression; trueExpr: Expression; falseExpr: Expression }
  | { type: 'UnaryExpression'; operator: Token; argument: Expression }
  | { type: 'BinaryExpression'; operator: Token; left: Expression; right: Expression }

/** What a value is given to. */
export type Target = Name | Extract<Expression, { type: 'ArrayLiteral' | 'TupleLiteral' | 'MemberExpression' }>

export type Node =
  | Expression
  | { type: 'Comment' | 'Break' | 'Continue' }
  | { type: 'If'; test: Expression; body: Node[]; alternate: Node[] }
  | { type: 'For'; loopvar: Target; iterable: Expression; body: Node[]; defaultBlock: Node[] }
  | { type: 'Set'; assignee: Target; value: Expression | null; body: Node[] }
  | { type: 'Macro'; name: Name; args: Expression[]; body: Node[] }
  | { type: 'CallStatement'; call: Extract<Expression, { type: 'CallExpression' }>; callerArgs: Expression[] | null; body: Node[] }
  | { type: 'FilterStatement'; filter: Expression; body: Node[] }

/** What a template may take. */
export interface TemplateBudget {
  /** Expressions and statements that are evaluated. */
  steps: number
  /** Characters of all texts that are made on the way, an item of a list counted as 32. */
  size: number
  /** Characters of the rendered text, and of any one text on the way: one call can split it into as many. */
  output: number
}

/** The template did more than its budget allows. */
export class BudgetError extends Error {
  override name = 'BudgetError'
}
