// Runs at `npm install`, before the tests and before the demo: finds a compiled addon for this platform, else compiles one.
// Where there is no compiler it says what is missing and goes on: all but the engine works without, and the engine says it again.
//   --required      a missing compiler is an error (tests, demo, benchmarks)
//   --from-source   compile even where a compiled addon fits; required
//   --clean         compile everything anew
// A compile that fails is always an error. Needs nothing but Node's own modules until dependencies are known to be there.

import { spawn, spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import path from 'node:path'
import { fileURLToPath } from 'node:url'

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..')
const require = createRequire(import.meta.url)
const fromSource = process.argv.includes('--from-source') || process.env.npm_config_build_from_source === 'true'
const required = fromSource || process.argv.includes('--required')
const clean = process.argv.includes('--clean')
/** What is missing, for the engine's first use (src/engine/native/locate.ts). */
const note = path.join(root, 'build', 'not-built.txt')
const tools = {
  linux: 'Debian, Ubuntu: sudo apt-get install build-essential python3; Fedora: sudo dnf install gcc-c++ make python3',
  darwin: 'xcode-select --install',
  win32: 'Visual Studio with "Desktop development with C++" and "C++ Clang tools for Windows", and Python 3',
}[process.platform]

if (!fromSource && (upToDate() || compiled())) process.exit(0)
const missing = missingTools()
if (missing.length > 0) notBuilt(missing.join(', '))
const { command, args } = nodeGyp()
if (!works(command)) notBuilt('node-gyp, which comes with npm')
for (const target of [clean ? 'rebuild' : 'configure', ...(clean ? [] : ['build'])]) {
  const options = target === 'build' ? [] : headers()
  const run = await gyp(command, [...args, target, '--loglevel=error', ...options, ...(target === 'configure' ? [] : ['-j', 'max'])])
  if (run.status === 0) continue
  console.error(run.output.split('\n').slice(-40).join('\n'))
  // Where Visual Studio is, node-gyp alone knows.
  if (target === 'configure' && process.platform === 'win32') notBuilt('a C++ compiler that node-gyp finds')
  fail(
    `Compiling the native engine failed (node-gyp ${target}: ${run.error ?? `exit code ${run.status}`}).`,
    'To install without the engine: npm install --ignore-scripts.',
  )
}
rmSync(note, { force: true })

/** Quiet but for the compiler's own errors and a line now and then that says how far it is. */
function gyp(command, args) {
  const started = Date.now()
  const { sources } = JSON.parse(readFileSync(path.join(root, 'binding.gyp'), 'utf8')).targets[0]
  const child = spawn(command, args, { cwd: root, stdio: ['ignore', 'pipe', 'inherit'] })
  let [output, files, told] = ['', 0, 0]
  child.stdout.setEncoding('utf8').on('data', (text) => {
    output += text
    files += text.match(/^ +CXX\(target\)/gm)?.length ?? 0
    if (files === 0 || (told > 0 && Date.now() - told < 5000)) return
    told = Date.now()
    console.error(`parallel-r1: compiling the engine, file ${files} of ${sources.length}, ${Math.round((told - started) / 1000)} s`)
  })
  return new Promise((resolve) => {
    child.on('error', (error) => resolve({ status: 1, output, error: error.message }))
    child.on('close', (status) => resolve({ status, output }))
  })
}

/** True where the addon was compiled here after the last change to what it is made of: make would find nothing to do, in seconds. */
function upToDate() {
  const addon = path.join(root, 'build/Release/parallel_r1.node')
  if (!existsSync(addon)) return false
  const made = statSync(addon).mtimeMs
  const native = readdirSync(path.join(root, 'native'), { recursive: true }).map((file) => path.join('native', file))
  return ['binding.gyp', ...native].every((file) => statSync(path.join(root, file)).mtimeMs <= made)
}

/** True where a compiled addon of this platform loads: of the platform's package, or below prebuilds/. */
function compiled() {
  const platform = `${process.platform}-${process.arch}`
  for (const folder of [`@parallel-r1/${platform}`, path.join(root, 'prebuilds', platform)]) {
    try {
      const addon = require.resolve(`${folder}/parallel_r1.node`)
      require(addon)
      console.log(`parallel-r1: using the compiled engine ${path.relative(root, addon)}`)
      return true
    } catch (error) {
      if (error.code !== 'MODULE_NOT_FOUND') console.warn(`parallel-r1: ${error.message.split('\n')[0]}; compiling the engine instead`)
    }
  }
  return false
}

function works(tool) {
  return spawnSync(tool, ['--version'], { stdio: 'ignore' }).status === 0
}

function missingTools() {
  if (process.platform === 'win32') return []
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

/** Ends the run; as a failure only where the engine is required. */
function notBuilt(what) {
  const text = `${what} (${tools ?? 'a C++17 compiler, make and Python 3'})`
  mkdirSync(path.dirname(note), { recursive: true })
  writeFileSync(note, `${text}\n`)
  fail(
    `The native engine must be compiled here. Not found: ${text}.`,
    required ? '' : 'Everything else works without it: assertions, pr1-report, pr1-data.',
    required ? 1 : 0,
  )
}

function fail(message, more, code = 1) {
  const again = existsSync(path.join(root, 'src')) ? 'npm run build:native' : 'npm rebuild parallel-r1'
  console.error(`\nparallel-r1: ${[message, more, `Once that is mended: ${again}`].filter(Boolean).join('\n')}\n`)
  process.exit(code)
}
