/**
 * Rows of a data set on the Hugging Face hub, through the `/rows` endpoint of its dataset server: plain JSON, a hundred rows
 * a page. Where that has gaps (the viewer is off, cells are cut, a mirror has no such server) they come from the parquet files.
 * Pages are cached as they arrive, so a download that was cut short goes on; a complete split is read from the cache for good
 * (delete the cache, or `pr1-data fetch --fresh`, to ask again).
 * https://huggingface.co/docs/dataset-viewer/rows
 */

import { rm } from 'node:fs/promises'
import path from 'node:path'
import { getJson, HubError } from '../hub/request.ts'
import { seal, sourceFolder, unseal } from './cache.ts'
import { ADVICE, type FetchOptions, type HubSettings, MOST_ROWS } from './hub-settings.ts'
import { DataError, excerpt } from './problem.ts'
import type { HubRow } from './rows.ts'
import type { HubSource } from './sets.ts'

interface Page {
  rows: HubRow[]
  total: number
  /** Commit of the data set, where the server says. */
  revision?: string
}

const PAGE_ROWS = 100
const CONNECTIONS = 4
/** Splits of more rows are announced: they take a while. */
const LARGE = 2000
const REFUSALS = new Set<number | undefined>([401, 403, 429])

/** All rows of a split, from the cache or the hub. Throws DataError. */
export async function fetchRows(source: HubSource, settings: HubSettings, options: FetchOptions = {}): Promise<HubRow[]> {
  const complete = path.join(sourceFolder(settings.cache, source), 'rows.json')
  const name = `${source.dataset} (${source.config}, ${source.split})`
  const kept = options.fresh ? undefined : await unseal(complete, isRows)
  if (kept?.state === 'good') return kept.value.rows
  if (settings.offline) {
    const why = kept?.state === 'damaged' ? `is damaged in the cache (${complete})` : 'is not in the cache'
    throw new DataError(
      `${name} ${why}, and HF_HUB_OFFLINE forbids to fetch it. Unset HF_HUB_OFFLINE once, or set PR1_DATA to a folder with the problem sets.`,
    )
  }
  if (kept?.state === 'damaged') options.notify?.(`${complete} is damaged and is fetched again`)
  const { rows, revision } = await anyDoor(source, settings, options)
  await seal(complete, { source, revision, fetched: new Date().toISOString(), rows })
  await rm(pagesFolder(source, settings), { recursive: true, force: true })
  return rows
}

interface Download {
  rows: HubRow[]
  revision?: string
}

/** From the rows server, else from the parquet files. What one may not read, or only later, is the same at both. */
async function anyDoor(source: HubSource, settings: HubSettings, options: FetchOptions): Promise<Download> {
  try {
    return await download(source, settings, options)
  } catch (error) {
    if (!(error instanceof HubError) || REFUSALS.has(error.status)) throw error
    const { fetchParquet } = await import('./parquet.ts')
    const found = await fetchParquet(source, settings, options, error)
    if (!found) throw error
    return found
  }
}

/** A data set that changes between two pages is read once more from the start. */
async function download(source: HubSource, settings: HubSettings, options: FetchOptions): Promise<Download> {
  if (options.fresh) await rm(pagesFolder(source, settings), { recursive: true, force: true })
  for (const lastTry of [false, true]) {
    const pages = await allPages(source, settings, options)
    const [{ total, revision }] = pages
    if (pages.every((page) => page.total === total && page.revision === revision)) {
      return { rows: pages.flatMap((page) => page.rows), revision }
    }
    await rm(pagesFolder(source, settings), { recursive: true, force: true })
    if (lastTry) throw new HubError(`${source.dataset} changed while it was read. Run again later.`, { what: 'changes while it is read' })
  }
  throw new Error('unreachable')
}

