/**
 * A local server that speaks the hub's protocols, `/rows` of the dataset server and the files of a repository, and fails on request.
 */

import { createHash } from 'node:crypto'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

/** Answers one request in the place of the page; false: the page is sent after all. */
export type Fault = (response: ServerResponse, request: IncomingMessage, body: string) => boolean | undefined

export interface FakeHub {
  endpoint: string
  /** Offsets asked for, in order. */
  offsets: number[]
  /** Of every request. */
  headers: IncomingMessage['headers'][]
  /** Faults of the coming requests, one each; undefined: none. */
  faults: (Fault | undefined)[]
  /** By `dataset config split`. */
  splits: Map<string, unknown[]>
  /** By `dataset@revision`: the bytes by path. */
  repos: Map<string, Record<string, Uint8Array>>
  /** Of files: of the list and of each download in turn. */
  fileFaults: (Fault | undefined)[]
  /** Paths asked for outside /rows, with the header of the token. */
  asked: { url: string; authorization?: string }[]
  revision: string | undefined
  close(): Promise<void>
}

export async function startHub(): Promise<FakeHub> {
  const server = createServer((request, response) => {
    const url = new URL(request.url!, 'http://hub')
    if (url.pathname !== '/rows') {
      serveFile(hub, url, request, response)
      return
    }
    const ask = (key: string) => url.searchParams.get(key)
    const offset = Number(ask('offset'))
    hub.offsets.push(offset)
    hub.headers.push(request.headers)
    const rows = hub.splits.get(`${ask('dataset')} ${ask('config')} ${ask('split')}`)
    const page = rows?.slice(offset, offset + Number(ask('length')))
    const body = JSON.stringify({
      features: [],
      rows: page?.map((row, i) => ({ row_idx: offset + i, row, truncated_cells: [] })),
      num_rows_total: rows?.length,
      num_rows_per_page: 100,
      partial: false,
    })
    const fault = hub.faults.shift()
    if (fault?.(response, request, body)) return
    if (!rows || Number(ask('length')) > 100) {
      send(response, 404, JSON.stringify({ error: 'The dataset does not exist.' }))
      return
    }
    send(response, 200, body, hub.revision ? { 'x-revision': hub.revision } : {})
  })
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  const hub: FakeHub = {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    offsets: [],
    headers: [],
    faults: [],
    splits: new Map(),
    repos: new Map(),
    fileFaults: [],
    asked: [],
    revision: 'c0ffee',
    close: () =>
      new Promise((done) => {
        server.close(() => done())
        server.closeAllConnections()
      }),
  }
  return hub
}

/** Id of the only commit of `dataset@revision`. */
const commitOf = (key: string) => createHash('sha1').update(key).digest('hex')

function serveFile(hub: FakeHub, url: URL, request: IncomingMessage, response: ServerResponse): void {
  hub.asked.push({ url: url.pathname + url.search, authorization: request.headers.authorization })
  const fault = hub.fileFaults.shift()
  const [, dataset, rest = ''] = /^\/(?:api\/)?datasets\/([^/]+\/[^/]+)\/(.*)$/.exec(url.pathname) ?? []
  const [kind, ref, ...parts] = rest.split('/').map(decodeURIComponent)
  const found = [...hub.repos].find(([key]) => key === `${dataset}@${ref}` || commitOf(key) === ref)
  if (!found) {
    send(response, 404, JSON.stringify({ error: 'Not found' }), { 'x-error-code': 'RevisionNotFound' })
    return
  }
  const [key, files] = found
  if (kind === 'revision') {
    const siblings = Object.entries(files).map(([rfilename, bytes]) => ({
      rfilename,
      size: bytes.length,
      blobId: commitOf(rfilename),
      // Small files are kept in git itself, without a SHA-256.
      ...(bytes.length > 200 && {
        lfs: { sha256: createHash('sha256').update(bytes).digest('hex'), size: bytes.length, pointerSize: 130 },
      }),
    }))
    const body = JSON.stringify({ id: dataset, sha: commitOf(key), siblings: url.searchParams.get('blobs') === 'true' ? siblings : [] })
    if (!fault?.(response, request, body)) send(response, 200, body)
    return
  }
  const bytes = files[parts.join('/')]
  if (!bytes) send(response, 404, JSON.stringify({ error: 'Entry not found' }))
  else if (!fault?.(response, request, Buffer.from(bytes).toString('latin1'))) {
    response.writeHead(200, { 'content-type': 'application/octet-stream', 'content-length': bytes.length })
    response.end(bytes)
  }
}

export function send(response: ServerResponse, status: number, body: string, headers: Record<string, string> = {}): void {
  response.writeHead(status, { 'content-type': 'application/json', ...headers })
  response.end(body)
}

export const faults = {
  status:
    (status: number, headers: Record<string, string> = {}, body = JSON.stringify({ error: `said ${status}` })): Fault =>
    (response) => {
      send(response, status, body, headers)
      return true
    },
  text:
    (body: string, type = 'text/html'): Fault =>
    (response) => {
      response.writeHead(200, { 'content-type': type })
      response.end(body)
      return true
    },
  /** Announces the whole body, sends half of it and hangs up. */
  cut: ((response, _request, body) => {
    response.writeHead(200, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) })
    response.write(body.slice(0, body.length / 2), () => response.destroy())
    return true
  }) satisfies Fault,
  /** The same without a length: only the JSON shows it. */
  cutChunked: ((response, _request, body) => {
    response.writeHead(200, { 'content-type': 'application/json' })
    response.end(body.slice(0, body.length / 2))
    return true
  }) satisfies Fault,
  hangUp: ((response) => {
    response.destroy()
    return true
  }) satisfies Fault,
  silence: (() => true) satisfies Fault,
  /** Another page than the one asked for, or one altered. */
  page:
    (alter: (page: { rows: { row_idx: number; row: unknown; truncated_cells: string[] }[]; [key: string]: unknown }) => void): Fault =>
    (response, _request, body) => {
      const page = JSON.parse(body)
      alter(page)
      send(response, 200, JSON.stringify(page), { 'x-revision': 'c0ffee' })
      return true
    },
}
