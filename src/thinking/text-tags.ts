/**
 * Tags as ordinary text, for a model whose tokenizer has none. Tokens and tags do not begin and end together: `.<` begins a tag
 * behind a full stop, and `>\n` or `><` ends one and says more. So what a lane says is read as text, token by token.
 *
 *   - A block begins, a path or a summary ends, with the token in which the last character of its tag stands.
 *   - What that token says behind `<Parallel>` or `</Path>` is dropped, because the decoder goes on by itself there: the token is
 *     replaced by the ids of its part up to the tag's end. What it says behind `</Summary>` is free text and stays.
 *   - Where no block may open, no token may be drawn that would complete `<Parallel>`. A response so never holds a block inside a
 *     block, nor more than were asked for.
 *   - Any other tag is text, as it is where tags are tokens, and breaks the grammar.
 */

import { ConfigError } from '../engine/errors.ts'
import { parseThinking, TAGS, type TaggedSpan } from './grammar.ts'
import type { Found, Place, Recogniser, SpokenTag, Watch } from './recogniser.ts'
import type { TagText, WrittenTags } from './types.ts'

/** What {@link tagTextOf} needs of a tokenizer. */
export interface TextTokenizer {
  readonly vocabSize: number
  encode(text: string): number[]
  decode(ids: Iterable<number>): string
  /** A token as the vocabulary spells it. */
  tokenOf(id: number): string | undefined
}

/** Texts as the tokens of a tokenizer say them. */
type Spelling = Pick<TagText, 'piece' | 'write'>

/** Both cost a look at the whole vocabulary. */
function onceFor<T>(make: (tokenizer: TextTokenizer) => T): (tokenizer: TextTokenizer) => T {
  const known = new WeakMap<TextTokenizer, { made: T }>()
  return (tokenizer) => {
    const found = known.get(tokenizer) ?? { made: make(tokenizer) }
    known.set(tokenizer, found)
    return found.made
  }
}

/** The tags as a tokenizer writes and reads them; made once. Throws ConfigError where it cannot write one. */
export const tagTextOf: (tokenizer: TextTokenizer) => TagText = onceFor(makeTagText)

/** Made once for a tokenizer. */
export const spellingOf: (tokenizer: TextTokenizer) => Spelling = onceFor(makeSpelling)

/** No tokenizer joins a letter with what a tag begins with; behind it a piece is written as in the middle of a text. */
const ANCHOR = 'a'

function makeSpelling(tokenizer: TextTokenizer): Spelling {
  const pieces: (string | undefined)[] = []
  const anchor = tokenizer.encode(ANCHOR)
  const before = tokenizer.decode(anchor)
  const piece = (id: number): string => {
    pieces[id] ??= tokenizer.decode([...anchor, id]).slice(before.length)
    return pieces[id]
  }
  const write = (text: string): number[] | undefined => {
    const behind = tokenizer.encode(ANCHOR + text)
    const candidates = [tokenizer.encode(text), ...(anchor.every((id, i) => behind[i] === id) ? [behind.slice(anchor.length)] : [])]
    return candidates.find((ids) => ids.map(piece).join('') === text)
  }
  return { piece, write }
}

function makeTagText(tokenizer: TextTokenizer): TagText {
  const { piece, write } = spellingOf(tokenizer)
  const written = (text: string): number[] => {
    const ids = write(text)
    if (ids) return ids
    throw new ConfigError(
      `tags: text needs a tokenizer that writes the tags as they are. Got ${JSON.stringify(tokenizer.encode(text).map(piece).join(''))} for ${JSON.stringify(text)}. Add the tags with pr1-tags and train the model.`,
    )
  }
  return {
    piece,
    write,
    written: {
      parallel: written(TAGS.parallel),
      path: written(TAGS.path),
      pathEnd: written(TAGS.pathEnd),
      beforeSummary: written(`${TAGS.parallelEnd}\n`),
      summary: written(TAGS.summary),
      summaryEnd: written(TAGS.summaryEnd),
    },
    completing: completing(tokenizer, piece),
  }
}

/** For every number of characters of `<Parallel>` that a lane has said: the ids that complete it, ascending. */
function completing(tokenizer: TextTokenizer, piece: (id: number) => string): number[][] {
  const sets: number[][] = Array.from(TAGS.parallel, () => [])
  for (let id = 0; id < tokenizer.vocabSize; id++) {
    // Vocabularies spell ASCII as it is.
    if (!tokenizer.tokenOf(id)?.includes('>')) continue
    const text = piece(id)
    const whole = text.includes(TAGS.parallel)
    for (let said = 0; said < sets.length; said++) if (whole || text.startsWith(TAGS.parallel.slice(said))) sets[said].push(id)
  }
  return sets
}

