/**
 * The tag grammar: the one place that knows which sequence of tags is a well-formed response.
 *
 *     response := text (block text)*
 *     block    := <Parallel> outline* path{minPaths,maxPaths} </Parallel> "\n" <Summary> text </Summary>
 *     outline  := <Outline> text </Outline>
 *     path     := <Path> text </Path>
 *
 * A block has no outline, or one for each path in the order of the paths. No text stands between the tags inside a block, text holds
 * no tag, an outline, a path and a summary say something, and no two outlines or paths of a block say the same. Every departure is one violation with its rule and offset; the parser then goes on as
 * described at RULES in rules.ts, so that a tree always comes back. Text and token ids go through the same automaton.
 * Time is linear in the input, whatever the input is.
 *
 * White space: inside a block, white space next to a tag is layout. In text it says nothing, however much or little of
 * it there is, because others write tags on lines of their own. Ids have no layout: between tags stands what is written above.
 * writing.ts brings text to that form.
 */

import { ReferenceChecker } from './compatible.ts'
import { inWords, RULES, type Rule, type Violation } from './rules.ts'
import { IdSource, OUTLINE_TAGS, type Source, TAG_PATTERN, TAGS, type TagName, type TagReader, TextSource } from './source.ts'
import type { TagIds } from './types.ts'

export { inWords, OUTLINE_TAGS, RULES, type Rule, TAG_PATTERN, TAGS, type Violation }

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
  /** Absent where there are none. */
  outlines?: TaggedSpan[]
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
  /** Every block must have outlines. Default false: it may. */
  outlines?: boolean
  /** What each path of a block begins with, which is not its own: path k is compared without the k-th. Of texts only. */
  pathStarts?: readonly string[]
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

/** Parses a response (never a prompt: tags in an instruction are not structure). */
export function parseThinking(text: string, options: GrammarOptions = {}): Parsed {
  return parse(new TextSource(text, options.strictLayout ?? false), options)
}

/** Parses response ids; offsets count tokens. One end-of-response id may stand at the end. */
export function parseThinkingIds(ids: ArrayLike<number>, tags: TagIds, options: GrammarOptions = {}): Parsed {
  const parsed = parse(new IdSource(ids, tags), options)
  if (options.compatible || options.allow?.includes('early-eos')) return parsed
  const early: Violation[] = []
  for (let i = 0; i < ids.length - 1; i++) if (tags.eos.includes(ids[i])) early.push({ rule: 'early-eos', offset: i })
  if (early.length === 0) return parsed
  return { tree: parsed.tree, violations: [...parsed.violations, ...early].sort((a, b) => a.offset - b.offset) }
}

function parse(source: Source, options: GrammarOptions): Parsed {
  const parser = new Parser(source, options)
  const beyond = source.eachTag(parser)
  parser.end()
  let { violations } = parser
  if (options.compatible) {
    const checker = new ReferenceChecker()
    source.eachTag(checker)
    violations = checker.end()
  }
  if (beyond !== undefined)
    violations = [...violations, { rule: 'too-many-tags' as const, offset: beyond }].sort((a, b) => a.offset - b.offset)
  if (options.allow && options.allow.length > 0) {
    const allowed = new Set<Rule>(options.allow)
    violations = violations.filter(({ rule }) => !allowed.has(rule))
  }
  return { tree: { parts: parser.parts }, violations }
}

type State = 'text' | 'block' | 'outline' | 'path' | 'after' | 'summary'
type Kind = 'parallel' | 'path' | 'summary' | 'outline'

