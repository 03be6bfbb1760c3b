/** `pr1-serve` as a process: what it prints, and how it ends. */

import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import OpenAI, { type APIError } from 'openai'
import { afterEach, describe, expect, it } from 'vitest'
import { root } from '../package/route.ts'
import { KEY, models } from './running.ts'

const folder = mkdtempSync(path.join(tmpdir(), 'pr1-serve-command-'))
const running: ChildProcess[] = []
afterEach(() => {
  for (const child of running.splice(0)) child.kill('SIGKILL')
})

async function start(more = ''): Promise<{ child: ChildProcess; url: string; said: () => string; ended: Promise<number | null> }> {
  const endless = path.join(await models(), 'endless')
  const file = path.join(folder, 'serve.yaml')
  writeFileSync(
    file,
    `models: [{ name: endless, checkpoint: ${JSON.stringify(endless)}, device: cpu, threads: 1, cacheTokens: 32768 }]\nkeyVariable: PR1_TEST_KEY\n${more}`,
  )
  const child = spawn(process.execPath, ['--import', 'tsx', path.join(root, 'src/serve/cli.ts'), '-c', file, '--port', '0'], {
    cwd: root,
    env: { ...process.env, PR1_TEST_KEY: KEY },
  })
  running.push(child)
  let said = ''
  for (const stream of [child.stdout, child.stderr]) stream!.on('data', (part) => (said += part))
  const ended = new Promise<number | null>((resolve) => child.once('close', (code) => resolve(code)))
  for (;;) {
    const [, url] = /Serving at (\S+)\/v1 with an API key\n {2}model endless, 8192 positions/.exec(said) ?? []
    if (url) return { child, url, said: () => said, ended }
    if (child.exitCode !== null) throw new Error(said)
    await sleep(20)
  }
}

const clientOf = (url: string) => new OpenAI({ baseURL: `${url}/v1`, apiKey: KEY, maxRetries: 0 })

/** A stream of 600 tokens; resolves to what came and how it ended. */
async function streamed(client: OpenAI, tokens: number, onFirst: () => void): Promise<{ text: string; end: unknown }> {
  let text = ''
  try {
    const stream = await client.completions.create({ model: 'endless', prompt: 'x', max_tokens: tokens, seed: 1, stream: true })
    let end: unknown
    for await (const { choices } of stream) {
      onFirst()
      text += choices[0]?.text ?? ''
      end = choices[0]?.finish_reason ?? end
    }
    return { text, end }
  } catch (error) {
    return { text, end: error }
  }
}

function lives(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}

describe('pr1-serve', () => {
  it('lets what is under way end at SIGTERM, refuses what comes, and never says its key', async () => {
    const { child, url, said, ended } = await start('limits: { maxTokens: 4000 }\n')
    const client = clientOf(url)
    const whole = await client.completions.create({ model: 'endless', prompt: 'x', max_tokens: 600, seed: 1 })
    let refused: Promise<unknown> | undefined
    const { text, end } = await streamed(client, 600, () => {
      if (refused) return
      child.kill('SIGTERM')
      refused = sleep(100).then(() =>
        client.models.list().then(
          () => 'taken',
          (error: APIError) => error,
        ),
      )
    })
    expect(end).toBe('length')
    expect(text).toBe(whole.choices[0].text)
    expect(await refused).toBeInstanceOf(OpenAI.APIError)
    expect(await ended).toBe(0)
    expect(said()).toContain('SIGTERM: letting what is under way end, for 30 s at most')
    expect(said()).not.toContain(KEY)
  })

  it('ends what is under way after stopSeconds, and tells its client', async () => {
    const { child, url, ended } = await start('limits: { stopSeconds: 0.2, maxTokens: 8000 }\n')
    let told = false
    const { end } = await streamed(clientOf(url), 8000, () => {
      if (!told) child.kill('SIGTERM')
      told = true
    })
    expect(end).toBeInstanceOf(OpenAI.APIError)
    expect((end as Error).message).toContain('The server stops')
    expect(await ended).toBe(0)
  })

  it('stops at once at the first signal while it loads, and leaves nothing behind', async () => {
    const temporary = mkdtempSync(path.join(folder, 'temporary-'))
    // What promptfoo waits for does not come.
    const waits = path.join(folder, 'waits.mjs')
    const pid = path.join(folder, 'pid')
    writeFileSync(
      waits,
      `import { writeFileSync } from 'node:fs'
      export default () => new Promise(() => {
        writeFileSync(${JSON.stringify(pid)}, String(process.pid))
        setTimeout(() => {}, 120_000)
      })`,
    )
    writeFileSync(path.join(folder, 'suite.yaml'), 'prompts: ["{{ q }}"]\nproviders: [echo]\ntests: file://waits.mjs\n')
    const endless = path.join(await models(), 'endless')
    const file = path.join(folder, 'loading.yaml')
    writeFileSync(
      file,
      `models: [{ name: endless, checkpoint: ${JSON.stringify(endless)}, device: cpu, threads: 1, cacheTokens: 1024 }]\nsuites: [{ name: s, suite: suite.yaml }]\n`,
    )
    const child = spawn(process.execPath, ['--import', 'tsx', path.join(root, 'src/serve/cli.ts'), '-c', file, '--port', '0'], {
      cwd: root,
      env: { ...process.env, TMPDIR: temporary },
    })
    running.push(child)
    let said = ''
    child.stderr.on('data', (part) => (said += part))
    const ended = new Promise((resolve) => child.once('close', resolve))
    while (!existsSync(pid) && child.exitCode === null) await sleep(20)
    expect(said).toContain('loading suite s')
    const waiting = Number(readFileSync(pid, 'utf8'))
    const start = performance.now()
    child.kill('SIGTERM')
    expect(await ended).toBe(143)
    expect(performance.now() - start).toBeLessThan(10_000)
    expect(said).toContain('SIGTERM: stopped before it served')
    expect(readdirSync(temporary).filter((name) => name.startsWith('pr1-suite-'))).toEqual([])
    await expect.poll(() => lives(waiting), { timeout: 10_000 }).toBe(false)
  })

  it('says in one line what it cannot serve', async () => {
    const said = async (text: string) => {
      const file = path.join(folder, 'broken.yaml')
      writeFileSync(file, text)
      const child = spawn(process.execPath, ['--import', 'tsx', path.join(root, 'src/serve/cli.ts'), '-c', file], { cwd: root })
      running.push(child)
      let errors = ''
      child.stderr.on('data', (part) => (errors += part))
      const code = await new Promise((resolve) => child.once('close', resolve))
      return { code, errors }
    }
    expect(await said('models: [{ name: m, checkpoint: ./nowhere }]\n')).toMatchObject({
      code: 1,
      errors: expect.stringMatching(/^loading model m\npr1-serve: .*nowhere.*\n$/),
    })
    expect((await said('models: [{ name: m, checkpoint: c }]\nhost: 0.0.0.0\n')).errors).toMatch(/needs an API key/)
  })
})
