/** A run whose stages ask a provider alone: no weights are made or read, and its states hold none. */

import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { afterEach, beforeAll, expect, it, vi } from 'vitest'
import { NativeEngine } from '../../../src/engine/native/engine.ts'
import { run as runProcess } from '../../package/route.ts'
import { root } from '../runs.ts'
import { learn, lines, type ProjectOptions, project, read, runFile, sums } from './project.ts'

// promptfoo takes four seconds to start, on a machine that does other work many more.
vi.setConfig({ testTimeout: 300_000 })

beforeAll(() => {
  runProcess(process.execPath, [path.join(root, 'scripts/build.mjs'), '--if-needed'], root)
}, 300_000)
afterEach(() => {
  vi.restoreAllMocks()
})

/** Adds in two ways, a little later. */
const TEACHER = `export default class {
  id() { return 'adds' }
  async callApi(prompt) {
    const [a, b] = prompt.match(/\\d+/g).map(Number)
    await new Promise((done) => setTimeout(done, 50))
    const block = \`<Parallel><Path>\${a} plus \${b} is \${a + b}.</Path><Path>Count on from \${b}: \${a + b}.</Path></Parallel><Summary>\${a + b}</Summary>\`
    return { output: \`\${block}\\n\\nFinal Answer: \${a + b}\` }
  }
}
`

async function asking(options: Partial<ProjectOptions> = {}): Promise<{ file: string; home: string }> {
  const file = await project({ provider: { id: 'file://teacher.mjs', label: 'adds' }, generate: { tries: 1, concurrency: 1 }, ...options })
  writeFileSync(path.join(path.dirname(file), 'teacher.mjs'), TEACHER)
  return { file, home: path.join(path.dirname(file), 'run') }
}

const watchModels = () => ({ create: vi.spyOn(NativeEngine.prototype, 'create'), load: vi.spyOn(NativeEngine.prototype, 'load') })

it('is planned, asked, interrupted and gone on with without a model', async () => {
  const { create, load } = watchModels()
  const { file, home } = await asking()
  const stop = new AbortController()
  const answers = path.join(home, 'teach/answers.jsonl')
  const watch = setInterval(() => existsSync(answers) && readFileSync(answers, 'utf8').split('\n').length > 3 && stop.abort(), 2)
  const { outcome, text } = await runFile(file, { signal: stop.signal })
  clearInterval(watch)
  expect(outcome).toBe('interrupted')
  expect(text).toContain('Model: only its tokenizer and its sizes are read.')
  for (const part of ['Parameters', 'Memory plan', 'moments', 'KV cache']) expect(text).not.toContain(part)
  const before = lines(read(file, 'answers.jsonl')).length - 1
  expect(before).toBeLessThan(sums.length)

  const resumed = await runFile(file, { resume: true })
  expect(resumed.text).toContain(`${before} are there already`)
  expect(resumed.text).toMatch(/Finished: the answers are in .*teach/)
  expect(lines(read(file, 'kept.jsonl')).map(({ vars }) => vars.problem)).toEqual(sums.map(({ problem }) => problem))
  for (const made of [create, load]) expect(made).not.toHaveBeenCalled()

  // What it wrote: answers, the place, no weights.
  const state = path.join(home, 'checkpoints/step-00000000/trainer/state.json')
  expect(JSON.parse(readFileSync(state, 'utf8'))).toMatchObject({ stage: 1, weights: 'unchanged', base: '', files: {} })
  const written = readdirSync(home, { recursive: true, encoding: 'utf8' })
  expect(written.filter((name) => name.endsWith('.safetensors'))).toEqual([])
  expect(written).not.toContain('final')
  await expect(runFile(file, { resume: true, sets: ['seed=4'] })).rejects.toThrow('To train with the new values, choose another --output')

  // Damage of the place is told as damage of any state.
  writeFileSync(state, readFileSync(state, 'utf8').replace('"stage": 1', '"stage": 0'))
  await expect(runFile(file, { resume: true })).rejects.toThrow(/checksum/)
})

it('reads no weights of a checkpoint, which a stage that trains does', async () => {
  const { create, load } = watchModels()
  const model = { checkpoint: path.join(root, 'suites/countdown/checkpoints/parallel-10') }
  const { file } = await asking({ model })
  const { text } = await runFile(file, { dryRun: true, sets: ['precision=int8'] })
  expect(text).toContain('Model: only its tokenizer')
  expect(load).not.toHaveBeenCalled()
  const whole = await asking({ model, stages: [learn] })
  mkdirSync(whole.home, { recursive: true })
  expect((await runFile(whole.file, { dryRun: true })).text).toContain('Memory plan')
  expect(load).toHaveBeenCalledOnce()
  expect(create).not.toHaveBeenCalled()
})
