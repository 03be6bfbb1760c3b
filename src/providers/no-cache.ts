import type { CallApiContextParams } from 'promptfoo'

/**
 * Whether the user asked for new samples: `--no-cache`, `cache: false` in the config or in `evaluate()`, PROMPTFOO_CACHE_ENABLED=false,
 * or promptfoo itself for one call. promptfoo tells its own providers through a module that others cannot import without
 * loading promptfoo a second time; what a call can see is the cache it is given, which is a file unless caching is off.
 */
export function wantsNewSample(context: CallApiContextParams | undefined): boolean {
  if (context?.bustCache) return true
  const { PROMPTFOO_CACHE_ENABLED: enabled, PROMPTFOO_CACHE_TYPE: type, NODE_ENV: environment } = process.env
  if (enabled && !/^(1|true|yes|yup|yeppers)$/i.test(enabled)) return true
  if (process.argv.includes('--no-cache')) return true
  // Where the cache is kept in memory anyway, it does not show.
  if ((type || (environment === 'test' ? 'memory' : 'disk')) !== 'disk') return false
  const stores: unknown = context?.getCache?.()?.stores
  return Array.isArray(stores) && !stores.some(isFile)
}

/** A Keyv over keyv-file, as promptfoo makes it; with caching off there is a Keyv over a Map. */
function isFile(keyv: { store?: unknown; opts?: { store?: unknown } }): boolean {
  const store = keyv.store ?? keyv.opts?.store
  return store !== undefined && !(store instanceof Map)
}
