import { ConfigError } from '../engine/errors.ts'
import { checkpointPlace } from '../hub/place.ts'
import { serverSettings } from '../remote/settings.ts'
import type { ThinkingConfig } from './config.ts'
import type { ModelSettings } from './pool.ts'

/** How a configuration has its model loaded; paths are relative to `folder`. Throws ConfigError where it names none. */
export function modelSettings(config: ThinkingConfig, folder: string, env: Readonly<Record<string, unknown>> = process.env): ModelSettings {
  if (config.checkpoint === undefined) {
    throw new ConfigError(
      'The provider config needs "checkpoint". Got none. Name a Hugging Face folder, relative to the config file, or a model of the hub (owner/name).',
    )
  }
  if (config.checkpoint.includes('{{')) {
    const variable = /\benv\.(\w+)/.exec(config.checkpoint)?.[1]
    throw new ConfigError(
      `"checkpoint" holds a template that was not filled in. Got ${JSON.stringify(config.checkpoint)}. Set the environment variable${variable ? ` ${variable} to a checkpoint folder` : ''}, or give it a default: {{ env.NAME | default('folder', true) }}.`,
    )
  }
  const { ray, device, precision, numerics, threads, cacheTokens } = config
  const base = config.base === undefined ? undefined : checkpointPlace(config.base, folder)
  const checkpoint = checkpointPlace(config.checkpoint, folder)
  if (config.server && ray) {
    throw new ConfigError(
      '"ray" places workers of this package, and "server" names a server of somebody else. Got both. Leave one of them out.',
    )
  }
  const server = config.server && serverSettings(config.server, env)
  return { checkpoint, base, ...(server && { server }), ...(ray && { ray }), device, precision, numerics, threads, cacheTokens }
}
