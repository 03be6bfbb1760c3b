/**
 * The tag grammar: the one place that knows which sequence of tags is a well-formed response.
 *
 *     response := text (block text)*
 *     block    := <Parallel> path{minPaths,maxPaths} </Parallel> "\n" <Summary> text </Summary>
 *     path     := <Path> text </Path>
 *
 * No text stands between the tags inside a block, text holds no tag, a path and a summary say something, and no two
 * paths of a block say the same. Every departure is one violation with its rule and offset; the parser then goes on as
 * described at RULES in rules.ts, so that a tree always comes back. Text and token ids go through the same automaton.
 * Time is linear in the input, whatever the input is.
 *
 * White space: inside a block, white space next to a tag is layout. In text it says nothing, however much or little of
 * it there is, because others write tags on lines of their own. Ids have no layout: between tags stands what is written above.
 * writing.ts brings text to that form.
 */

import { referenceViolations } from './compatible.ts'
import { inWords, RULES, type Rule, type Violation } from './rules.ts'
import type { TagIds } from './types.ts'

export { inWords, RULES, type Rule, type Violation }

/** The six tags as they are written. Each is one token of a checkpoint's tokenizer. */
export const TAGS = {
  parallel: '<Parallel>',
  parallelEnd: '</Parallel>',
  path: '<Path>',
  pathEnd: '</Path>',
  summary: '<Summary>',
  summaryEnd: '</Summary>',
} as const

export type TagName = keyof typeof TAGS

/** A tagged stretch: `[start, end)` with its tags, `[contentStart, contentEnd)` without. */
export interface TaggedSpan {
  start: number
  end: number
  contentStart: number
  contentEnd: number
}

export interface TextPart {
  kind: 'text'
  start: number
  end: number
}

/** `<Parallel>` begins at `start`; `bodyEnd` lies behind `</Parallel>`, `end` behind `</Summary>` where there is one. */
export interface BlockPart {
  kind: 'block'
  start: number
  end: number
  bodyEnd: number
  paths: TaggedSpan[]
  summary?: TaggedSpan
}

/** Parts in order, without gaps; empty text is left out. */
export interface ThinkingTree {
  parts: (TextPart | BlockPart)[]
}

export interface GrammarOptions {
  /** Fewest paths of a block. Default 2. */
  minPaths?: number
  /** Most paths of a block. Default 16. */
  maxPaths?: number
  /** White space between the tags of a text must be that of ids too. Default false. */
  strictLayout?: boolean
  /** Rules that are not reported. */
  allow?: readonly Rule[]
  /** Accept and reject as the checker of the Parallel-R1 code does (see compatible.ts); the tree stays the strict parser's. */
  compatible?: boolean
}

export interface Parsed {
  tree: ThinkingTree
  /** In order of offset. */
  violations: Violation[]
}

/** What the automaton asks of its input besides the tags. */
interface Source {
  length: number
  /** It says nothing: white space (text) or nothing at all (ids). */
  blank(start: number, end: number): boolean
  /** It may stand between two tags inside a block. */
  gap(start: number, end: number): boolean
  /** It may stand between a block and its summary. */
  separator(start: number, end: number): boolean
  /** Equal for stretches that say the same. */
  key(start: number, end: number): string
}

const TAG_NAMES = Object.keys(TAGS) as TagName[]
const NAME_OF_TEXT = new Map<string, TagName>(TAG_NAMES.map((name) => [TAGS[name], name]))
/** Any of the six. */
export const TAG_PATTERN = /<\/?(?:Parallel|Path|Summary)>/g

interface TagEvent {
  tag: TagName
  start: number
  end: number
}

/** Parses a response (never a prompt: tags in an instruction are not structure). */
export function parseThinking(text: string, options: GrammarOptions = {}): Parsed {
  const events: TagEvent[] = []
  TAG_PATTERN.lastIndex = 0
  while (TAG_PATTERN.test(text)) {
    const end = TAG_PATTERN.lastIndex
    const start = text.lastIndexOf('<', end - 1)
    events.push({ tag: NAME_OF_TEXT.get(text.slice(start, end))!, start, end })
  }
  const blank = (start: number, end: number): boolean => text.slice(start, end).trim() === ''
  const { strictLayout = false } = options
  const source: Source = {
    length: text.length,
    blank,
    gap: strictLayout ? (start, end) => start === end : blank,
    separator: strictLayout ? (start, end) => end - start === 1 && text[start] === '\n' : blank,
    key: (start, end) => text.slice(start, end).trim(),
  }
  return parseEvents(events, source, options)
}

