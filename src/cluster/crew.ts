/**
 * The workers of a run. Work is pulled: whoever has room takes the next piece, so a slow machine only takes fewer. A piece whose worker is lost
 * goes to another one. Since an answer follows from the piece and from the weights alone, it does not matter who gives it, or how often.
 */

import { readWeights } from '../engine/gradients.ts'
import { type Part, partsOf } from '../engine/parts.ts'
import type { Model } from '../engine/types.ts'
import { arithmeticOf } from './arithmetic.ts'
import type { Bridge, Reply, WorkerPlace } from './bridge.ts'
import { ClusterError, WorkerLostError } from './errors.ts'
import { ABSENT_ERROR, type Call, type Setup, STATE_ERROR, type WorkerInfo } from './protocol.ts'
import { Shipping } from './shipping.ts'
import { fromWire } from './wire-errors.ts'

type CallData = NonNullable<Parameters<Bridge['call']>[2]>

/** Of the bridge that a crew needs. */
export type Placer = Pick<Bridge, 'spawn' | 'put' | 'drop' | 'call' | 'kill' | 'retire' | 'close' | 'onPlaced' | 'onLost' | 'onGone'>

interface CrewOptions {
  workers: number
  /** CPUs of each. */
  threads: number
  /** Of a worker on its machine. */
  command: readonly string[]
  env?: Record<string, string>
  /** Seconds. */
  deadline: number
  setup: Omit<Setup, 'op'>
  /** What every worker must compute with, so that its bits are those of the run. */
  info: Omit<WorkerInfo, 'threads'>
  /** Hears what befalls workers, a line each. */
  say(line: string): void
}

/** A worker as its crew sees it. */
export interface Member {
  readonly index: number
  place: WorkerPlace | undefined
  /** Pieces under way, by their size. */
  load: number
  /** When its load was last 0 before it was not. */
  since: number
  /** What it was told in this life. */
  told: { setUp: boolean; weights: string | undefined }
  /** Calls that tell it come one after the other. */
  telling: Promise<void>
  /** A call waits for what it is told. */
  waits: boolean
  refused: boolean
  /** How often in a row its process ended before it was ready. */
  failedStarts: number
}

/** A piece of work. */
interface Piece {
  /** How much of a worker's room it takes. */
  size: number
  /** Whether it needs a worker for itself. */
  alone?: boolean
  run(member: Member): Promise<void>
  fail(error: unknown): void
}

/** What moved and who waited since {@link Crew.takeFigures}. */
interface ClusterFigures {
  /** To and from the workers. */
  bytes: number
  /** Seconds in which workers waited for weights, and the run for gradients that were computed, of all workers. What moves beside work is not in it. */
  transfer: number
  /** Seconds in which workers had a piece, of all workers. */
  busy: number
  /** Workers that were lost. */
  lost: number
}

/** Rounds of telling a worker that was started anew in between. */
const TELL_TRIES = 3
/** How often a piece may lose its worker: one that ends every worker must not do so for ever. */
const MOST_LOSSES = 20
/** How often a worker's process may end before it is ready: where the package is missing it always does. */
const MOST_FAILED_STARTS = 5
const FIRST_NOTICE_MS = 15_000

export class Crew {
  readonly #bridge: Placer
  readonly #options: CrewOptions
  readonly #members: Member[]
  readonly #shipping: Shipping
  readonly #pieces: { piece: Piece; losses: number }[] = []
  #outstanding = 0
  /** Most that was outstanding since nothing was. */
  #peak = 0
  /** Weights that workers compute with, and when each of their parts is in the store. */
  #published: { weights: string; parts: readonly { part: Part; put: Promise<void> }[] } | undefined
  #figures: ClusterFigures = { bytes: 0, transfer: 0, busy: 0, lost: 0 }
  #failed: Error | undefined
  #closed = false
  #notice: NodeJS.Timeout | undefined
  #noticeMs = FIRST_NOTICE_MS
  /** Workers had time to find a place. */
  #placesKnown = false
  #next = 0

