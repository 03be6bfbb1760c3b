/** A local server that speaks the hub's protocol for models: the list of a revision, and files with ranges. It fails on request. */

import { createHash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import path from 'node:path'

/** Answers in the place of the server; false: the server answers after all. */
export type Fault = (response: ServerResponse, body: Buffer) => boolean

export interface FakeModels {
  endpoint: string
  /** By `owner/name@revision`: the bytes by file. */
  models: Map<string, Record<string, Buffer>>
  /** Faults of the coming requests whose path holds the key, first come first served. */
  faults: [string, Fault][]
  asked: { url: string; range?: string; authorization?: string }[]
  close(): Promise<void>
}

export const commitOf = (files: Record<string, Buffer>): string => {
  const hash = createHash('sha1')
  for (const [name, bytes] of Object.entries(files)) hash.update(name).update(bytes)
  return hash.digest('hex')
}

export function filesOf(folder: string): Record<string, Buffer> {
  return Object.fromEntries(readdirSync(folder).map((name) => [name, readFileSync(path.join(folder, name))]))
}

/** As git and git LFS name a file. */
function entryOf(rfilename: string, bytes: Buffer) {
  const blobId = createHash('sha1').update(`blob ${bytes.length}\0`).update(bytes).digest('hex')
  const sha256 = createHash('sha256').update(bytes).digest('hex')
  const lfs = rfilename.endsWith('.safetensors') && { lfs: { sha256, size: bytes.length, pointerSize: 134 } }
  return { rfilename, size: bytes.length, blobId, ...lfs }
}

export async function startModels(): Promise<FakeModels> {
  const server = createServer((request, response) => {
    const { pathname, search } = new URL(request.url!, 'http://hub')
    const { range, authorization } = request.headers
    hub.asked.push({ url: pathname + search, range, authorization })
    const [, api, name, kind, ref, file] = /^\/(api\/models\/)?([^/]+\/[^/]+)\/(revision|resolve)\/([^/]+)(?:\/(.+))?$/.exec(pathname) ?? []
    const [, files] =
      [...hub.models].find(([key, files]) => key === `${name}@${decodeURIComponent(ref ?? '')}` || commitOf(files) === ref) ?? []
    const body = !files
      ? undefined
      : api && kind === 'revision'
        ? Buffer.from(
            JSON.stringify({
              id: name,
              sha: commitOf(files),
              siblings: Object.entries(files).map(([name, bytes]) => entryOf(name, bytes)),
            }),
          )
        : files[file]
    const index = hub.faults.findIndex(([part]) => pathname.includes(part))
    const [, fault] = index < 0 ? [] : hub.faults.splice(index, 1)[0]
    if (fault?.(response, body ?? Buffer.alloc(0))) return
    if (body === undefined) refuse(404, 'Not found')(response, Buffer.alloc(0))
    else if (range === undefined) response.writeHead(200, { 'content-length': body.length }).end(body)
    else {
      const start = Number(/^bytes=(\d+)-$/.exec(range)![1])
      response.writeHead(206, { 'content-range': `bytes ${start}-${body.length - 1}/${body.length}` }).end(body.subarray(start))
    }
  })
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  const hub: FakeModels = {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    models: new Map(),
    faults: [],
    asked: [],
    close: () =>
      new Promise((done) => {
        server.close(() => done())
        server.closeAllConnections()
      }),
  }
  return hub
}

export const refuse =
  (status: number, error: string): Fault =>
  (response) => {
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify({ error }))
    return true
  }

/** Announces the whole, sends half of it and hangs up. */
export const cut: Fault = (response, body) => {
  response.writeHead(200, { 'content-length': body.length })
  response.write(body.subarray(0, body.length / 2), () => setTimeout(() => response.destroy(), 50))
  return true
}

/** The same number of other bytes. */
export const garble: Fault = (response, body) => {
  response.writeHead(200, { 'content-length': body.length }).end(Buffer.alloc(body.length, 7))
  return true
}
