#!/usr/bin/env node
// npx pr1-cuda, in a clone npm run build:cuda: native/cuda as one shared library.

import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, renameSync, statSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..')
const targets = ['80', '86', '89', '90', '100', '120']
const HELP = `pr1-cuda [options]

Compiles the CUDA library of the package, prebuilds/<platform>/parallel_r1_cuda.so. It needs nvcc 12.8 or later (13 for sm_100 and 120
without warnings) and a C++17 compiler, no GPU and no cuBLAS headers. nvcc is the one that NVCC names, or of the PATH, of
/usr/local/cuda, or of pip's wheels.

  --arch <n>     machine code for one target only, which is quick: ${targets.join(', ')}. Default: all of them, and PTX of the last
  --out <file>   where the library is written
  --host         compile it for the CPU, with the GPU emulated (PR1_EMULATE): for tests
  -h, --help     this text`
const values = readArguments({
  arch: { type: 'string' },
  out: { type: 'string' },
  host: { type: 'boolean' },
  help: { type: 'boolean', short: 'h' },
})
if (values.help) {
  console.log(HELP)
  process.exit(0)
}
if (values.arch && !targets.includes(values.arch)) fail(`--arch must be one of ${targets.join(', ')}. Got ${values.arch}.`)
const out = path.resolve(values.out ?? path.join(root, 'prebuilds', `${process.platform}-${process.arch}`, 'parallel_r1_cuda.so'))

const hash = spawnSync(process.execPath, [path.join(root, 'scripts/ops-hash.mjs')], { encoding: 'utf8' }).stdout.trim()
const source = path.join(root, 'native/cuda/ops.cu')
const next = `${out}.${process.pid}.tmp`
mkdirSync(path.dirname(out), { recursive: true })
const run = values.host ? host() : nvcc()
if (run.status !== 0) fail(`${values.host ? 'c++' : 'nvcc'} failed (${run.error?.message ?? `exit code ${run.status}`}).`)
renameSync(next, out)
console.log(`${path.relative(process.cwd(), out)}: ${(statSync(out).size / 2 ** 20).toFixed(1)} MiB, interface ${hash}`)

function readArguments(options) {
  try {
    return parseArgs({ options }).values
  } catch (error) {
    const known = Object.keys(options).map((name) => `--${name}`)
    return fail(`${error.message.split(/\. |\n/)[0]}. Known options: ${known.join(', ')}.`)
  }
}

/** Products and sums are fused only where the source says so (-fmad=false): kernels that must agree to the last bit do. */
function nvcc() {
  const compiler = findNvcc()
  // Wheels lie as a toolkit does, but name their libraries' folder lib; the compiler itself looks in lib64.
  const home = path.resolve(path.dirname(compiler), '..')
  const folders = existsSync(path.join(home, 'lib/libcudart_static.a')) ? [`-I${home}/include`, `-L${home}/lib`] : []
  const list = values.arch ? [values.arch] : targets
  const code = list.map((n) => `-gencode=arch=compute_${n},code=sm_${n}`)
  if (!values.arch) code.push(`-gencode=arch=compute_${targets.at(-1)},code=compute_${targets.at(-1)}`)
  const flags = ['-std=c++17', '-O3', '-fmad=false', '-Werror', 'all-warnings', '-cudart', 'static', '-shared', `-DPR1_OPS_HASH=${hash}`]
  const hostFlags = ['-Xcompiler', '-fPIC,-Wall,-Wextra,-fvisibility=hidden']
  return spawnSync(compiler, [...flags, ...folders, ...hostFlags, ...code, source, '-o', next, '-ldl'], { stdio: 'inherit' })
}

/** A compiler that starts; ends the run where there is none. */
function findNvcc() {
  const wheels = "import glob, sys; print('\\n'.join(f for p in sys.path for f in glob.glob(p + '/nvidia/*/bin/nvcc')))"
  const { stdout } = spawnSync('python3', ['-c', wheels], { encoding: 'utf8' })
  const named = process.env.NVCC
  const candidates = named ? [named] : ['nvcc', '/usr/local/cuda/bin/nvcc', ...(stdout ?? '').split('\n').filter(Boolean)]
  const found = candidates.find((file) => spawnSync(file, ['--version'], { stdio: 'ignore' }).status === 0)
  return (
    found ??
    fail(
      `no CUDA compiler was found: ${candidates.join(', ')} ${candidates.length > 1 ? 'do' : 'does'} not start.\n` +
        'One way to get one: python3 -m pip install nvidia-cuda-nvcc nvidia-cuda-runtime nvidia-cuda-cccl\n' +
        'Or install the CUDA toolkit (12.8 or later), or set NVCC to its compiler. Then run this again.',
    )
  )
}

function host() {
  const flags = [
    '-x',
    'c++',
    '-std=c++17',
    '-O1',
    '-Wall',
    '-Wextra',
    '-Werror',
    '-ffp-contract=off',
    '-U_FORTIFY_SOURCE',
    '-fPIC',
    '-shared',
  ]
  const defines = ['-DPR1_EMULATE', `-DPR1_OPS_HASH=${hash}`]
  return spawnSync(process.env.CXX ?? 'c++', [...flags, ...defines, source, '-o', next, '-ldl'], { stdio: 'inherit' })
}

function fail(message) {
  console.error(`pr1-cuda: ${message}`)
  process.exit(1)
}
