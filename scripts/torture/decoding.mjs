// Decoding with weights of which bits were flipped and that carry no checksum, as those of another writer: whatever the logits are, a
// response keeps its blocks, its budgets and finite log-probabilities, or there is none and the error says why.

import { writeFileSync } from 'node:fs'
import path from 'node:path'
import { openCheckpoint } from '../../src/engine/checkpoint/folder.ts'
import { openEngine } from '../../src/engine/open.ts'
import { localThinker } from '../../src/thinking/thinker.ts'
import { sampledLogprobs } from '../../src/thinking/trajectory.ts'
import { rawSafetensors, splitSafetensors } from '../../test/engine/checkpoint/tiny.ts'
import { writeTinyCheckpoint } from '../../test/providers/tiny-checkpoint.ts'

const BUDGETS = { response: 80, path: 12 }
const PATHS = 3
const BLOCKS = 2

export class Decoding {
  #folder
  #engine
  #weights

  static async prepare(folder) {
    const decoding = new Decoding()
    decoding.#folder = path.join(folder, 'decoded')
    await writeTinyCheckpoint(decoding.#folder)
    decoding.#weights = splitSafetensors(path.join(decoding.#folder, 'model.safetensors'))
    decoding.#engine = await openEngine({ device: 'cpu', threads: 1 })
    return decoding
  }

  /** Flips `flips` bits, half of them high ones of a number, and decodes. What is wrong with the thought; undefined: nothing. */
  async attempt(random, flips) {
    const { header, data } = this.#weights
    const damaged = Buffer.from(data)
    // Every tensor is hit as often: a norm has few weights, and each of them matters.
    const tensors = Object.keys(header).filter((name) => name !== '__metadata__')
    for (let i = 0; i < flips; i++) {
      const [begin, end] = header[tensors[Math.floor(random() * tensors.length)]].data_offsets
      const bit = random() < 0.5 ? 30 - Math.floor(random() * 4) : Math.floor(random() * 32)
      damaged[begin + 4 * Math.floor((random() * (end - begin)) / 4) + (bit >> 3)] ^= 1 << (bit & 7)
    }
    writeFileSync(path.join(this.#folder, 'model.safetensors'), rawSafetensors(header, damaged))
    const checkpoint = await openCheckpoint(this.#folder)
    const model = await this.#engine.load(checkpoint, { cacheTokens: 512 })
    const thinker = localThinker(model, { ownsModel: true })
    try {
      const { tags, attention } = checkpoint.parallel
      const request = { mode: 'parallel', attention, tags, paths: PATHS, maxBlocks: BLOCKS, budgets: BUDGETS }
      const promptIds = checkpoint.tokenizer.encode('Use 3, 5 and 7 once each.')
      return wrongThought(await thinker.think({ ...request, promptIds, temperature: random() < 0.3 ? 0 : 1, seed: flips }), tags)
    } finally {
      await thinker.close()
    }
  }
}

function wrongThought({ trajectory, totalTokens, blocks }, tags) {
  const logprob = sampledLogprobs(trajectory).find((value) => !(Number.isFinite(value) && value <= 0))
  if (logprob !== undefined) return `a log-probability is ${logprob}`
  if (totalTokens > BUDGETS.response) return `${totalTokens} tokens of ${BUDGETS.response}`
  if (blocks.length > BLOCKS) return `${blocks.length} blocks of ${BLOCKS}`
  const longest = Math.max(0, ...blocks.flatMap(({ paths }) => paths))
  // The two tags are not counted.
  if (longest > BUDGETS.path + 2) return `a path of ${longest} tokens of ${BUDGETS.path}`
  const paths = trajectory.segments.flatMap((segment) => (segment.kind === 'block' ? segment.paths : []))
  return paths.some((run) => run.ids.includes(tags.parallel)) ? 'a block opens inside a path' : undefined
}
