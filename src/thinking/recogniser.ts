/**
 * How the decoder finds tags in what a model says, and writes them itself. A model that was trained to think in parallel has
 * each tag as one token (here). Any other writes them as ordinary text (text-tags.ts).
 */

import { allTagIds } from './tags.ts'
import type { ThinkRequest, WrittenTags } from './types.ts'

/** The tags that a model may write by itself. */
export type SpokenTag = 'parallel' | 'pathEnd' | 'summaryEnd'

/** Where a token is drawn: in free text where a block fits, where none fits, or in a path or summary. */
export type Place = 'open' | 'closed' | 'inside'

/** A tag that ends with the token just drawn. */
export interface Found {
  /** Tokens that hold it, that one included. */
  tokens: number
  /** The lane goes on with these ids in place of that token, which says more than the tag. */
  instead?: readonly number[]
}

/** Watches one lane. */
export interface Watch {
  /** What may not be drawn next: index into the recogniser's exclusions, −1: nothing. */
  exclusion(place: Place): number
  /** Takes the id that was drawn while the model may write `tag`. */
  take(id: number, tag: SpokenTag): Found | undefined
  /** Ids with which the decoder closes a path or summary here; at most as many as the tag has. */
  close(tag: 'pathEnd' | 'summaryEnd'): readonly number[]
  /** The decoder wrote something that is no tag. */
  forget(): void
}

export interface Recogniser {
  readonly written: WrittenTags
  /** Every set of ids that may be excluded somewhere. */
  readonly exclusions: readonly (readonly number[])[]
  watch(): Watch
  /** Whether a lane that says this id may go on in another way than before it: a tag, a part of one, an end. */
  turns(id: number): boolean
}

/** What the decoder writes by itself in this request. */
export function writtenTags({ tags, tagText }: ThinkRequest): WrittenTags {
  return (
    tagText?.written ?? {
      parallel: [tags.parallel],
      path: [tags.path],
      pathEnd: [tags.pathEnd],
      beforeSummary: [tags.parallelEnd, ...tags.newline],
      summary: [tags.summary],
      summaryEnd: [tags.summaryEnd],
    }
  )
}

/** Each tag is one token: it is found when it is drawn, and no token holds more than it. Nothing is remembered. */
export function tokenRecogniser(request: ThinkRequest): Recogniser {
  const { tags } = request
  const written = writtenTags(request)
  const found: Found = { tokens: 1 }
  const index: Record<Place, number> = { open: -1, closed: 0, inside: 1 }
  const watch: Watch = {
    exclusion: (place) => index[place],
    take: (id, tag) => (id === tags[tag] ? found : undefined),
    close: (tag) => written[tag],
    forget: () => {},
  }
  const turning = new Set([...allTagIds(tags), ...tags.eos])
  return { written, exclusions: [[tags.parallel], [tags.parallel, ...tags.eos]], watch: () => watch, turns: (id) => turning.has(id) }
}
