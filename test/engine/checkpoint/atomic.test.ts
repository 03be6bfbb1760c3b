import { spawn } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { describe, expect, it } from 'vitest'
import {
  diskOps,
  type FileOps,
  recoverFolder,
  replaceFolder,
  writeFileAtomic,
  writeFolderAtomic,
} from '../../../src/engine/checkpoint/atomic.ts'
import { openCheckpoint, saveCheckpoint } from '../../../src/engine/checkpoint/folder.ts'
import { CheckpointError } from '../../../src/engine/errors.ts'
import { hashOf, temporaryFolder, tensorsOf, tinyContent } from './build.ts'

/** Names beside a folder, hidden ones too. */
const beside = (folder: string) => readdirSync(path.dirname(folder)).filter((name) => name !== path.basename(folder))

/** Calls `before` before every effect on the disk; write, too, which `diskOps` hides in the writer. */
function watched(before: (step: string, file: string) => void | Promise<void>): FileOps {
  return {
    async mkdir(folder) {
      await before('mkdir', folder)
      await diskOps.mkdir(folder)
    },
    async create(file) {
      await before('create', file)
      const writer = await diskOps.create(file)
      return {
        async write(data) {
          await before('write', file)
          // Half of it, then the rest: a kill can fall between.
          await writer.write(data.subarray(0, data.length >> 1))
          await before('write', file)
          await writer.write(data.subarray(data.length >> 1))
        },
        async rewriteStart(data) {
          await before('write', file)
          await writer.rewriteStart(data)
        },
        close: () => writer.close(),
      }
    },
    async rename(from, to) {
      await before('rename', from)
      await diskOps.rename(from, to)
    },
    async sync(file) {
      await before('sync', file)
      await diskOps.sync(file)
    },
    async remove(file) {
      await before('remove', file)
      await diskOps.remove(file)
    },
  }
}

async function allWeights(folder: string): Promise<number[]> {
  const numbers: number[] = []
  for (const data of (await tensorsOf(folder)).values()) numbers.push(...data)
  return numbers
}

function systemError(code: string): Error {
  return Object.assign(new Error(`${code}: it failed`), { code })
}

