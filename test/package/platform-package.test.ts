/** The packages as they are published: the platform's, with the compiled engine, and ours, which depends on it. */

import { spawnSync } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { inProofs } from '../proofs.ts'
import { writeTinyCheckpoint } from '../providers/tiny-checkpoint.ts'
import { builtAddon, type InstalledPackage, installTarball, packFolder, root, run } from './route.ts'

const platform = `${process.platform}-${process.arch}`
/** Where scripts/prebuild.mjs has laid out the package that is to be tried; default: one of this checkout's own addon. */
const prebuilt = process.env.PR1_NPM
const compiler = process.platform === 'linux' && spawnSync('cc', ['--version']).status === 0
const possible = prebuilt !== undefined || (inProofs && existsSync(path.join(root, builtAddon)) && process.platform !== 'win32')

describe('the workflow', () => {
  it('builds and tries the package of every platform that a release asks for', () => {
    const show = "import('./scripts/platforms.mjs').then(({ platforms }) => console.log(JSON.stringify(platforms.sort())))"
    const platforms: string[] = JSON.parse(run(process.execPath, ['-e', show], root))
    const { jobs } = parse(readFileSync(path.join(root, '.github/workflows/packages.yml'), 'utf8'))
    const named = (job: { strategy: { matrix: { include: { platform: string }[] } } }) =>
      [...new Set(job.strategy.matrix.include.map((entry) => entry.platform))].sort()
    expect(named(jobs.platform)).toEqual(platforms)
    expect(named(jobs.try)).toEqual(platforms)
  })
})

const script = (name: string, ...args: string[]) => run(process.execPath, [path.join(root, 'scripts', name), ...args], root)
const json = (...parts: string[]) => JSON.parse(readFileSync(path.join(...parts), 'utf8'))

