import { spawnSync } from 'node:child_process'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../..')
const torture = (...args: string[]) =>
  spawnSync(process.execPath, ['--import', 'tsx', 'scripts/torture.mjs', ...args], { cwd: root, encoding: 'utf8' })

it('says how it is used, and tries nothing', () => {
  const { status, stdout } = torture('--help')
  expect(status).toBe(0)
  for (const option of ['--hours', '--only', '--tries', '--seed', '--jobs', '--short']) expect(stdout).toContain(`${option} `)
})

// 1 would say that something was lost.
it.each([
  [['--houres', '3'], 'Unknown option --houres. Did you mean --hours?'],
  [['--only', 'kils'], 'There is no area "kils". Use some of: kills, files,'],
  [['--seed', '-1'], "Option '--seed' argument is ambiguous"],
  [['--jobs', '1.5'], '--jobs takes a whole number. Got 1.5.'],
])('refuses %j in one line', (args, message) => {
  const { status, stdout, stderr } = torture(...args)
  expect(stderr).toContain(`npm run torture: ${message}`)
  expect(stderr.trim()).not.toContain('\n')
  expect([status, stdout]).toEqual([2, ''])
})
