import { readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { beforeEach, describe, expect, it } from 'vitest'
import { openSafetensorsFile, writeSafetensors } from '../../../src/engine/checkpoint/safetensors.ts'
import { CheckpointError } from '../../../src/engine/errors.ts'
import { rawSafetensors, splitSafetensors, temporaryFolder } from './build.ts'

const tensors = [
  { name: 'a', shape: [3], data: Float32Array.of(1, 2, 3) },
  { name: 'none', shape: [0, 2], data: new Float32Array(0) },
  { name: 'b', shape: [1, 3], data: Float32Array.of(4, 5, 6) },
]

async function readAll(file: string): Promise<Record<string, number[]>> {
  const source = await openSafetensorsFile(file)
  try {
    const read: Record<string, number[]> = {}
    for (const name of source.tensors.keys()) read[name] = [...(await source.read(name))]
    return read
  } finally {
    await source.close()
  }
}

async function verify(file: string): Promise<void> {
  const source = await openSafetensorsFile(file)
  await source.verify().finally(() => source.close())
}

describe.each(['float32', 'bfloat16'] as const)('the checksums of a file in %s', (dtype) => {
  let file: string
  beforeEach(async () => {
    file = path.join(temporaryFolder(), 'x.safetensors')
    await writeSafetensors(file, tensors, dtype)
  })

  /** Changes the text of the header without its length. */
  function edit(from: string, to: string): void {
    expect(to.length).toBe(from.length)
    const text = readFileSync(file, 'latin1')
    expect(text).toContain(from)
    writeFileSync(file, text.replace(from, to), 'latin1')
  }

  it('fit what was written', async () => {
    await verify(file)
    expect(await readAll(file)).toEqual({ a: [1, 2, 3], none: [], b: [4, 5, 6] })
  })

  it('find every flipped bit of the data, and name the tensor', async () => {
    const whole = readFileSync(file)
    const start = 8 + Number(whole.readBigUInt64LE(0))
    for (let at = start; at < whole.length; at++) {
      const bytes = Buffer.from(whole)
      bytes[at] ^= 1 << (at & 7)
      writeFileSync(file, bytes)
      const name = at < start + (whole.length - start) / 2 ? 'a' : 'b'
      for (const read of [readAll, verify]) {
        const error = await read(file).catch((e: unknown) => e)
        expect(error).toBeInstanceOf(CheckpointError)
        expect(String(error)).toMatch(
          new RegExp(`tensor "${name}": expected data with the checksum [0-9a-f]{8}, found [0-9a-f]{8}\\. The file is damaged`),
        )
      }
    }
  })

  it('find what a header says otherwise of the same bytes', async () => {
    const type = dtype === 'float32' ? 'F32' : 'BF16'
    edit(`"a":{"dtype":"${type}","shape":[3]`, `"c":{"dtype":"${type}","shape":[3]`)
    await expect(readAll(file)).rejects.toThrow('tensor "c": expected data with the checksum')
    edit(`"c":{"dtype":"${type}","shape":[3]`, `"a":{"dtype":"${type}","shape":[3]`)
    edit('"b":{', '"z":{')
    await expect(verify(file)).rejects.toThrow('tensor "z"')
  })

  it('are missed where half of them is gone', async () => {
    const whole = readFileSync(file)
    for (const [from, to, found] of [
      ['"crc32"', '"crc33"', 'found writer alone'],
      ['"writer"', '"wryter"', 'found crc32 alone'],
      ['"parallel-r1"', '"parallel-r0"', 'found crc32 alone'],
    ]) {
      writeFileSync(file, whole)
      edit(from, to)
      await expect(readAll(file)).rejects.toThrow(found)
    }
    writeFileSync(file, whole)
    const [digits] = /[0-9a-f]{16}/.exec(whole.toString('latin1'))!
    edit(digits, `${digits.slice(0, -1)}g`)
    await expect(readAll(file)).rejects.toThrow('expected crc32 of 2 tensors, 8 hex digits each')
  })

  it('are not asked of another writer, unless all shall be verified', async () => {
    const { header, data } = splitSafetensors(file)
    writeFileSync(file, rawSafetensors(header, data))
    expect(await readAll(file)).toEqual({ a: [1, 2, 3], none: [], b: [4, 5, 6] })
    await expect(verify(file)).rejects.toThrow('tensor "a": expected a checksum, found none')
  })
})
