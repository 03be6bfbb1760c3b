// The most that this machine reads from memory with all threads, and how (bandwidth.cpp): { bytesPerSecond, threads, streams, linesAhead,
// pages }. Undefined, with a message, where no compiler is.
import { spawnSync } from 'node:child_process'
import path from 'node:path'
import { fileURLToPath } from 'node:url'

const source = path.join(path.dirname(fileURLToPath(import.meta.url)), 'bandwidth.cpp')

export function bandwidth(folder, threads) {
  const compiler = process.env.CXX ?? 'c++'
  const program = path.join(folder, 'bandwidth')
  const built = spawnSync(compiler, ['-std=c++17', '-O3', '-march=native', '-pthread', source, '-o', program], { encoding: 'utf8' })
  if (built.status !== 0) {
    console.error(`skipped: memory bandwidth. ${compiler}: ${built.error?.message ?? built.stderr.trim().split('\n').at(-1)}`)
    return undefined
  }
  return () => JSON.parse(spawnSync(program, [String(threads), '1024', '3'], { encoding: 'utf8' }).stdout)
}
