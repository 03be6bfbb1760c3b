/**
 * The rows of a promptfoo config, resolved by promptfoo itself: its CLI runs with capture.ts as an extension, and what
 * would have been asked is read back. So templates, loaders, `$ref`, environment variables, filters and default tests
 * mean in training exactly what they mean in `promptfoo eval`.
 */

import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, dirname, extname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parse as parseYaml } from 'yaml'
import type { ConfigObject } from '../../config-keys.ts'
import { ConfigError, ParallelR1Error } from '../../engine/errors.ts'
import type { SuiteAssertion } from '../../grading/references.ts'
import { runPromptfoo } from '../../installed-promptfoo.ts'
import { isObject } from '../../json.ts'
import { lines, parsed, writeLines } from '../../json-lines.ts'
import { nearestName } from '../../nearest-name.ts'
import { withoutSecrets, withoutUrlSecrets } from './secrets.ts'

/** A test as promptfoo resolved it: vars, assertions, options. */
interface SuiteTest {
  assert?: SuiteAssertion[]
  options?: Record<string, unknown>
  [key: string]: unknown
}

/** One prompt of one test. */
export interface SuiteRow {
  /** The prompt as promptfoo rendered it; chat messages are JSON. */
  prompt: string
  /** Config of the prompt and options of the test, merged by promptfoo. */
  promptConfig: ConfigObject
  vars: Record<string, unknown>
  /** Empty where the tests were not asked for. */
  test: SuiteTest
}

export interface Suite {
  /** Absolute path of the promptfoo config. */
  file: string
  /** Its folder: references in it are relative to this. */
  folder: string
  provider: { label: string; config: ConfigObject; ours: boolean /** As promptfoo calls it. */; id?: string }
  rows: SuiteRow[]
}

export interface SuiteOptions {
  /** Label of the one provider to capture; absent: the first. */
  provider?: string
  /** A file with the prompt that is asked in the place of the config's own. */
  prompt?: string
  /** Its provider decodes with the weights in training, which no server has: one that names a `server` is refused. */
  decodes?: boolean
  /** Chooses among the rows that promptfoo gave; what it leaves out is not kept either. */
  select?: (rows: readonly SuiteRow[]) => SuiteRow[]
  /** Keep the assertions (grpo) or leave them out (sft). */
  tests: boolean
  /** Where the rows are kept for a resumed run. */
  cache?: string
  /** Take the rows from the cache if they are there; an altered cache is an error. */
  reuse?: boolean
  /** And only where they are of a promptfoo config of this name and of this provider. */
  ofSameName?: boolean
  /** A file of rows that is taken in the place of promptfoo, where `cache` is not. */
  from?: string
  /** Refuse a suite with several prompts. */
  onePrompt?: boolean
  /** Write the cache. Default true. */
  write?: boolean
  signal?: AbortSignal
}

interface CaptureRecord {
  kind: 'provider' | 'row' | 'error' | 'refused'
  label?: string
  id?: string
  config?: ConfigObject
  ours?: boolean
  transform?: boolean
  provider?: string
  step?: string
  prompt?: string
  promptConfig?: ConfigObject
  vars?: Record<string, unknown>
  test?: SuiteTest
  message?: string
}

