// GGUF files that are cut, padded or lie. A file is refused by name, or gives all its weights, finite. Nothing crashes, hangs or takes
// memory for what only stands in the file: on Linux at most twice its size and a little beside.

import { writeFileSync } from 'node:fs'
import path from 'node:path'
import { openCheckpoint } from '../../../src/engine/checkpoint/folder.ts'
import { ParallelR1Error } from '../../../src/engine/errors.ts'
import { randomFrom } from '../../../test/assertions/mutate.ts'
import { mutatedGguf } from '../../../test/engine/gguf/mutate.ts'
import { peakOf } from '../../../test/engine/gguf/peak-memory.ts'
import { encode, tinyBlocks } from '../../../test/engine/gguf/tiny.ts'

export const name = 'gguf'
export const share = 0.03
export const short = 150
export const limitSeconds = 10
export const bars = { files: 2000 }

/** For the objects of the reader, and the code that is compiled as it runs. */
const besides = 4 * 2 ** 20

export async function open(folder) {
  const file = path.join(folder, 'tiny.gguf')
  // The first ones load and compile the code.
  for (let i = 0; i < 20; i++) {
    writeFileSync(file, encode(tinyBlocks('Q8_0')))
    await tryFile(file)
  }

  async function attempt(seed) {
    const { how, bytes } = mutatedGguf(randomFrom(seed))
    writeFileSync(file, bytes)
    let result
    const most = 2 * bytes.length + besides
    const peak = await peakOf(async () => {
      result = await tryFile(file)
    }, most)
    const lost = result.lost ?? (peak > most ? `took ${peak} bytes, the file has ${bytes.length}` : undefined)
    return { what: `a file with ${how}`, ...result, ...(lost && { outcome: 'lost', lost }), tally: { files: 1 } }
  }
  return { attempt }
}

async function tryFile(file) {
  try {
    const { weights, tokenizer, chatTemplate } = await openCheckpoint(file)
    const reader = await weights.open()
    for (const { name, shape } of weights.specs) {
      const values = await reader.read(name)
      const wrong = values.length !== shape.reduce((a, b) => a * b) || !values.every(Number.isFinite)
      if (wrong) return { outcome: 'lost', lost: `${name} was read wrongly` }
    }
    await reader.close()
    tokenizer.decode(tokenizer.encode(chatTemplate?.render([{ role: 'user', content: 'the 12' }]) ?? 'the 12'))
    return { outcome: 'opened' }
  } catch (error) {
    if (!(error instanceof ParallelR1Error)) return { outcome: 'lost', lost: error instanceof Error ? error.stack : String(error) }
    return error.message.includes(file) ? { outcome: 'refused' } : { outcome: 'lost', lost: `says not which file: ${error.message}` }
  }
}
