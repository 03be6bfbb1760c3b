/**
 * The decoder: one coroutine per request that forks at `<Parallel>`, decodes the paths side by side, joins them, has
 * them summarised and goes on, within the budgets of budget.ts.
 *
 *   parent   prompt … <Parallel> ─┬─ <Path> … </Path> ─┬─ </Parallel> \n <Summary> … </Summary> … eos
 *                                 ├─ <Path> … </Path> ─┤
 *                                 └─ <Path> … </Path> ─┘
 *
 * With outlines the parent writes those before the fork (outlines.ts), and a path holds its own of them only.
 *
 * structured: join appends every path's cache entries to the parent; nothing is computed again.
 * causal: join takes path 1 as it is; the other paths are fed to the parent again at their linear positions. Behind two outlines or more
 * path 1 is, too: it did not see the others.
 *
 * What a tag is, a token or text, is the recogniser's affair (recogniser.ts). Tokens that the decoder writes itself (`<Path>`,
 * `</Parallel>`, "\n", `<Summary>`, and a closing tag where a budget binds or a sibling has settled the block, settle.ts) are marked
 * as not sampled. What may not be sampled is excluded in the engine and recorded per token: inside paths and summaries `<Parallel>` and the end ids, in free text
 * `<Parallel>` once no block fits any more. Thinking that has used its budget up is ended by the decoder in the same way (think.ts). Whatever the engine answers, no such id is taken: it is an error, as logits that are
 * not finite are. So blocks and budgets hold for any logits.
 *
 * A lane may guess tokens (lane.ts). Guesses stay within what the budget leaves, so they take no room in the cache that the request had not.
 */

import { NonFiniteError, ParallelR1Error } from '../engine/errors.ts'
import type { Sampling, Sequence, StepOutput } from '../engine/types.ts'
import { Ledger, type Limits } from './budget.ts'
import { Drafter, MOST_DRAFTS } from './drafter.ts'
import { Lane, type Sequences, type Stepper } from './lane.ts'
import { type Drawn, type Outlines, writeOutlines } from './outlines.ts'
import { type Listener, ReadingOrder } from './reading-order.ts'
import { type Recogniser, tokenRecogniser, type Watch } from './recogniser.ts'
import { LockStep, settles } from './settle.ts'
import { TextRecogniser } from './text-tags.ts'
import { ThinkWatch } from './think.ts'
import { thoughtOf } from './thought.ts'
import { emptyRun, pushInjected, pushSampled, takeLast } from './trajectory.ts'
import type { Segment, StoppedPaths, ThinkRequest, Thought, TokenRun, Trajectory } from './types.ts'

/** Streams of the sampling generator: the parent is 0, path p of block b is this. */
export function pathStream(block: number, path: number): number {
  return 1 + 16 * block + path
}

/** Decodes one request. Every sequence it made is free when it returns or throws. `listen` hears the response as it is written. */
export async function decode(
  model: Sequences,
  stepper: Stepper,
  request: ThinkRequest,
  limits: Limits,
  listen?: Listener,
): Promise<Thought> {
  const decoding = new Decoding(model, stepper, request, limits, listen)
  try {
    return await decoding.run()
  } finally {
    decoding.freeAll()
  }
}

class Decoding {
  private readonly model: Sequences
  private readonly stepper: Stepper
  private readonly request: ThinkRequest
  private readonly ledger: Ledger
  private readonly live = new Set<Sequence>()
  /** What ended the request; its other lanes end with it. */
  private failure: ParallelR1Error | undefined
  private readonly trajectory: Trajectory
  /** By block; undefined where none was ended. */
  private readonly stopped: (StoppedPaths | undefined)[] = []
  private readonly eos: ReadonlySet<number>
  private readonly recogniser: Recogniser
  /** Over free text and summaries; absent where the response is decoded plainly. */
  private readonly watch: Watch | undefined
  /** Where the thinking has a budget. */
  private readonly thinking: ThinkWatch | undefined
  private readonly samplingOf: (exclusion: number) => Sampling
  /** Where guesses are wanted. */
  private readonly drafter: Drafter | undefined
  /** Where somebody listens. */
  private readonly order: ReadingOrder | undefined

