/** How the environment leads to the Hugging Face hub, by the names that its own tools read. */

import { readFileSync } from 'node:fs'
import path from 'node:path'
import { show } from '../engine/checkpoint/problem.ts'
import { ConfigError } from '../engine/errors.ts'

export interface HubAccess {
  /** URL of the hub without a slash at the end. */
  endpoint: string
  token?: string
  offline: boolean
  /** Folder of its cache; undefined where there is no home. */
  cache?: string
}

/**
 * Reads HF_ENDPOINT, HF_TOKEN (else the file that `hf auth login` writes), HF_HUB_OFFLINE, HF_HUB_CACHE and HF_HOME.
 * https://huggingface.co/docs/huggingface_hub/package_reference/environment_variables
 * @throws ConfigError where they cannot be used
 */
export function hubAccess(env: NodeJS.ProcessEnv): HubAccess {
  const user = env.HOME ?? env.USERPROFILE
  const caches = env.XDG_CACHE_HOME || (user && path.join(user, '.cache'))
  const home = env.HF_HOME || (caches && path.join(caches, 'huggingface'))
  const token = env.HF_TOKEN?.trim() || readToken(env.HF_TOKEN_PATH || (home && path.join(home, 'token')))
  if (token && !/^[\x21-\x7e]+$/.test(token)) {
    throw new ConfigError('HF_TOKEN holds characters that no token has, such as spaces. Copy it again, or unset it.')
  }
  return {
    endpoint: endpointOf(env.HF_ENDPOINT?.trim() || 'https://huggingface.co'),
    token,
    offline: /^(1|on|yes|true)$/i.test(env.HF_HUB_OFFLINE?.trim() ?? ''),
    cache: env.HF_HUB_CACHE || env.HUGGINGFACE_HUB_CACHE || (home && path.join(home, 'hub')),
  }
}

function endpointOf(value: string): string {
  try {
    const { protocol, host, pathname } = new URL(value)
    return `${protocol}//${host}${pathname.replace(/\/+$/, '')}`
  } catch {
    throw new ConfigError(`HF_ENDPOINT must be a URL. Got ${show(value)}. For example https://huggingface.co; or unset it.`)
  }
}

function readToken(file: string | undefined): string | undefined {
  try {
    return (file && readFileSync(file, 'utf8').trim()) || undefined
  } catch {
    return undefined
  }
}
