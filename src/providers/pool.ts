/**
 * Loaded models, one for each checkpoint and way of loading it, shared by every provider entry of the process. Configuration and
 * tokenizer are read by the first call, weights by the first that has to generate. A model is released after the run: by the afterAll hook, by `cleanup()`, after a while
 * without calls (hosts that use `evaluate()` announce no end), and before the process ends.
 */

import type { RaySettings } from '../config/ray-keys.ts'
import type { Checkpoint } from '../engine/checkpoint/folder.ts'
import { ParallelR1Error } from '../engine/errors.ts'
import type { Device, Engine, EngineInfo, EngineOptions, Numerics, Precision } from '../engine/types.ts'
import { notice } from '../plain.ts'
import type { ServerSettings } from '../remote/settings.ts'
import type { Thinker } from '../thinking/thinker.ts'

/** What makes two requests share a model. */
export interface ModelSettings {
  /** Absolute path of the folder. */
  checkpoint: string
  /** The same of its base, where it is an adapter. */
  base?: string
  /** Who has the model; absent: this process. */
  server?: ServerSettings
  /** Other machines that decode; absent: this process. */
  ray?: RaySettings
  device: Device
  precision: Precision
  /** Default `exact`. */
  numerics?: Numerics
  threads?: number
  cacheTokens?: number
}

/** How the pool opens engines and thinkers; tests give their own. */
export interface Opener {
  openEngine(options: EngineOptions): Promise<Engine>
  openCheckpoint(folder: string, placed: { base?: string }): Promise<Checkpoint>
  /** Its `close` releases the weights too. */
  openThinker(engine: Engine, checkpoint: Checkpoint, settings: ModelSettings): Promise<Thinker>
}

/** A checkpoint in use; `release` once, when the call is over. */
export interface Lease {
  readonly checkpoint: Checkpoint
  /** Undefined where a server has the model. */
  readonly engine: EngineInfo | undefined
  /** Thinks with the model, its weights loaded if need be. Calls that come while it loads wait for the same load; a failure reaches all of them and the next lease tries again. */
  thinker(): Promise<Thinker>
  release(): void
}

interface Entry {
  /** Signature of the folder's files when it was asked for. */
  version: string
  /** What is known without the weights. */
  opened: Promise<{ checkpoint: Checkpoint; info: EngineInfo | undefined }>
  thinker?: Promise<Thinker>
  /** Undefined where a server has the model. */
  engine: EngineEntry | undefined
  leases: number
  /** Provider entries that have used it. */
  users: Set<object>
  /** Released as soon as no call uses it. */
  leaving: boolean
  idleTimer?: NodeJS.Timeout
}

interface EngineEntry {
  key: string
  engine: Promise<Engine>
  entries: number
}

const IDLE_MS = 60_000

export class ModelPool {
  readonly #opener: Opener
  readonly #idleMs: number
  readonly #models = new Map<string, Entry>()
  readonly #engines = new Map<string, EngineEntry>()
  readonly #closing = new Set<Promise<void>>()

  constructor(opener: Opener = defaultOpener, { idleMs = IDLE_MS }: { idleMs?: number } = {}) {
    this.#opener = opener
    this.#idleMs = idleMs
  }

