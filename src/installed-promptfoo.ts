/** Where the promptfoo that is installed beside this package lies, for what only its command line does. */

import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync, readFileSync, realpathSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { isMainThread } from 'node:worker_threads'
import { ConfigError } from './engine/errors.ts'

/** The folder of the installed promptfoo: beside `near`, beside this package, or where the process runs. Throws ConfigError where there is none. */
function promptfooFolder(near: string): string {
  for (const base of [near, fileURLToPath(import.meta.url), resolve('package.json')]) {
    try {
      return resolve(dirname(createRequire(base).resolve('promptfoo')), '../..')
    } catch {
      // Not installed from there: look from the next place.
    }
  }
  throw new ConfigError('promptfoo is not installed. Its evaluations are read, resolved and scored with it: npm install promptfoo.')
}

/** The script behind the command `promptfoo`. */
export function promptfooScript(near: string): string {
  const folder = promptfooFolder(near)
  const { bin } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as { bin: { promptfoo: string } }
  return join(folder, bin.promptfoo)
}

let isCommand: boolean | undefined

/** Whether this process is promptfoo's command line. */
export function isPromptfoo(): boolean {
  if (isCommand !== undefined) return isCommand
  try {
    const command = realpathSync(process.argv[1])
    // Its script puts that of another file in the place of its own name.
    isCommand = dirname(command) === dirname(realpathSync(promptfooScript(command)))
  } catch {
    isCommand = false
  }
  return isCommand
}

/**
 * Makes `import()` understand TypeScript as promptfoo does, with the tsx that it depends on. False where there is none. `near` may be a command,
 * which is a link. The entry of tsx registers it once for both, but does nothing in a worker.
 */
export async function loadTypeScript(near: string): Promise<boolean> {
  try {
    const { resolve: find } = createRequire(join(promptfooFolder(existsSync(near) ? realpathSync(near) : near), 'package.json'))
    if (isMainThread) await import(pathToFileURL(find('tsx')).href)
    else {
      for (const kind of ['cjs', 'esm']) {
        const api = (await import(pathToFileURL(join(find('tsx/package.json'), `../dist/${kind}/api/index.mjs`)).href)) as Api
        api.register()
      }
    }
    return true
  } catch {
    return false
  }
}

interface Api {
  register(): unknown
}

/** Most characters that are kept of what it says: the end tells why it failed. */
const LONGEST_LOG = 20_000

interface PromptfooOptions {
  /** Looks for promptfoo from here first. */
  near: string
  cwd?: string
  env?: NodeJS.ProcessEnv
  signal?: AbortSignal
}

/** Starts promptfoo's command line, without telemetry. `log` gives the end of what it said so far. */
export function startPromptfoo(
  args: readonly string[],
  {
    near,
    cwd,
    env,
    signal,
    ipc = false,
  }: PromptfooOptions & { /** Messages go both ways, and signals of the terminal do not reach it. */ ipc?: boolean },
): { child: ChildProcess; log: () => string } {
  const child = spawn(process.execPath, [promptfooScript(near), ...args], {
    cwd,
    env: { ...process.env, PROMPTFOO_DISABLE_TELEMETRY: '1', PROMPTFOO_DISABLE_UPDATE: '1', ...env },
    stdio: ['ignore', 'pipe', 'pipe', ...(ipc ? (['ipc'] as const) : [])],
    signal,
    detached: ipc,
  })
  let log = ''
  const collect = (data: Buffer): void => {
    log = (log + data.toString()).slice(-LONGEST_LOG)
  }
  child.stdout!.on('data', collect)
  child.stderr!.on('data', collect)
  return { child, log: () => log }
}

/** Runs promptfoo's command line to its end, without telemetry. `log` is the end of what it said. */
export async function runPromptfoo(args: readonly string[], options: PromptfooOptions): Promise<{ code: number | null; log: string }> {
  const { child, log } = startPromptfoo(args, options)
  const code = await new Promise<number | null>((done, fail) => {
    child.once('error', fail)
    child.once('close', done)
  })
  return { code, log: log() }
}
