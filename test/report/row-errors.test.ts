import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { promptfooEval, root, run } from '../package/route.ts'

/** Is right, is wrong, or is not there. */
const PROVIDER = `export default class {
  id() { return 'some' }
  async callApi(prompt, { vars: { says } }) { return says === 'error' ? { error: 'nobody is there' } : { output: says } }
}
`

describe('promptfoo eval with the threshold of the suites', () => {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'pr1-errors-'))
  afterAll(() => rmSync(folder, { recursive: true, force: true }))
  beforeAll(() => {
    run(process.execPath, [path.join(root, 'scripts/build.mjs'), '--if-needed'], root)
    writeFileSync(path.join(folder, 'some.mjs'), PROVIDER)
  }, 60_000)

  function evaluate(says: string[], env: Record<string, string> = {}) {
    const config = {
      prompts: ['Say it.'],
      providers: ['file://some.mjs'],
      defaultTest: { assert: [{ type: 'equals', value: 'right' }] },
      tests: says.map((one) => ({ vars: { says: one } })),
      extensions: [`file://${path.join(root, 'dist/providers/hooks.js')}:afterAll`],
      env: { PROMPTFOO_PASS_RATE_THRESHOLD: '0', ...env },
    }
    writeFileSync(path.join(folder, 'promptfooconfig.yaml'), JSON.stringify(config))
    return promptfooEval(folder, 'promptfooconfig.yaml')
  }

  it('fails where a row ended with an error, and says so', async () => {
    const { code, log, rows } = await evaluate(['right', 'error', 'wrong'])
    expect(rows.map(({ success }) => success)).toEqual([true, false, false])
    expect(code, log).toBe(100)
    expect(log).toContain('1 of 3 rows ended with an error, so this run fails with exit code 100.')
    expect(log).toContain('nobody is there')
  }, 60_000)

  it('does not where all answers are wrong, or where the exit code of a failure is 0', async () => {
    const wrong = await evaluate(['wrong', 'wrong'])
    expect(wrong.code, wrong.log).toBe(0)
    const chosen = await evaluate(['error'], { PROMPTFOO_FAILED_TEST_EXIT_CODE: '0' })
    expect(chosen.code, chosen.log).toBe(0)
    expect(chosen.log).not.toContain('so this run fails')
  }, 60_000)
})
