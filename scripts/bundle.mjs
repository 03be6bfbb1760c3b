// npm run bundle: Node, the addon, the CUDA library, the compiled JavaScript, what it needs of node_modules, and the checks
// and benchmarks of bundle/ as one archive, parallel-r1-linux-x64.tar.xz. It runs on a GPU host without Node and network:
//   tar -xf parallel-r1-linux-x64.tar.xz && parallel-r1/run check
//   --node FILE      a Node binary for the target; default: the one that runs this
//   --cuda FILE      the CUDA library; default: what npm run build:cuda made
//   --fixtures DIR   checkpoints with reference values for `check` (one folder a family, with cases.json)
//   --rows DIR       rows of Countdown's training files, a folder a form, which `pr1-train suites` wrote; default: made here, which
//                    takes minutes
//   --out FILE       another archive. first-run.sh, which unpacks it, goes beside it
// promptfoo is not inside. Its place is taken by the rows of Countdown's suites, which it resolves here:
//   parallel-r1/run train -c parallel-r1/suites/countdown/train.parallel.yaml --suites parallel-r1/rows/parallel --device cuda -o RUN

import { spawnSync } from 'node:child_process'
import {
  chmodSync,
  copyFileSync,
  cpSync,
  existsSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
} from 'node:fs'
import { createRequire } from 'node:module'
import os from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'

const limit = 60 * 2 ** 20
/** Training files of Countdown that are carried with their rows. */
const forms = ['parallel', 'sequential']
/** What both forms begin with. */
const common = ['base', 'reading']
const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..')
const { values } = parseArgs({
  options: {
    node: { type: 'string', default: process.execPath },
    cuda: { type: 'string', default: path.join(root, 'prebuilds/linux-x64/parallel_r1_cuda.so') },
    fixtures: { type: 'string' },
    rows: { type: 'string' },
    out: { type: 'string', default: path.join(root, 'parallel-r1-linux-x64.tar.xz') },
  },
})
if (process.platform !== 'linux' || process.arch !== 'x64') fail('the bundle is made on Linux x64, for Linux x64.')
for (const [file, next] of [
  [path.join(root, 'dist/.built'), 'npm run build:ts'],
  [path.join(root, 'build/Release/parallel_r1.node'), 'npm run build:native'],
  [values.cuda, 'npm run build:cuda, or name one with --cuda'],
  ...(values.rows === undefined ? [] : forms.map((form) => [path.join(values.rows, form, 'suites'), 'npm run bundle without --rows'])),
]) {
  if (!existsSync(file)) fail(`${file} is missing. Run ${next}.`)
}

const work = mkdtempSync(path.join(os.tmpdir(), 'pr1-bundle-'))
try {
  const top = path.join(work, 'parallel-r1')
  const place = (from, to) => {
    mkdirSync(path.dirname(path.join(top, to)), { recursive: true })
    copyFileSync(from, path.join(top, to))
  }
  place(values.node, 'bin/node')
  run('strip', [path.join(top, 'bin/node')])
  chmodSync(path.join(top, 'bin/node'), 0o755)
  place(path.join(root, 'build/Release/parallel_r1.node'), 'build/Release/parallel_r1.node')
  place(values.cuda, 'prebuilds/linux-x64/parallel_r1_cuda.so')
  for (const name of ['run', 'check.mjs', 'bench.mjs', 'countdown.mjs', 'first-run.sh']) place(path.join(root, 'bundle', name), name)
  chmodSync(path.join(top, 'run'), 0o755)
  countdown(top)
  const peers = ['common.py', 'torch_train.py', 'transformers_decode.py', 'transformers_generate.py', 'trl_grpo.py']
  for (const name of ['shapes.json', ...peers.map((peer) => `peers/${peer}`)]) place(path.join(root, 'bench', name), `bench/${name}`)
  for (const name of ['package.json', 'LICENSE', 'docs/cuda.md']) place(path.join(root, name), name)
  const compiled = (source) => !/\.(d\.ts|map)$/.test(source)
  cpSync(path.join(root, 'dist'), path.join(top, 'dist'), { recursive: true, filter: compiled })
  for (const folder of packages()) {
    cpSync(folder, path.join(top, path.relative(root, folder)), {
      recursive: true,
      filter: (source) => compiled(source) && !/\.(md|ts)$/.test(source),
    })
  }
  if (values.fixtures) cpSync(path.resolve(values.fixtures), path.join(top, 'fixtures'), { recursive: true })
  compileCheck(path.join(top, 'bin/ops_check'))
  place(path.join(root, 'bundle/fixtures.mjs'), 'fixtures.mjs')
  run(process.execPath, [path.join(root, 'scripts/build-cuda.mjs'), '--host', '--out', path.join(top, 'bin/emulated.so')])
  const env = { ...process.env, XZ_OPT: '-6 -T0' }
  run('tar', ['-C', work, '--owner=0', '--group=0', '-cJf', path.resolve(values.out), 'parallel-r1'], env)
  copyFileSync(path.join(root, 'bundle/first-run.sh'), path.join(path.dirname(path.resolve(values.out)), 'first-run.sh'))
  const size = statSync(values.out).size
  console.log(`${values.out}: ${(size / 2 ** 20).toFixed(1)} MiB`)
  if (size > limit) fail(`the bundle is larger than ${limit / 2 ** 20} MiB.`)
} finally {
  rmSync(work, { recursive: true, force: true })
}

