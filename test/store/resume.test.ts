import { spawn } from 'node:child_process'
import { randomInt } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import os from 'node:os'
import path from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath, pathToFileURL } from 'node:url'
import Database from 'libsql'
import type { EvaluateResult, ProviderResponse } from 'promptfoo'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { inProofs } from '../proofs.ts'
import { writeTinyCheckpoint } from '../providers/tiny-checkpoint.ts'

const repository = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../..')
const folder = mkdtempSync(path.join(os.tmpdir(), 'pr1-resume-'))
const checkpoint = path.join(folder, 'model')
beforeAll(() => writeTinyCheckpoint(checkpoint))
afterAll(() => rmSync(folder, { recursive: true, maxRetries: 5 }))

/** What does not depend on where the sample came from, nor on the evaluation that its link leads to. */
const content = ({ cached: _, tokenUsage: __, metadata, ...rest }: ProviderResponse) => ({
  ...rest,
  metadata: { ...metadata, report: undefined },
})

/** Samples in a store that no process has open. */
function stored(file: string): number {
  const database = new Database(file, {})
  const { n } = database.prepare('SELECT count(*) AS n FROM samples').get([]) as { n: number }
  database.close()
  return n
}

interface Run {
  /** By row; holes where the process was killed before. */
  responses: ProviderResponse[]
  cached: number
  log: string
}

/** Answers all rows in a process of its own, which is killed when it has generated `killAfter` of them. */
function answerRows(samples: string, [prompts, repeats]: [number, number], killAfter = Number.POSITIVE_INFINITY): Promise<Run> {
  const script = path.join(repository, 'test/store/rows.ts')
  const args = ['--import', 'tsx', script, checkpoint, samples, String(prompts), String(repeats)]
  const child = spawn(process.execPath, args, { cwd: repository, env: { ...process.env, PR1_SAMPLES: '' } })
  const run: Run = { responses: [], cached: 0, log: '' }
  let generated = 0
  child.stderr.on('data', (data) => {
    run.log += data
  })
  createInterface({ input: child.stdout }).on('line', (line) => {
    if (child.killed) return
    const { row, response } = JSON.parse(line) as { row: number; response: ProviderResponse }
    run.responses[row] = response
    if (response.cached) run.cached++
    else if (++generated >= killAfter) child.kill('SIGKILL')
  })
  return new Promise((resolve, reject) => {
    child.on('error', reject)
    child.on('close', (code, signal) => {
      if (code === 0 || signal === 'SIGKILL') resolve(run)
      else reject(new Error(`exit ${code}\n${run.log}`))
    })
  })
}

describe('samples', () => {
  it('make a run that was killed again and again end as one that was not', async () => {
    const rows: [number, number] = [inProofs ? 60 : 20, 5]
    const whole = await answerRows(path.join(folder, 'whole.db'), rows)
    expect(whole.responses.filter(({ error }) => error)).toEqual([])
    expect(whole.cached).toBe(0)
    const expected = whole.responses.map(content)
    const file = path.join(folder, 'killed.db')
    const counts = [0]
    for (let kill = 0; kill < (inProofs ? 10 : 1); kill++) {
      const killAfter = inProofs ? randomInt(1, 30) : randomInt(20, 60)
      const { responses, log } = await answerRows(file, rows, killAfter)
      for (const [row, response] of responses.entries()) if (response) expect(content(response)).toEqual(expected[row])
      expect(log).toBe('')
      counts.push(stored(file))
    }
    expect(counts).toEqual([...counts].sort((a, b) => a - b))
    const last = await answerRows(file, rows)
    expect(last.responses.map(content)).toEqual(expected)
    expect(last.cached).toBe(counts.at(-1))
    expect(last.cached).toBeGreaterThan(0)
    expect(stored(file)).toBe(rows[0] * rows[1])
  })

  it('are shared by processes that run at the same time', async () => {
    const file = path.join(folder, 'shared.db')
    const rows: [number, number] = [20, 4]
    const runs = await Promise.all(Array.from({ length: inProofs ? 3 : 2 }, () => answerRows(file, rows)))
    for (const run of runs) {
      expect(run.log).toBe('')
      expect(run.responses.map(content)).toEqual(runs[0].responses.map(content))
    }
    const after = await answerRows(file, rows)
    expect(after.cached).toBe(80)
    expect(after.responses.map(content)).toEqual(runs[0].responses.map(content))
  })
})

interface Saved {
  results: { results: EvaluateResult[]; stats: { tokenUsage: { cached: number; completion: number; numRequests: number } } }
}

