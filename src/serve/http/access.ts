/** Who may ask: the name that the server is asked by, pages of other sites, and the API key. */

import { createHash, timingSafeEqual } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import { askedName, isLoopback } from '../../listening.ts'
import { Problem } from './problem.ts'

export class Access {
  /** Hashes of equal length: comparing them takes the same time whatever was sent. */
  readonly #keys: readonly Buffer[]
  readonly #hosts: ReadonlySet<string> | undefined

  /**
   * @param keys a request needs one of them; none: no request needs one
   * @param hosts names by which the server may be asked beside those of this machine; undefined: any
   */
  constructor({ keys, hosts }: { keys: readonly string[]; hosts?: readonly string[] }) {
    this.#keys = keys.map(digest)
    this.#hosts = hosts && new Set(hosts.map((host) => host.toLowerCase()))
  }

  /**
   * A page that has its own name point to this machine asks by that name, and every page of another site says where it is from: neither
   * is answered. Throws Problem.
   */
  checkSource({ headers }: IncomingMessage): void {
    if (headers.origin !== undefined) {
      throw new Problem(403, 'Web pages may not ask this server. Ask from a program.', { code: 'cross_origin' })
    }
    const host = askedName(headers.host)
    if (this.#hosts === undefined || isLoopback(host) || this.#hosts.has(host)) return
    throw new Problem(
      403,
      `This server is not called ${JSON.stringify(host.slice(0, 80))}. Ask for localhost, or add the name to "hosts".`,
      {
        code: 'unknown_host',
      },
    )
  }

  /** Throws Problem where the request has no key of this server. */
  checkKey({ headers }: IncomingMessage): void {
    if (this.#keys.length === 0) return
    const [, sent] = /^Bearer +(\S+) *$/i.exec(headers.authorization ?? '') ?? []
    const got = digest(sent ?? '')
    let found = false
    for (const key of this.#keys) found = timingSafeEqual(key, got) || found
    if (sent !== undefined && found) return
    const message =
      sent === undefined
        ? 'This server needs an API key. Send the header Authorization: Bearer KEY.'
        : 'This API key is not one of this server.'
    throw new Problem(401, message, { code: 'invalid_api_key', headers: { 'www-authenticate': 'Bearer' } })
  }
}

function digest(key: string): Buffer {
  return createHash('sha256').update(key).digest()
}
