import { statSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { describe, expect, it } from 'vitest'
import { openCheckpoint } from '../../../src/engine/checkpoint/folder.ts'
import { ParallelR1Error } from '../../../src/engine/errors.ts'
import { valueTypes } from '../../../src/engine/gguf/types.ts'
import { randomFrom } from '../../assertions/mutate.ts'
import { inProofs } from '../../proofs.ts'
import { sharedPath } from '../../shared.ts'
import { temporaryFolder } from '../checkpoint/build.ts'
import { mutatedGguf } from './mutate.ts'
import { measuresPeak, peakOf } from './peak-memory.ts'
import { encode, tinyBlocks } from './tiny.ts'

const model = sharedPath('models/SmolLM2-135M-Instruct.Q4_1.gguf')

/** For the objects of the reader and the code that is compiled as it runs. */
const besidesMiB = 4
const MiB = 2 ** 20

/** Everything that a file holds, tensor by tensor. */
async function readWhole(file: string, asStored: boolean): Promise<void> {
  try {
    const { weights } = await openCheckpoint(file)
    const reader = await weights.open()
    for (const { name } of weights.specs) if (!asStored || !(await reader.readBlocks?.(name))) await reader.read(name)
    await reader.close()
  } catch (error) {
    if (!(error instanceof ParallelR1Error)) throw error
  }
}

const allowed = (file: string) => 2 * statSync(file).size + besidesMiB * MiB

describe.skipIf(!measuresPeak)('opening and reading a GGUF file takes at most twice its size', () => {
  it('is measured so that memory that is only asked for shows', async () => {
    const held: unknown[] = []
    expect(await peakOf(async () => held.push(new Uint8Array(64 * MiB)))).toBeGreaterThan(60 * MiB)
    expect(await peakOf(async () => held.push(new Uint8Array(64 * MiB).fill(1)))).toBeGreaterThan(60 * MiB)
    expect(await peakOf(async () => held.push(Array.from({ length: 4 * MiB }, (_, i) => i + 0.5)))).toBeGreaterThan(24 * MiB)
    expect(held).toHaveLength(3)
  })

  it('whatever it says about itself', async () => {
    const file = path.join(temporaryFolder(), 'tiny.gguf')
    // The first ones load and compile the code.
    for (let i = 0; i < 20; i++) {
      writeFileSync(file, encode(tinyBlocks('Q8_0')))
      await readWhole(file, i % 2 === 0)
    }
    for (let seed = 0; seed < (inProofs ? 400 : 100); seed++) {
      const { how, bytes } = mutatedGguf(randomFrom(seed))
      writeFileSync(file, bytes)
      const peak = await peakOf(() => readWhole(file, seed % 2 === 0), allowed(file))
      expect(peak / MiB, `seed ${seed}, a file with ${how}`).toBeLessThan(allowed(file) / MiB)
    }
  })

  it('whatever length stands in it', async () => {
    const file = path.join(temporaryFolder(), 'long.gguf')
    const sound = tinyBlocks('Q8_0')
    const numbers = (...values: number[]) => Buffer.from(Uint32Array.from(values).buffer)
    const { array, uint8, float64, string } = valueTypes
    for (const lie of [
      numbers(string, 2 ** 24, 0),
      numbers(array, uint8, 2 ** 28, 0),
      numbers(array, float64, 2 ** 25, 0),
      numbers(array, string, 2 ** 22, 0),
    ]) {
      writeFileSync(file, encode({ ...sound, keys: [...sound.keys, ['a lie', lie]] }))
      await expect(openCheckpoint(file)).rejects.toThrow('a lie')
      expect(await peakOf(() => readWhole(file, true), allowed(file))).toBeLessThan(allowed(file))
    }
  })

  it.skipIf(!model)('and a real model is no exception, in its blocks and as numbers', async () => {
    const real = model!
    for (const asStored of [true, false]) {
      const peak = await peakOf(() => readWhole(real, asStored), allowed(real))
      console.log(
        `${asStored ? 'blocks' : 'numbers'}: ${Math.round(peak / MiB)} MiB, the file has ${Math.round(statSync(real).size / MiB)}`,
      )
      expect(peak).toBeLessThan(allowed(real))
    }
  })
})