export class TextRecogniser implements Recogniser {
  readonly written: WrittenTags
  readonly exclusions: readonly (readonly number[])[]
  /** By place and characters of `<Parallel>` that were said. */
  readonly #index: Record<'closed' | 'inside', number[]> = { closed: [], inside: [] }
  readonly #text: TagText
  readonly #eos: readonly number[]

  constructor(text: TagText, eos: readonly number[]) {
    this.#text = text
    this.#eos = eos
    this.written = text.written
    const exclusions: (readonly number[])[] = []
    for (const ids of text.completing) {
      this.#index.closed.push(ids.length === 0 ? -1 : exclusions.push(ids) - 1)
      this.#index.inside.push(exclusions.push([...ids, ...eos.filter((id) => !ids.includes(id))]) - 1)
    }
    this.exclusions = exclusions
  }

  turns(id: number): boolean {
    return this.#text.piece(id).includes('<') || this.#eos.includes(id)
  }

  watch(): Watch {
    const text = this.#text
    const index = this.#index
    /** What may be the beginning of a tag, and the tokens that hold it. */
    let tail = ''
    let tokens = 0
    const begin = (rest: string): void => {
      const at = rest.lastIndexOf('<')
      const candidate = at < 0 ? '' : rest.slice(at)
      // A tag has its "<" at the beginning only.
      tokens = candidate === '' || !isBeginning(candidate) ? 0 : candidate.length === rest.length ? tokens + 1 : 1
      tail = tokens === 0 ? '' : candidate
    }
    const forget = (): void => {
      tail = ''
      tokens = 0
    }
    return {
      forget,
      exclusion: (place: Place) => (place === 'open' ? -1 : index[place][TAGS.parallel.startsWith(tail) ? tail.length : 0]),
      take(id: number, tag: SpokenTag): Found | undefined {
        const piece = text.piece(id)
        const said = tail + piece
        const start = said.indexOf(TAGS[tag])
        if (start < 0) {
          begin(said)
          return undefined
        }
        const rest = said.slice(start + TAGS[tag].length)
        const found: Found = { tokens: start < tail.length ? tokens + 1 : 1 }
        forget()
        // A whole tag in what is left of one token counts as text.
        if (tag === 'summaryEnd') begin(rest)
        else if (rest !== '') {
          const instead = text.write(piece.slice(0, piece.length - rest.length))
          if (instead && instead.length <= text.written[tag].length) found.instead = instead
        }
        return found
      },
      close(tag) {
        const ids = tail !== '' && TAGS[tag].startsWith(tail) ? text.write(TAGS[tag].slice(tail.length)) : undefined
        forget()
        return ids && ids.length <= text.written[tag].length ? ids : text.written[tag]
      },
    }
  }
}

/** Of a tag, but not all of it. */
function isBeginning(text: string): boolean {
  return Object.values(TAGS).some((tag) => tag.startsWith(text) && tag.length > text.length)
}

/** A stretch of a response and the tokens that hold it with its tags. */
interface SaidSpan {
  text: string
  tokens: number
}

/** The blocks of a response that was decoded plainly, as it reads. `start`: tokens before `<Parallel>`. */
export function blocksInText(ids: readonly number[], { piece }: TagText): { start: number; paths: SaidSpan[]; summary: SaidSpan }[] {
  let text = ''
  const ends = ids.map((id) => {
    text += piece(id)
    return text.length
  })
  /** The token that holds a character: characters and tokens ascend, so one pass serves all. */
  const tokenAt = (character: number): number => {
    let [low, high] = [0, ends.length]
    while (low < high) {
      const middle = (low + high) >> 1
      if (ends[middle] > character) high = middle
      else low = middle + 1
    }
    return low
  }
  const span = (tagged?: TaggedSpan): SaidSpan =>
    tagged
      ? { text: text.slice(tagged.contentStart, tagged.contentEnd), tokens: tokenAt(tagged.end - 1) + 1 - tokenAt(tagged.start) }
      : { text: '', tokens: 0 }
  return parseThinking(text).tree.parts.flatMap((part) =>
    part.kind === 'block' ? [{ start: tokenAt(part.start), paths: part.paths.map(span), summary: span(part.summary) }] : [],
  )
}
