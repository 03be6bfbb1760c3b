/** Which address means what. */

import { Problem } from './http/problem.ts'

/** Names of the addresses: labels of metrics, so there are no others. */
export type RouteName = 'health' | 'metrics' | 'models' | 'model' | 'completions' | 'chat' | 'score' | 'suites' | 'rows'

export interface Route {
  name: RouteName
  method: 'GET' | 'POST'
  /** What stands in its place in the address. */
  argument?: string
  query: URLSearchParams
}

const FIXED: Readonly<Record<string, Pick<Route, 'name' | 'method'>>> = {
  '/health': { name: 'health', method: 'GET' },
  '/metrics': { name: 'metrics', method: 'GET' },
  '/v1/models': { name: 'models', method: 'GET' },
  '/v1/completions': { name: 'completions', method: 'POST' },
  '/v1/chat/completions': { name: 'chat', method: 'POST' },
  '/v1/score': { name: 'score', method: 'POST' },
  '/v1/suites': { name: 'suites', method: 'GET' },
}

/** Throws Problem 404, and 405 where the address is there for another method. */
export function routeOf(method: string, address: string): Route {
  const { path, query } = parsed(address)
  const fixed = Object.hasOwn(FIXED, path) ? { ...FIXED[path], argument: undefined } : withName(path)
  if (!fixed) {
    const known = [...Object.keys(FIXED), '/v1/models/{name}', '/v1/suites/{name}/rows'].join(', ')
    throw new Problem(404, `There is nothing at ${JSON.stringify(path.slice(0, 100))}. There are ${known}.`, { code: 'unknown_url' })
  }
  if (method !== fixed.method) {
    throw new Problem(405, `${path.slice(0, 100)} is asked with ${fixed.method}. Got ${method}.`, { headers: { allow: fixed.method } })
  }
  return { ...fixed, query }
}

/** The path as a client wrote it, and decoded. */
function parsed(address: string): { path: string; query: URLSearchParams } {
  try {
    const { pathname, searchParams } = new URL(address, 'http://server')
    return { path: decodeURIComponent(pathname), query: searchParams }
  } catch {
    throw new Problem(400, 'This is no address.', { code: 'unknown_url' })
  }
}

/** A name may hold slashes: they stand as they are or as %2F. */
function withName(path: string): (Pick<Route, 'name' | 'method'> & { argument: string }) | undefined {
  const [, model] = /^\/v1\/models\/(.+)$/s.exec(path) ?? []
  if (model !== undefined) return { name: 'model', method: 'GET', argument: model }
  const [, suite] = /^\/v1\/suites\/(.+)\/rows$/s.exec(path) ?? []
  return suite === undefined ? undefined : { name: 'rows', method: 'GET', argument: suite }
}
