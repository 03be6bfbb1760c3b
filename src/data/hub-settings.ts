/** How problem sets are asked for at the hub: what the environment and the caller say, and bounds. */

import { isIP } from 'node:net'
import { hubAccess } from '../hub/access.ts'
import type { Advice, RequestOptions } from '../hub/request.ts'
import { cacheFolder } from './cache.ts'

/** What the environment says about the hub. */
export interface HubSettings {
  /** URLs of the hub and of its dataset server, without a slash at the end. */
  hub: string
  server: string
  token?: string
  offline: boolean
  cache: string
}

export interface FetchOptions extends Omit<RequestOptions, 'token' | 'advice'> {
  /** Ask again although the split is in the cache. */
  fresh?: boolean
  /** Told as rows arrive: how many of how many are there. */
  progress?(rows: number, total: number): void
}

/** Ten times the largest set that is known here; a page each hundred. Rows are held in memory. */
export const MOST_ROWS = 1_000_000

/** What to do where the hub gives no problem sets. */
export const ADVICE: Advice = {
  gone: 'The data set may have moved.',
  otherWays: 'Check the network, set HF_ENDPOINT to a mirror, or PR1_DATA to a folder with the problem sets.',
}

/** Reads HF_ENDPOINT, HF_TOKEN, HF_HUB_OFFLINE and PR1_CACHE. Throws ConfigError where they cannot be used. */
export function hubSettings(env: NodeJS.ProcessEnv): HubSettings {
  const { endpoint, token, offline } = hubAccess(env)
  // The dataset server of a hub is its subdomain `datasets-server`; a bare address or localhost serves both.
  const { hostname } = new URL(endpoint)
  const address = isIP(hostname.replace(/^\[|\]$/g, '')) !== 0 || hostname === 'localhost'
  const server = address ? endpoint : endpoint.replace('://', '://datasets-server.')
  return { hub: endpoint, server, token, offline, cache: cacheFolder(env) }
}
