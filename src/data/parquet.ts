/**
 * Rows of a data set on the hub from parquet files: those that the hub makes of every data set on the branch
 * `refs/convert/parquet`, else those of the repository itself. Files are read at one commit, and checked by size and SHA-256.
 * https://huggingface.co/docs/dataset-viewer/parquet
 */

import { type Compressors, type FileMetaData, parquetMetadata, parquetReadObjects } from 'hyparquet'
import { compressors } from 'hyparquet-compressors'
import { getFile, getJson, HubError } from '../hub/request.ts'
import { ADVICE, type FetchOptions, type HubSettings, MOST_ROWS } from './hub-settings.ts'
import { DataError, excerpt } from './problem.ts'
import type { HubRow } from './rows.ts'
import type { HubSource } from './sets.ts'

interface RepoFile {
  path: string
  /** Bytes. */
  size: number
  sha256?: string
}

interface Listing {
  commit: string
  files: RepoFile[]
}

/** Files are held in memory. The sets of this package take some 10 MB at most. */
const MOST_BYTES = 512 * 2 ** 20
const TIMEOUT_MS = 5 * 60_000
/** How a request ends that got no answer. */
const UNREACHABLE = /^could not be read/

/** A repository or a branch that is not there; without a token the hub answers 401 for both. */
const ABSENT = new Set<number | undefined>([401, 403, 404])

/**
 * All rows of a split in the order of its files; undefined where the hub has no parquet files of it. `instead` says why
 * the rows server was no help. Throws DataError.
 */
export async function fetchParquet(
  source: HubSource,
  settings: HubSettings,
  options: FetchOptions,
  instead: HubError,
): Promise<{ rows: HubRow[]; revision: string } | undefined> {
  const request = { timeoutMs: TIMEOUT_MS, ...options, token: settings.token }
  try {
    for (const [revision, choose] of [['refs/convert/parquet', converted] as const, ['main', original] as const]) {
      const listing = await list(source, settings, revision, request)
      const files = listing ? choose(listing.files, source) : []
      if (!listing || files.length === 0) continue
      options.notify?.(`the hub ${instead.what}; reading the parquet files of ${source.dataset}`)
      const bytes = files.reduce((sum, { size }) => sum + size, 0)
      if (bytes > MOST_BYTES) throw new DataError(`The parquet files of ${source.dataset} hold ${bytes} bytes, more than fit here.`)
      const rows: HubRow[] = []
      for (const file of files) rows.push(...(await readFile(file, listing.commit, source, settings, request)))
      return { rows, revision: listing.commit }
    }
  } catch (error) {
    if (!(error instanceof DataError || error instanceof HubError)) throw error
    // The hub as a whole cannot be reached: that is one sentence, and one next step.
    if (error instanceof HubError && UNREACHABLE.test(error.what) && UNREACHABLE.test(instead.what)) throw instead
    throw new DataError(`${instead.message} Its parquet files are no help: ${error.message}`, { cause: error })
  }
  return undefined
}

/** A page of nothing, such as that of a column of nulls, holds nothing; some decompressors fail on it (findings/). */
const codecs: Compressors = Object.fromEntries(
  Object.entries(compressors).map(([name, decompress]) => [
    name,
    (input: Uint8Array, bytes: number) => (bytes === 0 ? new Uint8Array() : decompress(input, bytes)),
  ]),
)

type Request = FetchOptions & { token?: string }

/** The parquet files of a revision; undefined where it is not there. */
async function list({ dataset }: HubSource, { hub }: HubSettings, revision: string, request: Request): Promise<Listing | undefined> {
  const url = `${hub}/api/datasets/${dataset}/revision/${encodeURIComponent(revision)}?blobs=true`
  let body: unknown
  try {
    body = (await getJson(url, { ...request, advice: ADVICE })).body
  } catch (error) {
    if (error instanceof HubError && ABSENT.has(error.status)) return undefined
    throw error
  }
  const { sha, siblings } = (body ?? {}) as { sha?: unknown; siblings?: { rfilename?: string; size?: number; lfs?: { sha256?: string } }[] }
  if (typeof sha !== 'string' || !Array.isArray(siblings)) {
    throw new DataError(`The hub's list of files at ${url} is none. Got ${excerpt(body)}. Use a data folder (PR1_DATA).`)
  }
  const files = siblings.flatMap(({ rfilename: path, size, lfs }) =>
    path?.endsWith('.parquet') && size !== undefined ? [{ path, size, sha256: lfs?.sha256 }] : [],
  )
  return { commit: sha, files: files.sort((a, b) => (a.path < b.path ? -1 : 1)) }
}

/** `config/split/0000.parquet`; a set too large to be converted whole has `partial-split` in that place. */
function converted(files: RepoFile[], { config, split }: HubSource): RepoFile[] {
  return files.filter(({ path }) => path.startsWith(`${config}/${split}/`))
}

/**
 * By the names that the `datasets` library goes by: a folder named after the config where there is one, and the split as a
 * word of the path, such as `data/test-00000-of-00001.parquet`. Files that name no split are `train`.
 */
function original(files: RepoFile[], { config, split }: HubSource): RepoFile[] {
  const inFolder = files.filter(({ path }) => path.split('/').slice(0, -1).includes(config))
  const own = inFolder.length > 0 || config !== 'default' ? inFolder : files
  const named = (name: string) => own.filter(({ path }) => new RegExp(`(?:^|[-._ /])${name}(?=[-._ /])`).test(path))
  const chosen = named(split)
  const namesNone = !['train', 'test', 'validation', 'dev'].some((name) => named(name).length > 0)
  return chosen.length === 0 && split === 'train' && namesNone ? own : chosen
}

async function readFile(
  { path, size, sha256 }: RepoFile,
  commit: string,
  { dataset }: HubSource,
  { hub }: HubSettings,
  request: Request,
): Promise<HubRow[]> {
  const url = `${hub}/datasets/${dataset}/resolve/${commit}/${path.split('/').map(encodeURIComponent).join('/')}`
  const file = await getFile(url, size, sha256, { ...request, advice: ADVICE })
  try {
    // Byte columns without a mark of text are pictures, not text.
    const metadata = parquetMetadata(file)
    refuseTooMany(metadata, path, dataset)
    const rows = await parquetReadObjects({ file, metadata, compressors: codecs, utf8: false })
    return rows.map((row) => plain(row) as HubRow)
  } catch (error) {
    if (error instanceof DataError) throw error
    throw new DataError(`${path} of ${dataset} cannot be read as parquet: ${(error as Error).message}. Use a data folder (PR1_DATA).`, {
      cause: error,
    })
  }
}

/** Rows, and bytes when they are unpacked: a small file can say that it holds many. */
function refuseTooMany({ num_rows, row_groups }: FileMetaData, path: string, dataset: string): void {
  const bytes = row_groups.reduce((sum, { total_byte_size }) => sum + total_byte_size, 0n)
  if (num_rows <= MOST_ROWS && bytes <= 4 * MOST_BYTES) return
  throw new DataError(`${path} of ${dataset} holds ${num_rows} rows of ${bytes} bytes, more than fit here. Use a data folder (PR1_DATA).`)
}

/** As the rows server writes it: integers as numbers, or as text where a number would lose digits; bytes left out. */
function plain(value: unknown): unknown {
  if (typeof value === 'bigint') return Number.isSafeInteger(Number(value)) ? Number(value) : String(value)
  if (value instanceof Date) return value.toISOString()
  if (ArrayBuffer.isView(value)) return null
  if (Array.isArray(value)) return value.map(plain)
  if (typeof value === 'object' && value !== null) return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, plain(one)]))
  return value ?? null
}
