/**
 * Sequences of a server's model. A server keeps none that we could name, so one is the list of its ids: fork copies it, join appends what a
 * child has beyond it. A step that draws takes the next token of the completion that was asked for; where there is none, or the sequence went
 * on in another way than its last completion, the next one is asked for from all of its ids. What the server computed of them before is in its
 * prefix cache, if it has one.
 */

import type { ModelConfig } from '../engine/model-config.ts'
import type { Sampling, Sequence, StepOutput } from '../engine/types.ts'
import { derivedSeed } from '../random.ts'
import { show } from '../show.ts'
import { TAGS } from '../thinking/grammar.ts'
import type { LaneInput, Sequences, Stepper } from '../thinking/lane.ts'
import type { TagIds, ThinkRequest } from '../thinking/types.ts'
import type { Wanted, Written } from './completion.ts'
import { ServerError } from './transport.ts'

/** How a completion is asked for. */
type Complete = (wanted: Wanted) => Promise<Written>

/** Tokens of a completion that were not taken yet. */
interface Ahead {
  written: Written
  /** Tokens of it that were taken. */
  taken: number
  /** Tokens of the sequence before it. */
  base: number
  /** Ids that the server was told not to draw. */
  excluded: ReadonlySet<number>
}

interface Held {
  ids: number[]
  /** Tokens that it shares with what it was forked from. */
  shared: number
  ahead?: Ahead
}

/** Ids are ruled out with every request where they are so few; others are when they come up. */
const FEW = 16
/** A token may end inside a character, and then some servers say it with those that complete the character only. */
const CHARACTER_TOKENS = 8
/** Seeds of servers have 31 bits and more. */
const SEEDS = 2 ** 31

/** Sequences and steps of one request. */
export class ServerSequences implements Sequences, Stepper {
  readonly config: ModelConfig
  readonly unscored = true
  /** Completions that were asked for. */
  requests = 0
  /** Tokens taken whose ids are ours. */
  respelled = 0
  readonly #request: ThinkRequest
  readonly #complete: Complete
  readonly #held = new Map<Sequence, Held>()
  #last = 0

  constructor(config: ModelConfig, request: ThinkRequest, complete: Complete) {
    this.config = config
    this.#request = request
    this.#complete = complete
  }

  create(): Sequence {
    this.#held.set(++this.#last, { ids: [], shared: 0 })
    return this.#last
  }

  fork(sequence: Sequence, n: number): Sequence[] {
    const { ids } = this.#of(sequence)
    return Array.from({ length: n }, () => {
      this.#held.set(++this.#last, { ids: [...ids], shared: ids.length })
      return this.#last
    })
  }

  join(parent: Sequence, children: readonly Sequence[]): void {
    const { ids } = this.#of(parent)
    for (const child of children) {
      const { ids: own, shared } = this.#of(child)
      for (const id of own.slice(shared)) ids.push(id)
      this.free(child)
    }
  }

  free(sequence: Sequence): void {
    this.#held.delete(sequence)
  }

  length(sequence: Sequence): number {
    return this.#of(sequence).ids.length
  }

  truncate(sequence: Sequence, n: number): void {
    const { ids } = this.#of(sequence)
    ids.length -= n
  }

  #of(sequence: Sequence): Held {
    const held = this.#held.get(sequence)
    if (!held) throw new RangeError(`There is no sequence ${sequence}.`)
    return held
  }

  async step({ sequence, ids, sampling, left, tag }: LaneInput): Promise<StepOutput> {
    const held = this.#of(sequence)
    for (let i = 0; i < ids.length; i++) held.ids.push(ids[i])
    if (!sampling) return { id: -1, logprob: 0 }
    const banned = sampling.exclude ?? []
    if (!goesOn(held, banned)) held.ahead = undefined
    held.ahead ??= await this.#ask(held, sampling, {
      most: left ?? 1,
      exclude: this.#alwaysOut(banned),
      stop: tag && stopOf(tag, this.#request),
    })
    if (banned.includes(held.ahead.written.ids[held.ahead.taken])) {
      // Drawn among more than may be drawn: a second draw, among those alone, has the right distribution.
      held.ahead = await this.#ask(held, sampling, { most: 1, exclude: banned, stop: undefined })
    }
    const { written, taken } = held.ahead
    const id = written.ids[taken]
    held.ahead.taken++
    if (banned.includes(id)) {
      throw new ServerError(
        `The server drew token ${id} (${show(id)}), which the request rules out with logit_bias. A response cannot be forked so. Use mode: sequential.`,
      )
    }
    return { id, logprob: written.logprobs[taken] }
  }

  #alwaysOut(banned: readonly number[]): readonly number[] {
    return banned.length <= FEW ? banned : banned.filter((id) => this.#request.tags.eos.includes(id))
  }

  async #ask(
    { ids }: Held,
    sampling: Sampling,
    { most, exclude, stop }: Pick<Wanted, 'most' | 'stop'> & { exclude: readonly number[] },
  ): Promise<Ahead> {
    const { temperature, topK, topP, seed, stream } = sampling
    const wanted: Wanted = {
      ...{ prompt: ids, most, exclude, temperature, topK, topP },
      seed: derivedSeed(seed, 'completion', stream, ids.length) % SEEDS,
      ...(stop && { stop }),
    }
    let written = await this.#completion(wanted)
    if (written.ids.length === 0) written = await this.#completion({ ...wanted, most: most + CHARACTER_TOKENS })
    if (written.ids.length === 0) {
      throw new ServerError(`The server completed nothing, twice, where ${most} tokens were asked for. Its own log may say more.`)
    }
    return { written, taken: 0, base: ids.length, excluded: new Set(exclude) }
  }

  async #completion(wanted: Wanted): Promise<Written> {
    this.requests++
    const written = await this.#complete(wanted)
    this.respelled += written.respelled
    return written
  }
}

/** Whether the next token of the last completion is the next token of the sequence. */
function goesOn({ ids, ahead }: Held, banned: readonly number[]): boolean {
  if (!ahead || ahead.taken === ahead.written.ids.length || ids.length !== ahead.base + ahead.taken) return false
  // One that may be drawn now may not have been.
  for (const id of ahead.excluded) if (!banned.includes(id)) return false
  return ids.at(-1) === ahead.written.ids[ahead.taken - 1]
}

function stopOf(tag: keyof typeof TAGS & keyof TagIds, { tags, tagText }: ThinkRequest): Wanted['stop'] {
  return { text: TAGS[tag], ...(!tagText && { id: tags[tag] }) }
}
