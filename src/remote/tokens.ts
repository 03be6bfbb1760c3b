/** The tokenizer as what a server says is read with it. Special tokens are spelled, since tags may be some. */

import type { CheckpointInfo } from '../engine/checkpoint/folder.ts'
import { ConfigError } from '../engine/errors.ts'
import { spellingOf } from '../thinking/text-tags.ts'

/** What is read of a checkpoint, which needs no weights. */
export type ServedCheckpoint = Pick<CheckpointInfo, 'folder' | 'config' | 'tokenizer' | 'generation'>

export class ServerTokens {
  readonly folder: string
  readonly vocabSize: number
  /** Ids that end a response. */
  readonly eos: readonly number[]
  /** What a token says in the middle of a text. */
  readonly piece: (id: number) => string
  readonly #tokenizer: NonNullable<CheckpointInfo['tokenizer']>
  readonly #write: (text: string) => number[] | undefined

  /** Throws ConfigError without a tokenizer or an end token. */
  constructor({ folder, config, tokenizer, generation }: ServedCheckpoint) {
    if (!tokenizer) {
      throw new ConfigError(
        `A server's tokens are read with the tokenizer of its model. Got ${folder} without one. Put tokenizer.json and tokenizer_config.json beside its config.json.`,
      )
    }
    if (generation.eosTokenIds.length === 0) {
      throw new ConfigError(
        `A response needs an end token. Got ${folder}, which names none. Set eos_token_id in its generation_config.json.`,
      )
    }
    const { piece, write } = spellingOf(tokenizer)
    this.folder = folder
    this.vocabSize = config.vocabSize
    this.eos = generation.eosTokenIds
    this.#tokenizer = tokenizer
    this.piece = piece
    this.#write = write
  }

  encode(text: string, options?: { addSpecial?: boolean }): number[] {
    return this.#tokenizer.encode(text, options)
  }

  text(ids: Iterable<number>): string {
    return this.#tokenizer.decode(ids)
  }

  /** The same without special tokens. */
  plainText(ids: Iterable<number>): string {
    return this.#tokenizer.decode(ids, { keepSpecial: false })
  }

  /** Ids that say `text` in the middle of a text; the nearest there are, where it says half a character. */
  spell(text: string): number[] {
    return text === '' ? [] : (this.#write(text) ?? this.#tokenizer.encode(text))
  }

  /** A token that servers leave out of a text unless they are told otherwise. */
  isSpecial(id: number): boolean {
    return this.piece(id) !== '' && this.plainText([id]) === ''
  }

  isEnd(id: number): boolean {
    return this.eos.includes(id)
  }
}