/** The automaton. `after` is between `</Parallel>` and `<Summary>`. */
class Parser implements TagReader {
  readonly parts: (TextPart | BlockPart)[] = []
  readonly violations: Violation[] = []
  private state: State = 'text'
  private readonly source: Source
  private readonly minPaths: number
  private readonly maxPaths: number
  private readonly wantsOutlines: boolean
  private readonly pathStarts: readonly string[]
  /** Where the text that is not yet part of the tree begins. */
  private textStart = 0
  /** End of the last tag inside a block: text from here to the next tag is misplaced. */
  private gapStart = 0
  private block: BlockPart = { kind: 'block', start: 0, end: 0, bodyEnd: 0, paths: [] }
  /** The open outline, path or summary. */
  private open: TaggedSpan = { start: 0, end: 0, contentStart: 0, contentEnd: 0 }
  /** What the paths of the open block say, from the second on. */
  private readonly said = new Set<string>()
  /** And its outlines. */
  private readonly planned = new Set<string>()
  /** Ignored opening tags whose closing tags are to be ignored too. */
  private ignored = { parallel: 0, path: 0, summary: 0, outline: 0 }
  /** The blocks ignored directly inside the open block, while one of its outlines or paths is open. */
  private ignoredAround = 0

  constructor(source: Source, { minPaths = 2, maxPaths = 16, outlines = false, pathStarts = [] }: GrammarOptions) {
    this.source = source
    this.minPaths = minPaths
    this.maxPaths = maxPaths
    this.wantsOutlines = outlines
    this.pathStarts = pathStarts
  }

  take(tag: TagName, start: number, end: number): void {
    if (this.state === 'block') this.gap(start, end)
    switch (tag) {
      case 'parallel':
        this.takeParallel(start, end)
        break
      case 'path':
        this.takePath(start, end)
        break
      case 'summary':
        this.takeSummary(start, end)
        break
      case 'outline':
        this.takeOutline(start, end)
        break
      case 'outlineEnd':
        if (this.state !== 'outline' || this.ignored.outline > 0) this.close('outline', start)
        else this.endOutline(start, end)
        break
      case 'parallelEnd':
        this.takeParallelEnd(start, end)
        break
      case 'pathEnd':
        if (this.state !== 'path' || this.ignored.path > 0) this.close('path', start)
        else this.endPath(start, end)
        break
      case 'summaryEnd':
        if (this.state !== 'summary' || this.ignored.summary > 0) this.close('summary', start)
        else this.endSummary(start, end)
        break
    }
  }

