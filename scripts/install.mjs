// Runs at `npm install` and before the tests: finds a prebuilt addon, else compiles one.
//   --from-source   compile even where a prebuilt addon fits
//   --clean         compile everything anew
// Needs nothing but Node's own modules until dependencies are known to be there.

import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import path from 'node:path'
import { fileURLToPath } from 'node:url'

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..')
const require = createRequire(import.meta.url)
const fromSource = process.argv.includes('--from-source') || process.env.npm_config_build_from_source === 'true'

if (!fromSource && prebuilt()) process.exit(0)
const missing = missingTools()
if (missing.length > 0) fail(`The native engine must be compiled here. Not found: ${missing.join(', ')}.`)
const { command, args } = nodeGyp()
const targets = process.argv.includes('--clean') ? ['rebuild'] : ['configure', 'build']
for (const target of targets) {
  // Quiet unless it fails: the compiler's own errors are still shown.
  const options = target === 'configure' || target === 'rebuild' ? headers() : []
  const run = spawnSync(command, [...args, target, '--loglevel=error', ...options, ...(target === 'configure' ? [] : ['-j', 'max'])], {
    cwd: root,
    stdio: ['ignore', 'pipe', 'inherit'],
    encoding: 'utf8',
  })
  if (run.status !== 0) {
    console.error(run.stdout?.split('\n').slice(-40).join('\n') ?? '')
    fail(`Compiling the native engine failed (node-gyp ${target}: ${run.error?.message ?? `exit code ${run.status}`}).`)
  }
}

/** True where a prebuilt addon for this platform loads. */
function prebuilt() {
  if (!existsSync(path.join(root, 'prebuilds'))) return false
  try {
    const addon = require('node-gyp-build').resolve(root)
    if (!addon.includes(`${path.sep}prebuilds${path.sep}`)) return false
    require(addon)
    console.log(`parallel-r1: using the prebuilt engine ${path.relative(root, addon)}`)
    return true
  } catch (error) {
    console.warn(`parallel-r1: no prebuilt engine loads here (${error.message.split('\n')[0]}); compiling it`)
    return false
  }
}

function missingTools() {
  if (process.platform === 'win32') return []
  const works = (tool, flag = '--version') => spawnSync(tool, [flag], { stdio: 'ignore' }).status === 0
  const compiler = process.env.CXX ? process.env.CXX.split(' ')[0] : undefined
  const wanted = [
    ['a C++ compiler (c++, g++ or clang++)', compiler ? works(compiler) : ['c++', 'g++', 'clang++'].some((tool) => works(tool))],
    ['make', ['make', 'gmake'].some((tool) => works(tool))],
    ['python3', [process.env.npm_config_python, process.env.PYTHON, 'python3', 'python'].some((tool) => tool && works(tool))],
  ]
  return wanted.filter(([, found]) => !found).map(([name]) => name)
}

/** npm names its own node-gyp to the scripts it runs; outside npm a local or global one is used. */
function nodeGyp() {
  const besideNode = path.resolve(path.dirname(process.execPath), '../lib/node_modules/npm/node_modules/node-gyp/bin/node-gyp.js')
  const candidates = [process.env.npm_config_node_gyp, besideNode]
  try {
    candidates.splice(1, 0, require.resolve('node-gyp/bin/node-gyp.js'))
  } catch {
    // not installed here
  }
  const script = candidates.find((file) => file && existsSync(file))
  return script ? { command: process.execPath, args: [script] } : { command: 'node-gyp', args: [] }
}

/** The headers that came with this Node, where they did: then node-gyp downloads none. */
function headers() {
  if (process.env.npm_config_nodedir) return []
  const prefix = path.resolve(path.dirname(process.execPath), '..')
  try {
    const text = readFileSync(path.join(prefix, 'include/node/node_version.h'), 'utf8')
    const part = (name) => new RegExp(`#define NODE_${name}_VERSION (\\d+)`).exec(text)?.[1]
    const version = [part('MAJOR'), part('MINOR'), part('PATCH')].join('.')
    return version === process.versions.node ? [`--nodedir=${prefix}`] : []
  } catch {
    return []
  }
}

function fail(message) {
  console.error(`
parallel-r1: ${message}
Install a C++17 compiler, make and Python 3, then run "npm rebuild parallel-r1" (in a clone: "npm ci"):
  Debian, Ubuntu   sudo apt-get install build-essential python3
  Fedora           sudo dnf install gcc-c++ make python3
  macOS            xcode-select --install
`)
  process.exit(1)
}
