/**
 * A model that says what its script says: the decode half of the Model interface over plain lists. It keeps what every
 * sequence sees, pages its cache as wastefully as the interface allows, and remembers the context of every draw.
 */

import type { Tokenizer } from '../../src/engine/checkpoint/tokenizer.ts'
import { CacheFullError } from '../../src/engine/errors.ts'
import type { ModelConfig } from '../../src/engine/model-config.ts'
import type { Model, Sampling, Sequence, StepInput, StepOutput, TokenRange } from '../../src/engine/types.ts'
import { TAGS } from '../../src/thinking/grammar.ts'
import { tagTextOf } from '../../src/thinking/text-tags.ts'
import type { TagIds } from '../../src/thinking/types.ts'

export const TOY_TAGS: TagIds = { parallel: 2, parallelEnd: 3, path: 4, pathEnd: 5, summary: 6, summaryEnd: 7, newline: [8], eos: [1] }
export const TOY_VOCABULARY = 64
/** First id that is neither tag nor end. */
export const FIRST_WORD = 9

export interface Entry {
  id: number
  position: number
}

export interface Draw {
  context: Entry[]
  id: number
  logprob: number
  excluded: readonly number[]
}

/** What to say next; `attempt` counts up from 0 where the answer before was excluded. */
export type Script = (context: readonly Entry[], sampling: Sampling, attempt: number) => number

export interface ToyOptions {
  cacheTokens?: number
  page?: number
  maxPositions?: number
  /** Default {@link TOY_VOCABULARY}. */
  vocabSize?: number
  /** Its steps take guesses. */
  drafts?: boolean
  /** Called with the inputs of every step before it is done; may wait or throw. */
  onStep?: (inputs: readonly StepInput[]) => void | Promise<void>
}

interface Page {
  owners: number
}

interface ToySequence {
  entries: Entry[]
  /** Of each entry. */
  homes: Page[]
  /** Key of the draw that was made after each entry. */
  drawn: (string | undefined)[]
  pages: Page[]
  /** Free slots of the last page, if this sequence alone may write there. */
  room: number
  /** Entries that it was forked with. */
  shared: number
}

const CONFIG: ModelConfig = {
  family: 'qwen3',
  vocabSize: TOY_VOCABULARY,
  hiddenSize: 8,
  layers: 1,
  heads: 1,
  kvHeads: 1,
  headDim: 8,
  intermediateSize: 8,
  rmsNormEps: 1e-6,
  rope: { theta: 10000 },
  tiedEmbeddings: true,
  maxPositions: 4096,
}

export class ToyModel {
  readonly config: ModelConfig
  readonly cacheCapacity: number
  readonly cachePage: number
  /** Every draw by seed, stream and the position it was made after. */
  readonly draws = new Map<string, Draw>()
  /** Tokens ever fed, and those fed to each stream of draws in joins are counted too. */
  fedTokens = 0
  steps = 0
  private readonly sequences = new Map<Sequence, ToySequence>()
  private usedPages = 0
  private next = 1
  private stepping = false
  private readonly script: Script
  private readonly options: ToyOptions

  constructor(script: Script, options: ToyOptions = {}) {
    this.script = script
    this.options = options
    this.cachePage = options.page ?? 4
    this.cacheCapacity = options.cacheTokens ?? 1 << 16
    const { maxPositions = CONFIG.maxPositions, vocabSize = TOY_VOCABULARY } = options
    this.config = { ...CONFIG, maxPositions, vocabSize }
  }

  /** The same object as the engine's interface; training on a toy is an error. */
  get model(): Model {
    return this as unknown as Model
  }

  get cacheFree(): number {
    return this.cacheCapacity - this.usedPages * this.cachePage
  }

  get draftRowCost(): number | undefined {
    return this.options.drafts ? 0.05 : undefined
  }

  get liveSequences(): number {
    return this.sequences.size
  }

  create(): Sequence {
    this.sequences.set(this.next, { entries: [], homes: [], drawn: [], pages: [], room: 0, shared: 0 })
    return this.next++
  }

  fork(sequence: Sequence, n: number, hidden: readonly TokenRange[] = []): Sequence[] {
    const parent = this.get(sequence)
    parent.room = 0
    const held = <T>(list: readonly T[]): T[] => list.filter((_, i) => !hidden.some(([from, to]) => i >= from && i < to))
    return Array.from({ length: n }, () => {
      for (const page of parent.pages) page.owners++
      const [entries, homes, pages] = [held(parent.entries), held(parent.homes), [...parent.pages]]
      const shared = entries.length
      this.sequences.set(this.next, { entries, homes, drawn: entries.map(() => undefined), pages, room: 0, shared })
      return this.next++
    })
  }

