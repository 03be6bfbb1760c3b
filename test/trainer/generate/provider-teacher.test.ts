/** The process of a teacher ends with whoever started it, however far it has come. */

import { spawn } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, it, vi } from 'vitest'
import { stringify } from 'yaml'
import { ConfigError } from '../../../src/engine/errors.ts'
import { ProviderTeacher } from '../../../src/trainer/generate/provider-teacher.ts'
import { TeacherError } from '../../../src/trainer/generate/teacher.ts'
import type { Suite } from '../../../src/trainer/suite/suite.ts'
import { inProofs } from '../../proofs.ts'
import { root } from '../runs.ts'

// promptfoo takes four seconds to start, on a machine that does other work many more.
vi.setConfig({ testTimeout: 200_000 })

/** The process of a teacher, and its folder of promptfoo. */
interface Started {
  pid: number
  folder: string
}

interface Place {
  suite: Suite
  /** What the provider said when it was loaded. */
  started(): Promise<Started>
}

/** A suite whose provider says in a file where it lives, holds that process open, and then does this while it loads. */
function place(loading = '', label = 'there'): Place {
  const folder = mkdtempSync(path.join(tmpdir(), 'pr1-teacher-test-'))
  const file = path.join(folder, 'teacher.yaml')
  const told = path.join(folder, 'started.json')
  writeFileSync(
    path.join(folder, 'teacher.mjs'),
    `import { renameSync, writeFileSync } from 'node:fs'
setInterval(() => {}, 1000)
const told = ${JSON.stringify(told)}
writeFileSync(told + '.part', JSON.stringify({ pid: process.pid, folder: process.env.PROMPTFOO_CONFIG_DIR }))
renameSync(told + '.part', told)
${loading}
export default class { id() { return 'there' } async callApi(prompt) { return { output: prompt } } }`,
  )
  writeFileSync(file, stringify({ prompts: ['p'], providers: [{ id: 'file://teacher.mjs', label: 'there' }], tests: [{ vars: { a: 1 } }] }))
  return {
    suite: { file, folder, provider: { label, config: {}, ours: false }, rows: [] },
    async started() {
      while (!existsSync(told)) await sleep(20)
      return JSON.parse(readFileSync(told, 'utf8'))
    },
  }
}

const question = { row: { prompt: 'say it', promptConfig: {}, vars: {}, test: {} }, try: 0, seed: 1 }

function lives(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}

it('ends where the suite has lost the provider', async () => {
  const { suite, started } = place('', 'gone')
  const teacher = new ProviderTeacher(suite, { timeout: 60 })
  await expect(teacher.ask(question)).rejects.toThrow(ConfigError)
  const { pid, folder } = await started()
  expect(lives(pid) && existsSync(folder)).toBe(true)
  await teacher.close()
  expect(lives(pid)).toBe(false)
  expect(existsSync(folder)).toBe(false)
})

it('ends with the run where it does not come to an end of loading', async () => {
  const { suite, started } = place('await new Promise(() => {})')
  const teacher = new ProviderTeacher(suite, { timeout: 60 })
  const stop = new AbortController()
  const asked = teacher.ask(question, stop.signal)
  const ended = expect(asked).rejects.toMatchObject({ name: 'AbortError' })
  const { pid, folder } = await started()
  expect(lives(pid) && existsSync(folder)).toBe(true)
  stop.abort()
  await ended
  await teacher.close()
  expect(lives(pid)).toBe(false)
  expect(existsSync(folder)).toBe(false)
})

it('has so long to load, and may be started again', async () => {
  const { suite, started } = place()
  const hasty = new ProviderTeacher(suite, { timeout: 60, startTimeout: 0.2 })
  const asked = hasty.ask(question)
  await expect(asked).rejects.toThrow(TeacherError)
  await expect(asked).rejects.toThrow(/cannot be asked: promptfoo was not ready within 0\.2 seconds/)
  await hasty.close()
  const teacher = new ProviderTeacher(suite, { timeout: 60 })
  for (const again of inProofs ? [0, 1] : [0]) {
    expect(await teacher.ask({ ...question, try: again })).toEqual({ output: 'say it' })
    await teacher.close()
    expect(lives((await started()).pid)).toBe(false)
  }
})

it('ends where the run is killed while it loads', async () => {
  const { suite, started } = place('await new Promise((done) => setTimeout(done, 2000))')
  const script = `
    import { ProviderTeacher } from ${JSON.stringify(path.join(root, 'src/trainer/generate/provider-teacher.ts'))}
    await new ProviderTeacher(${JSON.stringify(suite)}, { timeout: 60 }).ask(${JSON.stringify(question)})`
  const run = spawn(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', script], { cwd: root, stdio: 'ignore' })
  const { pid } = await started()
  run.kill('SIGKILL')
  for (let waited = 0; lives(pid) && waited < 30_000; waited += 100) await sleep(100)
  expect(lives(pid)).toBe(false)
})
