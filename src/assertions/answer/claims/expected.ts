/** What finding the answer has to know of the reference. */

/** Of the reference only its kind matters here: boxes are joined for a list, a letter or words count for a choice or a text. */
export interface Expected {
  kind: 'list' | 'choice' | 'text' | 'other'
  /** The reference holds an exclamation mark, so that one behind a number is more than joy. */
  factorial: boolean
  /** The reference is yes or no. */
  polar?: boolean
  /** The problem as it was put to the model, where it is known: it helps to rank the claims of a response. */
  problem?: string
}
