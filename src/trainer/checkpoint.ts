/** What a run exports: a Hugging Face folder with parallel_r1.json, nothing of the training state. */

import { diskOps, type FileOps } from '../engine/checkpoint/atomic.ts'
import { type ParallelInfo, type SaveContent, saveCheckpoint } from '../engine/checkpoint/folder.ts'
import type { Session } from './recipe.ts'

/** Exports the weights as they are now. */
export async function exportCheckpoint(
  session: Session,
  folder: string,
  dtype: SaveContent['dtype'],
  info: Partial<ParallelInfo>,
  ops: FileOps = diskOps,
): Promise<void> {
  const content = contentOf(session)
  await saveCheckpoint(folder, { ...content, dtype, parallel: { ...session.checkpoint.parallel, ...info } }, { ops })
}

/** What a state and an export have in common. */
export function contentOf({ model, checkpoint }: Session): Omit<SaveContent, 'dtype'> {
  const { config, tokenizer, chatTemplate, generation, parallel } = checkpoint
  return { config, tokenizer, chatTemplate, generation, parallel, weights: ({ name }) => model.read(name) }
}