  constructor(model: Sequences, stepper: Stepper, request: ThinkRequest, limits: Limits, listen: Listener | undefined) {
    const { tags, temperature, mode } = request
    this.model = model
    this.stepper = stepper
    this.request = request
    this.ledger = new Ledger(limits)
    this.eos = new Set(tags.eos)
    this.recogniser = request.tagText ? new TextRecogniser(request.tagText, tags.eos) : tokenRecogniser(request)
    this.watch = mode === 'parallel' ? this.recogniser.watch() : undefined
    const exclusionSets = mode === 'parallel' ? this.recogniser.exclusions.map((ids) => [...ids]) : []
    // Greedy decoding reports its log-probabilities at temperature 1.
    this.trajectory = { promptIds: [...request.promptIds], segments: [], exclusionSets, temperature: temperature === 0 ? 1 : temperature }
    this.thinking = request.thinking && new ThinkWatch(request.thinking)
    this.samplingOf = this.samplings(0)
    this.order = listen && new ReadingOrder(listen, this.eos)
    const { speculate = 0 } = request
    if (speculate !== 0 && model.draftRowCost !== undefined) {
      this.drafter = new Drafter(speculate === 'auto' ? MOST_DRAFTS : Math.min(speculate, MOST_DRAFTS), speculate === 'auto')
    }
  }

  /** The sampling of one stream by what may not be drawn, each made once. */
  private samplings(stream: number): (exclusion: number) => Sampling {
    const { temperature, topK, topP, seed } = this.request
    const { exclusionSets } = this.trajectory
    const free: Sampling = { temperature, topK, topP, seed, stream }
    const made: Sampling[] = []
    return (exclusion) => {
      if (exclusion < 0) return free
      made[exclusion] ??= { ...free, exclude: exclusionSets[exclusion] }
      return made[exclusion]
    }
  }

  async run(): Promise<Thought> {
    const sequence = this.model.create()
    this.live.add(sequence)
    const parent = this.lane(sequence, 0)
    const finishReason = await this.text(parent)
    const { request, trajectory, stopped } = this
    return thoughtOf(request, trajectory, {
      ...{ finishReason, stopped },
      beforeSummary: this.recogniser.written.beforeSummary.length,
      drafts: this.drafter?.counts,
    })
  }

  private lane(sequence: Sequence, position: number): Lane {
    const turns = (id: number): boolean => this.recogniser.turns(id)
    return new Lane(this.model, this.stepper, { sequence, position }, turns, this.drafter?.begin())
  }

  freeAll(): void {
    // Children before their parent.
    for (const sequence of [...this.live].reverse()) this.model.free(sequence)
    this.live.clear()
  }

  /** Free text from the prompt to the end, with a block wherever `<Parallel>` is sampled. */
  private async text(parent: Lane): Promise<'stop' | 'length'> {
    const { ledger, watch } = this
    let run = emptyRun()
    this.order?.begin(run)
    let fed: readonly number[] = this.request.promptIds
    while (ledger.textLeft > 0) {
      ledger.thinking = this.thinking?.open ?? false
      // Thinking that begins when nearly all is spent is not ended: its end would not fit.
      if (ledger.thoughtEnough && this.request.thinking!.exit.length < ledger.textLeft) {
        fed = [...fed, ...this.endThinking(run)]
        continue
      }
      const exclusion = watch?.exclusion(ledger.blockFits ? 'open' : 'closed') ?? -1
      const sampling = this.samplingOf(exclusion)
      const output = await parent.next(fed, sampling, ledger.steadyText, watch && ledger.blockFits ? 'parallel' : undefined)
      const { id, logprob } = this.drawn(output, sampling, 'free text', ledger.total)
      const found = watch?.take(id, 'parallel')
      if (found) {
        // A tag that begins in the last token of `</Summary>` leaves it there.
        const open = takeLast(run, Math.min(found.tokens - 1, run.ids.length))
        if (found.instead) pushInjected(open, found.instead)
        else pushSampled(open, id, logprob, exclusion)
        run = this.endText(run)
        fed = await this.block(parent, open, found.instead ?? [id])
        this.order?.begin(run)
        continue
      }
      pushSampled(run, id, logprob, exclusion)
      ledger.spend()
      this.thinking?.take(id)
      if (this.eos.has(id)) {
        this.endText(run)
        return 'stop'
      }
      this.order?.tell()
      fed = [id]
    }
    this.endText(run)
    return 'length'
  }

  /** Writes what ends the thinking; returns it. */
  private endThinking(run: TokenRun): readonly number[] {
    const { exit } = this.request.thinking!
    pushInjected(run, exit)
    for (const _ of exit) this.ledger.spend()
    this.thinking!.end()
    this.watch?.forget()
    this.order?.tell()
    return exit
  }

