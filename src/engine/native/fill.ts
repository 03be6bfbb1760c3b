import { problem } from '../checkpoint/problem.ts'
import { openWeights } from '../checkpoint/weights.ts'
import { elementCount } from '../spec.ts'
import type { Loadable, StoredNumbers } from '../types.ts'
import type { Held } from './held.ts'
import type { NativeModel } from './model.ts'

/** The weights of a checkpoint into a model: files are read by the addon, what a source changes or has in blocks goes through here. */

/** Numbers that the addon reads at a time, before a progress bar hears of them. */
const atATime = 2 ** 26

interface How {
  /** Matrices that take the blocks of the checkpoint as they are. */
  stored: Held | undefined
  /** Whether the addon reads float numbers from files. */
  readsFiles: boolean
}

/** @throws CheckpointError naming file, tensor, expected and found */
export async function fill(model: NativeModel, checkpoint: Loadable, { stored, readsFiles }: How): Promise<void> {
  const reader = await openWeights(checkpoint, model.weights)
  let [placed, count]: [{ name: string; place: StoredNumbers }[], number] = [[], 0]
  const load = async () => {
    const wrong = await model.load(placed)
    if (wrong !== undefined) {
      // Reading it once more says what is wrong, in the words that it has for everybody.
      await reader.read(wrong)
      throw problem({ file: checkpoint.folder, tensor: wrong }, 'numbers that stay as they are', 'others while they were read')
    }
    placed = []
    count = 0
  }
  try {
    for (const { name, shape } of model.weights) {
      if (reader.stored && readsFiles) {
        placed.push({ name, place: reader.stored(name) })
        count += elementCount(shape)
        if (count >= atATime) await load()
        continue
      }
      const blocks = stored?.has(name) ? await reader.readBlocks?.(name) : undefined
      if (blocks) model.writeBlocks(name, blocks)
      else model.fill(name, await reader.read(name))
    }
    if (placed.length > 0) await load()
  } finally {
    await reader.close()
  }
}
