import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { parse } from 'yaml'
import { parallelStructure } from '../../src/assertions/index.ts'
import { type InstalledPackage, installTarball, promptfooEval, root } from '../package/route.ts'
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
  const readme = readFileSync(path.join(project, 'README.md'), 'utf8')
  const steps = [...readme.matchAll(/^- `(.*)` (.*)\.$/gm)]
  expect(steps).toHaveLength(5)
  const printed = written.stdout.replaceAll(/ +/g, ' ')
  for (const [, command, does] of steps) expect(printed).toContain(`\n ${command} # ${does}\n`)

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

it('writes evals that end as the documentation says: well with right or wrong answers, at once without a checkpoint', async () => {
  const project = path.join(installed.folder, 'evals')
  expect(node(installed.folder, bin('init/cli.js'), 'evals').status).toBe(0)
  const hooks = path.join(installed.folder, 'node_modules/parallel-r1/dist/providers/hooks.js')
  for (const name of ['promptfooconfig.yaml', 'rl.yaml']) {
    const { extensions, env } = parse(readFileSync(path.join(project, name), 'utf8'))
    const named = extensions.map((extension: string) => path.resolve(project, extension.slice('file://'.length)))
    expect(named, name).toEqual([`${hooks}:beforeAll`, `${hooks}:afterAll`])
    expect(env, name).toEqual({ PROMPTFOO_PASS_RATE_THRESHOLD: '0' })
  }

  const { code, log, rows } = await promptfooEval(project, 'rl.yaml', ['--filter-first-n', '12'])
  expect(rows.filter(({ failureReason }) => failureReason === 2)).toEqual([])
  expect(rows.filter(({ success }) => !success).length).toBeGreaterThan(0)
  expect(code, log).toBe(0)
  expect(log).toMatch(/parallel +12 x 1 /)

  if (!inProofs) return
  const config = path.join(project, 'rl.yaml')
  writeFileSync(config, readFileSync(config, 'utf8').replace('checkpoints/parallel-10', 'checkpoints/moved'))
  const stopped = await promptfooEval(project, 'rl.yaml', ['--filter-first-n', '2'])
  expect(stopped.code, stopped.log).toBe(1)
  expect(stopped.log).toMatch(/The provider "parallel" cannot answer\. .*checkpoints\/moved/)
  expect(stopped.log).toContain('No row was asked.')
}, 300_000)

it('tells of each line to change for problems of your own, in the README and on the page', () => {
  const project = path.join(installed.folder, 'own')
  expect(node(installed.folder, bin('init/cli.js'), 'own').status).toBe(0)
  const read = (name: string) => readFileSync(path.join(project, name), 'utf8')
  const [, diff] = read('README.md').match(/^```diff\n(.*?)^```/ms)!
  expect(readFileSync(path.join(root, 'docs/start.md'), 'utf8')).toContain(diff)
  // The parts, each with the files that it is of, applied: every line that goes is there once, and what comes is a config again.
  const changed = new Map<string, string>()
  for (const part of diff.trim().split('\n\n')) {
    const [names, ...lines] = part.split('\n')
    for (const name of names.slice(2).split(' and ')) {
      let content = changed.get(name) ?? read(name)
      const hunks = lines.join('\n').matchAll(/((?:^-.*\n?)+)((?:^\+.*\n?)+)/gm)
      for (const [, before, after] of hunks) {
        const [from, to] = [before, after].map((text) => text.trimEnd().replace(/^[-+]/gm, ''))
        expect(content.split(from), `${name}: ${from}`).toHaveLength(2)
        content = content.replace(from, () => to)
      }
      changed.set(name, content)
    }
  }
  expect([...changed.keys()]).toEqual(['promptfooconfig.yaml', 'rl.yaml', 'train.yaml'])
  for (const content of changed.values()) {
    expect(parse(content)).toBeTypeOf('object')
    expect(content).not.toMatch(/countdownAnswer|checkpoints\//)
  }
  const [, vars] = read('README.md').match(/^ {4}(\{"vars".*)$/m)!
  expect(Object.keys(JSON.parse(vars).vars)).toEqual(['problem', 'answer'])
})

it('gives no reward of structure to an answer without a block', () => {
  const { defaultTest } = parse(readFileSync(path.join(installed.folder, 'own', 'rl.yaml'), 'utf8'))
  const { config } = defaultTest.assert.find(({ metric }: { metric: string }) => metric === 'structure')
  expect(parallelStructure('7', { config } as never).score).toBe(0)
})

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
