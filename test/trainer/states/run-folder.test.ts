import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { RunFolder } from '../../../src/trainer/states/run-folder.ts'

let output: string
let run: string
let warnings: string[]
const warn = (line: string) => warnings.push(line)

beforeEach(() => {
  output = mkdtempSync(path.join(tmpdir(), 'pr1-run-folder-test-'))
  run = path.join(output, 'only-a')
  warnings = []
})

afterEach(() => rmSync(output, { recursive: true, force: true }))

/** What a kill left of a save, by a process that is gone. */
function leftover(): string {
  const folder = path.join(run, 'checkpoints', '.step-00000001.tmp-99999999-0af3')
  mkdirSync(folder, { recursive: true })
  return folder
}

describe('the folder of a run', () => {
  it('is locked with all of its output, and cleaned of what a kill left', async () => {
    const left = leftover()
    const folder = await RunFolder.open(run, { output, warn })
    expect(existsSync(left)).toBe(false)
    folder.check()
    await expect(RunFolder.open(path.join(output, 'only-b'), { output, warn })).rejects.toThrow('in use by another pr1-train')
    rmSync(run, { recursive: true })
    expect(() => folder.check()).toThrow('ENOENT')
    await folder.close()
    expect(readdirSync(output)).toEqual([])
  })

  it('can be looked at while another works in it, and nothing is touched', async () => {
    const folder = await RunFolder.open(run, { output, warn })
    const left = leftover()
    const before = readdirSync(output, { recursive: true })
    const looking = await RunFolder.open(run, { output, warn, readOnly: true })
    await looking.close()
    expect(existsSync(left)).toBe(true)
    expect(readdirSync(output, { recursive: true })).toEqual(before)
    await folder.close()
  })

  it('warns where its lock stays', async () => {
    const folder = await RunFolder.open(run, { output, warn })
    const lock = path.join(output, readdirSync(output).find((name) => name.startsWith('lock-'))!)
    rmSync(lock)
    mkdirSync(path.join(lock, 'in the way'), { recursive: true })
    await folder.close()
    expect(warnings).toEqual([
      expect.stringMatching(/^Warning: the lock of .* could not be removed \(.*\)\. The next run takes it over\.$/),
    ])
  })
})