  end(): void {
    const end = this.source.length
    if (this.state === 'block') this.gap(end, end)
    this.cutOpen(end)
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

  private takeParallel(start: number, end: number): void {
    if (this.state === 'block' || this.state === 'path' || this.state === 'outline') {
      this.ignore('nested-block', 'parallel', start)
      return
    }
    if (this.state === 'after') {
      this.report('block-before-summary', start)
      this.leaveBlock(this.block.bodyEnd)
    }
    if (this.state === 'summary') {
      this.report('block-in-summary', start)
      this.endSummary(start, start)
    }
    this.flushText(start)
    this.block = { kind: 'block', start, end, bodyEnd: end, paths: [] }
    this.said.clear()
    this.planned.clear()
    this.gapStart = end
    this.enter('block')
  }

  private takePath(start: number, end: number): void {
    if (this.state !== 'block') {
      const rule = this.state === 'path' ? 'nested-path' : this.state === 'outline' ? 'path-in-outline' : 'path-outside-block'
      this.ignore(rule, 'path', start)
      return
    }
    if (this.block.paths.length === this.maxPaths) this.report('too-many-paths', start)
    this.open = { start, end, contentStart: end, contentEnd: end }
    this.ignoredAround = this.ignored.parallel
    this.enter('path')
  }

  private takeOutline(start: number, end: number): void {
    const { state } = this
    if (state !== 'block' || this.block.paths.length > 0) {
      const late = state === 'block' || state === 'path'
      this.ignore(late ? 'late-outline' : state === 'outline' ? 'nested-outline' : 'outline-outside-block', 'outline', start)
      return
    }
    this.open = { start, end, contentStart: end, contentEnd: end }
    this.ignoredAround = this.ignored.parallel
    this.enter('outline')
  }

  private takeSummary(start: number, end: number): void {
    if (this.state !== 'after') {
      const rules = {
        text: 'summary-without-block',
        block: 'summary-in-block',
        path: 'summary-in-block',
        outline: 'summary-in-block',
        summary: 'nested-summary',
      } as const
      this.ignore(rules[this.state], 'summary', start)
      return
    }
    if (!this.source.separator(this.block.bodyEnd, start)) this.report('summary-separator', this.block.bodyEnd)
    this.open = { start, end, contentStart: end, contentEnd: end }
    this.enter('summary')
  }

  private takeParallelEnd(start: number, end: number): void {
    if (this.ignored.parallel > 0 || (this.state !== 'path' && this.state !== 'outline' && this.state !== 'block')) {
      this.close('parallel', start)
      return
    }
    this.cutOpen(start)
    this.endBlock(end)
  }

  private endPath(contentEnd: number, end: number): void {
    const { open, block } = this
    open.contentEnd = contentEnd
    open.end = end
    if (this.source.blank(this.ownStart(open, block.paths.length), contentEnd)) this.report('empty-path', open.start)
    else if (this.isSaid(open, block.paths, this.said)) this.report('identical-paths', open.start)
    block.paths.push(open)
    this.backToBlock(end)
  }

  private endOutline(contentEnd: number, end: number): void {
    const { open, block } = this
    block.outlines ??= []
    open.contentEnd = contentEnd
    open.end = end
    if (this.source.blank(open.contentStart, contentEnd)) this.report('empty-outline', open.start)
    else if (this.isSaid(open, block.outlines, this.planned)) this.report('identical-outlines', open.start)
    block.outlines.push(open)
    this.backToBlock(end)
  }

  private backToBlock(end: number): void {
    this.gapStart = end
    this.enter('block')
    this.ignored.parallel = this.ignoredAround
  }

  /** Where path k says something of its own. */
  private ownStart({ contentStart }: TaggedSpan, k: number): number {
    const start = this.state === 'path' ? this.pathStarts[k] : undefined
    return start !== undefined && this.source.begins(contentStart, start) ? contentStart + start.length : contentStart
  }

  /** Whether one of those before it in its block says the same. Those of a block of one path are never compared, nor copied. */
  private isSaid(span: TaggedSpan, before: readonly TaggedSpan[], said: Set<string>): boolean {
    if (before.length === 0) return false
    const say = (one: TaggedSpan, k: number) => said.add(this.source.key(this.ownStart(one, k), one.contentEnd))
    if (said.size === 0) before.forEach(say)
    const { size } = said
    return say(span, before.length).size === size
  }

  /** Ends the path or outline that is open where its block ends. */
  private cutOpen(at: number): void {
    const { state, open } = this
    if (state !== 'path' && state !== 'outline') return
    this.report(`unclosed-${state}`, open.start)
    if (state === 'path') this.endPath(at, at)
    else this.endOutline(at, at)
  }

  private endBlock(end: number): void {
    const { block } = this
    if (block.paths.length === 0) this.report('no-path', block.start)
    else if (block.paths.length < this.minPaths) this.report('too-few-paths', block.start)
    if (block.outlines === undefined) {
      if (this.wantsOutlines) this.report('missing-outlines', block.start)
    } else if (block.outlines.length !== block.paths.length) this.report('outline-count', block.start)
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

  private enter(state: State): void {
    this.state = state
    this.ignored.parallel = this.ignored.path = this.ignored.summary = this.ignored.outline = 0
  }

  private ignore(rule: Rule, kind: Kind, start: number): void {
    this.report(rule, start)
    this.ignored[kind]++
  }

  /** A closing tag that closes nothing of the tree: with an ignored opening tag if there is one, else stray. */
  private close(kind: Kind, start: number): void {
    if (this.ignored[kind] > 0) this.ignored[kind]--
    else this.report('stray-close', start)
  }

  /** Keeps the order of offsets. Only an open block and its open path or summary are pointed back to, so each violation moves a few times at most. */
  private report(rule: Rule, offset: number): void {
    const { violations } = this
    let at = violations.push({ rule, offset }) - 1
    if (at === 0 || violations[at - 1].offset <= offset) return
    const added = violations[at]
    for (; at > 0 && violations[at - 1].offset > offset; at--) violations[at] = violations[at - 1]
    violations[at] = added
  }
}
