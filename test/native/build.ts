import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'

/** C++ programs over the CPU engine without Node, with and without sanitizers. Objects are kept in a folder named after the sources. */
const native = path.resolve(fileURLToPath(import.meta.url), '../../../native')
const ownCompiler = process.env.CXX ?? 'c++'
const flags = ['-std=c++17', '-O1', '-g1', '-ffp-contract=off', '-fno-math-errno', '-I.']
const core = [
  'blocks.cpp',
  'crc32.cpp',
  'threads.cpp',
  'worker.cpp',
  ...readdirSync(path.join(native, 'model')).flatMap((name) => (name.endsWith('.cpp') ? `model/${name}` : [])),
]

export const addressSanitizer = ['-fsanitize=address,undefined', '-fno-sanitize-recover=all']
export const threadSanitizer = ['-fsanitize=thread']

/** The instruction sets that dispatch.cpp knows and that have a file, `avx512-bf16` for isa_avx512_bf16.cpp. amx-bf16 and amx-int8 are avx512 with amx*.cpp. */
export const instructionSets = readdirSync(path.join(native, 'cpu')).flatMap(
  (name) => /^isa_(\w+)\.cpp$/.exec(name)?.[1].replace('_', '-') ?? [],
)

export interface Ran {
  /** Exit code, or the signal that ended it. */
  status: number | string
  output: string
}

export function run(command: string, args: readonly string[], env: NodeJS.ProcessEnv = {}, cwd = native): Promise<Ran> {
  return new Promise((resolve) => {
    execFile(command, args, { cwd, env: { ...process.env, ...env }, maxBuffer: 1 << 26 }, (error, stdout, stderr) => {
      const failed = error as (Error & { code?: number | string; signal?: string }) | null
      resolve({ status: failed ? (failed.signal ?? failed.code ?? 1) : 0, output: `${stdout}${stderr}` })
    })
  })
}

/** What a program built with these sanitizers needs in its environment; a reason where the compiler or this system cannot have them. */
export async function sanitizerWorks(sanitizer: readonly string[]): Promise<{ env: NodeJS.ProcessEnv } | { missing: string }> {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'pr1-sanitizer-'))
  try {
    const source = path.join(folder, 'probe.cpp')
    const program = path.join(folder, 'probe')
    writeFileSync(source, '#include <thread>\nint main() { std::thread([] {}).join(); }\n')
    const built = await run(ownCompiler, ['-std=c++17', ...sanitizer, source, '-o', program, '-lpthread'])
    if (built.status !== 0) return { missing: `${ownCompiler} has no ${sanitizer[0]} (${lastLine(built.output)})` }
    // Leaks cannot be looked for under a debugger or where ptrace is forbidden.
    for (const env of [{}, { ASAN_OPTIONS: 'detect_leaks=0' }]) {
      if ((await run(program, [], env)).status === 0) return { env }
    }
    return { missing: `programs with ${sanitizer[0]} do not start here` }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** Compiles `main` (a path from native/) with the engine. Throws what the compiler said. */
export async function program(main: string, extra: readonly string[] = [], compiler = ownCompiler): Promise<string> {
  const isa = readdirSync(path.join(native, 'cpu')).filter((name) => name.endsWith('.cpp'))
  const sources = [...isa.map((name) => `cpu/${name}`), ...core, main]
  const base = folder(extra, compiler)
  const objects = sources.map((source) => path.join(base, `${source.replace(/\W+/g, '_')}_${hashOf(source)}.o`))
  const waiting = sources.map((source, i) => [source, objects[i]]).filter(([, object]) => !existsSync(object))
  const compile = async (): Promise<void> => {
    for (let next = waiting.shift(); next; next = waiting.shift()) {
      const [source, object] = next
      await make(compiler, object, (out) => [...flags, ...extra, '-c', source, '-o', out])
    }
  }
  await Promise.all(Array.from({ length: os.availableParallelism() }, compile))
  const out = path.join(base, `${path.basename(main, '.cpp')}_${createHash('sha256').update(objects.join()).digest('hex').slice(0, 16)}`)
  if (!existsSync(out)) await make(compiler, out, (next) => [...extra, ...objects, '-o', next, '-lpthread'])
  return out
}

/** Whole or not at all; a second test file that wants the same waits for the first. */
async function make(compiler: string, out: string, args: (out: string) => string[]): Promise<void> {
  const lock = `${out}.lock`
  while (!claim(lock)) await sleep(200)
  try {
    if (existsSync(out)) return
    const { status, output } = await run(compiler, args(`${out}.next`))
    if (status !== 0) throw new Error(`${compiler} failed:\n${output}`)
    renameSync(`${out}.next`, out)
  } finally {
    rmSync(lock)
  }
}

/** False while a process that is alive holds the lock. */
function claim(lock: string): boolean {
  try {
    writeFileSync(lock, String(process.pid), { flag: 'wx' })
    return true
  } catch {
    const holder = existsSync(lock) ? Number(readFileSync(lock, 'utf8')) : 0
    if (holder === 0) return false
    try {
      process.kill(holder, 0)
    } catch {
      rmSync(lock, { force: true })
    }
    return false
  }
}

/** Named after the headers and the flags; an object also carries the hash of its own source. */
function folder(extra: readonly string[], compiler: string): string {
  const hash = createHash('sha256').update(JSON.stringify([compiler, flags, extra]))
  for (const at of ['.', 'model', 'cpu', 'test', '../test/native']) {
    for (const name of readdirSync(path.join(native, at)).sort()) {
      if (name.endsWith('.h')) hash.update(name).update(readFileSync(path.join(native, at, name)))
    }
  }
  const place = path.join(process.env.PR1_TEST_KEPT!, `pr1-native-${os.userInfo().username}`, hash.digest('hex').slice(0, 16))
  mkdirSync(place, { recursive: true })
  return place
}

function hashOf(source: string): string {
  return createHash('sha256')
    .update(readFileSync(path.join(native, source)))
    .digest('hex')
    .slice(0, 16)
}

function lastLine(text: string): string {
  return text.trim().split('\n').at(-1) ?? ''
}
