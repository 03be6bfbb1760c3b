/** A local server that speaks the hub's `/rows` protocol, and fails on request. */

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
  revision: string | undefined
  close(): Promise<void>
}

export async function startHub(): Promise<FakeHub> {
  const server = createServer((request, response) => {
    const url = new URL(request.url!, 'http://hub')
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
    if (url.pathname !== '/rows' || !rows || Number(ask('length')) > 100) {
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
    revision: 'c0ffee',
    close: () =>
      new Promise((done) => {
        server.close(() => done())
        server.closeAllConnections()
      }),
  }
  return hub
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
