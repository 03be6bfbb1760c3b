import {
  closeSync,
  cpSync,
  existsSync,
  openSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import path from 'node:path'
import { beforeEach, describe, expect, it, vi } from 'vitest'
import { ChatTemplate } from '../../../src/engine/checkpoint/chat-template.ts'
import { decisiveFiles } from '../../../src/engine/checkpoint/files.ts'
import { openCheckpoint } from '../../../src/engine/checkpoint/folder.ts'
import { identityOf, signatureOf } from '../../../src/engine/checkpoint/identity.ts'
import { CheckpointError } from '../../../src/engine/errors.ts'
import { hashOf, rawSafetensors, splitSafetensors, temporaryFolder, tinyCheckpoint } from './build.ts'

const shards = ['model-00001-of-00002.safetensors', 'model-00002-of-00002.safetensors']
const indexFile = 'model.safetensors.index.json'

/** The weights in two shards: the embedding, and the rest. */
async function shardedCheckpoint(): Promise<string> {
  const folder = await tinyCheckpoint()
  const { header, data } = splitSafetensors(path.join(folder, 'model.safetensors'))
  const weightMap: Record<string, string> = {}
  for (const [i, shard] of shards.entries()) {
    const parts: Buffer[] = []
    const own: typeof header = {}
    let offset = 0
    for (const [name, tensor] of Object.entries(header)) {
      if (name === '__metadata__' || name.includes('embed') !== (i === 0)) continue
      const part = data.subarray(...tensor.data_offsets)
      own[name] = { ...tensor, data_offsets: [offset, offset + part.length] }
      offset += part.length
      parts.push(part)
      weightMap[name] = shard
    }
    writeFileSync(path.join(folder, shard), rawSafetensors(own, Buffer.concat(parts)))
  }
  writeFileSync(path.join(folder, indexFile), JSON.stringify({ weight_map: weightMap }))
  rmSync(path.join(folder, 'model.safetensors'))
  return folder
}

/** Another file that can still be opened: a space more, the last bit of the weights, or a file that was not there. */
function change(file: string): void {
  let bytes = existsSync(file) ? readFileSync(file) : Buffer.from(file.endsWith('.json') ? '{}' : 'x')
  if (file.endsWith('.safetensors')) bytes[bytes.length - 4] ^= 1
  else bytes = Buffer.concat([bytes, Buffer.from(' ')])
  writeFileSync(file, bytes)
}

describe.each([
  ['one file of weights', tinyCheckpoint, ['model.safetensors']],
  ['shards', shardedCheckpoint, [...shards, indexFile]],
])('the identity of a checkpoint with %s', (_, make, weights) => {
  let folder: string
  beforeEach(async () => {
    folder = await make()
  })

  it.each([...decisiveFiles, ...weights])('changes with %s', async (name) => {
    const before = await openCheckpoint(folder)
    const hash = await before.identity.hash()
    expect(hash).toMatch(/^[0-9a-f]{64}$/)
    change(path.join(folder, name))
    const after = await openCheckpoint(folder)
    expect(after.identity.signature).not.toBe(before.identity.signature)
    expect(await after.identity.hash()).not.toBe(hash)
  })

  it.each(decisiveFiles.filter((name) => name !== 'config.json'))('changes where %s goes, or comes', async (name) => {
    const hash = await hashOf(folder)
    const file = path.join(folder, name)
    const { signature } = (await identityOf(folder))!
    if (name === 'chat_template.jinja') writeFileSync(file, '')
    else rmSync(file)
    expect(await signatureOf(folder)).not.toBe(signature)
    expect(await hashOf(folder)).not.toBe(hash)
  })

  it('does not depend on place, times or other files', async () => {
    const hash = await hashOf(folder)
    const copy = path.join(temporaryFolder(), 'elsewhere')
    cpSync(folder, copy, { recursive: true })
    for (const name of weights) utimesSync(path.join(copy, name), 1, 1)
    writeFileSync(path.join(copy, 'README.md'), 'x')
    writeFileSync(path.join(copy, 'consolidated.safetensors'), 'not read')
    expect(await hashOf(copy)).toBe(hash)
    const link = path.join(temporaryFolder(), 'link')
    symlinkSync(folder, link)
    expect(await signatureOf(link)).toBe(await signatureOf(folder))
  })
})

describe('the identity of a checkpoint', () => {
  it('is that of what was opened: a folder written since has no hash', async () => {
    const folder = await tinyCheckpoint()
    const { identity } = await openCheckpoint(folder)
    change(path.join(folder, 'tokenizer_config.json'))
    await expect(identity.hash()).rejects.toThrow(CheckpointError)
    await expect(identity.hash()).rejects.toThrow('one that was written since. Open it again.')
  })

  it('is read once for a signature', async () => {
    const folder = await tinyCheckpoint()
    const { identity } = await openCheckpoint(folder)
    const hash = await identity.hash()
    rmSync(path.join(folder, 'model.safetensors'))
    expect(await identity.hash()).toBe(hash)
  })

  it.each(['config.json', 'model.safetensors'])(
    'shows every write to %s, however soon it comes, of the same size and with its times set back',
    async (name) => {
      const folder = await tinyCheckpoint()
      const file = path.join(folder, name)
      const seen = new Set<string | undefined>()
      for (let write = 0; write < 12; write++) {
        seen.add(await signatureOf(folder))
        const { atime, mtime } = statSync(file)
        const descriptor = openSync(file, 'r+')
        writeSync(descriptor, readFileSync(file))
        closeSync(descriptor)
        utimesSync(file, atime, mtime)
      }
      expect(seen.size).toBe(12)
    },
  )

  it('is not told while the files are written', async () => {
    const folder = await tinyCheckpoint()
    const { ctimeMs } = statSync(path.join(folder, 'config.json'))
    const now = vi
      .spyOn(Date, 'now')
      .mockReturnValueOnce(ctimeMs)
      .mockReturnValueOnce(ctimeMs)
      .mockReturnValue(ctimeMs + 60)
    await expect(signatureOf(folder, { patienceMs: 50 })).rejects.toThrow('one that is being written. Use it when it is complete.')
    now.mockRestore()
  })

  it('is confirmed before a checkpoint is used that was written while it was opened', async () => {
    const folder = await tinyCheckpoint()
    const load = ChatTemplate.load
    const spy = vi.spyOn(ChatTemplate, 'load').mockImplementationOnce((from) => {
      change(path.join(folder, 'tokenizer.json'))
      return load(from)
    })
    await expect(openCheckpoint(folder)).rejects.toThrow('one that was written since. Open it again.')
    spy.mockRestore()
    await expect(openCheckpoint(folder)).resolves.toMatchObject({ folder })
  })

  it('is none where there is no configuration', async () => {
    expect(await identityOf(temporaryFolder())).toBeUndefined()
    expect(await signatureOf(path.join(temporaryFolder(), 'nowhere'))).toBeUndefined()
  })
})
