/** Worker threads of this package. */

import { createRequire } from 'node:module'
import { pathToFileURL } from 'node:url'
import { SHARE_ENV, Worker } from 'node:worker_threads'

/**
 * Starts the module `name` that lies beside the module `near` (its import.meta.url): `name.js` when built, and in a checkout `name.ts`, which
 * tsx translates for the tests. It shares the process's environment, of which a worker has a copy otherwise.
 */
export function startWorker(name: string, near: string): Worker {
  if (!near.endsWith('.ts')) return new Worker(new URL(`./${name}.js`, near), { env: SHARE_ENV })
  const loader = new URL('dist/esm/api/index.mjs', pathToFileURL(createRequire(import.meta.url).resolve('tsx/package.json')))
  const script = `import('${loader}').then(({ tsImport }) => tsImport('./${name}.ts', '${near}'))`
  return new Worker(script, { eval: true, env: SHARE_ENV })
}