  private endText(run: TokenRun): TokenRun {
    if (run.ids.length > 0) this.trajectory.segments.push({ kind: 'text', tokens: run })
    this.order?.end(run)
    return emptyRun()
  }

  /** From a sampled `<Parallel>`, of which the parent has not read `last`, to `</Summary>`; returns what it still has to be fed. */
  private async block(parent: Lane, open: TokenRun, last: readonly number[]): Promise<readonly number[]> {
    const { attention } = this.request
    const block = this.ledger.blocks
    this.ledger.open(last.length)
    this.order?.begin(open)
    this.order?.end(open)
    const outlines = this.request.outlines && (await this.outlines(parent, last))
    if (!outlines) await parent.feed(last)
    const base = parent.position

    const children = this.fork(parent, outlines)
    const share = this.ledger.pathShare(children.length)
    const lanes = children.map((child) => this.lane(child, base))
    const keep = (k: number): boolean => attention === 'structured' || (k === 0 && !outlines?.unseen[k].length)
    const steps = this.request.settledBy && new LockStep(lanes.length)
    // All lanes come to rest before anything is freed or joined, also when one fails.
    const settled = await Promise.allSettled(
      lanes.map(async (lane, k) => {
        const begin = outlines && k === 0 ? outlines.begin : undefined
        const start = this.request.pathStarts?.[k].ids
        const path = this.path(lane, { place: `path ${k} of block ${block}`, stream: pathStream(block, k), share, begin, start, steps })
        const { run, rest, stopped } = await path
        // The parent takes it over: its last tokens get cache entries too.
        if (keep(k)) await lane.feed(rest)
        return { run, stopped }
      }),
    )
    const ended = settled.map((result) => {
      if (result.status === 'rejected') throw result.reason
      return result.value
    })
    const paths = ended.map(({ run }) => run)
    this.stopped.push(stoppedOf(ended, share))

    const again: number[] = []
    children.forEach((child, k) => {
      if (keep(k)) return
      for (const id of paths[k].ids) again.push(id)
      this.model.free(child)
      this.live.delete(child)
    })
    const joined = children.filter((_, k) => keep(k))
    this.model.join(parent.sequence, joined)
    for (const child of joined) this.live.delete(child)
    const lengths = paths.map((path) => path.ids.length)
    parent.position = base + (attention === 'structured' ? Math.max(...lengths) : keep(0) ? lengths[0] : 0)

    const close = emptyRun()
    const segment: Segment = { kind: 'block', open, ...(outlines && { outlines: outlines.runs }), paths, close }
    const rest = await this.summary(parent, again, close, this.ledger.join(lengths))
    this.trajectory.segments.push(segment)
    return rest
  }

  /** The sequences of a block's paths: each holds what the parent holds, but for the outlines of others. */
  private fork({ sequence }: Lane, outlines: Outlines | undefined): Sequence[] {
    const { model } = this
    const children = outlines
      ? outlines.unseen.flatMap((unseen) => model.fork(sequence, 1, unseen))
      : model.fork(sequence, this.request.paths)
    for (const child of children) this.live.add(child)
    return children
  }

  private outlines(parent: Lane, last: readonly number[]): Promise<Outlines> {
    const { ledger, request, samplingOf, order } = this
    const watch = this.watch!
    const draw = async (ids: readonly number[], left: number, place: string, at: number): Promise<Drawn> => {
      const exclusion = watch.exclusion('inside')
      const sampling = samplingOf(exclusion)
      const { id, logprob } = this.drawn(await parent.next(ids, sampling, left), sampling, place, at)
      return { id, logprob, exclusion }
    }
    return writeOutlines(parent, last, { tags: request.tags, paths: request.paths, ledger, draw, order })
  }