  constructor(bridge: Placer, options: CrewOptions) {
    this.#bridge = bridge
    this.#shipping = new Shipping(bridge)
    this.#options = options
    const { workers, threads, command, env, deadline } = options
    this.#members = Array.from({ length: workers }, (_, index) => ({
      index,
      place: undefined,
      load: 0,
      since: 0,
      told: { setUp: false, weights: undefined },
      telling: Promise.resolve(),
      waits: false,
      refused: false,
      failedStarts: 0,
    }))
    bridge.onPlaced = (worker, place) => this.#placed(this.#members[worker], place)
    bridge.onLost = (worker, reason) => this.#lost(this.#members[worker], reason)
    bridge.onGone = (error) => this.#fail(error)
    for (const { index } of this.#members) bridge.spawn(index, { cpus: threads, command, env, deadline })
    this.#watchPlaces()
  }

  /** Machines that workers run on now, and how many. */
  get places(): { node: string; ip: string; workers: number }[] {
    const nodes = new Map<string, { node: string; ip: string; workers: number }>()
    for (const { place } of this.#members) {
      if (!place) continue
      const { node, ip } = place
      const there = nodes.get(node) ?? { node, ip, workers: 0 }
      there.workers++
      nodes.set(node, there)
    }
    return [...nodes.values()]
  }

  get workers(): number {
    return this.#members.length
  }

  /**
   * Makes one of the weights of `model` those that workers compute with, and sends them on their way. No piece may be under way. They are read when this
   * returns; a call that needs them waits until they are there.
   */
  publish(model: Model): string {
    const weights = `updates ${model.updates}`
    if (weights === this.#published?.weights || this.#failed || this.#closed) return weights
    const old = this.#published
    for (const [i, { put }] of old?.parts.entries() ?? []) {
      const drop = () => this.#bridge.drop(partKey(old!.weights, i))
      put.then(drop, drop)
    }
    const numbers = readWeights(model)
    const parts = partsOf(model).map((part, i) => {
      const { from, to } = part
      const bytes = new Uint8Array(numbers.buffer, numbers.byteOffset + 4 * from, 4 * (to - from))
      const put = this.#bridge.put(partKey(weights, i), [bytes])
      // Who needs it hears of it.
      put.catch(() => {})
      return { part, put }
    })
    this.#published = { weights, parts }
    // Who had the last ones will need these. The others are told when they do.
    for (const member of this.#members) {
      if (old && member.place && member.told.weights === old.weights) this.#tell(member, weights).catch(() => {})
    }
    return weights
  }

  /** A name that no other call of this crew has. */
  name(what: string): string {
    return `${what} ${++this.#next}`
  }

  /** Does a piece of work as soon as a worker has room for it. */
  submit(piece: Piece): void {
    if (this.#failed || this.#closed) {
      piece.fail(this.#failed ?? new ClusterError('The workers were given back.'))
      return
    }
    this.#outstanding += piece.size
    this.#peak = Math.max(this.#peak, this.#outstanding)
    this.#pieces.push({ piece, losses: 0 })
    this.#dispatch()
  }

  /** One call to a worker, which is told before what it needs to know. `weights`: those that it must hold. */
  async call(member: Member, call: Call, { weights, ...data }: CallData & { weights?: string } = {}): Promise<Reply> {
    for (let tries = 0; ; tries++) {
      const { told } = member
      try {
        await this.#waitToTell(member, weights)
        return await this.#ask(member, call, data)
      } catch (error) {
        // Of a task that it has forgotten only who runs the task can begin anew.
        const forgot = error instanceof Error && error.name === STATE_ERROR
        if (!forgot) throw error
        // Another call may have told it anew.
        if (member.told === told) member.told = { setUp: false, weights: undefined }
        if (tries + 1 >= TELL_TRIES || !('weights' in call) || ('step' in call && call.step > 0))
          throw new WorkerLostError(member.index, `it was started anew (${error.message})`)
      }
    }
  }

  /** Something was waited for that was on its way since `began`. */
  waited(began: number): void {
    this.#figures.transfer += (performance.now() - began) / 1000
  }

  /** Figures since the last time. */
  takeFigures(): ClusterFigures {
    const figures = this.#figures
    this.#figures = { bytes: 0, transfer: 0, busy: 0, lost: 0 }
    return figures
  }

  async close(): Promise<void> {
    this.#closed = true
    clearTimeout(this.#notice)
    for (const { piece } of this.#pieces.splice(0)) piece.fail(new ClusterError('The workers were given back.'))
    await this.#bridge.close()
  }

  async #ask(member: Member, call: Call, data: CallData = {}): Promise<Reply> {
    const reply = await this.#bridge.call(member.index, { ...call }, data).catch((error: Error) => {
      if (error.name === STATE_ERROR || error.name === ABSENT_ERROR || error instanceof WorkerLostError) throw error
      throw fromWire(error)
    })
    const { payload = [] } = data
    const sent = payload instanceof Uint8Array ? [payload] : payload
    this.#figures.bytes += reply.payload.length + sent.reduce((sum, { length }) => sum + length, 0)
    return reply
  }

  /** What several calls of a worker wait for counts once. */
  async #waitToTell(member: Member, weights: string | undefined): Promise<void> {
    const told = this.#tell(member, weights)
    if (member.waits || !member.told.setUp || weights === undefined || member.told.weights === weights) return told
    const began = performance.now()
    member.waits = true
    try {
      await told
    } finally {
      member.waits = false
      this.waited(began)
    }
  }

  #tell(member: Member, weights: string | undefined): Promise<void> {
    const told = member.telling.then(() => this.#tellNow(member, weights))
    member.telling = told.catch(() => {})
    return told
  }

  async #tellNow(member: Member, weights: string | undefined): Promise<void> {
    const { setup, info } = this.#options
    if (!member.told.setUp) {
      const { header } = await this.#setUp(member, setup).catch((error) => this.#refuse(member, error))
      this.#compare(member, header.info as WorkerInfo, info)
      member.told = { setUp: true, weights: setup.model.kind === 'checkpoint' ? setup.model.hash : undefined }
    }
    const { told } = member
    if (weights === undefined || told.weights === weights) return
    const published = this.#published
    if (published?.weights !== weights)
      throw new ClusterError(`Workers are to compute with weights "${weights}", and are told of "${published?.weights}".`)
    await Promise.all(
      published.parts.map(async ({ part, put }, i) => {
        await put
        await this.#ask(member, { op: 'weights', weights, part: i }, { object: partKey(weights, i) })
        this.#figures.bytes += 4 * (part.to - part.from)
      }),
    )
    told.weights = weights
  }

  /** A worker that lacks files is sent them. */
  async #setUp(member: Member, setup: CrewOptions['setup']): Promise<Reply> {
    for (const tried = new Set<string>(); ; ) {
      try {
        return await this.#ask(member, { op: 'setup', ...setup })
      } catch (error) {
        const { name, message: place } = error as Error
        if (name !== ABSENT_ERROR || tried.has(place)) throw error
        tried.add(place)
        const began = performance.now()
        const bytes = await this.#shipping.ship(place, (call, object) => this.#ask(member, call, { object }))
        this.#figures.transfer += (performance.now() - began) / 1000
        this.#figures.bytes += bytes
        this.#options.say(`Worker ${member.index} on ${member.place?.ip ?? 'a machine that went'} was sent ${place}`)
      }
    }
  }

  /** A worker that cannot be set up takes no part, and says why. */
  #refuse(member: Member, error: unknown): never {
    if (error instanceof WorkerLostError) throw error
    this.#leaveOut(member, error instanceof Error ? error.message : String(error))
  }

  #compare(member: Member, found: WorkerInfo, wanted: Omit<WorkerInfo, 'threads'>): void {
    const [there, here] = [arithmeticOf(found), arithmeticOf(wanted)]
    const other = (['device', 'precision', 'isa'] as const).find((what) => there[what] !== here[what])
    if (!other) return
    const next = other === 'isa' ? ` Set PR1_ISA to one that all machines have (docs/numerics.md)` : ` Set "${other}" in the configuration`
    this.#leaveOut(
      member,
      `its ${other === 'isa' ? 'instruction set' : other} is ${found[other]}, and the run's is ${wanted[other]}: its numbers would have other bits.${next}`,
    )
  }

  #leaveOut(member: Member, reason: string): never {
    const { index, place } = member
    const where = `Worker ${index}${place ? ` on ${place.ip}` : ''} takes no part: ${reason.replace(/\.$/, '')}${/\?$/.test(reason) ? '' : '.'}`
    if (!member.refused) {
      member.refused = true
      this.#options.say(where)
      this.#bridge.retire(index)
      if (this.#members.every(({ refused }) => refused)) this.#fail(new ClusterError(`No worker can take part. ${where}`))
    }
    throw new WorkerLostError(index, reason)
  }

  #fail(error: Error): void {
    this.#failed = error
    for (const { piece } of this.#pieces.splice(0)) piece.fail(error)
  }

  #placed(member: Member, place: WorkerPlace): void {
    member.place = place
    member.told = { setUp: false, weights: undefined }
    member.failedStarts = 0
    if (place.life > 0) this.#options.say(`Worker ${member.index} runs again, on ${place.ip}`)
    this.#dispatch()
  }

  #lost(member: Member, reason: string): void {
    if (this.#closed || member.refused) return
    if (!member.place) {
      this.#notStarted(member, reason)
      return
    }
    const { ip } = member.place
    member.place = undefined
    this.#figures.lost++
    const next = this.#members.some(({ place, refused }) => place && !refused) ? 'Others do its work' : 'Its work waits'
    this.#options.say(`Worker ${member.index} on ${ip} was lost (${reason}). ${next}`)
    if (!this.#notice) {
      this.#noticeMs = FIRST_NOTICE_MS
      this.#watchPlaces()
    }
  }

  #notStarted(member: Member, reason: string): void {
    if (++member.failedStarts === 1) this.#options.say(`Worker ${member.index}: ${reason.replace(/\.$/, '')}. It is tried again`)
    if (member.failedStarts < MOST_FAILED_STARTS) return
    try {
      this.#leaveOut(
        member,
        `${reason.replace(/\.$/, '')}. Does every machine have this version of parallel-r1 in the same folder, or in that of ray.package (docs/scale.md)?`,
      )
    } catch {
      // Nobody waits for it.
    }
  }

  /** Room of one worker: at first half of its share, so that what is left can be pulled. Those that find no place for long have no share. */
  get #room(): number {
    const sharing = this.#members.filter(({ place, refused }) => !refused && (place || !this.#placesKnown)).length
    return Math.max(1, Math.ceil(this.#peak / (2 * Math.max(1, sharing))))
  }

  #dispatch(): void {
    const room = this.#room
    while (this.#pieces.length > 0) {
      const [{ piece }] = this.#pieces
      const free = this.#members.filter(
        ({ place, refused, load }) => place && !refused && (load === 0 || (!piece.alone && load + piece.size <= room)),
      )
      if (free.length === 0) break
      const member = free.reduce((least, one) => (one.load < least.load ? one : least))
      void this.#run(this.#pieces.shift()!, member)
    }
  }

  async #run(entry: { piece: Piece; losses: number }, member: Member): Promise<void> {
    const { piece } = entry
    if (member.load === 0) member.since = performance.now()
    member.load += piece.size
    let again = false
    try {
      await piece.run(member)
    } catch (error) {
      if (error instanceof WorkerLostError && !this.#failed && !this.#closed) {
        again = ++entry.losses < MOST_LOSSES
        if (!again)
          piece.fail(new ClusterError(`A piece of work lost its worker ${MOST_LOSSES} times, last so: ${error.message}`, { cause: error }))
      } else piece.fail(this.#failed ?? error)
    } finally {
      member.load -= piece.size
      if (member.load === 0) this.#figures.busy += (performance.now() - member.since) / 1000
    }
    if (again) this.#pieces.unshift(entry)
    else {
      this.#outstanding -= piece.size
      if (this.#outstanding === 0) this.#peak = 0
    }
    this.#dispatch()
  }

  /** Says now and then that workers wait for room, until all have it. */
  #watchPlaces(): void {
    this.#notice = setTimeout(() => {
      this.#notice = undefined
      this.#placesKnown = true
      const missing = this.#members.filter(({ place, refused }) => !place && !refused).length
      if (missing === 0) return
      const { threads, say } = this.#options
      say(
        `${missing} of ${this.workers} workers have no place yet: Ray looks for ${threads} free CPU${threads > 1 ? 's' : ''} for each, see "ray status"`,
      )
      this.#watchPlaces()
    }, this.#noticeMs)
    this.#notice.unref()
    this.#noticeMs *= 4
  }
}

/** Of the object store. */
function partKey(weights: string, part: number): string {
  return `${weights}, part ${part}`
}
