import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { setNamed } from '../../src/data/sets.ts'
import { type FakeHub, startHub } from './fake-hub.ts'

const cli = fileURLToPath(new URL('../../src/data/cli.ts', import.meta.url))

let hub: FakeHub
let cache: string
beforeEach(async () => {
  hub = await startHub()
  cache = mkdtempSync(path.join(os.tmpdir(), 'pr1-cache-'))
})
afterEach(async () => {
  await hub.close()
  rmSync(cache, { recursive: true, force: true })
})

/** The command as a process of its own, the hub beside it. */
function run(...args: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  const { PR1_DATA: _, ...rest } = process.env
  const env = { ...rest, HF_ENDPOINT: hub.endpoint, PR1_CACHE: cache }
  return new Promise((done) => {
    execFile(process.execPath, ['--import', 'tsx', cli, ...args], { env }, (error, stdout, stderr) => {
      done({ code: error ? Number(error.code) : 0, stdout, stderr })
    })
  })
}

function fill(name: string, count: number): void {
  const { dataset, config, split } = setNamed(name).hub!
  const rows = Array.from({ length: count }, (_, i) => ({ problem: `Compute $${i}$.`, answer: String(i) }))
  hub.splits.set(`${dataset} ${config} ${split}`, rows)
}

describe('pr1-data', () => {
  it('lists every set with licence, source and whether it can be compared', async () => {
    const { stdout, code } = await run('list')
    expect(code).toBe(0)
    const line = (name: string) => stdout.split('\n').find((one) => one.startsWith(`${name} `))
    expect(line('aime26')).toMatch(/ 30 +CC-BY-NC-SA-4\.0 +yes +aime26\.jsonl +MathArena\/aime_2026 \(default, train\)$/)
    expect(line('smt25')).toMatch(/ 53 +CC-BY-NC-SA-4\.0 +not seen /)
    expect(line('math-train')).toMatch(/ 7498 +MIT +yes /)
  })

  it('fetches what there is, and says at the end what there was not', async () => {
    fill('brumo25', 30)
    fill('smt25', 53)
    const { stdout, stderr, code } = await run('fetch', 'brumo25', 'cmimc25', 'smt25')
    expect(stdout.trim().split('\n')).toEqual([
      'brumo25: 30 problems',
      expect.stringMatching(/^cmimc25: not fetched\. The hub answered 404/),
      'smt25: 53 problems',
    ])
    expect(stderr).toContain('1 of 3 sets were not fetched')
    expect(code).toBe(1)
  })
})
