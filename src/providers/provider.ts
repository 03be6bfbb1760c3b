import { setMaxListeners } from 'node:events'
import path from 'node:path'
import type { ApiProvider, CallApiContextParams, CallApiOptionsParams, ProviderResponse } from 'promptfoo'
import { type ConfigObject, readObject } from '../config-keys.ts'
import type { CheckpointInfo } from '../engine/checkpoint/folder.ts'
import { ConfigError } from '../engine/errors.ts'
import { ScorableCheck } from '../grading/scorable.ts'
import { checkpointPlaces, modelId } from '../hub/place.ts'
import { loadTypeScript } from '../installed-promptfoo.ts'
import { plain } from '../plain.ts'
import { requestSeed } from '../random.ts'
import { reportLink } from '../report/link.ts'
import { samplesFile } from '../store/location.ts'
import { sampleKey, servedBy } from '../store/sample.ts'
import { type SampleStore, sharedSamples } from '../store/samples.ts'
import type { ThinkRequest } from '../thinking/types.ts'
import { applyTestOptions, decodingOverrides, parseThinkingConfig, type ThinkingConfig } from './config.ts'
import { readCopyIndex, SameDraws } from './copies.ts'
import { equalPaths, isGreedy } from './greedy-paths.ts'
import { modelSettings } from './model-settings.ts'
import { wantsNewSample } from './no-cache.ts'
import { type Lease, type ModelPool, type ModelSettings, sharedPool } from './pool.ts'
import { enrol, warnOfOthers } from './preflight.ts'
import { type ReadPrompt, readPrompt, requireTokenizer, strangePrompt } from './prompt.ts'
import { toRequest } from './request.ts'
import { toProviderResponse } from './response.ts'
import { checkRow } from './row-check.ts'
import { toldAlone } from './uncaught.ts'
import { warnOnce } from './warn-once.ts'

/** What promptfoo hands to a provider's constructor. */
export interface ProviderOptions {
  id?: string
  config?: unknown
  env?: unknown
}

/**
 * Runs a parallel-thinking checkpoint inside promptfoo's process: `package:parallel-r1:ParallelThinkingProvider`.
 * Calls that promptfoo makes at the same time are decoded as one batch; each gets what it would get alone. Samples are stored as
 * they finish, and what is stored already is not generated again: a run that was stopped goes on where it stopped.
 */
export class ParallelThinkingProvider implements ApiProvider {
  /** Given by promptfoo after construction. */
  label?: string
  /** What promptfoo may show: without the key of a server. */
  readonly config: ConfigObject
  readonly #config: ConfigObject
  readonly #id: string
  /** Its checkpoint may be an id of the hub until the first call. */
  readonly #settings: ModelSettings
  readonly #pool: ModelPool
  readonly #samples: SampleStore | undefined
  readonly #scorable: ScorableCheck
  /** Laid over what config and tests say. */
  readonly #overrides: ConfigObject
  readonly #sameDraws = new SameDraws()
  #lastPrompt: { of: unknown[]; read: ReadPrompt } | undefined