/** Countdown's training files with all that they name, and the rows of their suites. */
function countdown(top) {
  const suites = path.join(root, 'suites/countdown')
  const named = [
    ...readdirSync(suites).filter((name) => /\.(yaml|j2)$/.test(name)),
    'tokenizer',
    ...forms.map((form) => `checkpoints/${form}`),
  ]
  for (const name of named) cpSync(path.join(suites, name), path.join(top, 'suites/countdown', name), { recursive: true })
  cpSync(path.join(root, 'bundle/held-out.yaml'), path.join(top, 'bundle/held-out.yaml'))
  for (const [i, form] of forms.entries()) {
    const rows = path.join(top, 'rows', form)
    if (values.rows !== undefined) cpSync(path.join(values.rows, form), rows, { recursive: true })
    else {
      const evaluate = `stages.rl.evaluate={ suite: ../../bundle/held-out.yaml, provider: ${form} }`
      const own = i === 0 ? [] : ['--stage', 'cold-start', '--stage', 'rl']
      const file = path.join(suites, `train.${form}.yaml`)
      run(process.execPath, [path.join(root, 'dist/trainer/cli.js'), 'suites', '-c', file, '-o', rows, '--set', evaluate, ...own])
    }
    // The archive holds them once.
    if (i > 0) {
      for (const stage of common) {
        const file = path.join(rows, 'suites', `${stage}.jsonl`)
        rmSync(file, { force: true })
        linkSync(path.join(top, 'rows', forms[0], 'suites', `${stage}.jsonl`), file)
      }
    }
  }
}

/** Folders below node_modules that the dependencies of this package resolve to; headers and what is only for reports in HTML stay behind. */
function packages() {
  const left = new Set(['node-addon-api', '@observablehq/plot', 'linkedom'])
  const found = new Set()
  const visit = (name, from) => {
    const folder = resolvePackage(name, from)
    if (!folder || found.has(folder)) return
    found.add(folder)
    const { dependencies = {} } = JSON.parse(readFileSync(path.join(folder, 'package.json'), 'utf8'))
    for (const next of Object.keys(dependencies)) visit(next, folder)
  }
  const { dependencies } = JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8'))
  for (const name of Object.keys(dependencies)) if (!left.has(name)) visit(name, root)
  return found
}

function resolvePackage(name, from) {
  for (const folder of createRequire(path.join(from, 'package.json')).resolve.paths(name) ?? []) {
    const place = path.join(folder, name)
    if (existsSync(path.join(place, 'package.json')) && place.startsWith(root)) return place
  }
  return undefined
}

/** The program that compares ops. */
function compileCheck(out) {
  const hash = spawnSync(process.execPath, [path.join(root, 'scripts/ops-hash.mjs')], { encoding: 'utf8' }).stdout.trim()
  const native = path.join(root, 'native')
  const cpu = readdirSync(path.join(native, 'cpu')).filter((name) => name.endsWith('.cpp'))
  const flags = ['-std=c++17', '-O2', '-ffp-contract=off', '-fno-math-errno', `-DPR1_OPS_HASH=${hash}`]
  const files = [
    path.join(root, 'test/cuda/ops_check.cpp'),
    path.join(native, 'blocks.cpp'),
    path.join(native, 'threads.cpp'),
    ...cpu.map((name) => path.join(native, 'cpu', name)),
  ]
  run(process.env.CXX ?? 'c++', [...flags, ...files, '-o', out, '-ldl', '-lpthread'])
}

function run(command, args, env = process.env) {
  const result = spawnSync(command, args, { stdio: ['ignore', 'inherit', 'inherit'], env })
  if (result.status !== 0) fail(`${command} failed (${result.error?.message ?? `exit code ${result.status}`}).`)
}

function fail(message) {
  console.error(`bundle: ${message}`)
  process.exit(1)
}
