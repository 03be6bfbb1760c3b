/** What finding the answer has to know of the reference. */

/** Of the reference only its kind matters here: boxes are joined for a list, a letter or words count for a choice or a text. */
export interface Expected {
  kind: 'list' | 'choice' | 'text' | 'other'
  /** The reference holds an exclamation mark, so that one behind a number is more than joy. */
  factorial: boolean
  /** The reference is yes or no. */
  polar?: boolean
  /** The reference is an inequality, an interval or the like, so that a bound may be the answer. */
  bounds?: boolean
  /** The reference is an equation or inequality with letters on both sides of nothing but numbers: a line, a curve, a function. */
  equation?: boolean
  /** The reference is a ratio. */
  ratio?: boolean
  /** The reference is a time of day. */
  time?: boolean
  /** The reference is an ordinal, so that one in words may be the answer. */
  ordinal?: boolean
  /** The reference is an expression without a unit, so that none behind a box matters. */
  bare?: boolean
  /** The letters whose values the reference gives: x = 4, y = -3. */
  names?: readonly string[]
  /** The letters of its parts: (a) 12; (b) 18. */
  parts?: readonly string[]
  /** The names of its parts: centre (3, -1), radius 2. */
  labels?: readonly string[]
  /** How many parts the reference has, and whether their order counts: (3, -2). */
  entries?: { count: number; ordered: boolean }
  /** The problem as it was put to the model, where it is known: it helps to rank the claims of a response. */
  problem?: string
}