describe('saveCheckpoint', () => {
  it('leaves the old or the new checkpoint after a kill at any moment', async () => {
    const parent = temporaryFolder()
    const folder = path.join(parent, 'model')
    await saveCheckpoint(folder, tinyContent(1))
    const oldHash = await hashOf(folder)

    // What the disk holds before every effect is what a kill at that moment leaves.
    const moments: string[] = []
    const ops = watched(() => {
      const copy = path.join(temporaryFolder(), 'parent')
      cpSync(parent, copy, { recursive: true })
      moments.push(copy)
    })
    const extraFiles = { 'trainer/state.json': '{}' }
    await saveCheckpoint(folder, tinyContent(2, { extraFiles }), { ops })
    const newHash = await hashOf(folder)
    expect(newHash).not.toBe(oldHash)
    expect(moments.length).toBeGreaterThan(30)

    const seen: string[] = []
    let unnamed = 0
    for (const copy of moments) {
      const left = path.join(copy, 'model')
      if (!existsSync(left)) unnamed++
      await recoverFolder(left)
      expect(beside(left)).toEqual([])
      const hash = await hashOf(left)
      expect([oldHash, newHash]).toContain(hash)
      await openCheckpoint(left)
      if (hash === newHash) expect(readFileSync(path.join(left, 'trainer/state.json'), 'utf8')).toBe('{}')
      seen.push(hash === oldHash ? 'old' : 'new')
    }
    // Old up to one moment, new from there on; and the moment between the two renames was among them.
    expect(seen.join(' ')).toMatch(/^(old )+(new ?)+$/)
    expect(unnamed).toBe(1)
  })

  it('leaves nothing or the checkpoint when the first save is killed', async () => {
    const parent = temporaryFolder()
    const folder = path.join(parent, 'model')
    const moments: string[] = []
    const ops = watched(() => {
      const copy = path.join(temporaryFolder(), 'parent')
      cpSync(parent, copy, { recursive: true })
      moments.push(copy)
    })
    await saveCheckpoint(folder, tinyContent(1), { ops })
    const hash = await hashOf(folder)
    for (const copy of moments) {
      const left = path.join(copy, 'model')
      await recoverFolder(left)
      if (existsSync(left)) expect(await hashOf(left)).toBe(hash)
      expect(beside(left)).toEqual([])
    }
  })

  it('keeps the previous checkpoint whole when the disk is full at any moment, and says so', async () => {
    const folder = path.join(temporaryFolder(), 'model')
    await saveCheckpoint(folder, tinyContent(1))
    const before = await hashOf(folder)
    const steps: string[] = []
    await saveCheckpoint(path.join(temporaryFolder(), 'model'), tinyContent(2), { ops: watched((step) => void steps.push(step)) })
    // A full disk fails to make, write and flush files; renames and removals still work.
    const failing = [...steps.keys()].filter((i) => ['mkdir', 'create', 'write', 'sync'].includes(steps[i]))
    expect(failing.length).toBeGreaterThan(20)
    for (const at of failing) {
      let step = 0
      const ops = watched(() => {
        if (step++ === at) throw systemError('ENOSPC')
      })
      const error = await saveCheckpoint(folder, tinyContent(2), { ops }).catch((e: unknown) => e)
      expect(error).toBeInstanceOf(CheckpointError)
      expect(String(error)).toContain('the disk is full (ENOSPC)')
      expect(String(error)).toContain('The previous checkpoint is still there, whole.')
      expect(beside(folder)).toEqual([])
      expect(await hashOf(folder)).toBe(before)
    }
  })

  it('puts everything back when a rename is refused', async () => {
    const folder = path.join(temporaryFolder(), 'model')
    await saveCheckpoint(folder, tinyContent(1))
    const before = await hashOf(folder)
    for (let failing = 0; failing < 3; failing++) {
      let renames = 0
      const ops = watched((step) => {
        if (step === 'rename' && renames++ === failing) throw systemError('EACCES')
      })
      const error = await saveCheckpoint(folder, tinyContent(2), { ops }).catch((e: unknown) => e)
      expect(error).toBeInstanceOf(CheckpointError)
      expect(String(error)).toContain('EACCES')
      expect(await hashOf(folder)).toBe(before)
      expect(beside(folder)).toEqual([])
    }
  })

  it('says that nothing was left when the first save fails', async () => {
    const folder = path.join(temporaryFolder(), 'deep', 'model')
    const ops = watched((step, file) => {
      if (step === 'write' && file.endsWith('.safetensors')) throw systemError('ENOSPC')
    })
    await expect(saveCheckpoint(folder, tinyContent(), { ops })).rejects.toThrow(
      /writing model\.safetensors: the disk is full.*Nothing was left behind/,
    )
    expect(existsSync(folder)).toBe(false)
    expect(beside(folder)).toEqual([])
  })

  it('keeps the previous checkpoint when the weights are not finite or a callback throws', async () => {
    const folder = path.join(temporaryFolder(), 'model')
    await saveCheckpoint(folder, tinyContent(1))
    const before = await hashOf(folder)
    const bad = tinyContent(2, { weights: ({ shape }) => new Float32Array(shape.reduce((a, b) => a * b, 1)).fill(Number.NaN) })
    await expect(saveCheckpoint(folder, bad)).rejects.toThrow(
      /tensor "model.embed_tokens.weight": expected finite numbers.*It was not saved/,
    )
    const failing = tinyContent(2, {
      extraFiles: async () => {
        throw new Error('state is gone')
      },
    })
    await expect(saveCheckpoint(folder, failing)).rejects.toThrow('state is gone')
    expect(await hashOf(folder)).toBe(before)
    expect(beside(folder)).toEqual([])
  })

  it('runs one after the other when called at once, and the last one stays', async () => {
    const folder = path.join(temporaryFolder(), 'model')
    await Promise.all([1, 2, 3].map((seed) => saveCheckpoint(folder, tinyContent(seed))))
    const other = path.join(temporaryFolder(), 'model')
    await saveCheckpoint(other, tinyContent(3))
    expect(await allWeights(folder)).toEqual(await allWeights(other))
    expect(beside(folder)).toEqual([])
  })

  it('refuses to replace a folder that holds something else', async () => {
    const folder = path.join(temporaryFolder(), 'home')
    mkdirSync(folder)
    await saveCheckpoint(folder, tinyContent())
    rmSync(path.join(folder, 'config.json'))
    writeFileSync(path.join(folder, 'diary.txt'), 'dear diary')
    await expect(saveCheckpoint(folder, tinyContent())).rejects.toThrow(
      /a checkpoint, an empty folder, or none, found a folder with other files/,
    )
    expect(readFileSync(path.join(folder, 'diary.txt'), 'utf8')).toBe('dear diary')
    const file = path.join(folder, 'diary.txt')
    await expect(saveCheckpoint(file, tinyContent())).rejects.toThrow(/found a file/)
  })

  it('follows a link and keeps it', async () => {
    const parent = temporaryFolder()
    symlinkSync(path.join(temporaryFolder(), 'real'), path.join(parent, 'model'))
    await saveCheckpoint(path.join(parent, 'model'), tinyContent(1))
    await saveCheckpoint(path.join(parent, 'model'), tinyContent(2))
    expect(readdirSync(parent)).toEqual(['model'])
    await openCheckpoint(path.join(parent, 'model'))
  })
})

/** A process id that no longer runs. */
async function deadPid(): Promise<number> {
  const child = spawn(process.execPath, ['-e', ''])
  await new Promise((resolve) => child.on('exit', resolve))
  return child.pid!
}

