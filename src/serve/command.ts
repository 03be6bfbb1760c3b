/** What `pr1-serve` does with its arguments. */

import { setTimeout as sleep } from 'node:timers/promises'
import { runCommand, UsageError } from '../cli/arguments.ts'

const USAGE = `pr1-serve -c serve.yaml [options]

Serves models over the completions and chat interfaces of OpenAI, with blocks of parallel paths inside, and suites whose assertions grade
what others wrote. It listens on this machine only, unless the file says otherwise.

  -c, --config <file>      what is served (YAML)
      --host <address>     instead of the file's "host"
      --port <n>           instead of the file's "port"; 0: a free one, which is printed
  -h, --help               this text
      --version            version of the package

SIGTERM and Ctrl-C let what is under way end, within the file's limits.stopSeconds, and refuse what comes. A second one stops at
once, and so does the first one as long as the server loads.`

const OPTIONS = { config: { type: 'string', short: 'c' }, host: { type: 'string' }, port: { type: 'string' } } as const

/** Signals that stop, and the exit code where nothing was let end: 128 and the signal's number, as shells report it. */
const EXIT_CODES = { SIGINT: 130, SIGTERM: 143 }
type Signal = keyof typeof EXIT_CODES
/** How long a server that loads may take to release what it has. */
const RELEASE_MS = 1000

/** Runs until it is told to stop, and returns the exit code. Throws UsageError, ConfigError, and what cannot be loaded. */
export function serveCommand(args: readonly string[], print: (text: string) => void): Promise<number> {
  return runCommand({ name: 'pr1-serve', usage: USAGE, options: OPTIONS }, args, print, async ({ values, positionals }) => {
    const { config: file, host, port } = values
    if (file === undefined || positionals.length > 0) {
      const got = positionals.length > 0 ? `"${positionals[0]}"` : 'none'
      throw new UsageError(`pr1-serve takes one file, after -c. Got ${got}. Run: pr1-serve -c ${file ?? positionals[0] ?? 'serve.yaml'}`)
    }
    // The engine loads after the command line was understood.
    const [{ readServeConfig }, { serve }] = await Promise.all([import('./config-file.ts'), import('./server.ts')])
    const config = readServeConfig(file, { host, port })
    const told = signalled()
    const loading = new AbortController()
    const started = serve(config, { onLoad: (what) => process.stderr.write(`loading ${what}\n`), signal: loading.signal })
    const early = await Promise.race([started.then(() => undefined), told])
    if (early) {
      loading.abort()
      const released = started.then(
        (server) => server.stop({ now: true }),
        () => {},
      )
      // What is being read now cannot be broken off.
      await Promise.race([released, sleep(RELEASE_MS)])
      process.stderr.write(`\n${early}: stopped before it served\n`)
      return EXIT_CODES[early]
    }
    const server = await started
    const { url, models, suites } = server
    print(`Serving at ${url}/v1 ${config.keys.length > 0 ? 'with an API key' : 'without an API key, to this machine only'}\n`)
    for (const { name, contextTokens } of models) print(`  model ${name}, ${contextTokens} positions\n`)
    for (const { name, suite } of suites) print(`  suite ${name}, ${suite.rows.length} rows\n`)
    const signal = await told
    process.stderr.write(
      `\n${signal}: letting what is under way end, for ${config.limits.stopSeconds} s at most; once more to stop at once\n`,
    )
    await server.stop()
    return 0
  })
}

/** Resolves at the first signal that stops. The next one ends the process. */
function signalled(): Promise<Signal> {
  return new Promise((resolve) => {
    let received = false
    for (const signal of Object.keys(EXIT_CODES) as Signal[]) {
      process.on(signal, () => {
        if (received) process.exit(EXIT_CODES[signal])
        received = true
        resolve(signal)
      })
    }
  })
}
