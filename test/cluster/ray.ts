import { spawnSync } from 'node:child_process'
import { mkdtempSync } from 'node:fs'
import { home } from '../once.ts'

/** A Python with Ray: PR1_PYTHON, or python3. */
export const python = process.env.PR1_PYTHON || 'python3'

/** Whether tests of the cluster can run; says why not. `skipped`: the tests that are left out. */
export function hasRay(skipped: string): boolean {
  const { status, stdout } = spawnSync(python, ['-c', 'import importlib.metadata as m; print(m.version("ray"))'], { encoding: 'utf8' })
  const found = status === 0 && /^2\.[6-9]\d/.test(stdout)
  if (!found) console.warn(`skipped: ${skipped} ${python} has no Ray of 2.60 or later; PR1_PYTHON names one that has`)
  return found
}

/**
 * A folder with a short name for clusters of this file: paths of Unix sockets have at most 107 bytes. Ray's processes name it in their arguments.
 * It is where Ray of this process and its children writes.
 */
export const rayFolder = mkdtempSync(home.length < 30 ? `${home}/` : '/tmp/pr1-ray-')
process.env.RAY_TMPDIR = rayFolder

/** Whether the process is there and no zombie. */
export function alive(pid: number): boolean {
  const { stdout } = spawnSync('ps', ['-o', 'stat=', '-p', String(pid)], { encoding: 'utf8' })
  return stdout.trim() !== '' && !stdout.trim().startsWith('Z')
}

export function parentOf(pid: number): number {
  return Number(spawnSync('ps', ['-o', 'ppid=', '-p', String(pid)], { encoding: 'utf8' }).stdout)
}
