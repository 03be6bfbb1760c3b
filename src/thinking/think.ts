/**
 * Thinking: what stands in `<think>` … `</think>` before the answer. A budget ends it as Qwen's report on Qwen3 describes (arXiv
 * 2505.09388, section 4.3): the decoder writes a sentence and the closing tag, and the model goes on with its answer.
 */

import type { ThinkBudget } from './types.ts'

/** What the decoder writes where the budget of the thinking ends. */
export const THINK_EXIT =
  '\n\nConsidering the limited time by the user, I have to give the solution based on the thinking directly now.\n</think>\n\n'

const OPEN = '<think>'
const END = '</think>'

/** Whether a prompt ends with an open `<think>`, as templates of models that always think write it. `tail`: its last tokens as text. */
export function opensThinking(tail: string): boolean {
  return /<think>\s*$/.test(tail)
}

/** Whether a response ends inside its thinking. */
export function thinksAtEnd(text: string, opened: boolean): boolean {
  const open = text.lastIndexOf(OPEN)
  const end = text.lastIndexOf(END)
  return open > end || (opened && end < 0)
}

/** Watches free text for the two tags, which may be tokens or text. */
export class ThinkWatch {
  open: boolean
  private tail = ''
  private readonly piece: (id: number) => string

  constructor({ open, piece }: ThinkBudget) {
    this.open = open
    this.piece = piece
  }

  take(id: number): void {
    const said = this.tail + this.piece(id)
    const [open, end] = [said.lastIndexOf(OPEN), said.lastIndexOf(END)]
    if (open !== end) this.open = open > end
    this.tail = said.slice(1 - END.length)
  }

  /** The decoder wrote the end. */
  end(): void {
    this.open = false
    this.tail = ''
  }
}
