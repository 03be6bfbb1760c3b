import { execFileSync, spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { beforeAll, describe, expect, it } from 'vitest'
import { runCommand, UsageError } from '../../src/cli/arguments.ts'

const root = path.resolve(import.meta.dirname, '../..')
const { bin, version } = JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8')) as {
  bin: Record<string, string>
  version: string
}

const program = {
  name: 'pr1-try',
  usage: 'pr1-try <command>',
  options: { fresh: { type: 'boolean' }, output: { type: 'string', short: 'o' } },
  commands: ['list', 'fetch'],
} as const

async function run(...args: string[]): Promise<{ code: number; said: string; got?: unknown }> {
  let said = ''
  let got: unknown
  const code = await runCommand(
    program,
    args,
    (text) => {
      said += text
    },
    ({ values, positionals }) => {
      got = { ...values, positionals }
      return 7
    },
  )
  return { code, said, got }
}

describe('the command line', () => {
  it('hands over options and arguments, and returns the exit code of the action', async () => {
    expect(await run('fetch', '--fresh', '-o', 'x', 'a', 'b')).toEqual({
      code: 7,
      said: '',
      got: { fresh: true, output: 'x', positionals: ['fetch', 'a', 'b'] },
    })
  })

  it('prints usage and version', async () => {
    expect(await run('--help')).toMatchObject({ code: 0, said: 'pr1-try <command>\n', got: undefined })
    expect(await run('fetch', '-h')).toMatchObject({ code: 0, said: 'pr1-try <command>\n', got: undefined })
    expect(await run('--version')).toEqual({ code: 0, said: `${version}\n`, got: undefined })
    expect(await run()).toMatchObject({ code: 2, said: 'pr1-try <command>\n', got: undefined })
  })

  it('says above the usage what a command line without arguments lacks', async () => {
    let said = ''
    const print = (text: string) => {
      said += text
    }
    const needs = { ...program, missing: () => 'Name a file.' }
    expect(await runCommand(needs, [], print, () => 0)).toBe(2)
    expect(said).toBe('Name a file.\n\npr1-try <command>\n')
    said = ''
    expect(await runCommand(needs, ['--help'], print, () => 0)).toBe(0)
    expect(said).toBe('pr1-try <command>\n')
  })

  it.each([
    [['ftech'], 'Unknown command "ftech". Did you mean fetch?'],
    [['train'], 'Unknown command "train". Known: list, fetch. See pr1-try --help.'],
    [['--fresh'], 'pr1-try needs a command. Got none. Use one of list, fetch.'],
    [['fetch', '--freh'], 'Unknown option --freh. Did you mean --fresh?'],
    [['fetch', '--ouptut=x'], 'Unknown option --ouptut. Did you mean --output?'],
    [['fetch', '--verbose'], 'Unknown option --verbose. Known: --fresh, --output, --help, --version. See pr1-try --help.'],
    [['fetch', '-x'], 'Unknown option -x. Known: --fresh, --output, --help, --version. See pr1-try --help.'],
    [['fetch', '--output'], "Option '-o, --output <value>' argument missing. See pr1-try --help."],
    [['fetch', '--fresh=yes'], "Option '--fresh' does not take an argument. See pr1-try --help."],
  ])('names what is wrong in %j', async (args, message) => {
    const error = await run(...args).catch((thrown: unknown) => thrown)
    expect(error).toBeInstanceOf(UsageError)
    expect((error as Error).message).toBe(message)
  })
})

beforeAll(() => execFileSync(process.execPath, ['scripts/build.mjs', '--if-needed'], { cwd: root }))

// pr1-cuda is a script of the build, which runs before there is a dist/.
describe.each(Object.entries(bin).filter(([, file]) => file.startsWith('dist/')))('%s', (name, file) => {
  const start = (...args: string[]) => spawnSync(process.execPath, [path.join(root, file), ...args], { cwd: root, encoding: 'utf8' })

  it('says how it is used, and answers a slip on standard error with exit code 2', () => {
    const help = start('--help')
    expect(help).toMatchObject({ status: 0, stderr: '' })
    expect(help.stdout).toMatch(new RegExp(`^${name}\\b`))
    for (const option of ['-h, --help', '--version']) expect(help.stdout).toContain(option)
    const slip = start('--hepl')
    expect(slip).toMatchObject({ status: 2, stdout: '', stderr: `${name}: Unknown option --hepl. Did you mean --help?\n` })
  })
})
