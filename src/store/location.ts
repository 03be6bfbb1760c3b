import os from 'node:os'
import path from 'node:path'

/** Says in place of a path that no samples are kept. */
const OFF = 'off'

interface LocationOptions {
  /** `samples` of the provider config: a file relative to `basePath`, or `off`. */
  configured?: string
  /** Folder of the config file. */
  basePath: string
  env: Readonly<Record<string, string | undefined>>
}

/**
 * Absolute path of the file that keeps samples; undefined where none are kept. `PR1_SAMPLES` (relative to the working directory)
 * comes before the config, and that before promptfoo's own data folder: `PROMPTFOO_CONFIG_DIR`, else `~/.promptfoo`.
 */
export function samplesFile({ configured, basePath, env }: LocationOptions): string | undefined {
  const named = env.PR1_SAMPLES?.trim()
  if (named) return named === OFF ? undefined : path.resolve(named)
  if (configured !== undefined) return configured === OFF ? undefined : path.resolve(basePath, configured)
  return path.resolve(env.PROMPTFOO_CONFIG_DIR || path.join(os.homedir(), '.promptfoo'), 'parallel-r1', 'samples.db')
}