/** `promptfoo eval` on the provider's sources; killed as soon as its log shows that rows were generated, where `kill` says so. */
function promptfooEval(name: string, { args = [] as string[], passing = '<Parallel>', kill = 0 } = {}) {
  const provider = path.join(folder, 'provider.mts')
  writeFileSync(
    provider,
    `import { ParallelThinkingProvider } from ${JSON.stringify(pathToFileURL(path.join(repository, 'src/index.ts')).href)}
import { appendFileSync } from 'node:fs'
export default class extends ParallelThinkingProvider {
  async callApi(...args) {
    const response = await super.callApi(...args)
    appendFileSync(process.env.ROWS_LOG, response.cached ? 'c' : 'g')
    return response
  }
}`,
  )
  const config = path.join(folder, `${name}.json`)
  writeFileSync(
    config,
    JSON.stringify({
      prompts: ['Use {{ numbers }} once each to make {{ target }}.'],
      providers: [
        { id: `file://${provider}`, label: 'tiny', config: { checkpoint, samples: 'eval.db', seed: 3, device: 'cpu', threads: 1 } },
      ],
      tests: Array.from({ length: 12 }, (_, i) => ({
        vars: { numbers: `[${i}, 3, 5]`, target: String(i + 9) },
        assert: [{ type: 'contains', value: passing, metric: 'contains' }],
      })),
      commandLineOptions: { maxConcurrency: 8, repeat: 4 },
    }),
  )
  const require = createRequire(import.meta.url)
  const promptfoo = path.resolve(path.dirname(require.resolve('promptfoo')), '../..')
  const bin = path.join(promptfoo, JSON.parse(readFileSync(path.join(promptfoo, 'package.json'), 'utf8')).bin.promptfoo)
  const output = path.join(folder, `${name}.out.json`)
  const rowsLog = path.join(folder, `${name}.rows`)
  writeFileSync(rowsLog, '')
  const child = spawn(process.execPath, [bin, 'eval', '-c', config, '-o', output, '--no-progress-bar', '--no-table', ...args], {
    cwd: folder,
    env: {
      ...process.env,
      NODE_ENV: 'production',
      PR1_SAMPLES: '',
      ROWS_LOG: rowsLog,
      PROMPTFOO_CONFIG_DIR: path.join(folder, 'promptfoo'),
      PROMPTFOO_DISABLE_TELEMETRY: '1',
      PROMPTFOO_DISABLE_UPDATE: '1',
      PROMPTFOO_DISABLE_DEBUG_LOG: '1',
      PROMPTFOO_DISABLE_SHARING: '1',
      PROMPTFOO_FAILED_TEST_EXIT_CODE: '0',
    },
  })
  let log = ''
  child.stdout.on('data', (data) => (log += data))
  child.stderr.on('data', (data) => (log += data))
  const watch = setInterval(() => {
    if (kill > 0 && readFileSync(rowsLog, 'utf8').length >= kill) child.kill('SIGKILL')
  }, 5)
  return new Promise<{ rows: EvaluateResult[]; sources: string; usage: Saved['results']['stats']['tokenUsage'] }>((resolve, reject) => {
    child.on('error', reject)
    child.on('close', (code, signal) => {
      clearInterval(watch)
      const sources = [...readFileSync(rowsLog, 'utf8')].sort().join('')
      if (signal === 'SIGKILL') return resolve({ rows: [], sources, usage: { cached: 0, completion: 0, numRequests: 0 } })
      if (code !== 0) return reject(new Error(`exit ${code}\n${log}`))
      const { results } = JSON.parse(readFileSync(output, 'utf8')) as Saved
      resolve({ rows: results.results.sort((a, b) => a.testIdx - b.testIdx), sources, usage: results.stats.tokenUsage })
    })
  })
}

describe.runIf(inProofs)('promptfoo eval', () => {
  const outcome = (rows: EvaluateResult[]) =>
    rows.map(({ vars, success, score, namedScores, response }) => ({ vars, success, score, namedScores, response: content(response!) }))

  it('goes on where it was killed, costs nothing the second time, and grades anew without generating', async () => {
    const killed = await promptfooEval('eval', { kill: 20 })
    expect(killed.rows).toEqual([])
    const before = stored(path.join(folder, 'eval.db'))
    const finished = await promptfooEval('eval')
    expect(finished.sources).toBe('c'.repeat(before) + 'g'.repeat(48 - before))
    const again = await promptfooEval('eval', { passing: '<Path>' })
    expect(again.sources).toBe('c'.repeat(48))
    expect(again.usage).toMatchObject({ completion: 0, numRequests: 0 })
    // New samples on demand: an uninterrupted run, which all others equal.
    const whole = await promptfooEval('eval', { args: ['--no-cache'] })
    expect(whole.sources).toBe('g'.repeat(48))
    expect(outcome(finished.rows)).toEqual(outcome(whole.rows))
    expect(outcome(again.rows).map(({ response }) => response)).toEqual(outcome(whole.rows).map(({ response }) => response))
    expect(again.usage.cached).toBe(whole.rows.reduce((sum, { response }) => sum + response!.tokenUsage!.total!, 0))
  })
})