describe('recoverFolder', () => {
  function make(parent: string, name: string, text: string): void {
    mkdirSync(path.join(parent, name))
    writeFileSync(path.join(parent, name, 'x'), text)
  }
  const read = (parent: string) => readFileSync(path.join(parent, 'm', 'x'), 'utf8')

  it.each([
    ['a folder alone', ['m'], 'nothing', 'm'],
    ['what was half written', ['m', 'tmp'], 'nothing', 'm'],
    ['a complete folder that never took the name', ['m', 'new'], 'nothing', 'm'],
    ['a swap between its renames', ['new', 'old'], 'finished', 'new'],
    ['a first save between its renames', ['new', 'tmp'], 'finished', 'new'],
    ['a swap whose new folder was lost', ['old', 'tmp'], 'restored', 'old'],
    ['a swap before its clean-up', ['m', 'old'], 'nothing', 'm'],
  ])('handles %s', async (_, names, recovery, kept) => {
    const parent = temporaryFolder()
    const pid = await deadPid()
    for (const name of names) make(parent, name === 'm' ? 'm' : `.m.${name}-${pid}-0af3`, name)
    expect(await recoverFolder(path.join(parent, 'm'))).toBe(recovery)
    expect(read(parent)).toBe(kept)
    expect(readdirSync(parent)).toEqual(['m'])
  })

  it('leaves the files of others alone', async () => {
    const parent = temporaryFolder()
    make(parent, 'm', 'm')
    // A writer that runs (this test's parent), another folder, names that only look alike.
    const others = [`.m.tmp-${process.ppid}-0af3`, '.mm.tmp-1-0af3', '.m.tmp-x', '.m.other-1-0af3', 'm.tmp-1-0af3']
    for (const name of others) make(parent, name, name)
    expect(await recoverFolder(path.join(parent, 'm'))).toBe('nothing')
    expect(readdirSync(parent).sort()).toEqual([...others, 'm'].sort())
  })

  it('removes what a save of a killed process left, at the next save and at the next open', async () => {
    const folder = path.join(temporaryFolder(), 'model')
    await saveCheckpoint(folder, tinyContent(1))
    const leftover = path.join(path.dirname(folder), `.model.tmp-${await deadPid()}-0af3`)
    mkdirSync(leftover)
    await saveCheckpoint(folder, tinyContent(2))
    expect(existsSync(leftover)).toBe(false)
    mkdirSync(leftover)
    renameSync(folder, `${folder.replace(/model$/, '.model.old-1-0af3')}`)
    await openCheckpoint(folder)
    expect(existsSync(leftover)).toBe(false)
  })

  it('in the middle of a swap by a writer that runs does not disturb it', async () => {
    const folder = path.join(temporaryFolder(), 'model')
    await saveCheckpoint(folder, tinyContent(1))
    let recoveries = 0
    const ops = watched(async () => {
      if ((await recoverFolder(folder)) !== 'nothing') recoveries++
    })
    await saveCheckpoint(folder, tinyContent(2), { ops })
    expect(recoveries).toBe(1)
    const other = path.join(temporaryFolder(), 'model')
    await saveCheckpoint(other, tinyContent(2))
    expect(await hashOf(folder)).toBe(await hashOf(other))
    expect(beside(folder)).toEqual([])
  })

  it('of a folder whose parent does not exist finds nothing', async () => {
    expect(await recoverFolder(path.join(temporaryFolder(), 'no', 'such'))).toBe('nothing')
  })
})

describe('replaceFolder and writeFolderAtomic', () => {
  it('put a folder made elsewhere in place', async () => {
    const parent = temporaryFolder()
    const final = path.join(parent, 'final')
    for (const text of ['one', 'two']) {
      mkdirSync(path.join(parent, 'draft', 'deep'), { recursive: true })
      writeFileSync(path.join(parent, 'draft', 'deep', 'x'), text)
      await replaceFolder(path.join(parent, 'draft'), final)
      expect(readFileSync(path.join(final, 'deep', 'x'), 'utf8')).toBe(text)
      expect(readdirSync(parent)).toEqual(['final'])
    }
  })

  it('flush every file and folder before the first rename', async () => {
    const synced = new Set<string>()
    let renamed = false
    const ops = watched((step, file) => {
      if (step === 'rename') renamed = true
      if (step === 'sync' && !renamed) synced.add(path.basename(file))
    })
    const final = path.join(temporaryFolder(), 'final')
    await writeFolderAtomic(
      final,
      async (folder) => {
        mkdirSync(path.join(folder, 'trainer'))
        writeFileSync(path.join(folder, 'trainer', 'moments'), 'm')
        writeFileSync(path.join(folder, 'config'), 'c')
      },
      ops,
    )
    expect([...synced].filter((name) => !name.startsWith('.')).sort()).toEqual(['config', 'moments', 'trainer'])
  })
})

describe('writeFileAtomic', () => {
  it('replaces a file, or leaves it as it was', async () => {
    const file = path.join(temporaryFolder(), 'x.json')
    await writeFileAtomic(file, 'one')
    await writeFileAtomic(file, Buffer.from('two'))
    expect(readFileSync(file, 'utf8')).toBe('two')
    const ops = watched((step) => {
      if (step === 'write') throw systemError('ENOSPC')
    })
    await expect(writeFileAtomic(file, 'three', ops)).rejects.toThrow('ENOSPC')
    expect(readFileSync(file, 'utf8')).toBe('two')
    expect(beside(file)).toEqual([])
  })
})
