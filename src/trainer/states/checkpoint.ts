/** What a run writes of its model: a Hugging Face folder with parallel_r1.json, or that of an adapter where adapters train. */

import { saveAdapters } from '../../engine/adapters/write.ts'
import { diskOps, type FileOps } from '../../engine/checkpoint/atomic.ts'
import { type ParallelInfo, type SaveContent, saveCheckpoint } from '../../engine/checkpoint/folder.ts'
import { trainedInputs } from '../model/prompt-form.ts'
import type { Session } from '../model/session.ts'
import type { Recipe } from '../recipe.ts'

/** What a stage's export tells its users beside the model: budgets, and what the chat template was told. */
export function exportedInfo(
  { checkpoint }: Pick<Session, 'checkpoint'>,
  { prompts, decoding }: Pick<Recipe, 'prompts' | 'decoding'>,
): Partial<ParallelInfo> {
  return { ...decoding, template: trainedInputs(prompts, checkpoint.parallel.template) }
}

/** Exports the model as it is now, nothing of the training state. Adapters are float32 always. */
export async function exportCheckpoint(
  session: Session,
  folder: string,
  dtype: SaveContent['dtype'],
  info: Partial<ParallelInfo>,
  ops: FileOps = diskOps,
  extraFiles?: SaveContent['extraFiles'],
): Promise<void> {
  const parallel = { ...session.checkpoint.parallel, ...info }
  await saveModel({ ...session, checkpoint: { ...session.checkpoint, parallel } }, folder, { dtype, extraFiles }, ops)
}

/** Saves what trains, in float32 or as `dtype` says, with all that reading prompts and writing responses needs. */
export async function saveModel(
  { model, checkpoint, trained }: Session,
  folder: string,
  extra: Pick<SaveContent, 'dtype' | 'extraFiles'>,
  ops: FileOps,
): Promise<void> {
  const { config, tokenizer, chatTemplate, generation, parallel } = checkpoint
  const info = { config, tokenizer, chatTemplate, generation, parallel, ...extra }
  const weights = ({ name }: { name: string }) => model.read(name)
  if (trained) await saveAdapters(folder, { ...info, ...trained, weights }, { ops })
  else await saveCheckpoint(folder, { ...info, weights }, { ops })
}
