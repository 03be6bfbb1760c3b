// faults.cpp, compiled for this machine, and the environment that makes a program meet a fault.

import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'

/** Every effect on the disk; reading apart. */
export const EFFECTS = 'cwsnumt'
export const READS = 'rd'

export class Faults {
  #library

  constructor(library) {
    this.#library = library
  }

  /** Compiles the library into `folder`. A reason in words where this system cannot have it. */
  static build(folder) {
    if (process.platform !== 'linux') return { missing: `faults are put before libc on Linux only, this is ${process.platform}` }
    const library = path.join(folder, 'faults.so')
    const source = path.join(path.dirname(fileURLToPath(import.meta.url)), 'faults.cpp')
    const compiler = process.env.CXX ?? 'c++'
    const args = ['-std=c++17', '-O1', '-shared', '-fPIC', '-o', library, source, '-ldl']
    const { status, error, stderr } = spawnSync(compiler, args, { encoding: 'utf8' })
    return status === 0
      ? { faults: new Faults(library) }
      : { missing: `${compiler} does not compile faults.cpp: ${error?.message ?? stderr}` }
  }

  /** `what` (see faults.cpp) at operation `at` and up to `last` of the kinds `ops` below `root`. */
  env({ root, ops = EFFECTS, what, at, last = at }) {
    return {
      LD_PRELOAD: this.#library,
      PR1_FAULT_ROOT: root,
      PR1_FAULT_OPS: ops,
      PR1_FAULT_DO: what,
      PR1_FAULT_AT: String(at),
      PR1_FAULT_LAST: String(last),
    }
  }

  /** Makes a program write how many operations it did; `read` gives the number when it has ended. */
  counter({ root, ops = EFFECTS, file }) {
    const env = { LD_PRELOAD: this.#library, PR1_FAULT_ROOT: root, PR1_FAULT_OPS: ops, PR1_FAULT_COUNT: file }
    return { env, read: () => Number(readFileSync(file, 'utf8')) }
  }
}

/** Number of an error or a signal of this system, by its name. */
export const errno = (name) => os.constants.errno[name]
export const signalNumber = (name) => os.constants.signals[name]
