/** The folder that a run works in: its states, and the lock that keeps other trainers out. */

import { statSync } from 'node:fs'
import type { FileOps } from '../../engine/checkpoint/atomic.ts'
import { RunLock } from './run-lock.ts'
import { States } from './states.ts'

interface RunFolderOptions {
  /** The folder to lock, which exports go into: `path` or one above it. */
  output: string
  /** Writes nothing and takes no lock, so it may be open while a run goes on. */
  readOnly?: boolean
  warn: (line: string) => void
  ops?: FileOps
}

export class RunFolder {
  readonly path: string
  readonly states: States
  private readonly lock: RunLock | undefined
  private readonly warn: (line: string) => void

  private constructor(path: string, { warn, ops }: RunFolderOptions, lock: RunLock | undefined) {
    this.path = path
    this.states = new States(path, warn, ops)
    this.lock = lock
    this.warn = warn
  }

  /** @throws ParallelR1Error where another trainer holds it */
  static async open(path: string, options: RunFolderOptions): Promise<RunFolder> {
    if (options.readOnly) return new RunFolder(path, options, undefined)
    const folder = new RunFolder(path, options, await RunLock.take(options.output))
    await folder.states.recover()
    return folder
  }

  /** Throws a system error where the folder, or the right to write into it, is gone. */
  check(): void {
    this.lock?.renew()
    statSync(this.path)
  }

  async close(): Promise<void> {
    try {
      await this.lock?.release()
    } catch (error) {
      this.warn(`Warning: the lock of ${this.path} could not be removed (${(error as Error).message}). The next run takes it over.`)
    }
  }
}
