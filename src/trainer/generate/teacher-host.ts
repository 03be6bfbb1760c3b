/**
 * A promptfoo extension in whose process a teacher answers. promptfoo itself loads the provider, so whatever it can ask is asked as in
 * `promptfoo eval`, and no test is evaluated: the questions come from pr1-train, one message each (provider-teacher.ts). A provider that
 * hangs, or ends its process, takes nothing of the run with it.
 *
 * PR1_ASKED: label of the provider entry, or the id of one without a label.
 */

import { setTimeout as sleep } from 'node:timers/promises'
import type { HostMessage, HostRequest } from './provider-teacher.ts'

interface LiveProvider {
  id(): string
  label?: string
  delay?: number
  callApi(prompt: string, context: object, options: object): Promise<Record<string, unknown>>
  cleanup?(): unknown
}

/** Most characters of metadata that are kept of an answer: assertions of others may read it. */
const LONGEST_METADATA = 100_000
/** Milliseconds for a provider to let go of what it holds. */
const CLEANUP = 3000

const calls = new Map<number, AbortController>()

const send = (message: HostMessage): void => {
  // The run may be gone.
  if (process.connected) process.send!(message, undefined, undefined, () => {})
}

/** promptfoo extension hook: answers until nobody is there to ask. */
export async function beforeAll({ suite }: { suite: { providers: LiveProvider[] } }): Promise<void> {
  if (!process.send) throw new Error('teacher-host is started by pr1-train, not by hand.')
  // It went while promptfoo loaded.
  if (!process.connected) process.exit(0)
  const provider = suite.providers.find((one) => (one.label || one.id()) === process.env.PR1_ASKED)
  const gone = new Promise<void>((resolve) => process.once('disconnect', resolve))
  process.on('message', (request: HostRequest) => {
    if ('cancel' in request) calls.get(request.cancel)?.abort()
    else if (provider) void answer(provider, request)
  })
  send({ ready: provider !== undefined })
  await gone
  await Promise.race([Promise.resolve(provider?.cleanup?.()).catch(() => {}), sleep(CLEANUP)])
  process.exit(0)
}

async function answer(
  provider: LiveProvider,
  { id, prompt, promptConfig, vars, test, repeatIndex, seed }: Extract<HostRequest, { id: number }>,
): Promise<void> {
  const stop = new AbortController()
  calls.set(id, stop)
  // Providers that draw take their seed from here; others look at the repeat.
  const config = { ...promptConfig, seed }
  const context = {
    vars: { ...vars, __repeatIndex: repeatIndex },
    prompt: { raw: prompt, label: prompt, config },
    test: test ?? {},
    repeatIndex,
  }
  let message: HostMessage
  try {
    const response = await provider.callApi(prompt, context, { abortSignal: stop.signal })
    message = { id, response: plainData(response ?? {}) }
  } catch (error) {
    message = { id, response: { error: String((error as Error)?.message ?? error) } }
  }
  calls.delete(id)
  if (provider.delay) await sleep(provider.delay)
  send(message)
}

/** What is kept of a response, as data that JSON holds. */
function plainData(response: Record<string, unknown>): Record<string, unknown> {
  const { output, error, tokenUsage, cost, finishReason, metadata } = response
  // Headers of a transfer, such as its date, are no part of an answer.
  const { http: _, ...about } = (metadata ?? {}) as Record<string, unknown>
  const kept = metadata === undefined ? undefined : jsonOf(about)
  return {
    output: jsonOf(output)?.value ?? null,
    ...(error !== undefined && error !== null && { error: String(error) }),
    ...(tokenUsage !== undefined && { tokenUsage: jsonOf(tokenUsage)?.value }),
    ...(cost !== undefined && { cost }),
    ...(finishReason !== undefined && { finishReason }),
    ...(kept && kept.length <= LONGEST_METADATA && { metadata: kept.value }),
  }
}

function jsonOf(value: unknown): { value: unknown; length: number } | undefined {
  if (value === undefined) return undefined
  try {
    const text = JSON.stringify(value)
    return text === undefined ? undefined : { value: JSON.parse(text), length: text.length }
  } catch {
    return undefined
  }
}
