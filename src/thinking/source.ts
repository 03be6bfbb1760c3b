/** The tags, and what the grammar's automaton asks of a text and of token ids. */

import type { TagIds } from './types.ts'

/** The six tags as they are written. Each is one token of a checkpoint's tokenizer. */
export const TAGS = {
  parallel: '<Parallel>',
  parallelEnd: '</Parallel>',
  path: '<Path>',
  pathEnd: '</Path>',
  summary: '<Summary>',
  summaryEnd: '</Summary>',
} as const

/** The two more of a model that plans its paths. */
export const OUTLINE_TAGS = { outline: '<Outline>', outlineEnd: '</Outline>' } as const

const ALL_TAGS = { ...TAGS, ...OUTLINE_TAGS }

export type TagName = keyof typeof ALL_TAGS

/** Any of the eight. */
export const TAG_PATTERN = /<\/?(?:Parallel|Path|Summary|Outline)>/g

const TAG_NAMES = Object.keys(ALL_TAGS) as TagName[]
/** The two tags of a kind, which the letter before `>` tells. */
const KINDS = (['parallel', 'path', 'summary', 'outline'] as const).map((open) => ({
  open,
  close: `${open}End` as const,
  last: ALL_TAGS[open].charCodeAt(ALL_TAGS[open].length - 2),
  length: ALL_TAGS[open].length,
}))
const SLASH = 0x2f

/** What the automaton asks of its input. Classes, because every parse runs the same code then: closures of its own cost the compiler's work twice. */
export interface Source {
  readonly length: number
  /** Hands on the tags in order, each with where it begins and ends. Returns where it stopped, if there are more than {@link MAX_TAGS}. */
  eachTag(reader: TagReader): number | undefined
  /** It says nothing: white space (text) or nothing at all (ids). */
  blank(start: number, end: number): boolean
  /** It may stand between two tags inside a block. */
  gap(start: number, end: number): boolean
  /** It may stand between a block and its summary. */
  separator(start: number, end: number): boolean
  /** A text has this there; ids have no text. */
  begins(start: number, text: string): boolean
  /** Equal for stretches that say the same. */
  key(start: number, end: number): string
}

export interface TagReader {
  take(tag: TagName, start: number, end: number): void
}

/** Tags of a text that are read. A response of 32,768 tokens has fewer, and a megabyte of nothing else ten times as many. */
export const MAX_TAGS = 16_384

export class TextSource implements Source {
  readonly length: number
  private readonly text: string
  private readonly strictLayout: boolean

  constructor(text: string, strictLayout: boolean) {
    this.text = text
    this.length = text.length
    this.strictLayout = strictLayout
  }

  /** A tag costs one search and no string. */
  eachTag(reader: TagReader): number | undefined {
    const { text } = this
    TAG_PATTERN.lastIndex = 0
    for (let tags = 0; TAG_PATTERN.test(text); tags++) {
      const end = TAG_PATTERN.lastIndex
      if (tags === MAX_TAGS) return text.lastIndexOf('<', end - 1)
      const last = text.charCodeAt(end - 2)
      for (const kind of KINDS) {
        if (kind.last !== last) continue
        const start = end - kind.length
        if (text.charCodeAt(start) === SLASH) reader.take(kind.close, start - 1, end)
        else reader.take(kind.open, start, end)
      }
    }
    return undefined
  }

  blank(start: number, end: number): boolean {
    const first = this.text.charCodeAt(start)
    // Most stretches show it by their first character.
    return start === end || ((first <= 0x20 || first > 0x7f) && this.key(start, end) === '')
  }

  gap(start: number, end: number): boolean {
    return this.strictLayout ? start === end : this.blank(start, end)
  }

  separator(start: number, end: number): boolean {
    return this.strictLayout ? end - start === 1 && this.text[start] === '\n' : this.blank(start, end)
  }

  begins(start: number, text: string): boolean {
    return this.text.startsWith(text, start)
  }

  key(start: number, end: number): string {
    return this.text.slice(start, end).trim()
  }
}

export class IdSource implements Source {
  readonly length: number
  private readonly ids: ArrayLike<number>
  private readonly tags: TagIds

  constructor(ids: ArrayLike<number>, tags: TagIds) {
    this.ids = ids
    this.length = ids.length
    this.tags = tags
  }

  eachTag(reader: TagReader): undefined {
    const nameOf = new Map<number | undefined, TagName>(TAG_NAMES.map((name) => [this.tags[name], name]))
    for (let i = 0; i < this.length; i++) {
      const tag = nameOf.get(this.ids[i])
      if (tag !== undefined) reader.take(tag, i, i + 1)
    }
  }

  blank(start: number, end: number): boolean {
    return start === end
  }

  gap(start: number, end: number): boolean {
    return start === end
  }

  separator(start: number, end: number): boolean {
    const { newline } = this.tags
    return end - start === newline.length && newline.every((id, i) => this.ids[start + i] === id)
  }

  begins(): boolean {
    return false
  }

  key(start: number, end: number): string {
    return Array.prototype.slice.call(this.ids, start, end).join(',')
  }
}