/** Resolves a promptfoo config. Throws ConfigError with promptfoo's own log where it cannot. */
export async function loadSuite(file: string, options: SuiteOptions): Promise<Suite> {
  if (options.reuse && options.cache) {
    const kept = await readCache(options.cache)
    const same = kept?.suite === basename(file) && (options.provider ?? kept.provider.label) === kept.provider.label
    if (kept && (same || !options.ofSameName)) return { provider: kept.provider, rows: kept.rows, file, folder: dirname(file) }
  }
  if (options.from !== undefined) {
    const given = await givenRows(file, options.from, options)
    if (options.cache && options.write !== false) await writeCache(options.cache, given)
    return given
  }
  checkEntry(file, options.provider)
  const folder = mkdtempSync(join(tmpdir(), 'pr1-suite-'))
  try {
    const captured = join(folder, 'rows.jsonl')
    const log = await capture(file, captured, folder, options)
    const all = await readCapture(file, captured, log, options)
    if (options.decodes) refuseSettings(all)
    const suite = options.select ? { ...all, rows: options.select(all.rows) } : all
    if (options.cache && options.write !== false) await writeCache(options.cache, suite)
    return suite
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** Rows that were resolved elsewhere. Those that a stage selects were selected then. Throws ConfigError where they are of another suite. */
async function givenRows(file: string, from: string, { provider, decodes, tests }: SuiteOptions): Promise<Suite> {
  const kept = await readCache(from)
  const next = 'Write them with "pr1-train suites", of the same training file, where promptfoo is installed.'
  if (!kept) throw new ConfigError(`--suites has no rows of ${file}: there is no ${from}. ${next}`)
  const { suite: name, provider: entry, rows } = kept
  const wanted = provider ?? entry.label
  if (name !== basename(file) || wanted !== entry.label) {
    throw new ConfigError(
      `${from} has the rows of ${name} for "${entry.label}". Got a stage that asks ${basename(file)} for "${wanted}". ${next}`,
    )
  }
  if (tests && rows.every(({ test }) => Object.keys(test).length === 0))
    throw new ConfigError(`${from} has rows without tests, and this stage needs their assertions. ${next}`)
  const suite: Suite = { provider: entry, rows, file, folder: dirname(file) }
  if (decodes) refuseSettings(suite)
  return suite
}

/**
 * Looks for a promptfoo config and its provider before promptfoo is started, which takes half a minute. Where the file does not say all labels
 * itself, promptfoo tells.
 * @throws ConfigError
 */
export function checkEntry(file: string, provider: string | undefined): void {
  if (!existsSync(file)) throw new ConfigError(`There is no promptfoo config ${file}. Correct "suite" in the training file.`)
  if (provider === undefined) return
  const { names, labels, whole } = entriesIn(file)
  if (whole && labels.length > 0 && !names.has(provider)) throw noSuchLabel(file, provider, labels)
}

function noSuchLabel(file: string, provider: string, labels: readonly string[]): ConfigError {
  const nearest = nearestName(provider, labels)
  const next = nearest ? `Did you mean "${nearest}"?` : `There are: ${labels.join(', ')}.`
  return new ConfigError(`${file} has no provider labelled "${provider}". ${next}`)
}

/** What the provider entries are called, as far as the file itself says it. `whole`: nothing comes from elsewhere, such as a file or the environment. */
function entriesIn(file: string): { names: ReadonlySet<string>; labels: string[]; whole: boolean } {
  let config: unknown
  try {
    config = parseYaml(readFileSync(file, 'utf8'))
  } catch {
    // Written in another language, or found wrong by promptfoo.
  }
  const { providers } = (isObject(config) ? config : {}) as { providers?: unknown }
  const entries: unknown[] = Array.isArray(providers) ? providers : []
  const said = entries.map((entry) => (isObject(entry) ? [entry.label, entry.id] : [entry]).filter((name) => typeof name === 'string'))
  const elsewhere = (name: string): boolean => name.startsWith('file://') || name.includes('{{')
  return {
    names: new Set(said.flat()),
    labels: said.flatMap(([label]) => label ?? []),
    whole: Array.isArray(providers) && said.every(([label]) => label !== undefined && !elsewhere(label)),
  }
}

/** What the provider of an eval may say and the weights in training cannot follow. */
function refuseSettings(suite: Suite): void {
  refuseServer(suite)
  refuseTextTags(suite)
}

/** The model in training has a token for each tag: they are added where its tokenizer has none. */
function refuseTextTags({ file, provider }: Suite): void {
  if (!provider.ours || provider.config.tags !== 'text') return
  throw new ConfigError(
    `Training adds the six tags to the tokenizer of a model that has none, so its paths begin with tokens. Got "tags: text" in provider "${provider.label}" of ${file}, which is for an eval of the model as it was. Leave "tags" out for training, or name an entry without it as "provider".`,
  )
}

/** A gradient needs the log-probabilities of the weights that are trained, for the very tokens that were drawn. */
function refuseServer({ file, provider }: Suite): void {
  const { server } = provider.config
  if (!provider.ours || server === undefined || server === null) return
  throw new ConfigError(
    `Training samples from the weights that it trains. Got "server" in provider "${provider.label}" of ${file}: what another server draws has no log-probability under them, and an update does not reach it. Leave "server" out for training, or name an entry without it as "provider".`,
  )
}

/** A label as a regular expression that means nothing but it. */
export const asPattern = (label: string): string => label.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')

/** What promptfoo is told to load a config, with one provider and with hooks in the place of an evaluation. */
export function suiteArguments(
  file: string,
  { hooks, provider, prompt }: { hooks: readonly string[]; provider?: string; prompt?: string },
): string[] {
  return [
    ...['eval', '-c', file, ...hooks.flatMap((hook) => ['-x', hook])],
    ...['--no-write', '--no-cache', '--no-table', '--no-progress-bar', '--no-share', '--repeat', '1', '-j', '256'],
    ...(provider === undefined ? [] : ['--filter-providers', `^${asPattern(provider)}$`]),
    ...(prompt === undefined ? [] : ['--prompts', prompt]),
  ]
}

async function capture(file: string, captured: string, folder: string, options: SuiteOptions): Promise<string> {
  // In the sources this file is .ts and promptfoo loads TypeScript itself; in dist both are .js.
  const own = fileURLToPath(import.meta.url)
  const extension = `file://${join(dirname(own), `capture${extname(own)}`)}`
  const { provider, prompt } = options
  const args = suiteArguments(file, { hooks: [`${extension}:beforeAll`, `${extension}:afterEach`], provider, prompt })
  const env = {
    PR1_CAPTURE: captured,
    PR1_CAPTURE_TESTS: options.tests ? '1' : '0',
    PROMPTFOO_CONFIG_DIR: folder,
    PROMPTFOO_FAILED_TEST_EXIT_CODE: '0',
    PROMPTFOO_PASS_RATE_THRESHOLD: '0',
    PROMPTFOO_DISABLE_DEBUG_LOG: '1',
    PROMPTFOO_DISABLE_ERROR_LOG: '1',
    PROMPTFOO_DISABLE_ADAPTIVE_SCHEDULER: '1',
  }
  const { code, log } = await runPromptfoo(args, { near: file, cwd: dirname(file), env, signal: options.signal })
  if (code !== 0 || !existsSync(captured)) {
    throw new ConfigError(`promptfoo could not resolve ${file} (exit ${code}). It said:\n${log.trim()}`)
  }
  return log
}

async function readCapture(file: string, captured: string, log: string, options: SuiteOptions): Promise<Suite> {
  const providers: CaptureRecord[] = []
  const errors: string[] = []
  const rows: { order: number; prompt: number; row: SuiteRow }[] = []
  for await (const { text } of lines(captured)) {
    const record = parsed(
      text,
      (why) => new ParallelR1Error(`What was captured of ${file} is ${why}. Try again.`),
    ) as unknown as CaptureRecord
    if (record.kind === 'provider') providers.push(record)
    else if (record.kind === 'refused') throw new ConfigError(`${file} cannot be trained on. ${record.message}`)
    else if (record.kind === 'error') errors.push(record.message ?? '')
    else if (record.provider === providers[0]?.label) {
      const [test, prompt, repeat] = record.step!.match(/\d+/g)!.map(Number)
      // A test may ask for repeats of its own; training samples groups instead.
      if (repeat > 0) continue
      const { vars = {}, promptConfig = {}, test: data = {} } = record
      rows.push({ order: test, prompt, row: { prompt: record.prompt!, promptConfig, vars, test: data } })
    }
  }
  const provider = providers[0]
  if (!provider) {
    const { labels } = entriesIn(file)
    if (options.provider !== undefined && labels.length > 0) throw noSuchLabel(file, options.provider, labels)
    const wanted = options.provider ? `no provider labelled "${options.provider}"` : 'no provider'
    throw new ConfigError(`${file} has ${wanted}. Name the label of one of its provider entries. promptfoo said:\n${log.trim()}`)
  }
  if (errors.length > 0) {
    throw new ConfigError(
      `${errors.length} row${errors.length === 1 ? '' : 's'} of ${file} could not be resolved; the first: ${errors[0]}. Correct the suite.`,
    )
  }
  if (rows.length === 0) throw new ConfigError(`${file} gives no rows for "${provider.label}". promptfoo said:\n${log.trim()}`)
  if (options.onePrompt && rows.some(({ prompt }) => prompt > 0)) {
    throw new ConfigError(`${file} has several prompts, which are evaluated apart. Give each a promptfoo config of its own.`)
  }
  if (provider.transform) {
    throw new ConfigError(
      `The provider "${provider.label}" of ${file} has a transform, which training does not apply. Remove it or use another entry.`,
    )
  }
  // Rows arrive as their templates finish; the order of the file is the same in every run.
  rows.sort((a, b) => a.order - b.order || a.prompt - b.prompt)
  const { basePath: _, ...config } = provider.config ?? {}
  return {
    file,
    folder: dirname(file),
    // The key of a server is needed where it is asked, and read there.
    provider: {
      label: provider.label!,
      config: provider.ours && config.server === undefined ? config : plainConfig(config),
      ours: provider.ours === true,
      // A provider of HTTP is called by its URL.
      id: provider.id && withoutUrlSecrets(provider.id),
    },
    rows: rows.map(({ row }) => row),
  }
}

const plainConfig = (config: ConfigObject): ConfigObject => withoutSecrets(config) as ConfigObject

interface CacheHeader {
  /** Name of the promptfoo config, for readers. */
  suite: string
  provider: Suite['provider']
  rows: number
  /** Of the provider and all rows. */
  sha256: string
}

/** A header with the hash of everything that is used, then one row a line. */
export async function writeCache(cache: string, { file, provider, rows }: Suite): Promise<void> {
  const hash = createHash('sha256').update(JSON.stringify(provider))
  const body = rows.map((row) => JSON.stringify(row))
  for (const line of body) hash.update(`${line}\n`)
  const header: CacheHeader = { suite: basename(file), provider, rows: rows.length, sha256: hash.digest('hex') }
  mkdirSync(dirname(cache), { recursive: true })
  await writeLines(cache, [header, ...body])
}

export async function readCache(cache: string): Promise<(Pick<Suite, 'provider' | 'rows'> & Pick<CacheHeader, 'suite'>) | undefined> {
  if (!existsSync(cache)) return undefined
  const altered = (why: string) =>
    new ParallelR1Error(`${cache} is not what this run wrote: ${why}. Restore it, or delete it to resolve the suite again.`)
  const hash = createHash('sha256')
  let header: Partial<CacheHeader> | undefined
  const rows: SuiteRow[] = []
  for await (const { text } of lines(cache)) {
    const value = parsed(text, (why) => altered(`line ${header ? rows.length + 2 : 1} is ${why}`))
    if (!header) {
      header = value as Partial<CacheHeader>
      hash.update(JSON.stringify(header.provider) ?? '')
    } else {
      hash.update(`${text}\n`)
      rows.push(value as unknown as SuiteRow)
    }
  }
  if (!header?.provider) throw altered('it has no header')
  if (rows.length !== header.rows) throw altered(`it has ${rows.length} rows, not ${header.rows}`)
  if (hash.digest('hex') !== header.sha256) throw altered('its checksum is another')
  return { provider: header.provider, rows, suite: header.suite ?? '' }
}
