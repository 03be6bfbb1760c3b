/** A model that is served: from the fields of a request to requests of the decoder, the same that the provider makes of them. */

import { createHash, randomInt } from 'node:crypto'
import type { Checkpoint } from '../engine/checkpoint/folder.ts'
import { CheckpointError } from '../engine/errors.ts'
import { checkpointPlaces } from '../hub/place.ts'
import { parseThinkingConfig, type ThinkingConfig } from '../providers/config.ts'
import { modelSettings } from '../providers/model-settings.ts'
import type { Lease, ModelPool } from '../providers/pool.ts'
import { type ReadPrompt, readPrompt, requireTokenizer } from '../providers/prompt.ts'
import { budgetsOf, toRequest } from '../providers/request.ts'
import { requestSeed } from '../random.ts'
import type { SchedulerStats, Thinker } from '../thinking/thinker.ts'
import type { ThinkRequest } from '../thinking/types.ts'
import type { Limits, ModelEntry } from './config.ts'
import { Problem } from './http/problem.ts'
import type { ChatFields, CompletionsFields, Prompt } from './openai/fields.ts'

/** One answer that is to be written. */
export interface PlannedAnswer {
  index: number
  request: ThinkRequest
  /** Which answer to its prompt it is, and which copy of its prompt that is among those of the request. */
  repeatIndex: number
  copyIndex: number
  showTags: boolean
  told: ReadPrompt['told']
}

/** What a request asks of a model. */
export interface Plan {
  /** Seed of the whole request: with it the same request has the same answers. */
  seed: number
  /** Tokens of the prompts, each counted once. */
  promptTokens: number
  answers: PlannedAnswer[]
}

/** Largest range of a random integer of node:crypto. */
const SEEDS = 2 ** 48 - 1

export class ServedModel {
  readonly name: string
  /** Seconds since 1970. */
  readonly created = Math.floor(Date.now() / 1000)
  /** Changes with the weights and with what computes. */
  readonly fingerprint: string
  readonly checkpoint: Checkpoint
  readonly thinker: Thinker
  readonly #settings: Record<string, unknown>
  readonly #seed: number | undefined
  readonly #limits: Limits
  readonly #lease: Lease

  /** Loads the weights. `user` holds the model in the pool. Throws ConfigError, CheckpointError and whatever the engine says. */
  static async open(entry: ModelEntry, folder: string, { pool, user, limits }: { pool: ModelPool; user: object; limits: Limits }) {
    const { name, seed, ...settings } = entry
    const where = `model "${name}"`
    const config = parseThinkingConfig(settings, where)
    const placed = modelSettings(config, folder)
    const { folder: checkpoint, base } = await checkpointPlaces(placed.checkpoint, placed.base)
    const lease = await pool.acquire({ ...placed, checkpoint, base }, user)
    try {
      requireTokenizer(lease.checkpoint)
      const thinker = await lease.thinker()
      const hash = (await lease.checkpoint.identity?.hash()) ?? ''
      // A served model is decoded here: its table has no "server".
      const { device, precision, isa } = lease.engine!
      const fingerprint = createHash('sha256')
        .update(JSON.stringify([hash, device, precision, isa, config.numerics]))
        .digest('hex')
      return new ServedModel({ name, seed, settings, limits, lease, thinker, fingerprint: `fp_${fingerprint.slice(0, 16)}` })
    } catch (error) {
      lease.release()
      throw error
    }
  }

  private constructor(parts: {
    name: string
    seed: number | undefined
    settings: Record<string, unknown>
    limits: Limits
    lease: Lease
    thinker: Thinker
    fingerprint: string
  }) {
    this.name = parts.name
    this.fingerprint = parts.fingerprint
    this.checkpoint = parts.lease.checkpoint
    this.thinker = parts.thinker
    this.#settings = parts.settings
    this.#seed = parts.seed
    this.#limits = parts.limits
    this.#lease = parts.lease
  }

  get stats(): Readonly<SchedulerStats> | undefined {
    return this.thinker.stats
  }

  /** Most positions of prompt and answer. */
  get contextTokens(): number {
    return this.checkpoint.config.maxPositions
  }

  release(): void {
    this.#lease.release()
  }

  /** How many answers a request asks for. Throws Problem where one request may not ask for so many. */
  answersOf(fields: CompletionsFields | ChatFields): number {
    const limits = this.#limits
    const prompts = 'prompts' in fields ? fields.prompts.length : 1
    if (prompts > limits.prompts) throw over('prompt', prompts, 'prompts', 'limits.prompts', limits.prompts)
    if (fields.n > limits.n) throw over('n', fields.n, 'answers', 'limits.n', limits.n)
    return prompts * fields.n
  }

