// Damaged training states and damaged checkpoints. A state goes on to the same end or is refused, and then the one before it goes on. A
// checkpoint is refused by name or gives the weights that were saved; nothing crashes.

import { cpSync, readdirSync } from 'node:fs'
import path from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import { openCheckpoint, saveCheckpoint } from '../../../src/engine/checkpoint/folder.ts'
import { ParallelR1Error } from '../../../src/engine/errors.ts'
import { randomFrom } from '../../../test/assertions/mutate.ts'
import { tensorsOf, tinyContent } from '../../../test/engine/checkpoint/tiny.ts'
import { damageFile, damageValues, restore } from '../damage.mjs'
import { Decoding } from '../decoding.mjs'
import { Training } from '../training.mjs'

export const name = 'checkpoints'
export const share = 0.065
export const short = 150
export const limitSeconds = 10
export const bars = { checkpoints: 5000 }

const FAMILIES = ['gemma3', 'mistral', 'smollm3']

export async function open(folder) {
  const training = await Training.prepare(folder, 'sft')
  const models = [await prepareModel(folder, 'qwen3')]
  for (const family of FAMILIES) models.push(await prepareModel(folder, family))

  const decoding = await Decoding.prepare(folder)

  async function attempt(seed) {
    const random = randomFrom(seed)
    const kind = random()
    if (kind < 0.4) return count(await damagedState(training, random))
    if (kind < 0.6) return count(await damagedWeights(decoding, random))
    return count(await damagedModel(models[Math.floor(random() * models.length)], random))
  }
  return { attempt }
}

const count = (result) => ({ ...result, tally: { checkpoints: 1 } })

async function damagedState(training, random) {
  const done = 2 + Math.floor(random() * (training.states.length - 2))
  const run = training.begin(done)
  const [older, state] = [done - 2, done - 1].map((i) => path.join(run, 'checkpoints', training.states[i]))
  const files = filesOf(state)
  const file = files[Math.floor(random() * files.length)]
  const { how, same } = damageFile(state, file, random, older)
  const what = `a state, ${how}`
  const lose = (lost) => ({ what, outcome: 'lost', lost: `${file} after step ${done}: ${lost}` })
  const refused = await refusalOf(() => training.resumeHere(run, true))
  if (refused instanceof Error) return lose(refused.stack)
  if (refused === undefined) {
    const difference = training.difference(run)
    return difference ? lose(`not noticed, and ${difference}`) : { what, outcome: 'went on to the same end' }
  }
  if (same) return lose(`nothing was damaged, but: ${refused}`)
  const again = await refusalOf(() => training.resumeHere(run, 'previous'))
  if (again instanceof Error) return lose(again.stack)
  const difference = again ?? training.difference(run)
  return difference
    ? lose(`said "${refused}", then the state before it: ${difference}`)
    : { what, outcome: 'refused, then the one before it' }
}

/** A checkpoint, its tensors, and a copy to be damaged. */
async function prepareModel(folder, family) {
  const whole = path.join(folder, `${family}-whole`)
  if (family === 'qwen3') await saveCheckpoint(whole, tinyContent())
  else cpSync(new URL(`../../../test/fixtures/models/${family}`, import.meta.url), whole, { recursive: true })
  const copy = path.join(folder, family)
  cpSync(whole, copy, { recursive: true })
  const files = filesOf(whole).filter((file) => file !== 'cases.json')
  return { family, whole, copy, files, tensors: await tensorsOf(whole), ours: family === 'qwen3' }
}

async function damagedModel({ family, whole, copy, files, tensors, ours }, random) {
  const file = files[Math.floor(random() * files.length)]
  const values = random() < 0.5
  if (values) damageValues(copy, file, random)
  else damageFile(copy, file, random, undefined)
  const what = `${ours ? 'a checkpoint of ours' : 'a checkpoint from elsewhere'}, ${values ? 'odd values' : 'damaged bytes'}`
  try {
    const found = await refusalOf(() => openWhole(copy))
    if (found instanceof Error) return { what, outcome: 'lost', lost: `${family}, ${file}: ${found.stack}` }
    if (typeof found === 'string') return { what, outcome: 'refused' }
    // What another program wrote carries no checksum: other weights are other weights.
    const checked = ours || !file.endsWith('.safetensors')
    for (const [name, data] of found) {
      if (checked && tensors.has(name) && !isDeepStrictEqual(data, tensors.get(name)))
        return { what, outcome: 'lost', lost: `${family}, ${file}: ${name} has other weights, and nobody noticed` }
    }
    return { what, outcome: checked ? 'the same weights' : 'loaded' }
  } finally {
    restore(whole, copy, file)
  }
}

async function damagedWeights(decoding, random) {
  const what = 'a checkpoint from elsewhere, decoded'
  const flips = 1 + Math.floor(random() * 4)
  const found = await refusalOf(async () => ({ wrong: await decoding.attempt(random, flips) }))
  if (found instanceof Error) return { what, outcome: 'lost', lost: found.stack }
  if (typeof found === 'string') return { what, outcome: 'refused' }
  return found.wrong ? { what, outcome: 'lost', lost: found.wrong } : { what, outcome: 'a sound response' }
}

/** All that opening a model reads; its tensors. */
async function openWhole(folder) {
  const checkpoint = await openCheckpoint(folder)
  const tensors = await tensorsOf(checkpoint)
  const { tokenizer, chatTemplate } = checkpoint
  const text = chatTemplate?.render([{ role: 'user', content: 'What is 1 + 2?' }]) ?? 'the 12'
  if (tokenizer) tokenizer.decode(tokenizer.encode(text))
  return tensors
}

/** What a refusal says; an error that is no refusal; else what `open` returns. */
async function refusalOf(open) {
  try {
    return await open()
  } catch (error) {
    if (error instanceof ParallelR1Error) return error.message
    return error instanceof Error ? error : new Error(String(error))
  }
}

function filesOf(folder) {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => path.relative(folder, path.join(entry.parentPath, entry.name)))
    .sort()
}
