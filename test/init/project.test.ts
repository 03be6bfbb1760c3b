import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { type InstalledPackage, installTarball, promptfooEval } from '../package/route.ts'
import { inProofs } from '../proofs.ts'

let installed: InstalledPackage
beforeAll(async () => {
  installed = await installTarball()
}, 120_000)
afterAll(() => installed?.remove())

const bin = (name: string) => path.join(installed.folder, 'node_modules', 'parallel-r1', 'dist', name)
const node = (cwd: string, ...args: string[]) => spawnSync(process.execPath, args, { cwd, encoding: 'utf8' })

it('writes a project that is evaluated, trained and evaluated again', async () => {
  const written = node(installed.folder, bin('init/cli.js'), 'first')
  expect(written.stderr).toBe('')
  expect(written.stdout).toContain('cd first')
  const project = path.join(installed.folder, 'first')
  expect(readFileSync(path.join(project, 'README.md'), 'utf8').match(/^- /gm)).toHaveLength(5)

  const problems = inProofs ? 20 : 10
  const run = await promptfooEval(project, 'promptfooconfig.yaml', ['--repeat', '1', '--filter-first-n', String(problems)])
  expect(run.code).toBe(0)
  expect(run.rows).toHaveLength(2 * problems)
  expect(run.rows.map(({ failureReason, error }) => (failureReason === 2 ? error : ''))).toEqual(run.rows.map(() => ''))
  for (const label of ['sequential', 'parallel']) {
    const right = run.rows.filter(({ provider, success }) => provider.label === label && success)
    expect(right.length).toBeGreaterThan(problems / 4) // the prompt is the one of training
  }

  const config = path.join(project, 'train.yaml')
  writeFileSync(config, readFileSync(config, 'utf8').replace('steps: 10', 'steps: 2'))
  const trained = node(project, bin('trainer/cli.js'), '-c', 'train.yaml', ...(inProofs ? [] : ['--set', 'stages.rl.prompts=2']))
  expect(trained.stderr + trained.stdout).toContain('step')
  expect(trained.status).toBe(0)
  if (!inProofs) return
  process.env.PR1_PARALLEL = './runs/rl/final'
  const again = await promptfooEval(project, 'promptfooconfig.yaml', ['--repeat', '1', '--filter-providers', '^parallel$'])
  delete process.env.PR1_PARALLEL
  expect(again.code).toBe(0)
  expect(again.rows).toHaveLength(20)
  expect(again.rows.filter(({ success }) => success).length).toBeGreaterThan(5)
}, 300_000)

it('overwrites nothing, and says what is missing', () => {
  const project = path.join(installed.folder, 'second')
  mkdirSync(project)
  writeFileSync(path.join(project, 'train.yaml'), 'mine')
  const refused = node(project, bin('init/cli.js'))
  expect(refused.status).toBe(2)
  expect(refused.stderr).toContain('already has train.yaml')
  expect(readFileSync(path.join(project, 'train.yaml'), 'utf8')).toBe('mine')
  expect(existsSync(path.join(project, 'README.md'))).toBe(false)

  const elsewhere = path.join(path.parse(installed.folder).root, 'parallel-r1-no-such-folder')
  const alone = node(installed.folder, bin('init/cli.js'), elsewhere)
  expect(alone.status).toBe(2)
  expect(alone.stderr).toContain('npm install parallel-r1 promptfoo')
  rmSync(elsewhere, { recursive: true, force: true })
})