  /** Number of models loaded or being loaded. */
  get size(): number {
    let loaded = 0
    for (const { thinker } of this.#models.values()) if (thinker) loaded++
    return loaded
  }

  /** The checkpoint of `settings` and the engine for it, without weights as long as nobody asks for the model. */
  async acquire(settings: ModelSettings, user: object): Promise<Lease> {
    const version = await versionOf(settings)
    const place = JSON.stringify(settings)
    const key = `${place}\n${version}`
    let entry = this.#models.get(key)
    if (!entry) {
      // Nobody asks again for what the folder held before.
      for (const [other, old] of this.#models) if (other.startsWith(`${place}\n`)) this.#retire(other, old)
      const engine = settings.server ? undefined : this.#engineFor(settings)
      const opened = this.#open(engine, settings)
      entry = { version, opened, engine, leases: 0, users: new Set(), leaving: false }
      this.#models.set(key, entry)
    }
    const held = entry
    held.users.add(user)
    held.leases++
    held.leaving = false
    clearTimeout(held.idleTimer)
    try {
      const { checkpoint, info } = await held.opened
      let open = true
      const release = () => {
        if (!open) return
        open = false
        this.#giveBack(key, held)
      }
      const thinker = () => {
        held.thinker ??= this.#load(key, held, checkpoint, settings)
        return held.thinker
      }
      return { checkpoint, engine: info, thinker, release }
    } catch (error) {
      held.leases--
      this.#drop(key, held)
      throw error
    }
  }

  /** `user` needs no model any more: those that nobody else uses are released. Resolves when they are. */
  async leave(user: object): Promise<void> {
    for (const [key, entry] of this.#models) {
      if (entry.users.delete(user) && entry.users.size === 0) this.#retire(key, entry)
    }
    await this.#closed()
  }

  /** Releases every model, those in use when their last call ends. Resolves when the idle ones are released. */
  async releaseAll(): Promise<void> {
    for (const [key, entry] of this.#models) this.#retire(key, entry)
    await this.#closed()
  }

  #giveBack(key: string, entry: Entry): void {
    if (--entry.leases > 0 || this.#models.get(key) !== entry) return
    if (entry.leaving) this.#dispose(key, entry)
    else {
      entry.idleTimer = setTimeout(() => this.#retire(key, entry), this.#idleMs)
      entry.idleTimer.unref()
    }
  }

  #retire(key: string, entry: Entry): void {
    if (entry.leases > 0) entry.leaving = true
    else this.#dispose(key, entry)
  }

  #dispose(key: string, entry: Entry): void {
    clearTimeout(entry.idleTimer)
    if (this.#models.get(key) !== entry) return
    this.#models.delete(key)
    const closing = Promise.resolve(entry.thinker)
      .then((thinker) => thinker?.close())
      .finally(() => this.#releaseEngine(entry.engine))
      .catch((error: unknown) => notice(`a model was not released cleanly: ${String(error)}`))
      .finally(() => this.#closing.delete(closing))
    this.#closing.add(closing)
  }

  #engineFor({ device, precision, numerics = 'exact', threads }: ModelSettings): EngineEntry {
    const key = JSON.stringify([device, precision, numerics, threads ?? null])
    let entry = this.#engines.get(key)
    if (!entry) {
      entry = { key, engine: this.#opener.openEngine({ device, precision, numerics, threads }), entries: 0 }
      this.#engines.set(key, entry)
    }
    entry.entries++
    return entry
  }

  async #open(engine: EngineEntry | undefined, settings: ModelSettings): Promise<{ checkpoint: Checkpoint; info: EngineInfo | undefined }> {
    try {
      const [checkpoint, opened] = await Promise.all([
        this.#opener.openCheckpoint(settings.checkpoint, { base: settings.base }),
        engine?.engine,
      ])
      return { checkpoint, info: opened?.infoFor(checkpoint) }
    } catch (error) {
      await this.#releaseEngine(engine)
      throw error
    }
  }

  async #load(key: string, entry: Entry, checkpoint: Checkpoint, settings: ModelSettings): Promise<Thinker> {
    try {
      const { engine } = entry
      const thinker = settings.server
        ? await openRemote(checkpoint, settings.server)
        : settings.ray
          ? await openWorkers(await engine!.engine, checkpoint, settings, settings.ray)
          : await this.#opener.openThinker(await engine!.engine, checkpoint, settings)
      if ((await versionOf(settings)) === entry.version) return thinker
      await thinker.close()
      throw new ParallelR1Error(`The checkpoint ${settings.checkpoint} was written anew while it was loaded. Run this row again.`)
    } catch (error) {
      this.#drop(key, entry)
      await this.#releaseEngine(entry.engine)
      throw error
    }
  }

  /** Forgets an entry that failed, so that the next call begins anew. */
  #drop(key: string, entry: Entry): void {
    if (this.#models.get(key) === entry) this.#models.delete(key)
  }

  async #releaseEngine(entry: EngineEntry | undefined): Promise<void> {
    if (!entry) return
    if (--entry.entries > 0) return
    if (this.#engines.get(entry.key) === entry) this.#engines.delete(entry.key)
    const engine = await entry.engine.catch(() => undefined)
    await engine?.dispose()
  }

  async #closed(): Promise<void> {
    await Promise.all(this.#closing)
  }
}

/**
 * The pool of this process. The registered symbol makes it one even where the package is loaded twice (a `file://` hook beside
 * a `package:` provider, or under a loader of TypeScript).
 */
export function sharedPool(): ModelPool {
  const home = globalThis as { [key: symbol]: unknown }
  const key = Symbol.for('parallel-r1.models')
  if (!home[key]) {
    const pool = new ModelPool()
    home[key] = pool
    // Fires when a host has nothing left to do, and waits; a process that is ended returns its memory as a whole.
    process.once('beforeExit', () => void pool.releaseAll())
  }
  return home[key] as ModelPool
}

/** Signature of the files behind a path, so that a checkpoint written anew is not mistaken for the loaded one. Throws CheckpointError where there is none. */
async function versionOf({ checkpoint, base }: ModelSettings): Promise<string> {
  const { signatureOf } = await import('../engine/checkpoint/identity.ts')
  const signature = await signatureOf(checkpoint, { base })
  if (signature !== undefined) return signature
  const { noCheckpoint } = await import('../engine/checkpoint/elsewhere.ts')
  throw noCheckpoint(checkpoint)
}

async function openRemote(checkpoint: Checkpoint, server: ServerSettings): Promise<Thinker> {
  const { remoteThinker } = await import('../remote/thinker.ts')
  return remoteThinker(checkpoint, server, { notify: notice })
}

/** Thinks on other machines; its `close` gives them back. */
async function openWorkers(
  engine: Engine,
  checkpoint: Checkpoint,
  { checkpoint: folder, base, precision, numerics = 'exact', cacheTokens }: ModelSettings,
  ray: RaySettings,
): Promise<Thinker> {
  const [{ openCrew, startRay }, { clusterThinker }, { crowdedNotice }] = await Promise.all([
    import('../cluster/open.ts'),
    import('../cluster/thinker.ts'),
    import('../cluster/crowding.ts'),
  ])
  const crowded = crowdedNotice(ray)
  if (crowded) notice(crowded)
  const hash = await checkpoint.identity.hash()
  const model = { kind: 'checkpoint', places: { folder, base }, hash, options: { cacheTokens } } as const
  const placer = await startRay(ray)
  try {
    const crew = openCrew(placer, ray, { info: engine.infoFor(checkpoint), precision, numerics, model, say: notice })
    return clusterThinker(crew, hash, { ownsCrew: true })
  } catch (error) {
    await placer.close()
    throw error
  }
}

/** Engine, checkpoint reader and decoder load with the first model: importing the package stays cheap. */
const defaultOpener: Opener = {
  async openEngine(options) {
    const { openEngine } = await import('../engine/open.ts')
    return openEngine(options)
  },
  async openCheckpoint(folder, placed) {
    const { openCheckpoint } = await import('../engine/checkpoint/folder.ts')
    return openCheckpoint(folder, placed)
  },
  async openThinker(engine, checkpoint, settings) {
    const { localThinker } = await import('../thinking/thinker.ts')
    const { withLoadingBar } = await import('./loading.ts')
    const model = await engine.load(withLoadingBar(checkpoint), { cacheTokens: settings.cacheTokens })
    return localThinker(model, { ownsModel: true })
  },
}
