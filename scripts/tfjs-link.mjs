// Builds the addon of @tensorflow/tfjs-node-gpu against a TensorFlow library that is on this machine already: one for CUDA 12
// or 13, or one for the CPU where the package's own download is out of reach. See docs/tfjs.md.
//   node scripts/tfjs-link.mjs <folder>       or PR1_TENSORFLOW=<folder> in the environment
// <folder> holds include/tensorflow/c/c_api.h and the library, here or below lib/: an unpacked libtensorflow, or the
// tensorflow folder of a Python wheel. It stays where it is; only links to it are made.

import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync } from 'node:fs'
import { createRequire } from 'node:module'
import path from 'node:path'
import { fileURLToPath } from 'node:url'

const addon = '@tensorflow/tfjs-node-gpu'
const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..')
const folder = process.argv[2] ?? process.env.PR1_TENSORFLOW

if (process.platform !== 'linux')
  fail(`This script knows Linux only. On ${process.platform}, \`npm install ${addon}\` brings its own library.`)
if (!folder) {
  fail(
    'Name the TensorFlow folder. Got none.\n' +
      'Usage: node scripts/tfjs-link.mjs <folder>   (or PR1_TENSORFLOW=<folder>)\n' +
      'One way to get one: python3 -m pip install --no-deps --target /some/where tensorflow_cpu, then name /some/where/tensorflow.',
  )
}
const library = findLibrary(path.resolve(folder))
const home = findPackage() ?? installPackage()
link(home, library)
build(home, library)
report(home)

function findLibrary(base) {
  const include = path.join(base, 'include')
  if (!existsSync(path.join(include, 'tensorflow/c/c_api.h'))) {
    fail(
      `A TensorFlow folder holds include/tensorflow/c/c_api.h. ${base} does not. Name an unpacked libtensorflow, or site-packages/tensorflow.`,
    )
  }
  for (const lib of [path.join(base, 'lib'), base]) {
    const names = existsSync(lib) ? readdirSync(lib).sort() : []
    const main = names.find((name) => /^libtensorflow(_cc)?\.so(\.|$)/.test(name))
    const framework = names.find((name) => /^libtensorflow_framework\.so(\.|$)/.test(name))
    if (main && framework) return { include, lib, main, framework }
  }
  return fail(`No libtensorflow.so (or libtensorflow_cc.so) with libtensorflow_framework.so in ${base} or ${base}/lib.`)
}

/** Where the package is installed, seen from here (a clone or node_modules/parallel-r1). */
function findPackage() {
  let at = root
  while (true) {
    const candidate = path.join(at, 'node_modules', addon)
    if (existsSync(path.join(candidate, 'package.json'))) return candidate
    const up = path.dirname(at)
    if (up === at) return undefined
    at = up
  }
}

/** It is an optional peer: npm installs none, and in a clone it leaves the package out where its own install script fails. */
function installPackage() {
  const project = path.basename(path.dirname(root)) === 'node_modules' ? path.resolve(root, '../..') : root
  const { peerDependencies } = JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8'))
  const wanted = `${addon}@${peerDependencies[addon]}`
  console.log(`parallel-r1: installing ${wanted} without its download`)
  const npm = spawnSync('npm', ['install', '--no-save', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error', wanted], {
    cwd: project,
    stdio: 'inherit',
  })
  const found = npm.status === 0 ? findPackage() : undefined
  return found ?? fail(`npm could not install ${wanted} in ${project}.`)
}

/** What the package's binding.gyp expects below deps/. The names are those for linking; at run time the library is found where it lies. */
function link(home, { include, lib, main, framework }) {
  const deps = path.join(home, 'deps')
  rmSync(deps, { recursive: true, force: true })
  mkdirSync(path.join(deps, 'lib'), { recursive: true })
  symlinkSync(include, path.join(deps, 'include'))
  symlinkSync(path.join(lib, main), path.join(deps, 'lib/libtensorflow.so'))
  symlinkSync(path.join(lib, framework), path.join(deps, 'lib/libtensorflow_framework.so'))
}

function build(home, { lib }) {
  const require = createRequire(path.join(home, 'package.json'))
  const preGyp = path.join(path.dirname(require.resolve('@mapbox/node-pre-gyp/package.json')), 'bin/node-pre-gyp')
  rmSync(path.join(home, 'lib'), { recursive: true, force: true })
  console.log(`parallel-r1: compiling the addon of ${addon} against ${lib}`)
  const prefix = path.resolve(path.dirname(process.execPath), '..')
  const nodeGyp = path.join(prefix, 'lib/node_modules/npm/node_modules/node-gyp/bin/node-gyp.js')
  const headers = existsSync(path.join(prefix, 'include/node/node_version.h')) ? [`--nodedir=${prefix}`] : []
  const run = spawnSync(process.execPath, [preGyp, 'install', '--build-from-source', '--loglevel=error', ...headers], {
    cwd: home,
    stdio: ['ignore', 'pipe', 'inherit'],
    encoding: 'utf8',
    env: {
      ...process.env,
      ...(existsSync(nodeGyp) && !process.env.npm_config_node_gyp && { npm_config_node_gyp: nodeGyp }),
      LDFLAGS: `${process.env.LDFLAGS ?? ''} -Wl,-rpath,${lib}`.trim(),
    },
  })
  if (run.status === 0) return
  console.error(run.stdout?.split('\n').slice(-40).join('\n') ?? '')
  fail(`Compiling the addon failed (${run.error?.message ?? `exit code ${run.status}`}). It needs a C++ compiler, make and Python 3.`)
}

/** Loads it in a process of its own, computes something and says what runs. */
function report(home) {
  const script = `
    const util = require('node:util')
    util.isNullOrUndefined ??= (value) => value == null
    const tf = require(${JSON.stringify(home)})
    const [x] = tf.matMul(tf.tensor2d([[2, 3]]), tf.tensor2d([[5], [7]])).dataSync()
    if (x !== 31) throw new Error('2 * 5 + 3 * 7 = ' + x)
    console.log('parallel-r1: TensorFlow ' + tf.backend().binding.TF_Version + ' computes, on ' + (tf.backend().isUsingGpuDevice ? 'a GPU' : 'the CPU'))
  `
  const run = spawnSync(process.execPath, ['-e', script], { stdio: 'inherit', env: { TF_CPP_MIN_LOG_LEVEL: '1', ...process.env } })
  if (run.status !== 0) fail(`The addon was compiled but does not load. Is the library in ${folder} complete?`)
}

function fail(message) {
  console.error(`parallel-r1: ${message}`)
  process.exit(1)
}
