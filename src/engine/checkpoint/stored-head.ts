import path from 'node:path'
import { headName } from '../families/decoder.ts'
import { modelSpec } from '../families/index.ts'
import type { ModelConfig } from '../model-config.ts'
import { configFile, statFile } from './files.ts'
import { problem, show } from './problem.ts'
import { openSafetensors, weightFiles } from './safetensors.ts'

/**
 * The configuration with the head that the files hold. Where `tie_word_embeddings` is true and a head of its own stands beside the
 * embedding, the head counts, as in transformers from 5.18 on (`tie_weights`). A copy of the embedding stays tied.
 * @throws CheckpointError where the two cannot be compared
 */
export async function withStoredHead(folder: string, config: ModelConfig): Promise<{ config: ModelConfig; warning?: string }> {
  const present = weightFiles(folder).some((name) => statFile(path.join(folder, name)) !== undefined)
  if (!config.tiedEmbeddings || !present) return { config }
  const { name } = modelSpec(config).head
  const source = await openSafetensors(folder)
  try {
    const [embedding, head] = [source.tensors.get(name), source.tensors.get(headName)]
    if (!embedding || !head) return { config }
    if (show(head.shape) !== show(embedding.shape))
      throw problem({ file: head.file, tensor: headName }, `shape ${show(embedding.shape)}, as ${name}`, show(head.shape))
    if (await source.sameNumbers(name, headName)) return { config }
  } finally {
    await source.close()
  }
  const warning = `${path.join(folder, configFile)} says tie_word_embeddings: true, but ${headName} differs from ${name}. The model is read with the head that it has, as transformers does. Set tie_word_embeddings to false.`
  return { config: { ...config, tiedEmbeddings: false }, warning }
}
