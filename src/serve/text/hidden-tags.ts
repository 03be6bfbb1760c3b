/** The text of a response without its tags while it comes in pieces: joined, what the provider's hideTags makes of the whole. */

import { TAG_RUN } from '../../providers/response.ts'
import { TAG_PATTERN } from '../../thinking/grammar.ts'

const ANY = TAG_PATTERN.source
/** White space and tags at the end of a text, and what may become a tag. */
const OPEN_END = new RegExp(`(?:\\s|${ANY})*(?:<[^<>\\s]{0,10})?$`)
const END = new RegExp(`(?:\\s|${ANY})*$`)

export class HiddenTags {
  /** What {@link OPEN_END} found: nothing has followed it yet. */
  #kept = ''
  #begun = false

  push(text: string): string {
    const all = this.#kept + text
    const end = OPEN_END.exec(all)!.index
    this.#kept = all.slice(end)
    return this.#said(all.slice(0, end))
  }

  /** White space and tags at the end of a response say nothing. */
  end(): string {
    const rest = this.#kept.replace(END, '')
    this.#kept = ''
    return this.#said(rest)
  }

  #said(text: string): string {
    const said = text.replace(TAG_RUN, '\n')
    const fresh = this.#begun ? said : said.trimStart()
    this.#begun ||= fresh !== ''
    return fresh
  }
}