/** Parses response ids; offsets count tokens. One end-of-response id may stand at the end. */
export function parseThinkingIds(ids: ArrayLike<number>, tags: TagIds, options: GrammarOptions = {}): Parsed {
  const nameOf = new Map<number, TagName>(TAG_NAMES.map((name) => [tags[name], name]))
  const eos = new Set(tags.eos)
  const events: TagEvent[] = []
  const early: Violation[] = []
  for (let i = 0; i < ids.length; i++) {
    const tag = nameOf.get(ids[i])
    if (tag !== undefined) events.push({ tag, start: i, end: i + 1 })
    else if (i < ids.length - 1 && eos.has(ids[i])) early.push({ rule: 'early-eos', offset: i })
  }
  const nothing = (start: number, end: number): boolean => start === end
  const source: Source = {
    length: ids.length,
    blank: nothing,
    gap: nothing,
    separator: (start, end) => end - start === tags.newline.length && tags.newline.every((id, i) => ids[start + i] === id),
    key: (start, end) => Array.prototype.slice.call(ids, start, end).join(','),
  }
  const parsed = parseEvents(events, source, options)
  if (options.compatible || early.length === 0 || options.allow?.includes('early-eos')) return parsed
  return { tree: parsed.tree, violations: [...parsed.violations, ...early].sort((a, b) => a.offset - b.offset) }
}

function parseEvents(events: readonly TagEvent[], source: Source, options: GrammarOptions): Parsed {
  const parser = new Parser(source, options.minPaths ?? 2, options.maxPaths ?? 16)
  for (const event of events) parser.take(event)
  parser.end()
  // Found out of order only where a rule points back to an opening tag.
  let found = options.compatible ? referenceViolations(events) : parser.violations
  if (options.allow && options.allow.length > 0) {
    const allowed = new Set<Rule>(options.allow)
    found = found.filter(({ rule }) => !allowed.has(rule))
  }
  return { tree: { parts: parser.parts }, violations: found.sort((a, b) => a.offset - b.offset) }
}

/** The automaton. `after` is between `</Parallel>` and `<Summary>`. */
class Parser {
  readonly parts: (TextPart | BlockPart)[] = []
  readonly violations: Violation[] = []
  private state: 'text' | 'block' | 'path' | 'after' | 'summary' = 'text'
  private readonly source: Source
  private readonly minPaths: number
  private readonly maxPaths: number
  /** Where the text that is not yet part of the tree begins. */
  private textStart = 0
  /** End of the last tag inside a block: text from here to the next tag is misplaced. */
  private gapStart = 0
  private block: BlockPart = { kind: 'block', start: 0, end: 0, bodyEnd: 0, paths: [] }
  /** The open path or summary. */
  private open: TaggedSpan = { start: 0, end: 0, contentStart: 0, contentEnd: 0 }
  /** What the paths of the open block say. */
  private said = new Set<string>()
  /** Ignored opening tags whose closing tags are to be ignored too. */
  private ignored = { parallel: 0, path: 0, summary: 0 }
  /** The blocks ignored directly inside the open block, while one of its paths is open. */
  private ignoredAround = 0

  constructor(source: Source, minPaths: number, maxPaths: number) {
    this.source = source
    this.minPaths = minPaths
    this.maxPaths = maxPaths
  }

  take(event: TagEvent): void {
    if (this.state === 'block') this.gap(event.start, event.end)
    switch (event.tag) {
      case 'parallel':
        this.takeParallel(event)
        break
      case 'path':
        this.takePath(event)
        break
      case 'summary':
        this.takeSummary(event)
        break
      case 'parallelEnd':
        this.takeParallelEnd(event)
        break
      case 'pathEnd':
        if (this.state !== 'path' || this.ignored.path > 0) this.close('path', event)
        else this.endPath(event.start, event.end)
        break
      case 'summaryEnd':
        if (this.state !== 'summary' || this.ignored.summary > 0) this.close('summary', event)
        else this.endSummary(event.start, event.end)
        break
    }
  }

  end(): void {
    const end = this.source.length
    if (this.state === 'block') this.gap(end, end)
    if (this.state === 'path') this.cutPath(end)
    if (this.state === 'block') {
      this.report('unclosed-block', this.block.start)
      this.endBlock(end)
      // The block never closed: that it has no summary either goes without saying.
      this.leaveBlock(end)
    } else if (this.state === 'after') {
      this.report('missing-summary', this.block.bodyEnd)
      this.leaveBlock(this.block.bodyEnd)
    } else if (this.state === 'summary') {
      this.report('unclosed-summary', this.open.start)
      this.endSummary(end, end)
    }
    this.flushText(end)
  }