  join(parent: Sequence, children: readonly Sequence[]): void {
    const target = this.get(parent)
    const before = target.pages.length
    for (const child of children) {
      const { entries, homes, drawn, pages, shared } = this.get(child)
      target.entries.push(...entries.slice(shared))
      target.homes.push(...homes.slice(shared))
      target.drawn.push(...drawn.slice(shared))
      for (const page of pages.slice(before)) {
        page.owners++
        target.pages.push(page)
      }
    }
    target.room = 0
    for (const child of children) this.free(child)
  }

  free(sequence: Sequence): void {
    for (const page of this.get(sequence).pages) if (--page.owners === 0) this.usedPages--
    this.sequences.delete(sequence)
  }

  length(sequence: Sequence): number {
    return this.get(sequence).entries.length
  }

  /** What was drawn after tokens that are taken back was never drawn. */
  truncate(sequence: Sequence, n: number): void {
    const state = this.get(sequence)
    const { entries, homes, drawn, pages } = state
    if (n > entries.length) throw new Error(`${n} tokens of ${entries.length} cannot be taken back`)
    for (let left = n; left > 0; left--) {
      entries.pop()
      const [home, key] = [homes.pop()!, drawn.pop()]
      if (key !== undefined) this.draws.delete(key)
      if (homes.includes(home)) continue
      pages.splice(pages.indexOf(home), 1)
      if (--home.owners === 0) this.usedPages--
    }
    const last = homes.at(-1)
    if (n > 0) state.room = last?.owners === 1 ? this.cachePage - homes.filter((home) => home === last).length : 0
  }

  async step(inputs: readonly StepInput[]): Promise<StepOutput[]> {
    if (this.stepping) throw new Error('two steps at once')
    if (new Set(inputs.map(({ sequence }) => sequence)).size !== inputs.length) throw new Error('a sequence twice in one step')
    this.stepping = true
    try {
      await this.options.onStep?.(inputs)
      let pages = 0
      for (const { sequence, ids } of inputs) {
        pages += Math.ceil(Math.max(0, ids.length - this.get(sequence).room) / this.cachePage)
      }
      if ((this.usedPages + pages) * this.cachePage > this.cacheCapacity) throw new CacheFullError('the toy cache is full')
      this.steps++
      return inputs.map((input) => this.advance(input))
    } finally {
      this.stepping = false
    }
  }

  private advance({ sequence, ids, positions, sampling, drafts = 0 }: StepInput): StepOutput {
    if (drafts === 0) return this.take(sequence, ids, positions, sampling)
    if (!this.options.drafts || !sampling || drafts >= ids.length) throw new Error(`${drafts} drafts of ${ids.length} ids`)
    const first = ids.length - drafts
    const of = <T>(list: ArrayLike<T>, start: number, end?: number): T[] => Array.prototype.slice.call(list, start, end)
    const output = this.take(sequence, of(ids, 0, first), of(positions, 0, first), sampling)
    const after = Array.from({ length: drafts }, (_, k) => this.take(sequence, [ids[first + k]], [positions[first + k]], sampling))
    return { ...output, afterDrafts: after }
  }

  private take(sequence: Sequence, ids: ArrayLike<number>, positions: ArrayLike<number>, sampling: Sampling | undefined): StepOutput {
    const state = this.get(sequence)
    for (let k = 0; k < ids.length; k++) {
      if (positions[k] >= this.config.maxPositions) throw new Error(`position ${positions[k]} beyond the model`)
      if (state.room === 0) {
        state.pages.push({ owners: 1 })
        state.room = this.cachePage
        this.usedPages++
      }
      state.room--
      state.entries.push({ id: ids[k], position: positions[k] })
      state.homes.push(state.pages.at(-1)!)
      state.drawn.push(undefined)
      this.fedTokens++
    }
    if (!sampling) return { id: -1, logprob: 0 }
    const excluded = sampling.exclude ?? []
    let id = -1
    for (let attempt = 0; attempt < 1000; attempt++) {
      id = this.script(state.entries, sampling, attempt)
      if (!excluded.includes(id)) break
    }
    const key = drawKey(sampling.seed, sampling.stream, positions[ids.length - 1])
    if (this.draws.has(key)) throw new Error(`two draws with the key ${key}`)
    const logprob = -hash(id, ...state.entries.flatMap((entry) => [entry.id, entry.position]), ...excluded) / 2 ** 32
    state.drawn[state.drawn.length - 1] = key
    this.draws.set(key, { context: [...state.entries], id, logprob, excluded })
    return { id, logprob }
  }

  private get(sequence: Sequence): ToySequence {
    const state = this.sequences.get(sequence)
    if (!state) throw new Error(`no sequence ${sequence}`)
    return state
  }
}

