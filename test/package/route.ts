/** Builds and packs this package and lays it out as `npm install` would, without a network. */

import { spawn, spawnSync } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import os from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { once } from '../once.ts'

export const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../..')

export interface PackedFile {
  path: string
  size: number
}

export function run(command: string, args: string[], cwd: string, env = process.env): string {
  const done = spawnSync(command, args, { cwd, env, encoding: 'utf8', maxBuffer: 64 * 1024 * 1024 })
  if (done.status !== 0) throw new Error(`${command} ${args.join(' ')} failed:\n${done.stdout}\n${done.stderr}`)
  return done.stdout
}

interface Packed {
  tarball: string
  files: PackedFile[]
}

/** Packs the package with an up-to-date dist/, once for all tests; the tarball and what it holds. */
async function pack(): Promise<Packed> {
  const folder = await once('tarball', (empty) => {
    run(process.execPath, [path.join(root, 'scripts/build.mjs'), '--if-needed'], root)
    writeFileSync(path.join(empty, 'packed.json'), JSON.stringify(packFolder(root, empty)))
  })
  return JSON.parse(readFileSync(path.join(folder, 'packed.json'), 'utf8'))
}

export function packFolder(from: string, folder: string): Packed {
  const output = run('npm', ['pack', '--json', '--ignore-scripts', '--pack-destination', folder], from)
  const [{ filename, files }] = JSON.parse(output.slice(output.indexOf('['))) as [{ filename: string; files: PackedFile[] }]
  return { tarball: path.join(folder, path.basename(filename)), files }
}

/** Where the install script leaves the addon. */
export const builtAddon = path.join('build', 'Release', 'parallel_r1.node')

export interface InstalledPackage {
  folder: string
  files: PackedFile[]
  remove(): void
}

/**
 * An empty folder with the package (packed here, or `from` a folder) installed in it beside everything that the checkout has
 * installed, and with what the install script would have compiled, unless `addon` is false.
 */
export async function installTarball({ addon = true, from }: { addon?: boolean; from?: string } = {}): Promise<InstalledPackage> {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'pr1-route-'))
  const { tarball, files } = from === undefined ? await pack() : packFolder(from, folder)
  const modules = path.join(folder, 'node_modules')
  const target = path.join(modules, 'parallel-r1')
  mkdirSync(target, { recursive: true })
  writeFileSync(path.join(folder, 'package.json'), '{ "private": true }') // whatever lies above is not its project
  run('tar', ['-xzf', tarball, '-C', target, '--strip-components=1'], folder)
  for (const name of readdirSync(path.join(root, 'node_modules'))) {
    if (name !== 'parallel-r1' && !name.startsWith('.')) symlinkSync(path.join(root, 'node_modules', name), path.join(modules, name))
  }
  if (addon && existsSync(path.join(root, builtAddon))) cpSync(path.join(root, builtAddon), path.join(target, builtAddon))
  return { folder, files, remove: () => rmSync(folder, { recursive: true, force: true }) }
}

export interface EvalRun {
  code: number | null
  log: string
  /** Saved rows in the order of the tests. */
  rows: EvalRow[]
}

export interface EvalRow {
  testIdx: number
  success: boolean
  error?: string | null
  failureReason: number
  provider: { id: string; label?: string }
  vars: Record<string, string>
  response?: { output?: string; metadata?: Record<string, unknown>; tokenUsage?: Record<string, number> }
  namedScores: Record<string, number>
}

/** `promptfoo eval` as a user would call it, in `cwd`, with a home of its own. */
export async function promptfooEval(cwd: string, config: string, args: string[] = []): Promise<EvalRun> {
  const promptfooRoot = path.resolve(path.dirname(createRequire(import.meta.url).resolve('promptfoo')), '../..')
  const { bin } = JSON.parse(readFileSync(path.join(promptfooRoot, 'package.json'), 'utf8'))
  const home = mkdtempSync(path.join(os.tmpdir(), 'pr1-promptfoo-'))
  const output = path.join(home, 'results.json')
  const env = {
    ...process.env,
    PROMPTFOO_CONFIG_DIR: home,
    PROMPTFOO_DISABLE_TELEMETRY: '1',
    PROMPTFOO_DISABLE_UPDATE: '1',
    PROMPTFOO_DISABLE_DEBUG_LOG: '1',
    PROMPTFOO_DISABLE_ERROR_LOG: '1',
    NODE_NO_WARNINGS: '1',
  }
  const common = ['--no-cache', '--no-table', '--no-progress-bar', '--no-share', '-o', output]
  // Loading promptfoo is most of a short run, and code that runs once is not worth V8's optimizing compiler: a third less CPU time.
  const child = spawn(process.execPath, ['--no-opt', path.join(promptfooRoot, bin.promptfoo), 'eval', '-c', config, ...common, ...args], {
    cwd,
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let log = ''
  child.stdout.on('data', (data) => (log += data))
  child.stderr.on('data', (data) => (log += data))
  const code = await new Promise<number | null>((resolve, reject) => {
    child.on('error', reject)
    child.on('close', resolve)
  })
  const rows: EvalRow[] = existsSync(output) ? JSON.parse(readFileSync(output, 'utf8')).results.results : []
  rmSync(home, { recursive: true, force: true })
  return { code, log, rows: rows.sort((a, b) => a.testIdx - b.testIdx) }
}
