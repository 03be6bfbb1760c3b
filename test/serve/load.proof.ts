/** 256 streams at once for a minute: every one comes whole and with the provider's text, and the memory stays as it is. */

import { spawn } from 'node:child_process'
import { mkdtempSync, writeFileSync } from 'node:fs'
import { Agent, request } from 'node:http'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { CallApiContextParams } from 'promptfoo'
import { expect, it } from 'vitest'
import { ModelPool } from '../../src/providers/pool.ts'
import { ParallelThinkingProvider } from '../../src/providers/provider.ts'
import { root } from '../package/route.ts'
import { models } from './running.ts'

const STREAMS = 256
const SECONDS = Number(process.env.PR1_SERVE_SECONDS ?? 60)
/** Until then heaps and caches fill. */
const WARM = SECONDS / 3

const model = { device: 'cpu', threads: 1, cacheTokens: 65_536 }
const prompts = Array.from({ length: 8 }, (_, i) => `Use ${i + 1}, ${i + 2}, 5 once each with + - * / to make ${i + 20}.`)
const cases = prompts.flatMap((prompt) => [1, 2].map((seed) => ({ prompt, seed })))

/** What the provider says. */
async function expected(folder: string): Promise<string[]> {
  const pool = new ModelPool()
  const texts: string[] = []
  for (const { prompt, seed } of cases) {
    const config = { basePath: folder, checkpoint: 'structured', chatTemplate: false, samples: 'off', seed, ...model }
    const context = { vars: {}, prompt: { raw: '', label: '', config: {} }, repeatIndex: 0 } as CallApiContextParams
    texts.push(String((await new ParallelThinkingProvider({ config }, pool).callApi(prompt, context)).output))
  }
  await pool.releaseAll()
  return texts
}

interface Streamed {
  text: string
  tokens: number
  done: boolean
  firstSeconds: number
}

/** One stream, read by hand: what a client makes of it costs more than the stream. */
function stream(url: string, agent: Agent, body: object): Promise<Streamed> {
  return new Promise((resolve, reject) => {
    const start = performance.now()
    const result: Streamed = { text: '', tokens: 0, done: false, firstSeconds: 0 }
    const asked = request(
      `${url}/v1/completions`,
      { method: 'POST', agent, headers: { 'content-type': 'application/json' } },
      (response) => {
        let rest = ''
        response.setEncoding('utf8')
        response.on('data', (part: string) => {
          const lines = (rest + part).split('\n')
          rest = lines.pop()!
          for (const line of lines) {
            if (line === 'data: [DONE]') result.done = true
            else if (line.startsWith('data: ')) {
              const { choices = [], usage, error } = JSON.parse(line.slice(6))
              if (error) return reject(new Error(error.message))
              result.firstSeconds ||= (performance.now() - start) / 1000
              result.text += choices[0]?.text ?? ''
              result.tokens = usage?.completion_tokens ?? result.tokens
            }
          }
        })
        response.on('end', () =>
          response.statusCode === 200 ? resolve(result) : reject(new Error(`status ${response.statusCode}: ${rest}`)),
        )
        response.on('error', reject)
      },
    )
    asked.on('error', reject)
    asked.end(JSON.stringify(body))
  })
}

async function residentMiB(url: string): Promise<number> {
  const text = await (await fetch(`${url}/metrics`)).text()
  return Number(/process_resident_memory_bytes (\d+)/.exec(text)![1]) / 2 ** 20
}

it(`${STREAMS} streams for ${SECONDS} s`, { timeout: 1000 * (SECONDS + 240) }, async () => {
  const folder = await models()
  const texts = await expected(folder)
  const file = path.join(mkdtempSync(path.join(tmpdir(), 'pr1-serve-load-')), 'serve.yaml')
  const entry = { name: 'm', checkpoint: path.join(folder, 'structured'), ...model }
  writeFileSync(file, JSON.stringify({ models: [entry], port: 0 }))
  const child = spawn(process.execPath, ['--import', 'tsx', path.join(root, 'src/serve/cli.ts'), '-c', file], { cwd: root })
  try {
    let said = ''
    for (const output of [child.stdout, child.stderr]) output.on('data', (part) => (said += part))
    let url: string | undefined
    while (url === undefined) {
      await sleep(50)
      if (child.exitCode !== null) throw new Error(said)
      url = /Serving at (\S+)\/v1/.exec(said)?.[1]
    }
    const agent = new Agent({ keepAlive: true, maxSockets: STREAMS })
    const end = performance.now() + 1000 * SECONDS
    const memory: number[] = []
    const firsts: number[] = []
    let [streams, tokens, next] = [0, 0, 0]
    const watch = async (): Promise<void> => {
      while (performance.now() < end) {
        memory.push(await residentMiB(url))
        await sleep(1000)
      }
    }
    const work = async (): Promise<void> => {
      while (performance.now() < end) {
        const k = next++ % cases.length
        const got = await stream(url, agent, { model: 'm', ...cases[k], stream: true, stream_options: { include_usage: true } })
        if (!got.done || got.text !== texts[k]) throw new Error(`stream ${streams}: done ${got.done}, ${JSON.stringify(got.text)}`)
        streams++
        tokens += got.tokens
        firsts.push(got.firstSeconds)
      }
    }
    await Promise.all([watch(), ...Array.from({ length: STREAMS }, work)])
    agent.destroy()
    const late = memory.slice(Math.floor((memory.length * WARM) / SECONDS))
    const [early, last] = [late.slice(0, Math.ceil(late.length / 2)), late.slice(Math.ceil(late.length / 2))]
    const at = (share: number) => firsts.sort((a, b) => a - b)[Math.floor(share * (firsts.length - 1))].toFixed(2)
    console.log(
      `${STREAMS} streams for ${SECONDS} s: ${streams} came whole, none was lost, ${Math.round(tokens / SECONDS)} tokens/s; first text after ${at(0.5)} s (median), ${at(0.99)} s (99 %); memory ${Math.round(Math.min(...late))} to ${Math.round(Math.max(...late))} MiB after ${Math.round(WARM)} s`,
    )
    expect(streams).toBeGreaterThanOrEqual(STREAMS)
    const answered = await (await fetch(`${url}/metrics`)).text()
    expect(answered).toContain(`pr1_requests_total{route="completions",status="200"} ${streams}`)
    expect(answered).not.toMatch(/pr1_requests_total\{route="completions",status="(?!200)/)
    expect(answered).toContain('pr1_answers 0\n')
    expect(Math.max(...last)).toBeLessThan(1.1 * Math.max(...early) + 16)
  } finally {
    child.kill('SIGKILL')
  }
})
