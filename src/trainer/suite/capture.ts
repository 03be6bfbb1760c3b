/**
 * A promptfoo extension that writes down what an eval would have asked, instead of asking it.
 *
 * promptfoo has no public config loader, so `pr1-train` runs promptfoo's own CLI with this file as an extension:
 * `beforeAll` replaces every provider's `callApi` by one that records the rendered prompt, the variables and the test
 * as a JSON line and answers with an error, so that no assertion runs; `afterEach` records rows that failed before
 * they reached a provider (a template that does not render), which would otherwise be missing without a word.
 *
 * PR1_CAPTURE: the file to write. PR1_CAPTURE_TESTS: `0` leaves the assertions out (SFT needs none).
 */

import { closeSync, openSync, writeSync } from 'node:fs'
import { ConfigError } from '../../engine/errors.ts'
import { type GateSuite, gateSuite } from '../../gate/suite.ts'
import { variableFault } from '../../grading/variables.ts'
import { refuseDeep } from '../../json.ts'

interface CapturedProvider {
  constructor: { name: string }
  id(): string
  label?: string
  config?: unknown
  transform?: unknown
  callApi(prompt: string, context: CallContext): Promise<{ error: string }>
}

interface CallContext {
  vars: Record<string, unknown>
  prompt: { label?: string; config?: unknown }
  test: unknown
}

interface Suite extends GateSuite {
  providers: CapturedProvider[]
}

interface RowResult {
  error?: string | null
  testIdx?: number
  promptIdx?: number
}

/** What a captured row answers; anything else in `result.error` is a row that never reached the provider. */
const CAPTURED = 'captured by pr1-train'

const FLUSH_BYTES = 1 << 20

let file = -1
let pending = ''

function write(record: unknown): void {
  pending += `${JSON.stringify(record, plainData)}\n`
  if (pending.length >= FLUSH_BYTES) flush()
}

function flush(): void {
  if (pending.length > 0) writeSync(file, pending)
  pending = ''
}

/** Functions and live providers have no place in a file of data; a provider given as text or options has. */
function plainData(key: string, value: unknown): unknown {
  if (typeof value === 'function') return undefined
  if (key === 'provider' && typeof value === 'object' && value !== null && 'callApi' in value) return undefined
  return value
}

/** True when an assertion holds a function, which cannot be written down. */
function hasFunctionValue(test: unknown): boolean {
  const asserts = (test as { assert?: unknown })?.assert
  if (!Array.isArray(asserts)) return false
  return asserts.some((a) => typeof a?.value === 'function' || hasFunctionValue(a))
}

/** A row that nobody could read back. */
function depthFault(row: object): string | undefined {
  try {
    refuseDeep(row)
    return undefined
  } catch (error) {
    return `it has ${(error as Error).message}`
  }
}

/** promptfoo extension hook: opens the file and takes the place of every provider. */
export async function beforeAll(context: { suite: Suite }): Promise<{ suite: Suite }> {
  const { suite } = context
  const target = process.env.PR1_CAPTURE
  if (!target) throw new Error('PR1_CAPTURE is not set: this extension is started by pr1-train, not by hand.')
  const withTests = process.env.PR1_CAPTURE_TESTS !== '0'
  file = openSync(target, 'w')
  process.once('exit', () => {
    flush()
    closeSync(file)
  })
  for (const provider of suite.providers) {
    const name = provider.label || provider.id()
    write({
      kind: 'provider',
      label: name,
      id: provider.id(),
      config: provider.config ?? {},
      ours: provider.constructor.name === 'ParallelThinkingProvider',
      transform: provider.transform !== undefined,
    })
    provider.callApi = async (prompt, { vars: all, prompt: { config }, test }) => {
      const { __evalId: _id, __evalStepId: step, __repeatIndex: _repeat, ...vars } = all
      if (withTests && hasFunctionValue(test)) {
        write({ kind: 'error', message: 'an assertion is a function of a JavaScript config; name it as file://module.js:function instead' })
      }
      const row = { kind: 'row', provider: name, step, prompt, promptConfig: config, vars, test: withTests ? test : undefined }
      const fault = depthFault(row) ?? variableFault(vars)
      write(fault ? { kind: 'error', message: `${step}: ${fault}` } : row)
      return { error: CAPTURED }
    }
  }
  return { suite: gated(suite) }
}

/** Through the gate, or as it was with the reason why not. */
function gated(suite: Suite): Suite {
  try {
    return gateSuite(suite)
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    write({ kind: 'refused', message: error.message })
    return suite
  }
}

/** promptfoo extension hook: a row that failed on its way to the provider. */
export async function afterEach(context: { result?: RowResult }): Promise<void> {
  const { result } = context
  if (!result?.error || result.error.startsWith(CAPTURED)) return
  write({ kind: 'error', message: `test ${result.testIdx}, prompt ${result.promptIdx}: ${result.error}` })
}
