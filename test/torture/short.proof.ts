import { spawnSync } from 'node:child_process'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../..')

it('the short form of npm run torture loses nothing', { timeout: 1_800_000 }, () => {
  const { status, stdout, stderr } = spawnSync('npm', ['run', '--silent', 'torture', '--', '--short'], { cwd: root, encoding: 'utf8' })
  console.log(stdout)
  expect(stdout, stderr).toMatch(/^Nothing was lost/m)
  expect(status).toBe(0)
})