  /** Answers to texts and ids as they are. Throws Problem and ConfigError. */
  planCompletions(fields: CompletionsFields): Plan {
    const { prompts } = fields
    return this.#plan(
      fields,
      fields.max_tokens,
      prompts.map((prompt) => () => ({ ids: this.#idsOf(prompt) })),
    )
  }

  /** Answers to a conversation, which the checkpoint's template writes. Throws Problem and ConfigError. */
  planChat(fields: ChatFields): Plan {
    const messages = fields.messages.map(({ role, content }) => ({
      // Templates know no other word for it.
      role: role === 'developer' ? 'system' : role,
      content: typeof content === 'string' ? content : content.map(({ text }) => text).join(''),
    }))
    this.#checkLength(
      messages.reduce((sum, { content }) => sum + content.length, 0),
      'messages',
    )
    const read = (config: ThinkingConfig): ReadPrompt => {
      try {
        return readPrompt(this.checkpoint, config, JSON.stringify(messages))
      } catch (error) {
        if (!(error instanceof CheckpointError)) throw error
        const roles = messages.map(({ role }) => role).join(', ')
        throw new Problem(400, `The model's chat template cannot write these messages (${roles}). Send other ones.`, {
          param: 'messages',
          cause: error,
        })
      }
    }
    return this.#plan(fields, fields.max_completion_tokens ?? fields.max_tokens, [read])
  }

  #plan(
    fields: CompletionsFields | ChatFields,
    maxTokens: number | undefined,
    prompts: readonly ((config: ThinkingConfig) => Pick<ReadPrompt, 'ids' | 'told'>)[],
  ): Plan {
    const { n, temperature, top_p: topP, top_k: topK, parallel_r1: own } = fields
    const config = this.#configFor({ ...own, maxTokens, temperature, topP, topK: topK === -1 ? 0 : topK })
    const seed = fields.seed ?? this.#seed ?? randomInt(SEEDS)
    const copies = new Map<string, number>()
    const answers: PlannedAnswer[] = []
    let promptTokens = 0
    for (const read of prompts) {
      const { ids, told } = read(config)
      this.#checkRoom(ids)
      promptTokens += ids.length
      const key = ids.join()
      const copyIndex = copies.get(key) ?? 0
      copies.set(key, copyIndex + 1)
      for (let repeatIndex = 0; repeatIndex < n; repeatIndex++) {
        const request = toRequest(config, this.checkpoint, ids, requestSeed(seed, repeatIndex, ids, copyIndex))
        answers.push({ index: answers.length, request, repeatIndex, copyIndex, showTags: config.showTags, told })
      }
    }
    return { seed, promptTokens, answers }
  }

  /** The model's settings with those of a request laid over them; what is undefined stays. */
  #configFor(own: Record<string, unknown>): ThinkingConfig {
    const given = Object.fromEntries(Object.entries(own).filter(([, value]) => value !== undefined))
    const config = parseThinkingConfig({ ...this.#settings, ...given }, 'the request')
    const { maxTokens: most } = this.#limits
    if (own.maxTokens === undefined) return { ...config, maxTokens: Math.min(budgetsOf(config, this.checkpoint).response, most) }
    if (config.maxTokens! > most) throw over('max_tokens', config.maxTokens!, 'tokens', 'limits.maxTokens', most)
    return config
  }

  #idsOf(prompt: Prompt): number[] {
    if (typeof prompt !== 'string') {
      const { vocabSize } = this.checkpoint.config
      const wrong = prompt.find((id) => id >= vocabSize)
      if (wrong === undefined) return [...prompt]
      throw new Problem(400, `Token ids of ${this.name} are below ${vocabSize}. Got ${wrong}. Correct "prompt".`, { param: 'prompt' })
    }
    this.#checkLength(prompt.length, 'prompt')
    const ids = requireTokenizer(this.checkpoint).encode(prompt, { addSpecial: true })
    if (ids.length > 0) return ids
    throw new Problem(400, 'A prompt needs at least one token. Got "". Write a text.', { param: 'prompt' })
  }

  #checkLength(characters: number, param: string): void {
    const { textCharacters } = this.#limits
    if (characters > textCharacters) throw over(param, characters, 'characters', 'limits.textCharacters', textCharacters)
  }

  #checkRoom(ids: readonly number[]): void {
    const { contextTokens } = this
    if (ids.length < contextTokens) return
    throw new Problem(400, `The prompt leaves no room for an answer. Got ${ids.length} tokens of ${contextTokens} positions. Shorten it.`, {
      code: 'context_length_exceeded',
    })
  }
}

function over(param: string, got: number, what: string, limit: string, most: number): Problem {
  return new Problem(413, `This server takes at most ${most} ${what} (${limit}). Got ${got}. Ask for less.`, { param })
}