describe.skipIf(!possible)(`the package of ${platform}`, () => {
  let npm: string
  let installed: InstalledPackage
  let env: NodeJS.ProcessEnv
  let project: string
  let home: string
  let installLog: string

  beforeAll(async () => {
    npm = mkdtempSync(path.join(os.tmpdir(), 'pr1-npm-'))
    if (prebuilt) cpSync(path.join(prebuilt, platform), path.join(npm, platform), { recursive: true })
    else script('prebuild.mjs', '--addon', path.join(root, builtAddon), '--out', npm, '--repository', 'owner/name')
    script('release.mjs', '--platforms', platform, '--out', npm, '--repository', 'owner/name')
    installed = await installTarball({ addon: false, from: path.join(npm, 'parallel-r1') })
    home = path.join(installed.folder, 'node_modules', 'parallel-r1')
    // npm itself installs the platform's package: it has no dependencies, so no network is needed.
    const { tarball } = packFolder(path.join(npm, platform), npm)
    const empty = path.join(npm, 'empty')
    mkdirSync(empty)
    writeFileSync(path.join(empty, 'package.json'), '{ "name": "empty", "private": true }')
    run('npm', ['install', '--offline', '--no-audit', '--no-fund', tarball], empty)
    cpSync(path.join(empty, 'node_modules', '@parallel-r1'), path.join(installed.folder, 'node_modules', '@parallel-r1'), {
      recursive: true,
    })
    const noTools = path.join(installed.folder, 'no-tools')
    mkdirSync(noTools)
    env = { PATH: noTools, HOME: noTools, PR1_PRECISION: 'f32' }
    installLog = run(process.execPath, [path.join(home, 'scripts', 'install.mjs')], home, env)
    project = path.join(installed.folder, 'project')
    await writeTinyCheckpoint(path.join(project, 'models', 'tiny'))
  })
  afterAll(() => {
    installed?.remove()
    if (npm) rmSync(npm, { recursive: true, force: true })
  })

  /** Output or error of a greedy request through the provider. */
  function think(): string {
    const file = path.join(project, 'think.mjs')
    writeFileSync(
      file,
      `import { ParallelThinkingProvider } from 'parallel-r1'
       const config = { checkpoint: 'models/tiny', device: 'cpu', temperature: 0, maxTokens: 40, samples: 'off' }
       const { output, error, tokenUsage } = await new ParallelThinkingProvider({ config }).callApi('1 2 3')
       console.log(error ?? JSON.stringify({ output, completion: tokenUsage.completion }))`,
    )
    return run(process.execPath, [file], project, env)
  }

  it('is installed on its platform only, and holds nothing but the engine', () => {
    const manifest = json(npm, platform, 'package.json')
    expect(manifest).toMatchObject({ name: `@parallel-r1/${platform}`, os: [process.platform], cpu: [process.arch] })
    expect(manifest.scripts).toBeUndefined()
    if (process.platform === 'linux') expect(manifest.libc).toEqual(['glibc'])
    expect(readdirSync(path.join(installed.folder, 'node_modules', '@parallel-r1', platform)).sort()).toEqual([
      'LICENSE',
      'README.md',
      'package.json',
      'parallel_r1.node',
    ])
  })

  it('is an optional dependency of exactly this version in what is released, and of nothing in the checkout', () => {
    const ours = json(root, 'package.json')
    const released = json(home, 'package.json')
    expect(released.optionalDependencies).toEqual({ ...ours.optionalDependencies, [`@parallel-r1/${platform}`]: ours.version })
    expect(released.repository.url).toBe('git+https://github.com/owner/name.git')
    expect(released.scripts).toEqual({ install: ours.scripts.install })
    expect(released.workspaces).toBeUndefined()
    expect(Object.keys(ours.optionalDependencies ?? {}).filter((name) => name.startsWith('@parallel-r1/'))).toEqual([])
    expect(() => script('release.mjs', '--out', path.join(npm, 'nothing'))).toThrow('Run scripts/prebuild.mjs on linux-x64')
  })

  it('serves where no compiler is: nothing is compiled, and the engine decodes', () => {
    expect(installLog).toContain('using the compiled engine')
    expect(existsSync(path.join(home, 'build'))).toBe(false)
    expect(JSON.parse(think()).completion).toBeGreaterThan(0)
  })

  it.skipIf(!compiler)('refuses a CUDA library that was compiled against another interface', () => {
    const library = path.join(project, 'other.so')
    const source = ['make_ops', 'info', 'memory'].map((name) => `void pr1_cuda_${name}(void) {}`)
    writeFileSync(path.join(project, 'other.c'), ['unsigned pr1_cuda_abi(void) { return 1; }', ...source].join('\n'))
    run('cc', ['-shared', '-fPIC', path.join(project, 'other.c'), '-o', library], project)
    const file = path.join(project, 'cuda.mjs')
    writeFileSync(
      file,
      `import { openEngine } from 'parallel-r1'
       console.log(await openEngine({ device: 'cuda' }).catch(({ message }) => message))`,
    )
    expect(run(process.execPath, [file], project, { ...env, PR1_CUDA: library })).toContain('was built for another version of the addon')
  })

  it('comes after what was compiled here and before prebuilds/, and what does not load is passed over', () => {
    const expected = think()
    mkdirSync(path.join(home, 'build', 'Release'), { recursive: true })
    writeFileSync(path.join(home, builtAddon), 'not an addon')
    expect(think()).toBe(expected)
    const own = path.join(installed.folder, 'node_modules', '@parallel-r1', platform)
    writeFileSync(path.join(own, 'package.json'), JSON.stringify({ ...json(own, 'package.json'), version: '0.0.1' }))
    const error = think()
    expect(error).toContain('build/Release/parallel_r1.node does not load (')
    expect(error).toContain(`@parallel-r1/${platform} does not load (it is of version 0.0.1, parallel-r1 of version `)
    mkdirSync(path.join(home, 'prebuilds', platform), { recursive: true })
    cpSync(path.join(own, 'parallel_r1.node'), path.join(home, 'prebuilds', platform, 'parallel_r1.node'))
    expect(think()).toBe(expected)
  })
})
