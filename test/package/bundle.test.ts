import { spawnSync } from 'node:child_process'
import { copyFileSync, existsSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
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
})