async function allPages(source: HubSource, settings: HubSettings, options: FetchOptions): Promise<Page[]> {
  const first = await page(source, settings, 0, options)
  if (first.total > LARGE) options.notify?.(`fetching ${first.total} rows of ${source.dataset} (${source.split})`)
  const offsets = Array.from({ length: Math.ceil(first.total / PAGE_ROWS) }, (_, i) => i * PAGE_ROWS)
  const pages: Page[] = [first]
  let rows = first.rows.length
  options.progress?.(rows, first.total)
  const failures: unknown[] = []
  let next = 1
  const connection = async () => {
    while (failures.length === 0 && next < offsets.length) {
      const index = next++
      try {
        pages[index] = await page(source, settings, offsets[index], options)
        rows += pages[index].rows.length
        options.progress?.(rows, first.total)
      } catch (error) {
        failures.push(error)
      }
    }
  }
  await Promise.all(Array.from({ length: CONNECTIONS }, connection))
  if (failures.length > 0) throw failures[0]
  return pages
}

const pagesFolder = (source: HubSource, settings: HubSettings) => path.join(sourceFolder(settings.cache, source), 'pages')

async function page(source: HubSource, settings: HubSettings, offset: number, options: FetchOptions): Promise<Page> {
  const file = path.join(pagesFolder(source, settings), `${offset}.json`)
  const kept = await unseal(file, isPage)
  if (kept.state === 'good') return kept.value
  const { dataset, config, split } = source
  const query = new URLSearchParams({ dataset, config, split, offset: String(offset), length: String(PAGE_ROWS) })
  const { body, headers } = await getJson(`${settings.server}/rows?${query}`, { ...options, token: settings.token, advice: ADVICE })
  const read = readPage(body, source, offset)
  const fetched: Page = { ...read, revision: headers.get('x-revision') ?? undefined }
  await seal(file, fetched)
  return fetched
}

function isRows(value: unknown): value is { rows: HubRow[] } {
  const { rows } = (value ?? {}) as { rows?: unknown }
  return Array.isArray(rows) && rows.every((row) => typeof row === 'object' && row !== null)
}

const isPage = (value: unknown): value is Page => isRows(value) && Number.isSafeInteger((value as Partial<Page>).total)

/** Checks that a body is the page asked for, whole. */
function readPage(body: unknown, { dataset, split }: HubSource, offset: number): Page {
  const wrong = (what: string) =>
    new HubError(
      `The hub's page of ${dataset} (${split}) from row ${offset} ${what}. Use a data folder (PR1_DATA), or try again when the hub has mended it.`,
      { what: `sent a page that ${what}` },
    )
  const { rows, num_rows_total: total, partial } = (body ?? {}) as { rows?: unknown; num_rows_total?: unknown; partial?: unknown }
  if (!Array.isArray(rows) || !Number.isSafeInteger(total) || (total as number) < 1) {
    throw wrong(`is no page of rows. Got ${excerpt(body)}`)
  }
  if ((total as number) > MOST_ROWS) throw wrong(`belongs to a set of ${total} rows, more than the ${MOST_ROWS} that fit here`)
  if (partial === true) throw wrong('belongs to a set of which the hub serves a part only')
  const expected = Math.min(PAGE_ROWS, Math.max(0, (total as number) - offset))
  if (rows.length !== expected) throw wrong(`has ${rows.length} rows, not ${expected}`)
  const read = rows.map((entry: { row_idx?: unknown; row?: unknown; truncated_cells?: unknown } | null, index) => {
    const { row_idx: at, row, truncated_cells: cut } = entry ?? {}
    if (at !== offset + index) throw wrong(`has row ${excerpt(at)} in the place of row ${offset + index}`)
    if (typeof row !== 'object' || row === null) throw wrong(`has no content in row ${at}. Got ${excerpt(row)}`)
    if (Array.isArray(cut) && cut.length > 0) throw wrong(`is cut in column ${cut.join(', ')} of row ${at}`)
    return row as HubRow
  })
  return { rows: read, total: total as number }
}
