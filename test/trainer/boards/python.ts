/** Python programs that read what boards wrote. */

import { spawnSync } from 'node:child_process'

export const python = process.env.PR1_PYTHON ?? 'python3'

/** Whether Python has this module; says what is skipped where it has not. */
export function hasPython(module: string, skipped: string): boolean {
  const found = spawnSync(python, ['-c', `import ${module}`], { encoding: 'utf8' }).status === 0
  if (!found) console.warn(`skipped: ${skipped} ${python} has no ${module}; PR1_PYTHON names one that has`)
  return found
}

/** What the program prints, as JSON. */
export function readWith(program: string, ...args: string[]): unknown {
  const { status, stdout, stderr } = spawnSync(python, ['-c', program, ...args], { encoding: 'utf8' })
  if (status !== 0) throw new Error(stderr)
  return JSON.parse(stdout)
}