  private takeParallel(event: TagEvent): void {
    if (this.state === 'block' || this.state === 'path') {
      this.ignore('nested-block', 'parallel', event)
      return
    }
    if (this.state === 'after') {
      this.report('block-before-summary', event.start)
      this.leaveBlock(this.block.bodyEnd)
    }
    if (this.state === 'summary') {
      this.report('block-in-summary', event.start)
      this.endSummary(event.start, event.start)
    }
    this.flushText(event.start)
    this.block = { kind: 'block', start: event.start, end: event.end, bodyEnd: event.end, paths: [] }
    this.said = new Set()
    this.gapStart = event.end
    this.enter('block')
  }

  private takePath(event: TagEvent): void {
    if (this.state !== 'block') {
      this.ignore(this.state === 'path' ? 'nested-path' : 'path-outside-block', 'path', event)
      return
    }
    if (this.block.paths.length === this.maxPaths) this.report('too-many-paths', event.start)
    this.open = { start: event.start, end: event.end, contentStart: event.end, contentEnd: event.end }
    this.ignoredAround = this.ignored.parallel
    this.enter('path')
  }

  private takeSummary(event: TagEvent): void {
    if (this.state !== 'after') {
      const rules = {
        text: 'summary-without-block',
        block: 'summary-in-block',
        path: 'summary-in-block',
        summary: 'nested-summary',
      } as const
      this.ignore(rules[this.state], 'summary', event)
      return
    }
    if (!this.source.separator(this.block.bodyEnd, event.start)) this.report('summary-separator', this.block.bodyEnd)
    this.open = { start: event.start, end: event.end, contentStart: event.end, contentEnd: event.end }
    this.enter('summary')
  }

  private takeParallelEnd(event: TagEvent): void {
    if (this.ignored.parallel > 0 || (this.state !== 'path' && this.state !== 'block')) {
      this.close('parallel', event)
      return
    }
    if (this.state === 'path') this.cutPath(event.start)
    this.endBlock(event.end)
  }

  private endPath(contentEnd: number, end: number): void {
    const { open, block } = this
    open.contentEnd = contentEnd
    open.end = end
    if (this.source.blank(open.contentStart, contentEnd)) this.report('empty-path', open.start)
    else {
      const key = this.source.key(open.contentStart, contentEnd)
      if (this.said.has(key)) this.report('identical-paths', open.start)
      this.said.add(key)
    }
    block.paths.push(open)
    this.gapStart = end
    this.enter('block')
    this.ignored.parallel = this.ignoredAround
  }

  private cutPath(at: number): void {
    this.report('unclosed-path', this.open.start)
    this.endPath(at, at)
  }

  private endBlock(end: number): void {
    const { block } = this
    if (block.paths.length === 0) this.report('no-path', block.start)
    else if (block.paths.length < this.minPaths) this.report('too-few-paths', block.start)
    block.bodyEnd = end
    this.enter('after')
  }

  private endSummary(contentEnd: number, end: number): void {
    this.open.contentEnd = contentEnd
    this.open.end = end
    if (this.source.blank(this.open.contentStart, contentEnd)) this.report('empty-summary', this.open.start)
    this.block.summary = this.open
    this.leaveBlock(end)
  }

  private leaveBlock(end: number): void {
    this.block.end = end
    this.parts.push(this.block)
    this.textStart = end
    this.enter('text')
  }

  /** Text between two tags of a block: reported once a stretch. */
  private gap(to: number, next: number): void {
    if (!this.source.gap(this.gapStart, to)) this.report('text-in-block', this.gapStart)
    this.gapStart = next
  }

  private flushText(end: number): void {
    if (end > this.textStart) this.parts.push({ kind: 'text', start: this.textStart, end })
    this.textStart = end
  }

  private enter(state: 'text' | 'block' | 'path' | 'after' | 'summary'): void {
    this.state = state
    this.ignored.parallel = this.ignored.path = this.ignored.summary = 0
  }

  private ignore(rule: Rule, kind: 'parallel' | 'path' | 'summary', event: TagEvent): void {
    this.report(rule, event.start)
    this.ignored[kind]++
  }

  /** A closing tag that closes nothing of the tree: with an ignored opening tag if there is one, else stray. */
  private close(kind: 'parallel' | 'path' | 'summary', event: TagEvent): void {
    if (this.ignored[kind] > 0) this.ignored[kind]--
    else this.report('stray-close', event.start)
  }

  private report(rule: Rule, offset: number): void {
    this.violations.push({ rule, offset })
  }
}
