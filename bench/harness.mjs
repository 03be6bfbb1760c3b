// node bench/harness.mjs [--problems 500] [--repeats 20] [--width 64]: what this package adds to a run of promptfoo when generating costs nothing.
// Each line is a process of its own: promptfoo's evaluate() over a provider that hands out one ready response (plain) and with an
// extension that does nothing (hooked); the same response decoded, keyed and stored by our provider with our extension behind it (stored),
// read back from the store (again); and our provider without promptfoo, where all that holds up the event loop is ours (alone). Prints a table, then one JSON line.
// Machines are noisy: compare figures of one run only.
import { fork } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..')
const { values } = parseArgs({
  options: {
    problems: { type: 'string', default: '500' },
    repeats: { type: 'string', default: '20' },
    width: { type: 'string', default: '64' },
    modes: { type: 'string', default: 'plain,hooked,stored,again,alone,alone again' },
    mode: { type: 'string' },
    folder: { type: 'string' },
  },
})
const problems = Number(values.problems)
const repeats = Number(values.repeats)
const width = Number(values.width)
const rows = problems * repeats
const problem = (i) => `Use ${(i % 97) + 1}, ${(i % 89) + 2}, ${(i % 83) + 3}, ${i % 79} once each with + - * / to make ${i}.`

const quiet = {
  PROMPTFOO_DISABLE_TELEMETRY: '1',
  PROMPTFOO_DISABLE_UPDATE: '1',
  PROMPTFOO_DISABLE_DEBUG_LOG: '1',
  PROMPTFOO_DISABLE_ERROR_LOG: '1',
  LOG_LEVEL: 'error',
  PR1_SAMPLES: '',
}

if (values.mode) await measure(values.mode)
else await compare()

async function compare() {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'pr1-harness-'))
  const results = []
  try {
    for (const mode of values.modes.split(',')) {
      // A store and a home of promptfoo each; what is read again is what the mode before has stored.
      const home = path.join(folder, mode.replace(' ', '-'))
      mkdirSync(home)
      const before = mode.endsWith('again') && path.join(folder, mode === 'again' ? 'stored' : 'alone')
      if (before) cpSync(path.join(before, 'samples.db'), path.join(home, 'samples.db'))
      const args = ['--mode', mode, '--folder', home, '--problems', problems, '--repeats', repeats, '--width', width].map(String)
      const child = fork(fileURLToPath(import.meta.url), args, {
        env: { ...process.env, ...quiet, PROMPTFOO_CONFIG_DIR: home },
        stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
      })
      const result = await new Promise((resolve, reject) => {
        child.on('message', resolve)
        child.on('exit', (code) => reject(new Error(`${mode} ended with ${code}`)))
      })
      if (child.exitCode === null) await new Promise((resolve) => child.on('exit', resolve))
      results.push(result)
      console.error(`${mode}: ${result.seconds} s`)
    }
    console.table(results)
    console.log(JSON.stringify({ bench: 'harness', rows, width, results }))
  } finally {
    rmSync(folder, { recursive: true })
  }
}

async function measure(mode) {
  const [{ ModelPool }, { ParallelThinkingProvider }, { sharedSamples }] = await Promise.all([
    import('../dist/providers/pool.js'),
    import('../dist/providers/provider.js'),
    import('../dist/store/samples.js'),
  ])
  const file = path.join(values.folder, 'samples.db')
  const pool = new ModelPool(await instantly())
  const config = { checkpoint: path.join(root, 'suites/countdown/checkpoints/parallel-10'), device: 'cpu', threads: 1, samples: file }
  const provider = new ParallelThinkingProvider({ config }, pool)
  const promptfoo = mode.startsWith('alone') ? undefined : await import('promptfoo')
  const delay = monitorEventLoopDelay({ resolution: 1 })
  const cpu = process.cpuUsage()
  let reused = 0
  delay.enable()
  let start = performance.now()
  if (promptfoo) {
    const ready = await new ParallelThinkingProvider({ config: { ...config, samples: 'off' } }, pool).callApi(problem(0))
    const ours = mode === 'stored' || mode === 'again'
    const nothing = path.join(values.folder, 'nothing.mjs')
    writeFileSync(nothing, 'export async function afterAll() {}\n')
    const plain = { id: () => 'plain', callApi: async () => structuredClone(ready) }
    const summary = await promptfoo.evaluate(
      {
        prompts: ['{{ problem }}'],
        providers: [ours ? provider : plain],
        tests: Array.from({ length: problems }, (_, i) => ({ vars: { problem: problem(i), answer: '1' } })),
        defaultTest: { assert: [{ type: 'javascript', metric: 'answer', value: (output) => output.length > 10 }] },
        ...(mode !== 'plain' && { extensions: [`file://${ours ? path.join(root, 'dist/providers/hooks.js') : nothing}:afterAll`] }),
        writeLatestResults: true,
      },
      { maxConcurrency: width, repeat: repeats, showProgressBar: false },
    )
    const saved = (await summary.toEvaluateSummary()).results
    reused = saved.filter(({ response }) => response?.cached).length
    if (saved.length !== rows || saved.some(({ success }) => !success)) throw new Error(`${mode}: a row is missing or failed`)
  } else {
    // Reading the tokenizer and the model happens once, before there is anything to hold up.
    await provider.callApi(problem(problems))
    start = performance.now()
    delay.reset()
    let next = 0
    const worker = async () => {
      while (next < rows) {
        const row = next++
        const context = { vars: {}, prompt: { raw: '', label: '' }, repeatIndex: row % repeats }
        const { error, cached } = await provider.callApi(problem(Math.floor(row / repeats)), context)
        if (error) throw new Error(error)
        if (cached) reused++
      }
    }
    await Promise.all(Array.from({ length: width }, worker))
  }
  const seconds = (performance.now() - start) / 1000
  delay.disable()
  const { user, system } = process.cpuUsage(cpu)
  const { maxRSS } = process.resourceUsage()
  if (mode.endsWith('again') !== (reused === rows)) throw new Error(`${mode}: ${reused} of ${rows} rows came from the store`)
  await sharedSamples(file).close()
  const stored = statSync(file, { throwIfNoEntry: false })?.size ?? 0
  const round = (value, digits = 1) => Number(value.toFixed(digits))
  process.send({
    mode,
    seconds: round(seconds),
    msPerRow: round((seconds * 1000) / rows, 3),
    cpuMsPerRow: round((user + system) / 1000 / rows, 3),
    peakMB: Math.round(maxRSS / 1024),
    loopP99Ms: round(delay.percentile(99) / 1e6),
    loopMaxMs: round(delay.max / 1e6),
    storedMB: round(stored / 2 ** 20),
  })
  await pool.releaseAll()
  process.disconnect()
  setTimeout(() => process.exit(0), 1000).unref()
}

/** The usual opener, but for a model that has its answer ready: what the checkpoint said to the first problem. */
async function instantly() {
  const [{ openEngine }, { openCheckpoint }, { localThinker }] = await Promise.all([
    import('../dist/engine/open.js'),
    import('../dist/engine/checkpoint/folder.js'),
    import('../dist/thinking/thinker.js'),
  ])
  return {
    openEngine,
    openCheckpoint,
    async openThinker(engine, checkpoint) {
      const thinker = localThinker(await engine.load(checkpoint), { ownsModel: true })
      let answer
      return {
        think(request) {
          answer ??= thinker.think(request)
          return answer
        },
        close: () => thinker.close(),
      }
    },
  }
}
