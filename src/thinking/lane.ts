/**
 * A sequence being decoded, with speculation: one step feeds the last token and guesses behind it, and a token is drawn after each of
 * them with the draw that belongs to its position. What was drawn after guesses that turn out right is handed out without a step; the rest is
 * taken back. So a lane gives the bits that it gives without guesses: a draw follows from (seed, stream, position) and what the token sees.
 */

import type { Model, Sampling, Sequence, StepInput, StepOutput } from '../engine/types.ts'
import type { Draft, DraftText } from './drafter.ts'
import type { SpokenTag } from './recogniser.ts'

/** What decoding asks of a model: the bookkeeping of its sequences. They may be somebody else's (remote/). */
export interface Sequences
  extends Pick<Model, 'config' | 'create' | 'fork' | 'join' | 'free' | 'length' | 'truncate'>,
    Partial<Pick<Model, 'draftRowCost'>> {
  /** A log-probability may be NaN: nobody says it. */
  readonly unscored?: boolean
}

/** A step and what is known of those behind it: who asks for many tokens at a time asks for no more than will be taken. */
export interface LaneInput extends StepInput {
  /** Tokens, the next one included, that are drawn before anything but a token's own sense can change what comes. */
  left?: number
  /** The tag with which the lane turns. */
  tag?: SpokenTag
}

/** What a coroutine uses to have its sequences advanced. */
export interface Stepper {
  step(input: LaneInput): Promise<StepOutput>
  /** What one more row adds to the next step, as a part of it; undefined: no guesses now. */
  readonly draftCost?: number
}

/** A guess that was right: it is in the cache, and what was drawn after it. */
interface Known {
  id: number
  sampling: Sampling
  output: StepOutput
}

export class Lane {
  readonly sequence: Sequence
  /** Position of the next token to be fed. */
  position: number
  private readonly ids: number[] = []
  private readonly positions: number[] = []
  private readonly input: LaneInput
  private readonly model: Sequences
  private readonly stepper: Stepper
  private text: DraftText | undefined
  /** Whether a lane that says this id goes on in another way than before it. */
  private readonly turns: (id: number) => boolean
  private known: Known[] = []

  /** `text`: what the lane says, where guesses are wanted. */
  constructor(
    model: Sequences,
    stepper: Stepper,
    place: { sequence: Sequence; position: number },
    turns: (id: number) => boolean,
    text?: DraftText,
  ) {
    this.model = model
    this.stepper = stepper
    this.sequence = place.sequence
    this.position = place.position
    this.turns = turns
    this.text = text
    this.input = { sequence: this.sequence, ids: this.ids, positions: this.positions }
  }

  /** Tokens in the cache, without guesses that the lane may not go on with. */
  get held(): number {
    return this.model.length(this.sequence) - this.known.length
  }

  /** Feeds ids at consecutive positions. */
  async feed(ids: readonly number[]): Promise<void> {
    this.takeBack()
    await this.step(ids, undefined)
  }

  /** Feeds ids and draws the next token. `left` and `tag`: see {@link LaneInput}. */
  async next(ids: readonly number[], sampling: Sampling, left: number, tag?: SpokenTag): Promise<StepOutput> {
    const { text } = this
    this.input.left = left
    this.input.tag = tag
    if (!text) return this.step(ids, sampling)
    for (const id of ids) text.push(id)
    const known = this.known[0]
    if (known && ids.length === 1 && known.id === ids[0] && known.sampling === sampling) {
      this.known.shift()
      this.position++
      text.drafter.counts.accepted++
      return known.output
    }
    this.takeBack()
    const cost = this.stepper.draftCost
    const draft =
      cost !== undefined && ids.length === 1 && !this.turns(ids[0]) ? text.find(Math.min(text.drafter.most, left - 1)) : undefined
    if (!draft) return this.step(ids, sampling)
    const end = draft.ids.findIndex(this.turns)
    const length = Math.min(end < 0 ? draft.ids.length : end, text.drafter.worth(draft.match, cost!))
    if (length > 0) return this.guess(ids[0], sampling, { ...draft, ids: draft.ids.slice(0, length) }, text)
    const output = await this.step(ids, sampling)
    if (!output.error) text.drafter.learn(draft.match, output.id === draft.ids[0] ? 1 : 0, output.id !== draft.ids[0])
    return output
  }

  private async guess(id: number, sampling: Sampling, { ids, match }: Draft, { drafter }: DraftText): Promise<StepOutput> {
    const output = await this.step([id, ...ids], sampling, ids.length)
    this.position -= ids.length
    drafter.counts.drafted += ids.length
    const after = output.afterDrafts!
    if (output.error || after.some(({ error }) => error)) {
      // Numbers that are not finite spread among the tokens of an input: without guesses it fails where it would have failed, or does not.
      this.text = undefined
      this.model.truncate(this.sequence, 1 + ids.length)
      this.position--
      return this.step([id], sampling)
    }
    let right = 0
    for (let said = output.id; right < ids.length && said === ids[right]; said = after[right++].id) {
      this.known.push({ id: ids[right], sampling, output: after[right] })
    }
    drafter.learn(match, right, right < ids.length)
    if (right < ids.length) this.model.truncate(this.sequence, ids.length - right)
    return output
  }

  /** Takes right guesses back that the lane does not go on with. */
  private takeBack(): void {
    if (this.known.length === 0) return
    this.model.truncate(this.sequence, this.known.length)
    this.known = []
  }

  private step(ids: readonly number[], sampling: Sampling | undefined, drafts = 0): Promise<StepOutput> {
    this.ids.length = ids.length
    this.positions.length = ids.length
    for (let k = 0; k < ids.length; k++) {
      this.ids[k] = ids[k]
      this.positions[k] = this.position++
    }
    this.input.sampling = sampling
    this.input.drafts = drafts
    return this.stepper.step(this.input)
  }
}
