import { spawnSync } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { writeTinyCheckpoint } from '../providers/tiny-checkpoint.ts'
import { builtAddon, type InstalledPackage, installTarball, root, run } from './route.ts'

/** A machine without any tool, and a project on it that this package is to be installed in. */
let installed: InstalledPackage
let env: NodeJS.ProcessEnv
let home: string
let note: string

beforeAll(async () => {
  installed = await installTarball({ addon: false })
  home = path.join(installed.folder, 'node_modules', 'parallel-r1')
  note = path.join(home, 'build', 'not-built.txt')
  const empty = path.join(installed.folder, 'no-tools')
  mkdirSync(empty)
  env = { PATH: empty, HOME: empty }
  await writeTinyCheckpoint(path.join(installed.folder, 'models', 'tiny'))
})
afterAll(() => installed?.remove())

const install = (...args: string[]) =>
  spawnSync(process.execPath, [path.join(home, 'scripts', 'install.mjs'), ...args], { cwd: home, env, encoding: 'utf8' })

/** What a script of the project prints. */
function script(text: string): string {
  const file = path.join(installed.folder, 'script.mjs')
  writeFileSync(file, text)
  return run(process.execPath, [file], installed.folder, env)
}

const bin = (name: string, ...args: string[]) => {
  const manifest = JSON.parse(readFileSync(path.join(home, 'package.json'), 'utf8'))
  return run(process.execPath, [path.join(home, manifest.bin[name]), ...args], installed.folder, env)
}

const firstUse = `
  import { ParallelThinkingProvider } from 'parallel-r1'
  const provider = new ParallelThinkingProvider({ config: { checkpoint: 'models/tiny', device: 'cpu', samples: 'off' } })
  const { error } = await provider.callApi('1 + 1')
  console.log(error)`

describe.skipIf(process.platform === 'win32')('install where there is no compiler', () => {
  it('says what is missing and goes on', () => {
    const { status, stderr } = install()
    expect(status).toBe(0)
    expect(stderr).toContain('Not found: a C++ compiler (c++, g++ or clang++), make, python3 (')
    expect(stderr).toContain(process.platform === 'linux' ? 'sudo apt-get install build-essential python3' : 'xcode-select --install')
    expect(stderr).toContain('npm rebuild parallel-r1')
  })

  it('fails where the engine is required: tests, demo, benchmarks, npm run build', () => {
    for (const option of ['--required', '--from-source']) expect(install(option)).toMatchObject({ status: 1 })
    const { scripts } = JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8'))
    for (const name of ['pretest', 'bench', 'build:native']) {
      expect(scripts[name]).toMatch(/^node scripts\/install\.mjs --(required|from-source)/)
    }
    expect(readFileSync(path.join(root, 'scripts/demo.mjs'), 'utf8')).toContain("['install.mjs', '--required']")
  })

  it('fails where the compiler is there and does not compile', () => {
    const bad = path.join(installed.folder, 'bad-tools')
    mkdirSync(bad)
    for (const tool of ['c++', 'make', 'python3'])
      writeFileSync(path.join(bad, tool), '#!/bin/sh\ntest "$1" = --version\n', { mode: 0o755 })
    const { status, stderr } = spawnSync(process.execPath, [path.join(home, 'scripts', 'install.mjs')], {
      cwd: home,
      env: { ...process.env, PATH: `${bad}${path.delimiter}/bin`, CXX: '', PYTHON: '', npm_config_python: path.join(bad, 'python3') },
      encoding: 'utf8',
    })
    expect(status).toBe(1)
    expect(stderr).toContain('Compiling the native engine failed (node-gyp configure: exit code')
  })

  it('leaves assertions, pr1-report and pr1-data working', () => {
    const graded = script(`
      import { mathAnswer } from 'parallel-r1'
      console.log(JSON.stringify(mathAnswer('The answer is \\\\boxed{391}.', { vars: { answer: '391' } })))`)
    expect(JSON.parse(graded)).toMatchObject({ pass: true, score: 1 })
    expect(bin('pr1-report', '--help')).toContain('pr1-report')
    expect(bin('pr1-data', '--help')).toContain('pr1-data')
    expect(bin('pr1-train', '--help')).toContain('pr1-train')
    expect(bin('pr1-cuda', '--help')).toContain('pr1-cuda')
  })

  it('the first use of the engine says again what was missing', () => {
    install()
    expect(existsSync(note)).toBe(true)
    const error = script(firstUse)
    expect(error).toContain(`The native engine is not there for ${process.platform}-${process.arch}`)
    expect(error).toContain('this was missing: a C++ compiler (c++, g++ or clang++), make, python3 (')
    expect(error).toContain('then run `npm rebuild parallel-r1`')
  })

  it('the first use says how to let the install script run where it did not: npm 12 asks first', () => {
    rmSync(note)
    expect(script(firstUse)).toContain('`npm install-scripts approve parallel-r1`')
    const kind = script(`
      import { openEngine, UnavailableError } from 'parallel-r1'
      console.log(await openEngine({ device: 'cpu' }).catch((error) => error instanceof UnavailableError))`)
    expect(kind.trim()).toBe('true')
  })
})

describe('the CUDA library', () => {
  it('is built by a command of the package, which says how to get a compiler where there is none', () => {
    const manifest = JSON.parse(readFileSync(path.join(home, 'package.json'), 'utf8'))
    const { status, stderr } = spawnSync(process.execPath, [path.join(home, manifest.bin['pr1-cuda'])], { env, encoding: 'utf8' })
    expect(status).toBe(1)
    expect(stderr).toContain('python3 -m pip install nvidia-cuda-nvcc nvidia-cuda-runtime nvidia-cuda-cccl')
    for (const file of ['native/cuda/ops.cu', 'native/ops.h', 'scripts/ops-hash.mjs'])
      expect(existsSync(path.join(home, file)), file).toBe(true)
  })

  it.skipIf(!existsSync(path.join(root, builtAddon)))('is asked for by device: cuda with the exact command', () => {
    cpSync(path.join(root, builtAddon), path.join(home, builtAddon))
    const message = script(`
      import { openEngine } from 'parallel-r1'
      console.log(await openEngine({ device: 'cuda' }).catch(({ message }) => message))`)
    rmSync(path.join(home, builtAddon))
    expect(message).toContain('which is not there. Build it with `npx pr1-cuda`')
  })
})

describe('TensorFlow.js', () => {
  it('is an optional peer: npm installs none of it unasked, and nothing else is optional', () => {
    const manifest = JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8'))
    const peers = ['@tensorflow/tfjs', '@tensorflow/tfjs-node-gpu']
    for (const name of peers) {
      expect(manifest.peerDependenciesMeta[name]).toEqual({ optional: true })
      expect(manifest.peerDependencies).toHaveProperty([name])
      for (const kind of ['dependencies', 'optionalDependencies']) expect(manifest[kind] ?? {}).not.toHaveProperty([name])
    }
    const tests = JSON.parse(readFileSync(path.join(root, 'test/optional-peers/package.json'), 'utf8'))
    expect({ ...manifest.devDependencies, ...tests.optionalDependencies }).toMatchObject(
      Object.fromEntries(peers.map((name) => [name, manifest.peerDependencies[name]])),
    )
    // npm 10 removes all that only a failed optional dependency asks for, and the type check needs this one.
    expect(manifest.devDependencies).toHaveProperty(['@tensorflow/tfjs'])
  })
})
