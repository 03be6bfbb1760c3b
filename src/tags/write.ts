/** Writes a checkpoint with tags as a folder of its own. */

import { merged } from '../engine/adapters/merge.ts'
import { openCheckpoint, type SaveContent, saveCheckpoint } from '../engine/checkpoint/folder.ts'
import { ConfigError } from '../engine/errors.ts'
import type { Places } from '../hub/place.ts'
import { type Tagged, type TagOptions, withTags } from './tagged.ts'

/** Adds the tags to a checkpoint and saves it in `target`, an adapter merged into its base, one tensor in memory at a time. Throws ConfigError where it has them already. */
export async function writeTagged(
  { folder, base }: Places,
  target: string,
  { dtype, ...options }: TagOptions & Pick<SaveContent, 'dtype'>,
): Promise<Tagged> {
  const opened = merged(await openCheckpoint(folder, { base }))
  if (opened.parallel && !options.outlines) {
    throw new ConfigError(`${folder} has the six tags already, as its parallel_r1.json says. Use it as it is.`)
  }
  if (opened.parallel?.tags.outline !== undefined) {
    throw new ConfigError(`${folder} has the tags of outlines already, as its parallel_r1.json says. Use it as it is.`)
  }
  const tagged = withTags(opened, options)
  const { config, tokenizer, chatTemplate, generation, parallel, weights } = tagged.checkpoint
  const reader = await weights.open()
  try {
    const provenance = { base: await opened.identity.hash(), stage: 'tags' }
    const content = { config, tokenizer, chatTemplate, generation, dtype, parallel: { ...parallel, provenance } }
    await saveCheckpoint(target, { ...content, weights: ({ name }) => reader.read(name) })
  } finally {
    await reader.close()
  }
  return tagged
}
