// Programs of ours as processes: what they say, how they end, and what no program of ours may say or do.

import { spawn } from 'node:child_process'
import path from 'node:path'
import { fileURLToPath } from 'node:url'

export const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../..')

/** A process that has not ended by then hangs. Loading promptfoo takes seconds, on a busy machine many. */
const LIMIT_MS = 90_000

/**
 * Runs `node` with these arguments. `onOutput(text, child)` hears what it prints.
 * @returns {Promise<{ code: number | null, signal: string | null, output: string, errors: string, hung: boolean }>}
 */
export function runNode(args, { env = {}, cwd = root, onStart, onOutput, limitMs = LIMIT_MS } = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, args, { cwd, env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'] })
    const result = { output: '', errors: '', hung: false }
    const watch = setTimeout(() => {
      result.hung = true
      child.kill('SIGKILL')
    }, limitMs)
    child.stdout.on('data', (data) => {
      result.output += data
      onOutput?.(String(data), child)
    })
    child.stderr.on('data', (data) => {
      result.errors += data
    })
    child.on('error', reject)
    child.on('close', (code, signal) => {
      clearTimeout(watch)
      resolve({ ...result, code, signal })
    })
    onStart?.(child)
  })
}

/** What was wrong with the end of a program that should have finished or said why it could not; undefined: nothing. */
export function badEnd({ code, signal, errors, hung }) {
  if (hung) return `did not end\n${tail(errors)}`
  if (signal !== null) return `died of ${signal}\n${tail(errors)}`
  if (/^\s+at .+:\d+/m.test(errors)) return `ended with a stack trace\n${tail(errors)}`
  if (code !== 0 && errors.trim() === '') return `ended with code ${code} and said nothing`
  return undefined
}

export function tail(text, lines = 6) {
  return text.trim().split('\n').slice(-lines).join('\n')
}
