/** Disks on a bad day, for tests of what a run leaves there. */

import { readdirSync } from 'node:fs'
import path from 'node:path'
import { diskOps, type FileOps } from '../../src/engine/checkpoint/atomic.ts'

/** A disk that is full after so many bytes; what is removed does not come back. */
export function smallDisk(bytes: number): FileOps {
  let left = bytes
  return {
    ...diskOps,
    async create(file) {
      const writer = await diskOps.create(file)
      return {
        ...writer,
        async write(data) {
          left -= data.length
          if (left < 0) throw Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC' })
          await writer.write(data)
        },
      }
    },
  }
}

/** A process that dies after so many effects on the disk: nothing it does later, cleaning up included, has one. */
export function dyingDisk(last: number): FileOps {
  let effects = 0
  const count = (): void => {
    effects += 1
    if (effects > last) throw new Error('gone')
  }
  return {
    mkdir: async (folder) => {
      count()
      await diskOps.mkdir(folder)
    },
    create: async (file) => {
      count()
      const writer = await diskOps.create(file)
      return {
        write: async (data) => {
          count()
          await writer.write(data)
        },
        rewriteStart: async (data) => {
          count()
          await writer.rewriteStart(data)
        },
        close: () => writer.close(),
      }
    },
    rename: async (from, to) => {
      count()
      await diskOps.rename(from, to)
    },
    sync: async (file) => {
      count()
      await diskOps.sync(file)
    },
    remove: async (file) => {
      count()
      await diskOps.remove(file)
    },
  }
}

/** Names of unfinished writes anywhere in a run. */
export function hiddenNames(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((name) => path.basename(name).startsWith('.'))
}
