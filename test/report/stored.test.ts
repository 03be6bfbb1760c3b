import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { afterAll, expect, it, vi } from 'vitest'
import { promptfooScript } from '../../src/installed-promptfoo.ts'
import { readStored } from '../../src/report/stored.ts'

const home = mkdtempSync(path.join(os.tmpdir(), 'pr1-stored-'))
vi.stubEnv('PROMPTFOO_CONFIG_DIR', home)
vi.stubEnv('PROMPTFOO_DISABLE_TELEMETRY', '1')
vi.stubEnv('PROMPTFOO_DISABLE_UPDATE', '1')
afterAll(() => {
  vi.unstubAllEnvs()
  rmSync(home, { recursive: true, force: true })
})

it('an evaluation that promptfoo keeps is read by its id', async () => {
  const config = path.join(home, 'promptfooconfig.json')
  writeFileSync(config, JSON.stringify({ prompts: ['{{ n }}?'], providers: ['echo'], tests: [{ vars: { n: '1' } }, { vars: { n: '2' } }] }))
  const args = [promptfooScript(import.meta.url), 'eval', '-c', config, '--no-table', '--no-progress-bar', '--no-share']
  expect(spawnSync(process.execPath, args, { cwd: home, encoding: 'utf8' }).status).toBe(0)
  const { rows, source, evalId } = await readStored('latest')
  expect(source).toBe('latest')
  expect(evalId).toMatch(/^eval-/)
  expect(rows.map(({ response }) => (response as { output: string }).output).sort()).toEqual(['1?', '2?'])
  await expect(readStored('eval-none')).rejects.toThrow(
    'promptfoo could not hand out the evaluation eval-none: No eval found with ID eval-none. List what there is with: npx promptfoo list evals.',
  )
})
