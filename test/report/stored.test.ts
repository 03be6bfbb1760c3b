import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { afterAll, expect, it, vi } from 'vitest'
import { promptfooScript } from '../../src/installed-promptfoo.ts'
import { readStored } from '../../src/report/stored.ts'
import { inProofs } from '../proofs.ts'

const home = mkdtempSync(path.join(os.tmpdir(), 'pr1-stored-'))
vi.stubEnv('PROMPTFOO_CONFIG_DIR', home)
vi.stubEnv('PROMPTFOO_DISABLE_TELEMETRY', '1')
vi.stubEnv('PROMPTFOO_DISABLE_UPDATE', '1')
afterAll(() => {
  vi.unstubAllEnvs()
  rmSync(home, { recursive: true, force: true })
})

function evaluate(provider: string): number | null {
  const config = path.join(home, 'promptfooconfig.json')
  writeFileSync(
    config,
    JSON.stringify({ prompts: ['{{ n }}?'], providers: [provider], tests: [{ vars: { n: '1' } }, { vars: { n: '2' } }] }),
  )
  const args = [promptfooScript(import.meta.url), 'eval', '-c', config, '-j', '1', '--no-table', '--no-progress-bar', '--no-share']
  return spawnSync(process.execPath, args, { cwd: home, encoding: 'utf8' }).status
}

it('an evaluation that promptfoo keeps is read by its id', async () => {
  expect(evaluate('echo')).toBe(0)
  const { rows, source, evalId, unfinished } = await readStored('latest')
  expect(unfinished).toBeUndefined()
  expect(source).toBe('latest')
  expect(evalId).toMatch(/^eval-/)
  expect(rows.map(({ response }) => (response as { output: string }).output).sort()).toEqual(['1?', '2?'])
  await expect(readStored('eval-none')).rejects.toThrow(
    'promptfoo could not hand out the evaluation eval-none: No eval found with ID eval-none. List what there is with: npx promptfoo list evals.',
  )
})

it.runIf(inProofs)('one that was killed says how far it came', async () => {
  const dies =
    "export default class { id() { return 'dies' } async callApi(p) { if (p === '2?') process.kill(process.pid, 9); return { output: p } } }"
  writeFileSync(path.join(home, 'dies.mjs'), dies)
  expect(evaluate('file://dies.mjs')).not.toBe(0)
  const { rows, unfinished } = await readStored('latest')
  expect(rows).toHaveLength(1)
  expect(unfinished).toEqual({ planned: 2 })
})
