/** Files of checkpoints that a worker was sent, because its machine has not got them. They are its own, and go with it. */

import { existsSync, mkdirSync, readdirSync, rmSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { ABSENT_ERROR, type Places } from '../cluster/protocol.ts'
import { CheckpointError, ConfigError } from '../engine/errors.ts'
import { isAlive } from '../trainer/states/run-lock.ts'

const PREFIX = 'pr1-worker-'

export class SentFiles {
  /** place → folder of what was sent of it */
  readonly #folders = new Map<string, string>()
  #home: string | undefined

  /** Writes a piece of a file. */
  async take({ place, name, offset }: { place: string; name: string; offset: number }, bytes: Uint8Array): Promise<void> {
    if (name !== path.basename(name) || name === '..')
      throw new ConfigError(`A file that is sent has a name without folders. Got "${name}".`)
    let folder = this.#folders.get(place)
    if (folder === undefined) {
      this.#home ??= ownHome()
      folder = path.join(this.#home, String(this.#folders.size))
      mkdirSync(folder, { recursive: true })
      this.#folders.set(place, folder)
    }
    const file = await open(path.join(folder, name), offset === 0 ? 'w' : 'r+')
    try {
      await file.write(bytes, 0, bytes.length, offset)
    } finally {
      await file.close()
    }
  }

  /** Where those lie on this machine. Throws AbsentError where one does not. */
  places({ folder, base }: Places): Places {
    return { folder: this.#find(folder), ...(base !== undefined && { base: this.#find(base) }) }
  }

  /** `equal`: whether what was opened at the places is what the run has there. Throws AbsentError where it can be sent. */
  check({ folder, base }: Places, equal: boolean): void {
    if (equal) return
    for (const place of [base, folder]) if (place !== undefined && !this.#folders.has(place)) throw absent(place)
    throw new CheckpointError(
      `What was sent of ${folder} is not the checkpoint of the run: it was written anew since the run opened it. Begin again`,
    )
  }

  remove(): void {
    if (this.#home !== undefined) rmSync(this.#home, { recursive: true, force: true })
    this.#home = undefined
    this.#folders.clear()
  }

  #find(place: string): string {
    const sent = this.#folders.get(place)
    if (sent !== undefined) return /\.gguf$/i.test(place) ? path.join(sent, path.basename(place)) : sent
    if (!existsSync(place)) throw absent(place)
    return place
  }
}

function absent(place: string): Error {
  return Object.assign(new Error(place), { name: ABSENT_ERROR })
}

/** A folder of this process. What workers left that were killed is removed. */
function ownHome(): string {
  const temporary = tmpdir()
  for (const name of readdirSync(temporary)) {
    const pid = name.startsWith(PREFIX) ? Number(name.slice(PREFIX.length)) : Number.NaN
    if (Number.isInteger(pid) && !isAlive(pid, 'unknown')) rmSync(path.join(temporary, name), { recursive: true, force: true })
  }
  return path.join(temporary, `${PREFIX}${process.pid}`)
}