export function drawKey(seed: number, stream: number, position: number): string {
  return `${seed}/${stream}/${position}`
}

/** 32 mixed bits of whole numbers. */
export function hash(...values: number[]): number {
  let h = 0x9e3779b9
  for (const value of values) {
    h = Math.imul(h ^ value, 0x85ebca6b)
    h ^= h >>> 13
    h = Math.imul(h, 0xc2b2ae35)
    h ^= h >>> 16
  }
  return h >>> 0
}

export interface Chances {
  parallel: number
  eos: number
  pathEnd: number
  summaryEnd: number
  /** Of any id at all, tags too, in any place. */
  stray: number
}

/** A script of chance: what comes next depends on seed, stream, attempt and everything in sight. */
export function randomScript(chances: Chances): Script {
  return (context, sampling, attempt) => {
    const last = context[context.length - 1]
    const draw = (k: number): number => hash(sampling.seed, sampling.stream, last.position, context.length, attempt, k) / 2 ** 32
    if (draw(0) < chances.stray) return Math.floor(draw(1) * TOY_VOCABULARY)
    const u = draw(2)
    if (sampling.stream > 0) {
      if (u < chances.pathEnd) return TOY_TAGS.pathEnd
    } else if (sampling.exclude?.includes(TOY_TAGS.eos[0])) {
      if (u < chances.summaryEnd) return TOY_TAGS.summaryEnd
    } else {
      if (u < chances.parallel) return TOY_TAGS.parallel
      if (u < chances.parallel + chances.eos) return TOY_TAGS.eos[0]
    }
    return FIRST_WORD + Math.floor(draw(3) * (TOY_VOCABULARY - FIRST_WORD))
  }
}

/**
 * A script in words: what free text, the paths (by block, then path) and the summaries say, one token after the other.
 * Free text goes on where it stopped when a block ends; whatever is past its end repeats the filler.
 */
export function fixedScript(says: { text: number[]; paths?: number[][][]; summaries?: number[][] }, filler = FIRST_WORD): Script {
  const cursors = new Map<string, number>()
  let summary = -1
  let inSummary = false
  return (_context, sampling, attempt) => {
    const take = (key: string, list: readonly number[]): number => {
      const at = cursors.get(key) ?? 0
      cursors.set(key, at + 1)
      return attempt > 3 ? filler : (list[at] ?? filler)
    }
    if (sampling.stream > 0) {
      const block = Math.floor((sampling.stream - 1) / 16)
      const path = (sampling.stream - 1) % 16
      return take(`path ${block} ${path}`, says.paths?.[block]?.[path] ?? [])
    }
    const summarising = sampling.exclude?.includes(TOY_TAGS.eos[0]) ?? false
    if (summarising && !inSummary) summary++
    inSummary = summarising
    return summarising ? take(`summary ${summary}`, says.summaries?.[summary] ?? []) : take('text', says.text)
  }
}

/** Chance that likes to write the tag which would end or open something where it stands, in pieces of any size, and now and then another. */
export function scribble(tokenizer: Tokenizer): Script {
  const { piece } = tagTextOf(tokenizer)
  const all = [...Array(tokenizer.vocabSize).keys()].filter((id) => id > 0 && piece(id).length < 8)
  const going = new Map<string, number[]>()
  /** Tokens that go on with `rest`, or end it and say more. */
  const on = (rest: string): number[] => {
    if (!going.has(rest))
      going.set(
        rest,
        all.filter((id) => piece(id) !== '' && (rest.startsWith(piece(id)) || piece(id).startsWith(rest))),
      )
    return going.get(rest)!
  }
  const starts = all.filter((id) => piece(id).endsWith('<'))
  return (context, sampling: Sampling, attempt) => {
    const draw = (k: number) => hash(sampling.seed, sampling.stream, context.length, context.at(-1)!.position, attempt, k) / 2 ** 32
    const of = (ids: readonly number[], k: number) => ids[Math.floor(draw(k) * ids.length)]
    const inside = sampling.exclude?.includes(0) ?? false
    const own = sampling.stream > 0 ? TAGS.pathEnd : inside ? TAGS.summaryEnd : TAGS.parallel
    const tag = hash(sampling.seed, sampling.stream, 9) % 4 === 0 ? TAGS.parallel : own
    const tail = context
      .slice(-12)
      .map(({ id }) => piece(id))
      .join('')
    const said = [...Array(tag.length).keys()].reverse().find((n) => n > 0 && tail.endsWith(tag.slice(0, n)))
    const u = draw(0)
    if (said && u < 0.95) {
      const ids = on(tag.slice(said))
      if (ids.length > 0) return of(ids, 1)
    }
    if (u < 0.2) return of(starts, 2)
    if (u < 0.22 && !inside) return 0
    return of(all, 3)
  }
}
