import { readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { CheckpointError } from '../../../src/engine/errors.ts'
import { inProofs } from '../../proofs.ts'
import { openAll, rawSafetensors, splitSafetensors, tensorsOf, tinyCheckpoint } from './build.ts'
import { type ByteDamage, damageBytes, oddValues, replaceValues } from './damage.ts'

const jsonFiles = ['config.json', 'tokenizer.json', 'tokenizer_config.json', 'generation_config.json', 'parallel_r1.json']

/** A folder that was just written is opened after a moment, so runs take their time. */
const runs = (all: number): number => (inProofs ? all : all / 5)

/** Opens the folder: 1 when it loads, 0 when it is refused as it should be; any other error is a failure. */
async function opens(folder: string): Promise<number> {
  try {
    await openAll(folder)
    return 1
  } catch (error) {
    if (!(error instanceof CheckpointError)) throw error
    return 0
  }
}

/** A place in something of any length. */
const place = fc.nat(2 ** 30 - 1).map((n) => n / 2 ** 30)

describe('damaged bytes', () => {
  const mutation = fc.record({ kind: fc.constantFrom<ByteDamage['kind']>('change', 'insert', 'cut'), at: place, value: fc.nat(255) })

  it('of the weights are found, every bit of them', async () => {
    const folder = await tinyCheckpoint()
    const file = path.join(folder, 'model.safetensors')
    const original = readFileSync(file)
    const before = await tensorsOf(folder)
    const header = Number(original.readBigUInt64LE(0)) + 8
    let refused = 0
    const flip = fc.record({ at: place, bit: fc.nat(7), inHeader: fc.boolean() })
    await fc.assert(
      fc.asyncProperty(fc.array(flip, { minLength: 1, maxLength: 4 }), async (flips) => {
        const bytes = Buffer.from(original)
        for (const { at, bit, inHeader } of flips) bytes[Math.floor(at * (inHeader ? header : bytes.length))] ^= 1 << bit
        writeFileSync(file, bytes)
        if (await opens(folder)) expect(await tensorsOf(folder)).toEqual(before)
        else refused++
      }),
      { numRuns: runs(150) },
    )
    expect(refused).toBeGreaterThan(runs(75))
  })

  it.each([...jsonFiles, 'model.safetensors'])('%s loads or is a CheckpointError', async (name) => {
    const folder = await tinyCheckpoint()
    const file = path.join(folder, name)
    const original = readFileSync(file)
    // Half of all damage to the weights goes into the header, where it matters.
    const header = name === 'model.safetensors' ? Number(original.readBigUInt64LE(0)) + 8 : original.length
    await fc.assert(
      fc.asyncProperty(fc.array(mutation, { minLength: 1, maxLength: 3 }), fc.boolean(), async (mutations, inHeader) => {
        writeFileSync(file, damageBytes(original, mutations, inHeader ? header : undefined))
        await opens(folder)
      }),
      { numRuns: runs(100) },
    )
  })
})

/** Values that a check may forget. */
const odd = fc.oneof(fc.constantFrom(...oddValues), fc.jsonValue({ maxDepth: 2 }))

const changes = fc.array(fc.record({ at: place, value: fc.option(odd, { nil: undefined, freq: 8 }) }), { minLength: 1, maxLength: 2 })

/** The tokens of the merges, and what the tokenizer is tried with. */
const words = ['<|end|>', 'a', 'Ġ', '1', 'Ċ', 'b', 't', 'h', 'e', '2', 'th', 'the', 'Ġthe', '12']

describe('wrong values', () => {
  it.each(jsonFiles)('%s loads or is a CheckpointError', async (name) => {
    const folder = await tinyCheckpoint()
    const file = path.join(folder, name)
    const json: { model?: { vocab?: unknown } } = JSON.parse(readFileSync(file, 'utf8'))
    // Nine of ten places of the tokenizer are words; its rules are what should be hit.
    if (json.model !== undefined) json.model.vocab = Object.fromEntries(words.map((word, id) => [word, id]))
    const original = JSON.stringify(json)
    let loaded = 0
    let refused = 0
    await fc.assert(
      fc.asyncProperty(changes, async (list) => {
        const changed: unknown = JSON.parse(original)
        replaceValues(changed, list)
        writeFileSync(file, JSON.stringify(changed))
        if (await opens(folder)) loaded++
        else refused++
      }),
      { numRuns: runs(200) },
    )
    // Both happen, or the test would show nothing.
    expect(Math.min(loaded, refused)).toBeGreaterThan(0)
  })

  it('in the header of the weights are a CheckpointError or do not matter', async () => {
    const folder = await tinyCheckpoint()
    const file = path.join(folder, 'model.safetensors')
    const { header, data } = splitSafetensors(file)
    const original = JSON.stringify(header)
    await fc.assert(
      fc.asyncProperty(changes, async (list) => {
        const changed: unknown = JSON.parse(original)
        replaceValues(changed, list)
        writeFileSync(file, rawSafetensors(changed, data))
        await opens(folder)
      }),
      { numRuns: runs(200) },
    )
  })
})
