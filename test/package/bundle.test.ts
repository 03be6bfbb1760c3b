import { spawnSync } from 'node:child_process'
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { parse } from 'yaml'

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../..')

interface Entry {
  label: string
  config: Record<string, unknown>
}

const read = (file: string) => parse(readFileSync(path.join(root, file), 'utf8')) as { providers: Entry[]; tests: string }

describe('the suite that the bundle evaluates', () => {
  it('asks the hard test with the settings of the suite of Countdown', () => {
    const [own, whole] = [read('bundle/held-out.yaml'), read('suites/countdown/promptfooconfig.yaml')]
    expect(path.basename(own.tests)).toBe(path.basename(whole.tests))
    const settings = ({ providers }: { providers: Entry[] }, wanted: string) => {
      const { checkpoint: _, precision: __, ...rest } = providers.find(({ label }) => label === wanted)!.config
      return rest
    }
    for (const form of ['parallel', 'sequential']) expect(settings(own, form)).toEqual(settings(whole, form))
  })
})

// It is a script of bash, for Linux.
describe.runIf(process.platform === 'linux')('first-run.sh', () => {
  const alone = mkdtempSync(path.join(tmpdir(), 'pr1-first-run-'))
  const script = path.join(alone, 'first-run.sh')
  copyFileSync(path.join(root, 'bundle/first-run.sh'), script)
  const run = (...args: string[]) => {
    const env = { ...process.env, OUT: undefined }
    const { status, stderr, stdout } = spawnSync('bash', [script, ...args], { cwd: alone, encoding: 'utf8', env: env as NodeJS.ProcessEnv })
    return { status, stderr, stdout }
  }

  it.each([
    ['no part', [], /first-run\.sh 1 +ceilings/],
    ['a part that is none', ['4'], /first-run\.sh 3 +profile/],
    ['an option that is none', ['1', '--fast'], /unknown option --fast/],
    ['an option without its value', ['1', '--out'], /--out needs a value/],
    ['seconds that are no number', ['1', '--seconds', '9m'], /--seconds takes a whole number of seconds above 0\. Got "9m"/],
    ['no archive', ['1', '--out', 'results'], /there is no archive\. Name it with --archive/],
    ['an archive that is not there', ['1', '--archive', 'none.tar.xz'], /there is no archive none\.tar\.xz/],
  ])('ends with code 2 and says why: %s', (_, args, why) => {
    const { status, stderr } = run(...args)
    expect(stderr).toMatch(why)
    expect(status).toBe(2)
  })

  it('says so where the archive is none', () => {
    writeFileSync(path.join(alone, 'bad.tar.xz'), 'no archive')
    const { status, stderr } = run('1', '--archive', 'bad.tar.xz', '--work', path.join(alone, 'work'))
    expect(stderr).toMatch(/bad\.tar\.xz could not be unpacked into .*work/)
    expect(status).toBe(2)
    expect(existsSync(path.join(alone, 'work/unpacked'))).toBe(false)
  })

  describe('with programs that only play the bundle', () => {
    const program = (file: string, lines: string) => {
      mkdirSync(path.dirname(file), { recursive: true })
      writeFileSync(file, `#!/bin/sh\n${lines}\n`, { mode: 0o755 })
    }
    /** Runs part 3 where ops_check, the tools and `run` are scripts; what the lines of JSON say of each step. */
    const part3 = (name: string, check: string, sanitizer: string) => {
      const folder = path.join(alone, name)
      mkdirSync(folder)
      copyFileSync(script, path.join(folder, 'first-run.sh'))
      program(path.join(folder, 'bin/node'), 'exit 0')
      program(path.join(folder, 'run'), 'exit 0')
      program(path.join(folder, 'bin/ops_check'), check)
      program(path.join(folder, 'tools/ncu'), 'echo "==ERROR== Failed to initialize the profiler"; exit 1')
      program(path.join(folder, 'tools/compute-sanitizer'), sanitizer)
      const env = { ...process.env, OUT: path.join(folder, 'out'), PATH: `${path.join(folder, 'tools')}:${process.env.PATH}` }
      const args = ['3', '--quick', '--work', path.join(folder, 'work')]
      const { status } = spawnSync('bash', [path.join(folder, 'first-run.sh'), ...args], { cwd: folder, encoding: 'utf8', env })
      const lines = readFileSync(path.join(folder, 'out/part-3.jsonl'), 'utf8').trim().split('\n')
      return { status, steps: lines.map((line) => JSON.parse(line) as Record<string, unknown>) }
    }

    it('skips tools that the machine refuses, with their own words, and fails nothing', () => {
      const refused = 'echo "========= Error: Device not supported"; exit 1'
      const { status, steps } = part3('refused', 'echo "{}"', refused)
      expect(steps).toContainEqual(
        expect.objectContaining({ step: 'profile', status: 'skipped', reason: expect.stringContaining('profiler') }),
      )
      expect(steps).toContainEqual(
        expect.objectContaining({ step: 'sanitizer', status: 'skipped', reason: expect.stringContaining('Device not supported') }),
      )
      expect(status).toBe(0)
    })

    it('fails where a tool that works finds an error', () => {
      const { status, steps } = part3('found', 'echo "{}"', 'case "$*" in *racecheck*) exit 9 ;; esac')
      expect(steps.filter(({ status }) => status === 'failed')).toEqual([expect.objectContaining({ step: 'sanitizer racecheck', code: 9 })])
      expect(status).toBe(1)
    })

    it('ends with code 3 and the reason where there is no device', () => {
      const { status, steps } = part3('none', 'echo "unavailable: no GPU is visible"; exit 2', 'exit 0')
      expect(steps.at(-1)).toMatchObject({ step: 'device', status: 'no device', reason: 'unavailable: no GPU is visible' })
      expect(status).toBe(3)
    })
  })

  it('names files of the kernels that are there', () => {
    const named = readFileSync(script, 'utf8').match(/native\/cuda\/[\w.]+/g)!
    const there = readdirSync(path.join(root, 'native/cuda'))
    expect(named.filter((file) => !there.includes(path.basename(file)))).toEqual([])
  })
})