  /** One path within its share. `rest`: its last ids, which no lane has read; `stopped`: a sibling ended it. */
  private async path(lane: Lane, { place, stream, share, begin, start = [], steps }: PathWriting): Promise<EndedPath> {
    const { written } = this.recogniser
    const { settledBy } = this.request
    const watch = this.recogniser.watch()
    const samplingOf = this.samplings(stream)
    const run = begin ?? emptyRun()
    this.order?.begin(run)
    let fed: readonly number[] = [...written.path, ...start]
    if (!begin) pushInjected(run, fed)
    try {
      for (;;) {
        const exclusion = watch.exclusion('inside')
        const sampling = samplingOf(exclusion)
        const output = await lane.next(fed, sampling, share - written.pathEnd.length - run.ids.length, 'pathEnd')
        const { id, logprob } = this.drawn(output, sampling, place, run.ids.length)
        const found = watch.take(id, 'pathEnd')
        if (found?.instead) pushInjected(run, found.instead)
        else pushSampled(run, id, logprob, exclusion)
        if (found) {
          this.order?.end(run)
          if (steps && settles(settledBy!, run.ids)) steps.settled = true
          return { run, rest: found.instead ?? [id], stopped: false }
        }
        this.order?.tell()
        const full = run.ids.length >= share - written.pathEnd.length
        if (steps && !full) await steps.drawn()
        if (full || steps?.settled) {
          const end = watch.close('pathEnd')
          pushInjected(run, end)
          this.order?.end(run)
          return { run, rest: [id, ...end], stopped: !full }
        }
        fed = [id]
      }
    } finally {
      steps?.leave()
    }
  }

  /** `</Parallel>` to `</Summary>` within `budget` tokens; `again` are paths that the parent has to read first. */
  private async summary(parent: Lane, again: number[], close: TokenRun, budget: number): Promise<readonly number[]> {
    const { ledger, samplingOf } = this
    const { written } = this.recogniser
    const watch = this.watch!
    const begin = [...written.beforeSummary, ...written.summary]
    this.order?.begin(close)
    pushInjected(close, begin)
    for (const id of begin) {
      again.push(id)
      ledger.spend()
    }
    const place = `the summary of block ${ledger.blocks - 1}`
    let fed: readonly number[] = again
    for (;;) {
      const exclusion = watch.exclusion('inside')
      const sampling = samplingOf(exclusion)
      const output = await parent.next(fed, sampling, budget - written.summaryEnd.length - close.ids.length, 'summaryEnd')
      const { id, logprob } = this.drawn(output, sampling, place, close.ids.length)
      pushSampled(close, id, logprob, exclusion)
      ledger.spend()
      const ended = watch.take(id, 'summaryEnd')
      if (ended) this.order?.end(close)
      if (ended) return [id]
      if (close.ids.length >= budget - written.summaryEnd.length) {
        const end = watch.close('summaryEnd')
        pushInjected(close, end)
        for (const _ of end) ledger.spend()
        this.order?.end(close)
        return [id, ...end]
      }
      this.order?.tell()
      fed = [id]
    }
  }

  /** What a step drew, if it may be taken. `place`: where in the response, so many tokens in. */
  private drawn(output: StepOutput, sampling: Sampling, place: string, at: number): StepOutput {
    if (this.failure) throw this.failure
    const { id, logprob, error } = output
    const { vocabSize } = this.model.config
    const found = error ? error.message : `The engine drew id ${id} with log-probability ${logprob}`
    if (error || !(Number.isFinite(logprob) || (this.model.unscored && Number.isNaN(logprob))))
      this.failure = new NonFiniteError(`${this.named(place, at)}: ${found}`)
    else if (!Number.isInteger(id) || id < 0 || id >= vocabSize || sampling.exclude?.includes(id)) {
      this.failure = new ParallelR1Error(
        `${this.named(place, at)}: ${found}. It must be an id below ${vocabSize}${sampling.exclude ? ` and none of ${sampling.exclude.join(', ')}` : ''}. This is a fault of the engine; please report it.`,
      )
    }
    if (this.failure) throw this.failure
    return output
  }

  /** The request in words, for whoever runs hundreds. */
  private named(place: string, at: number): string {
    const { promptIds, seed } = this.request
    return `The request with seed ${seed} and ${promptIds.length} prompt tokens, token ${at} of ${place}`
  }
}

interface PathWriting {
  /** For errors. */
  place: string
  stream: number
  share: number
  /** The tag that it begins with, where the parent drew it. */
  begin: TokenRun | undefined
  /** Ids behind that tag that the decoder writes. */
  start: readonly number[] | undefined
  /** Where a sibling may end it. */
  steps: LockStep | undefined
}

interface EndedPath {
  run: TokenRun
  rest: readonly number[]
  stopped: boolean
}

/** `share`: tokens that each path might have taken. */
function stoppedOf(paths: readonly Pick<EndedPath, 'run' | 'stopped'>[], share: number): StoppedPaths | undefined {
  const indices = paths.flatMap(({ stopped }, k) => (stopped ? [k] : []))
  const savedAtMost = indices.reduce((sum, k) => sum + share - paths[k].run.ids.length, 0)
  return indices.length > 0 ? { paths: indices, savedAtMost } : undefined
}
