import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'

/** The CUDA library and its check programs for tests on machines without a GPU: kernels run on the host (native/cuda/emulate.h). */
export const root = path.resolve(fileURLToPath(import.meta.url), '../../..')
const native = path.join(root, 'native')

function sources(): string[] {
  const files = ['native', 'native/cuda', 'native/cpu', 'test/cuda', 'test/native'].flatMap((folder) =>
    readdirSync(path.join(root, folder)).map((name) => path.join(root, folder, name)),
  )
  return files.filter((file) => /\.(h|cpp|cu)$/.test(file)).sort()
}

/** A folder named after the sources: what one test file built serves the others and the next run. */
function folder(): string {
  const hash = createHash('sha256')
  for (const file of sources()) hash.update(file).update(readFileSync(file))
  const place = path.join(process.env.PR1_TEST_KEPT!, `pr1-cuda-${os.userInfo().username}-${hash.digest('hex').slice(0, 16)}`)
  mkdirSync(place, { recursive: true })
  return place
}

function make(name: string, command: string, args: (out: string) => string[]): string {
  const out = path.join(folder(), name)
  if (existsSync(out)) return out
  const next = `${out}.${process.pid}`
  const run = spawnSync(command, args(next), { cwd: native, encoding: 'utf8' })
  if (run.status !== 0) throw new Error(`${command} failed:\n${run.stdout}${run.stderr}${run.error?.message ?? ''}`)
  renameSync(next, out)
  return out
}

const compiler = process.env.CXX ?? 'c++'
const opsHash = () => spawnSync(process.execPath, [path.join(root, 'scripts/ops-hash.mjs')], { encoding: 'utf8' }).stdout.trim()

export const emulatedLibrary = () =>
  make('emulated.so', process.execPath, (out) => [path.join(root, 'scripts/build-cuda.mjs'), '--host', '--out', out])

/** The emulated library with the text of some of its files changed: [file, text, in its place]. */
export function changedLibrary(name: string, changes: readonly (readonly [string, string, string])[]): string {
  return make(`${name}.so`, compiler, (out) => {
    const copy = `${out}.sources`
    cpSync(path.join(native, 'cuda'), path.join(copy, 'cuda'), { recursive: true })
    for (const header of ['ops.h', 'moments.h']) cpSync(path.join(native, header), path.join(copy, header))
    for (const [file, text, other] of changes) {
      const place = path.join(copy, 'cuda', file)
      const source = readFileSync(place, 'utf8')
      if (source.split(text).length !== 2) throw new Error(`${file} does not hold once what "${name}" changes: ${text}`)
      writeFileSync(
        place,
        source.replace(text, () => other),
      )
    }
    const flags = ['-x', 'c++', '-std=c++17', '-O1', '-ffp-contract=off', '-U_FORTIFY_SOURCE', '-fPIC', '-shared']
    return [...flags, '-DPR1_EMULATE', `-DPR1_OPS_HASH=${opsHash()}`, path.join(copy, 'cuda/ops.cu'), '-o', out, '-ldl']
  })
}

export const hostTest = () =>
  make('host_test', compiler, (out) => ['-std=c++17', '-O1', '-Wall', '-Wextra', '-Werror', '../test/cuda/host_test.cpp', '-o', out])

/** cuBLASLt on the host, and what holds native/cuda/cublaslt.h against it. */
export const fakeCublasLt = () =>
  make('fake_cublaslt.so', compiler, (out) => [
    ...['-std=c++17', '-O2', '-Wall', '-Wextra', '-Werror', '-fPIC', '-shared', '../test/cuda/fake_cublaslt.cpp', '-o', out],
  ])
export const cublasLtTest = () =>
  make('cublaslt_test', compiler, (out) => [
    ...['-std=c++17', '-O1', '-Wall', '-Wextra', '-Werror', '../test/cuda/cublaslt_test.cpp', '-o', out, '-ldl'],
  ])

export const opsCheck = () =>
  make('ops_check', compiler, (out) => [
    ...['-std=c++17', '-O1', '-ffp-contract=off', '-fno-math-errno', '-DPR1_PORTABLE_TWIN', `-DPR1_OPS_HASH=${opsHash()}`],
    ...['../test/cuda/ops_check.cpp', 'blocks.cpp', 'threads.cpp'],
    ...['dispatch', 'isa_portable', 'amx', 'amx_integers', 'vnni', 'avx2_integers', 'avx_vnni_integers', 'integers'].map(
      (name) => `cpu/${name}.cpp`,
    ),
    ...['-o', out, '-ldl', '-lpthread'],
  ])
