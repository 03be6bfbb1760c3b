/**
 * Loaded models, one for each checkpoint and way of loading it, shared by every provider entry of the process. A model is
 * loaded by the first call that needs it and released after the run: by the afterAll hook, by `cleanup()`, after a while
 * without calls (hosts that use `evaluate()` announce no end), and before the process ends.
 */

import { stat } from 'node:fs/promises'
import path from 'node:path'
import type { Checkpoint } from '../engine/checkpoint/folder.ts'
import { ConfigError } from '../engine/errors.ts'
import type { Device, Engine, EngineOptions, Precision } from '../engine/types.ts'
import type { ThinkRequest, Thought } from '../thinking/types.ts'

/** What makes two requests share a model. */
export interface ModelSettings {
  /** Absolute path of the folder. */
  checkpoint: string
  device: Device
  precision: Precision
  threads?: number
  cacheTokens?: number
}

/** A model ready to think, with what the provider needs of its checkpoint. */
export interface LoadedModel {
  checkpoint: Checkpoint
  think(request: ThinkRequest, signal?: AbortSignal): Promise<Thought>
  close(): Promise<void>
}

/** How the pool opens engines and models; tests give their own. */
export interface Opener {
  openEngine(options: EngineOptions): Promise<Engine>
  loadModel(engine: Engine, settings: ModelSettings): Promise<LoadedModel>
}

/** A model in use; `release` once, when the call is over. */
export interface Lease {
  readonly model: LoadedModel
  release(): void
}

interface Entry {
  model: Promise<LoadedModel>
  engine: EngineEntry
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
  models: number
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
    return this.#models.size
  }

  /** The model for `settings`, loaded if need be. Calls that come while it loads wait for the same load; a failure reaches all of them and the next call tries again. */
  async acquire(settings: ModelSettings, user: object): Promise<Lease> {
    const key = JSON.stringify([settings, await fingerprint(settings.checkpoint)])
    let entry = this.#models.get(key)
    if (!entry) {
      const engine = this.#engineFor(settings)
      entry = { model: this.#load(engine, settings), engine, leases: 0, users: new Set(), leaving: false }
      this.#models.set(key, entry)
    }
    const held = entry
    held.users.add(user)
    held.leases++
    held.leaving = false
    clearTimeout(held.idleTimer)
    try {
      const model = await held.model
      let open = true
      const release = () => {
        if (!open) return
        open = false
        this.#giveBack(key, held)
      }
      return { model, release }
    } catch (error) {
      held.leases--
      if (this.#models.get(key) === held) this.#models.delete(key)
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
    if (--entry.leases > 0) return
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
    const closing = entry.model
      .then((model) => model.close())
      .finally(() => this.#releaseEngine(entry.engine))
      .catch((error: unknown) => console.error(`parallel-r1: a model was not released cleanly: ${String(error)}`))
      .finally(() => this.#closing.delete(closing))
    this.#closing.add(closing)
  }

  #engineFor({ device, precision, threads }: ModelSettings): EngineEntry {
    const key = JSON.stringify([device, precision, threads ?? null])
    let entry = this.#engines.get(key)
    if (!entry) {
      entry = { key, engine: this.#opener.openEngine({ device, precision, threads }), models: 0 }
      this.#engines.set(key, entry)
    }
    entry.models++
    return entry
  }

  async #load(engine: EngineEntry, settings: ModelSettings): Promise<LoadedModel> {
    try {
      return await this.#opener.loadModel(await engine.engine, settings)
    } catch (error) {
      await this.#releaseEngine(engine)
      throw error
    }
  }

  async #releaseEngine(entry: EngineEntry): Promise<void> {
    if (--entry.models > 0) return
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

const FINGERPRINT_FILES = ['config.json', 'parallel_r1.json', 'tokenizer.json', 'model.safetensors', 'model.safetensors.index.json']

/** Identity of the files behind a path, so that a checkpoint written anew is not mistaken for the loaded one. Throws ConfigError where there is none. */
async function fingerprint(folder: string): Promise<string> {
  const identities = await Promise.all(FINGERPRINT_FILES.map((name) => identity(path.join(folder, name))))
  if (identities[0] !== undefined) return identities.join(' ')
  // A save that was cut short may have left the folder under another name.
  const { recoverFolder } = await import('../engine/checkpoint/atomic.ts')
  await recoverFolder(folder)
  if ((await identity(path.join(folder, FINGERPRINT_FILES[0]))) === undefined) throw missingCheckpoint(folder)
  return fingerprint(folder)
}

async function identity(file: string): Promise<string | undefined> {
  const info = await stat(file).catch(() => undefined)
  return info && `${info.ino}:${info.size}:${info.mtimeMs}`
}

function missingCheckpoint(folder: string): ConfigError {
  return new ConfigError(
    `No checkpoint at ${folder} (it has no config.json). Point "checkpoint" at a Hugging Face folder, relative to the config file, or train one: npx pr1-train -c train.yaml.`,
  )
}

/** Engine, checkpoint reader and scheduler load with the first model: importing the package stays cheap. */
const defaultOpener: Opener = {
  async openEngine(options) {
    const { openEngine } = await import('../engine/open.ts')
    return openEngine(options)
  },
  async loadModel(engine, settings) {
    const [{ readCheckpoint }, { Scheduler }] = await Promise.all([
      import('../engine/checkpoint/folder.ts'),
      import('../thinking/scheduler.ts'),
    ])
    const checkpoint = await readCheckpoint(settings.checkpoint)
    const model = await engine.load(settings.checkpoint, { cacheTokens: settings.cacheTokens })
    const scheduler = new Scheduler(model)
    return {
      checkpoint,
      think: (request, signal) => scheduler.think(request, signal),
      async close() {
        await scheduler.close()
        await model.dispose()
      },
    }
  },
}