  /** Throws ConfigError on a wrong or unknown key: promptfoo then stops before the first row. */
  constructor({ id, config = {}, env }: ProviderOptions = {}, pool: ModelPool = sharedPool()) {
    // An `env` block of the config comes before the process's.
    const variables = { ...process.env, ...(env ?? {}) }
    const { raw, parsed, settings, overrides } = readConfig(config, variables)
    this.#config = raw
    this.#settings = settings
    this.#overrides = overrides
    this.config = withoutKey(raw)
    this.#id = id && !/^(package|file):/.test(id) ? id : `parallel-r1:${path.basename(this.#settings.checkpoint)}:${parsed.mode}`
    this.#pool = pool
    this.#scorable = new ScorableCheck({
      folder: basePath(this.config),
      // The promptfoo that runs this.
      loadTypeScript: () => loadTypeScript(process.argv[1] ?? ''),
    })
    const file = samplesFile({ configured: parsed.samples, basePath: basePath(this.config), env: variables })
    this.#samples = file === undefined ? undefined : sharedSamples(file)
    enrol(this)
  }

  id(): string {
    return this.#id
  }

  /** Never throws except for cancellation: what is wrong comes back as `error` and becomes the row's error. */
  async callApi(prompt: string, context?: CallApiContextParams, options?: CallApiOptionsParams): Promise<ProviderResponse> {
    const signal = options?.abortSignal
    // promptfoo gives one signal to all calls of a run; each listens while it runs.
    if (signal) setMaxListeners(0, signal)
    void warnOfOthers(this)
    try {
      const raw = applyTestOptions(this.#config, readObject(context?.prompt?.config ?? {}, "the test's options"))
      const config = parseThinkingConfig({ ...raw, ...this.#overrides }, "the test's options")
      warnOnce(this, 'overrides', () => this.#overridden(), context)
      if (context) await checkRow(context, this.#scorable)
      return await this.#think(prompt, config, context, signal)
    } catch (error) {
      if (signal?.aborted) throw cancelled()
      return { error: localError(error) }
    }
  }

  /**
   * Whether its checkpoint can be read, its device and precision are there and a prompt can be encoded: all but the numbers of the weights. Of a
   * model of the hub the configuration and the tokenizer are fetched, of a GGUF file there nothing. Throws CheckpointError, ConfigError, HubError
   * and UnavailableError.
   */
  async preflight(): Promise<void> {
    const { checkpoint, base, server } = this.#settings
    if ([checkpoint, base].some((place) => place !== undefined && !path.isAbsolute(place) && modelId(place)?.gguf !== undefined)) return
    const { folder, base: below } = await checkpointPlaces(checkpoint, base, { weights: false })
    const lease = await this.#pool.acquire({ ...this.#settings, checkpoint: folder, base: below }, this)
    try {
      requireTokenizer(lease.checkpoint)
      const hasWeights = path.isAbsolute(checkpoint) && below === undefined && !server
      if (hasWeights) await (await lease.checkpoint.weights.open()).close()
    } finally {
      lease.release()
    }
  }

  #overridden(): string | undefined {
    const set = Object.entries(this.#overrides).map(([key, value]) => `${key}: ${value}`)
    return set.length > 0 ? `PR1_DECODING sets ${set.join(', ')} for "${this.label ?? this.#id}"` : undefined
  }

  /** promptfoo calls it at the end of a run (not of every run: see hooks.ts). */
  async cleanup(): Promise<void> {
    await Promise.all([this.#pool.leave(this), this.#samples?.flush()])
  }

  async #think(
    prompt: string,
    config: ThinkingConfig,
    context: CallApiContextParams | undefined,
    signal?: AbortSignal,
  ): Promise<ProviderResponse> {
    signal?.throwIfAborted()
    const repeatIndex = context?.repeatIndex ?? 0
    const copyIndex = readCopyIndex(context?.vars)
    const { folder: checkpoint, base } = await checkpointPlaces(this.#settings.checkpoint, this.#settings.base, {
      weights: !this.#settings.server,
    })
    const lease = await this.#pool.acquire({ ...this.#settings, checkpoint, base }, this)
    try {
      const tokenizer = requireTokenizer(lease.checkpoint)
      const read = this.#read(lease.checkpoint, config, prompt)
      const { ids } = read
      for (const warning of lease.checkpoint.warnings ?? []) warnOnce(lease.checkpoint, warning, () => warning, context)
      warnOnce(lease.checkpoint, 'prompt', () => strangePrompt(lease.checkpoint, read), context)
      const request = toRequest(config, lease.checkpoint, ids, requestSeed(config.seed, repeatIndex, ids, copyIndex))
      const who = this.label ?? this.#id
      warnOnce(this, 'tags', () => untrained(request, who), context)
      warnOnce(this, 'paths', () => equalPaths(request, who), context)
      const same = context && !isGreedy(request) ? this.#sameDraws.note(context, request.seed, who) : undefined
      warnOnce(this, 'copies', () => same, context)
      const key = await this.#keyOf(lease, request)
      const found = key && (await this.#samples?.get(key, ids))
      const stored = found && !wantsNewSample(context) ? found : undefined
      signal?.throwIfAborted()
      const thought = stored ?? (await (await lease.thinker()).think(request, signal))
      if (key && !stored) this.#samples?.put(key, thought)
      return toProviderResponse(thought, {
        request,
        repeatIndex,
        copyIndex,
        showTags: config.showTags,
        told: read.told,
        overrides: this.#overrides,
        cached: stored !== undefined,
        report: reportLink({ evaluationId: context?.evaluationId, label: this.label ?? this.#id, seed: request.seed }),
        decode: (response) => (response.length > 0 ? tokenizer.decode(response, { keepSpecial: true }) : ''),
      })
    } finally {
      lease.release()
    }
  }

  /** Reads a prompt. promptfoo asks for the repeats of a test one after the other: they are encoded once. */
  #read(checkpoint: CheckpointInfo, config: ThinkingConfig, prompt: string): ReadPrompt {
    const of = [checkpoint, prompt, config.system, config.chatTemplate, config.date, JSON.stringify(config.template)]
    if (!this.#lastPrompt?.of.every((value, i) => value === of[i])) this.#lastPrompt = { of, read: readPrompt(checkpoint, config, prompt) }
    return this.#lastPrompt.read
  }

  /** Key of the sample in the store; undefined where there is no store. */
  async #keyOf(lease: Lease, request: ThinkRequest): Promise<string | undefined> {
    // A folder that cannot be read, or was written anew since it was opened, is reported by the load that follows.
    const hash = await this.#samples?.checkpointHash(lease.checkpoint.identity).catch(() => undefined)
    if (hash === undefined) return undefined
    const { server, numerics } = this.#settings
    if (server) return sampleKey(hash, servedBy(server), request)
    // Fast numerics are other arithmetic on the same device.
    const { isa, ...engine } = lease.engine!
    return sampleKey(hash, { ...engine, isa: numerics === 'fast' ? `${isa}, fast numerics` : isa }, request)
  }
}

/** All that the constructor reads. Its errors reach nobody in promptfoo's command line. */
function readConfig(config: unknown, variables: Readonly<Record<string, string | undefined>>) {
  try {
    const raw = readObject(config, 'the provider config')
    const parsed = parseThinkingConfig(raw, 'the provider config')
    const settings = modelSettings(parsed, basePath(raw), variables)
    if (parsed.server) refuseEngineKeys(raw)
    return { raw, parsed, settings, overrides: decodingOverrides(variables) }
  } catch (error) {
    throw toldAlone(error)
  }
}

function untrained({ tagText, mode }: ThinkRequest, who: string): string | undefined {
  return tagText && mode === 'parallel'
    ? `"${who}" was not trained to think in parallel: tags: text forks where it writes the tags as ordinary text`
    : undefined
}

/** Folder of the config file, which relative paths start from. */
function basePath(config: ConfigObject): string {
  return typeof config.basePath === 'string' && config.basePath !== '' ? config.basePath : '.'
}

/** The config as everybody may see it. */
function withoutKey(config: ConfigObject): ConfigObject {
  const { server } = config
  if (typeof server !== 'object' || server === null || !('apiKey' in server)) return config
  return { ...config, server: { ...server, apiKey: '[key]' } }
}

/** How the model runs in this process. */
const OF_THE_ENGINE = ['device', 'precision', 'numerics', 'threads', 'cacheTokens', 'speculate']

function refuseEngineKeys(config: ConfigObject): void {
  const found = OF_THE_ENGINE.find((name) => config[name] !== undefined && config[name] !== null)
  if (found === undefined) return
  throw new ConfigError(
    `"${found}" says how a model runs in this process, and "server" names one elsewhere. Got both. Leave one of them out.`,
  )
}

/** Not the signal's reason: one that speaks of a timeout would make promptfoo call again. */
function cancelled(): Error {
  return new DOMException('Generation was cancelled.', 'AbortError')
}

/** The decoder's names of budgets, as this configuration calls them. */
const CONFIG_NAMES: Readonly<Record<string, string>> = {
  'budgets.response': 'maxTokens',
  'budgets.path': 'pathTokens',
  'budgets.block': 'blockTokens',
  'budgets.criticalPath': 'criticalPathTokens',
  'budgets.answerReserve': 'answerReserve',
}

/** promptfoo calls again, for minutes, on errors that read like a busy server; ours never are, whatever numbers and paths they name. */
function localError(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error)
  const joiner = '\u2060' // invisible
  return plain(`parallel-r1: ${message}`)
    .replace(/budgets\.\w+/g, (name) => CONFIG_NAMES[name] ?? name)
    .replaceAll('429', `4${joiner}29`)
    .replace(/(rate) (limit)/gi, `$1 ${joiner}$2`)
}
