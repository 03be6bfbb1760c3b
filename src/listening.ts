/** What the servers of this package share: a port to listen at, and the names by which this machine alone is asked. */

import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'

interface Place {
  host: string
  /** 0: a free one. */
  port: number
}

/** Resolves to the port when `server` listens. Throws what `failed` makes of the reason: the port is `taken`, or the system's message. */
export function listen(
  server: Server,
  { host, port }: Place,
  failed: (why: { taken: boolean; message: string }) => Error,
): Promise<number> {
  return new Promise((resolve, reject) => {
    // A connection that cannot be taken later on, where the process has too many files open, ends no server.
    server.on('error', ({ code, message }: NodeJS.ErrnoException) => reject(failed({ taken: code === 'EADDRINUSE', message })))
    server.listen(port, host, () => resolve((server.address() as AddressInfo).port))
  })
}

/** Whether a host is this machine and no other can reach it. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127(\.\d{1,3}){3}$/.test(host)
}

/** The name in a Host header, in lower case, without port and brackets. */
export function askedName(header: string | undefined): string {
  const host = header ?? ''
  const [, inBrackets, name] = /^(?:\[([^\]]*)\]|([^:]*))(?::\d*)?$/.exec(host) ?? []
  return (inBrackets ?? name ?? host).toLowerCase()
}
